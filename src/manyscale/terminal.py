"""What the command line says and how: output, progress, option values, errors in one line, example files."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from manyscale.errors import InputError, ManyscaleError

EXAMPLES_HELP = (
    "Analyse one: manyscale examples copy huang_ferrell_1996; manyscale analyze huang_ferrell_1996.ant -o out"
)


@dataclass
class Answer:
    """What a command gives back to a machine; `quiet` sends words for people to standard error."""

    quiet: bool
    json: Any = None


def say(text: str, quiet: bool = False) -> None:
    """One line for people."""
    print(text, file=sys.stderr if quiet else sys.stdout, flush=True)


@contextmanager
def output(json: bool) -> Iterator[Answer]:
    """With `json`, standard output carries one object and nothing else, whatever libraries print."""
    answer = Answer(json)
    if not json:
        yield answer
        return
    real = sys.stdout
    real.flush()
    saved = None
    try:
        if real.fileno() == 1:
            saved = os.dup(1)
            os.dup2(2, 1)
    except (OSError, ValueError):
        pass  # not a real file: a test captures it
    sys.stdout = sys.stderr
    try:
        yield answer
    finally:
        sys.stdout = real
        if saved is not None:
            os.dup2(saved, 1)
            os.close(saved)
    from manyscale.study.record import dumps, plain

    print(dumps(plain(answer.json)), flush=True)


@contextmanager
def progress() -> Iterator[Callable[..., None]]:
    """A function `note(text, share=None)` that shows on standard error what is being done, if a person is looking."""
    begin, live = time.perf_counter(), sys.stderr.isatty()
    shown: dict[str, Any] = {"text": "", "at": 0.0}

    def note(text: str = "", share: float | None = None, *_: Any) -> None:
        now = time.perf_counter()
        if not isinstance(text, str):
            share, text = (text if isinstance(text, float) else share), shown["text"]
        if live:
            if text == shown["text"] and now - shown["at"] < 0.1:
                return
            part = "" if share is None else f" {100 * share:.0f} %"
            print(f"\r\033[K{text}{part}  ({now - begin:.0f} s)", end="", file=sys.stderr, flush=True)
        elif text and text != shown["text"]:
            print(text, file=sys.stderr, flush=True)
        shown.update(text=text, at=now)

    try:
        yield note
    finally:
        if live and shown["text"]:
            print("\r\033[K", end="", file=sys.stderr, flush=True)


def explain(error: BaseException, json: bool = False) -> int:
    """Print an error as one line on standard error; returns the exit code."""
    code, text = 1, ""
    if isinstance(error, ManyscaleError):
        code, text = error.exit_code, str(error)
    elif isinstance(error, KeyboardInterrupt) or type(error).__name__ == "Abort":
        code, text = 130, "interrupted; nothing was written"
        if getattr(error, "kept", None) is not None:
            text = f"interrupted; {error.kept} holds what is done: give the same command again to go on"  # type: ignore[attr-defined]
    elif isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else 1
    elif isinstance(error, BrokenPipeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 0
    elif hasattr(error, "format_message"):  # wrong use of the command line
        if type(error).__name__ == "NoArgsIsHelpError":
            print(error.format_message())
            return 2
        code, text = 2, f"{error.format_message().rstrip('.')}; see manyscale --help"
    elif isinstance(error, MemoryError):
        code, text = 2, "not enough memory for this model"
    elif isinstance(error, OSError) and error.filename is not None:
        code, text = 2, f"{error.filename}: {error.strerror or error}"
    else:
        kind = type(error).__name__
        text = f"unexpected {kind}: {error}; this is a fault of manyscale: report it with the model and --debug output"
    text = " ".join(text.split())
    print(f"error: {text}", file=sys.stderr, flush=True)
    if json:
        from manyscale.study.record import dumps

        print(dumps({"error": text, "exit_code": code}), flush=True)
    return code


def split(items: list[str] | None) -> tuple[str, ...]:
    """Ids from comma-separated, repeated options."""
    return tuple(part.strip() for item in items or () for part in item.split(",") if part.strip())


def parse_values(items: list[str] | None, option: str = "--set") -> dict[str, float] | None:
    """`--set id=value` options as a dict."""
    found: dict[str, float] = {}
    for item in items or ():
        id, sign, text = item.partition("=")
        try:
            if not sign:
                raise ValueError
            found[id.strip()] = float(text)
        except ValueError:
            raise InputError(f"{option} {item}: write an id and a number, such as {option} k1=2") from None
    return found or None


def parse_region(items: list[str] | None) -> float | dict[str, tuple[Any, Any]]:
    """`--region` options: one factor, or ranges by id."""
    if not items:
        return 2.0
    if len(items) == 1 and "=" not in items[0]:
        try:
            factor = float(items[0])
        except ValueError:
            factor = float("nan")
        if not 1.0 <= factor < float("inf"):
            raise InputError(f"--region {items[0]}: give a factor of at least 1, such as --region 2, or ID=LOW:HIGH")
        return factor
    ranges: dict[str, tuple[Any, Any]] = {}
    for item in items:
        id, sign, text = item.partition("=")
        low, colon, high = text.partition(":")
        if not (sign and colon and low.strip() and high.strip()):
            raise InputError(f"--region {item}: write ID=LOW:HIGH, such as --region k1=0.5:2 or --region S='1 nM:4 nM'")
        ranges[id.strip()] = (_bound(low), _bound(high))
    return ranges


def _bound(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text.strip()


def parse_options(items: list[str] | None) -> dict[str, Any]:
    """Options of a level from NAME=VALUE: whole numbers, numbers, true and false, or text."""
    found: dict[str, Any] = {}
    for item in items or ():
        name, sign, text = item.partition("=")
        if not sign or not name.strip().isidentifier() or not text.strip():
            raise InputError(f"--option {item}: write NAME=VALUE, such as --option epsilon=0.01")
        value: Any = {"true": True, "false": False}.get(text.strip().lower(), text.strip())
        for kind in (float, int):
            try:
                value = kind(text)
            except ValueError:
                continue
        found[name.strip()] = value
    return found


def passage_json(run: Any) -> dict[str, Any]:
    """First-passage times of a run that ended by a condition, null where it did not hold before the end."""
    passage = getattr(run, "passage", None)
    if passage is None:
        return {}
    times = [None if censored else float(t) for t, censored in zip(passage.times, passage.censored)]
    return {"passage": {"condition": passage.condition, "end": passage.end, "times": times}}


def trajectory_table(run: Any, ids: tuple[str, ...]) -> dict[str, list[float]]:
    """Columns by name: time, then the chosen ids (default: species and variables that change), of replicates the means
    and standard deviations."""
    known = list(run.ids)
    missing = [id for id in ids if id not in known]
    if missing:
        raise InputError(f"no {', '.join(missing)} in the model; ids are {', '.join(known[:12])} ...")
    model = run.model
    chosen = ids or tuple(one.id for one in model.species if one.id in known)
    chosen = chosen or tuple(r.variable for r in model.rules if r.variable)
    spread = getattr(run, "std", None)  # of levels and ensembles that keep means and spreads, not paths
    table = {"time": [float(t) for t in run.times]}
    for id in chosen:
        values = run[id]
        if spread is not None:
            table[f"{id}-mean"], table[f"{id}-sd"] = ([float(x) for x in column] for column in (values, spread(id)))
        elif run.replicates is None:
            table[id] = [float(x) for x in values]
        else:
            table[f"{id}-mean"] = [float(x) for x in values.mean(axis=0)]
            table[f"{id}-sd"] = [float(x) for x in values.std(axis=0, ddof=min(1, run.replicates - 1))]
    return table


def output_suffix(out: Path | None) -> str:
    """The kind of file that `simulate` is to write; .csv stands for standard output too."""
    suffix = out.suffix.lower() if out else ".csv"
    if suffix not in (".csv", ".nc", ".png", ".svg", ".pdf"):
        raise InputError(f"{out}: choose .csv, .nc, .png, .svg or .pdf")
    return suffix


def trajectory_file(run: Any, table: Mapping[str, list[float]], out: Path | None) -> None:
    """Write a run as CSV (also to standard output), NetCDF or a picture, as the file's extension says."""
    import csv

    suffix = output_suffix(out)
    if out:
        out.parent.mkdir(parents=True, exist_ok=True)
    if suffix == ".nc":
        run.to_netcdf(out)
    elif suffix == ".csv" or out is None:
        handle = open(out, "w", newline="", encoding="utf-8") if out else sys.stdout
        try:
            writer = csv.writer(handle, lineterminator="\n")
            writer.writerow(table)
            writer.writerows(zip(*table.values(), strict=True))
        finally:
            if out:
                handle.close()
    else:
        from manyscale.reports.figures import time_courses

        time_courses(table, run.model, out)
    if out:
        say(f"wrote: {out}")


