"""Antimony text to and from models, through the `antimony` package.

Small plain texts are translated in this process. Everything else (large, nested, with submodels or imports) goes
through a second process with a time limit, because the translator's time can grow exponentially with nested submodels
and its stack can overflow.
"""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from pathlib import Path

from manyscale.errors import InputError
from manyscale.formats.sbml.read import read_sbml
from manyscale.formats.text import Source
from manyscale.model.model import Model

MAX_BYTES = 4 * 2**20
MAX_STATEMENTS = 100_000
TIME_LIMIT = 120.0  # seconds
_SMALL = 50_000  # bytes of text translated in this process
_NESTING = 300  # brackets inside each other
_LONG = 20_000  # characters of one statement
_LOCK = threading.Lock()
_IMPORT = re.compile(r'^\s*import\s+"([^"\n]*)"', re.MULTILINE)
_MODULE = re.compile(r"^\s*\*?(?:model|module)\b", re.MULTILINE)


def read_antimony(source: Source) -> Model:
    """A Model from Antimony text. Raises InputError with Antimony's own words and line."""
    text = source.data.decode("utf-8")
    _check(source, text)
    sbml = _translate(text, "antimony", source.name, source.path.resolve().parent if source.path else None)
    try:
        model = read_sbml(Source(sbml.encode("utf-8"), source.name))
    except InputError as wrong:  # the line is one of the translation
        raise type(wrong)(re.sub(r"^(.*?), line \d+:", r"\1:", str(wrong))) from None
    return model.replace(id="model") if model.id == "__main" and "model" not in model.by_id else model


def write_antimony(model: Model) -> str:
    """Antimony text of a model (annotations and notes, which Antimony has no full place for, may be left out)."""
    from manyscale.formats.sbml.writer import write_sbml

    return _translate(write_sbml(model), "sbml", f"model '{model.id}'", None)


def _check(source: Source, text: str) -> None:
    if len(source.data) > MAX_BYTES:
        raise InputError(f"{source.name} is larger than {MAX_BYTES // 2**20} MB, too large for Antimony; give SBML")
    if text.count("\n") + text.count(";") > MAX_STATEMENTS:
        raise InputError(f"{source.name} has more than {MAX_STATEMENTS:,} statements; give SBML or split the model")
    line, depth = 1, 0
    for statement in re.split(r"([;\n])", text):
        line += statement == "\n"
        if len(statement) > _LONG:
            raise InputError(
                f"{source.name}, line {line}: a statement of {len(statement):,} characters is too long; split it"
            )
    for mark in re.finditer(r"[()]", text):
        depth = depth + 1 if mark.group() == "(" else max(depth - 1, 0)
        if depth > _NESTING:
            where = text.count("\n", 0, mark.start()) + 1
            raise InputError(f"{source.name}, line {where}: more than {_NESTING} brackets inside each other; simplify")
    for name in _IMPORT.findall(text):
        if source.path is None:
            raise InputError(f"model text imports {name!r}; read it from a file that lies beside the imported one")
        folder = source.path.resolve().parent
        if not (folder / name).resolve().is_relative_to(folder) or not (folder / name).is_file():
            raise InputError(f"{source.name} imports {name!r}, which is not in {folder}; put it there")


def _translate(text: str, language: str, name: str, folder: Path | None) -> str:
    """SBML from Antimony (language "antimony") or Antimony from SBML (language "sbml")."""
    limit = _SMALL if language == "antimony" else 20 * _SMALL
    plain = len(text) < limit and (
        language == "sbml" or (len(_MODULE.findall(text)) < 2 and not _IMPORT.search(text) and _shallow(text))
    )
    good, result = _here(text, language, folder) if plain else _apart(text, language, name, folder)
    if not good:
        raise InputError(f"{name}{_one_line(result)}")
    return result


def _shallow(text: str) -> bool:
    """Whether every statement is short enough that no stack can overflow."""
    return all(len(statement) < 4000 for statement in re.split(r"[;\n]", text))


def _here(text: str, language: str, folder: Path | None) -> tuple[bool, str]:
    import antimony

    with _LOCK:
        antimony.clearPreviousLoads()
        antimony.clearDirectories()
        if folder is not None:
            antimony.addDirectory(str(folder))
        try:
            return _with(antimony, text, language)
        except UnicodeDecodeError:
            return False, ": a character outside plain ASCII stands where Antimony reads names; replace it"


def _with(antimony, text: str, language: str) -> tuple[bool, str]:
    load = antimony.loadAntimonyString if language == "antimony" else antimony.loadSBMLString
    if load(text) < 0:
        return False, antimony.getLastError() or "not understood by Antimony"
    main = antimony.getMainModuleName()
    result = antimony.getSBMLString(main) if language == "antimony" else antimony.getAntimonyString(main)
    problem = "" if result else antimony.getLastError()
    antimony.clearPreviousLoads()
    return bool(result), result or problem or "the model is empty"


def _apart(text: str, language: str, name: str, folder: Path | None) -> tuple[bool, str]:
    """The same in a second process, ended after TIME_LIMIT seconds."""
    command = [sys.executable, "-m", "manyscale.formats.antimony", language, str(folder) if folder else ""]
    try:
        done = subprocess.run(command, input=text.encode("utf-8"), capture_output=True, timeout=TIME_LIMIT, check=False)
    except subprocess.TimeoutExpired:
        return False, f": Antimony took longer than {TIME_LIMIT:.0f} s; write the submodels out or give SBML"
    if done.returncode not in (0, 1):
        return False, ": Antimony failed on this text (its formulas may be nested too deeply); simplify it or give SBML"
    return done.returncode == 0, done.stdout.decode("utf-8", "replace")


def _one_line(message: str) -> str:
    message = re.sub(r"\s+", " ", message).strip()
    match = re.match(r"Error in (?:model string|file[^,]*|[^,]*), line (\d+): *(.*)", message)
    if match:
        message = f", line {match.group(1)}: {match.group(2)}"
    elif not message.startswith(":"):
        message = f": {message}"
    message = message if len(message) < 400 else message[:400] + "..."
    return message if message.endswith((".", "...")) else f"{message}; correct the Antimony text"


def _main(arguments: list[str]) -> int:
    language, folder = arguments
    text = sys.stdin.buffer.read().decode("utf-8")
    good, result = _here(text, language, Path(folder) if folder else None)
    sys.stdout.buffer.write(result.encode("utf-8", "replace"))
    return 0 if good else 1


if __name__ == "__main__":
    raise SystemExit(_main(sys.argv[1:]))
