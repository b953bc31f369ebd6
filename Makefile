# Two commands set everything up: `make demo` and `make test`.
PYTHON ?= python3
VENV   ?= .venv
BIN     = $(VENV)/bin
CORES  ?= 2

.PHONY: demo test test-full test-sanitize lint types check develop clean bench notebooks

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "manyscale needs Python 3.11 or newer; run: make PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV)

compiler:
	@command -v $${CXX:-c++} >/dev/null || command -v g++ >/dev/null || command -v clang++ >/dev/null || \
	  { echo "No C++ compiler found. Install one (Debian: apt install g++; macOS: xcode-select --install) or set CXX."; exit 1; }

$(VENV)/.installed: $(BIN)/python pyproject.toml CMakeLists.txt $(wildcard core/*.?pp core/*/*.?pp) | compiler
	$(BIN)/python -m pip install -q --disable-pip-version-check -e .
	@touch $@

$(VENV)/.test: $(VENV)/.installed
	$(BIN)/python -m pip install -q --disable-pip-version-check -e '.[test,versus]'
	@touch $@

$(VENV)/.lint: $(VENV)/.installed
	$(BIN)/python -m pip install -q --disable-pip-version-check 'ruff>=0.6' 'mypy>=1.11'
	@touch $@

demo: $(VENV)/.installed        ## analyse a published model
	$(BIN)/manyscale analyze examples/huang_ferrell_1996.ant -o out/demo

test: $(VENV)/.test             ## everything that should pass on each change (minutes)
	$(BIN)/python -m pytest -n $(CORES) -m "not full"

test-full: $(VENV)/.test        ## the long batteries too: whole corpora, many points, fuzzing
	MANYSCALE_FUZZ=new $(BIN)/python -m pytest -n $(CORES)

test-sanitize:                  ## the compiled core's own tests under address + undefined behaviour sanitizers
	cmake -S core/tests -B build/sanitize -DCMAKE_BUILD_TYPE=Debug -DSANITIZE=ON
	cmake --build build/sanitize -j $(CORES)
	ctest --test-dir build/sanitize --output-on-failure

lint: $(VENV)/.lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.lint
	$(BIN)/mypy

check: test lint types          ## what a change has to pass

develop: $(VENV)/.test $(VENV)/.lint   ## editable install that rebuilds the core when its source changes
	$(BIN)/python -m pip install -q 'scikit-build-core>=0.10' 'nanobind>=2.4' cmake ninja
	$(BIN)/python -m pip install -q --no-build-isolation -C editable.rebuild=true -e .

bench: $(VENV)/.test
	$(BIN)/manyscale bench ode

notebooks: $(VENV)/.installed   ## docs/*.ipynb from the pages of the same name
	$(BIN)/python docs/make_notebooks.py

clean:
	rm -rf build out $(VENV) .pytest_cache .mypy_cache .ruff_cache