def examples_folder() -> Path:
    """Where the example models lie: inside the installed package, else in the checkout."""
    here = Path(__file__).resolve().parent
    for folder in (here / "examples", here.parents[1] / "examples"):
        if folder.is_dir():
            return folder
    raise InputError("the example models are not installed; get them from the examples folder of the source")


def example_rows() -> list[str]:
    """One line per example: name and what it is, from the first line of the file."""
    rows = []
    for path in sorted(examples_folder().glob("*.ant")):
        first = path.read_text(encoding="utf-8").splitlines()[0].lstrip("/ ").rstrip(".")
        rows.append(f"{path.stem:28} {first}")
    return rows


def find_example(name: str) -> Path:
    """The file of an example, by name or an unambiguous beginning."""
    every = sorted(examples_folder().glob("*.ant"))
    found = [path for path in every if path.stem == name.removesuffix(".ant")]
    found = found or [path for path in every if path.stem.startswith(name)]
    if len(found) != 1:
        choices = ", ".join(path.stem for path in found or every)
        raise InputError(f"{'several examples begin with' if found else 'no example'} {name!r}; there are {choices}")
    return found[0]


def run_benchmark(name: str, arguments: list[str]) -> int:
    """Run benchmarks/NAME.py of the checkout in a process of its own; returns its exit code."""
    import subprocess

    folder = Path(__file__).resolve().parents[2] / "benchmarks"
    known = sorted(p.stem for p in folder.glob("*.py") if not p.stem.startswith(("worker", "_")))
    if not known:
        raise InputError("the benchmarks are not part of the installed package; run this from a checkout of the source")
    if name not in known:
        raise InputError(f"no benchmark {name!r}; there are {', '.join(known)}")
    return subprocess.run([sys.executable, str(folder / f"{name}.py"), *arguments], check=False).returncode
