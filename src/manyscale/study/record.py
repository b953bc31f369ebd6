"""The study: model, question, scales, bridges, refusals, results, versions and seeds as plain data."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from manyscale.errors import InputError

if TYPE_CHECKING:
    from manyscale.bridges.bridge import Chain
    from manyscale.model.model import Model
    from manyscale.model.question import Question

FORMAT = 1  # of the file; raised when a field changes its meaning
SUMMARY = ("model", "question", "scales", "dimension", "chain", "refusals", "verified", "timings")


@dataclass(frozen=True)
class Study:
    """What was asked, what was found and everything needed to find it again.

    The first eight fields are what `manyscale analyze --json` prints. `evidence` holds what a report draws (network,
    trajectories, equations); `source` the model's text, so that a study can be re-run anywhere. `fine`, `resolved` (the
    question with everything derived), `reduction` and `coarse` are the live objects; they are None in a study that was
    loaded from a file.
    """

    model: Mapping[str, Any]
    question: Mapping[str, Any]
    scales: tuple[Mapping[str, Any], ...]
    dimension: Mapping[str, int]
    chain: tuple[Mapping[str, Any], ...]
    refusals: tuple[Mapping[str, Any], ...]
    verified: Mapping[str, Any]
    timings: Mapping[str, float]
    evidence: Mapping[str, Any] = field(default_factory=dict)
    source: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    stopped: str = ""  # why the work ended early, in words; empty if it did not
    fine: Model | None = field(default=None, compare=False, repr=False)
    resolved: Question | None = field(default=None, compare=False, repr=False)
    reduction: Chain | None = field(default=None, compare=False, repr=False)
    coarse: Model | None = field(default=None, compare=False, repr=False)

    def summary(self) -> dict[str, Any]:
        """The part that the command line prints with --json."""
        return plain({name: getattr(self, name) for name in SUMMARY})

    def to_dict(self) -> dict[str, Any]:
        """Everything that is saved, as JSON-safe data (no NaN, no infinity)."""
        live = ("fine", "resolved", "reduction", "coarse")
        fields = {f.name: getattr(self, f.name) for f in dataclasses.fields(self) if f.name not in live}
        return {"format": FORMAT, **plain(fields)}

    def save(self, path: str | Path) -> Path:
        """Write the study as JSON; `load` reads it back."""
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dumps(self.to_dict()) + "\n", encoding="utf-8")
        return path


def load(path: str | Path) -> Study:
    """Read a study that `save` wrote. Raises InputError with what is wrong and how to fix it."""
    path = Path(path)
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}; give a study.json") from None
    except ValueError as error:
        raise InputError(f"{path} is not a study: it is not valid JSON ({error})") from None
    if not isinstance(data, dict) or "format" not in data:
        raise InputError(f"{path} is not a study; give the study.json that `manyscale analyze` wrote")
    if data.pop("format") != FORMAT:
        raise InputError(f"{path} was written by another version of manyscale; analyse the model again")
    known = {f.name for f in dataclasses.fields(Study)}
    missing = [name for name in SUMMARY if name not in data]
    if missing or set(data) - known:
        raise InputError(f"{path} is not a complete study (missing: {', '.join(missing) or 'nothing'})")
    for name in ("scales", "chain", "refusals"):
        data[name] = tuple(data[name])
    return Study(**data)


def plain(value: Any) -> Any:
    """The same data with JSON types only; NaN becomes None, infinities become the strings "inf" and "-inf"."""
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, float) or (hasattr(value, "__float__") and not hasattr(value, "__len__")):
        number = float(value)
        if math.isfinite(number):
            return number
        return None if math.isnan(number) else ("inf" if number > 0 else "-inf")
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    if dataclasses.is_dataclass(value):
        return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, (set, frozenset)):
        return [plain(item) for item in sorted(value)]
    if hasattr(value, "__iter__"):
        return [plain(item) for item in value]
    return str(value)


def dumps(data: Any) -> str:
    """Compact JSON that any parser accepts."""
    return json.dumps(data, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
