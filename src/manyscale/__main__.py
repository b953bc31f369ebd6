"""`python -m manyscale` is the command line."""

from manyscale.cli import main

if __name__ == "__main__":
    main()
