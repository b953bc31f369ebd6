"""A module: a model with named ports, through which it is joined to others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from manyscale.engines.simulate import as_model
from manyscale.errors import InputError
from manyscale.kernels.flatten import near
from manyscale.model.model import Model
from manyscale.model.parts import Parameter, Species

if TYPE_CHECKING:
    from manyscale.circuits.retroactivity import Load

Ports = Mapping[str, str] | Iterable[str]


@dataclass(frozen=True, eq=False)
class Module:
    """A model with input and output ports.

    inputs, outputs: port name -> id of a species (or, for inputs, of a parameter) of the model; a list of ids names the
    ports after them. name: default the model's id. source: where the part comes from, as a citation.
    Of a module made by `connect`: `upstream`, `downstream` are the two halves, `joined` the ids of the shared species,
    `closed` those shared by feedback,
    `names` says under which id something of the downstream half is found.
    Errors: InputError for ports that name nothing in the model.
    """

    model: Model
    inputs: Ports = ()
    outputs: Ports = ()
    name: str = ""
    source: str = ""
    upstream: Module | None = field(default=None, repr=False)
    downstream: Module | None = field(default=None, repr=False)
    joined: tuple[str, ...] = ()
    closed: tuple[str, ...] = ()
    names: Mapping[str, str] = field(default_factory=dict, repr=False)
    glyphs: tuple[str, ...] = ()  # what a drawing shows it as, see reports/circuit.py

    def __post_init__(self) -> None:
        object.__setattr__(self, "model", as_model(self.model))
        object.__setattr__(self, "name", self.name or self.model.id)
        object.__setattr__(self, "inputs", self._ports(self.inputs, "input", (Species, Parameter)))
        object.__setattr__(self, "outputs", self._ports(self.outputs, "output", (Species,)))

    def _ports(self, given: Ports, kind: str, allowed: tuple[type, ...]) -> dict[str, str]:
        if isinstance(given, str):
            given = [given]
        ports = dict(given) if isinstance(given, Mapping) else {id: id for id in given}
        for port, id in ports.items():
            part = self.model.by_id.get(id)
            if part is None:
                known = [p.id for p in (*self.model.species, *self.model.parameters)]
                raise InputError(
                    f"{kind} port {port!r} of module {self.name!r}: the model has no {id!r}{near(id, known)}"
                )
            if not isinstance(part, allowed):
                what = " or a parameter" if Parameter in allowed else ""
                raise InputError(
                    f"{kind} port {port!r} of module {self.name!r}: {id!r} is a {type(part).__name__.lower()}; "
                    f"a port is a species{what}"
                )
        return ports

    def port(self, name: str, kind: str) -> str:
        """The id behind a port of kind "input" or "output". Errors: InputError, with the ports there are."""
        ports = dict(self.inputs if kind == "input" else self.outputs)
        if name in ports:
            return ports[name]
        other = self.outputs if kind == "input" else self.inputs
        wrong = f" (it is an {'output' if kind == 'input' else 'input'})" if name in other else near(name, ports)
        raise InputError(
            f"module {self.name!r} has no {kind} port {name!r}{wrong}; its {kind} ports: {', '.join(ports) or 'none'}"
        )

    @property
    def verdict(self) -> str:
        """For a module made by `connect`: by how much each half changes in company, in words."""
        return self.load.verdict if self.upstream is not None else f"{self.name} stands alone"

    @property
    def load(self) -> Load:
        """The loading of the upstream half by the downstream half. Errors: InputError where nothing is loaded."""
        if self.upstream is None:
            raise InputError(f"{self.name!r} was not made by connect: there is no upstream and no downstream half")
        found = self.__dict__.get("_load")
        if found is None:
            from manyscale.circuits.retroactivity import load_of

            found = load_of(self)
            object.__setattr__(self, "_load", found)
        return found


def as_module(part: Module | Model | str | Path, ports: Iterable[str] = (), kind: str = "output") -> Module:
    """The module itself; a model or a path becomes one whose species are all ports (or only `ports`)."""
    if isinstance(part, Module):
        return part
    if isinstance(part, str | Path) and "\n" not in str(part):
        from manyscale.circuits.sbol import is_sbol, read_sbol

        if is_sbol(part):
            return read_sbol(part)
    model = as_model(part)
    wanted = list(ports)
    if not wanted:
        wanted = [s.id for s in model.species]
        if kind == "input":
            wanted += [k.id for k in model.parameters if k.constant]
    return Module(model, inputs=wanted if kind == "input" else (), outputs=wanted if kind == "output" else ())


def read_module(model: Model | str | Path, ports: str | Path) -> Module:
    """A model with its ports from a small YAML file:

        name: inverter
        inputs:
          signal: U
        outputs: [Y]

    Only this much of YAML: `name`, `source`, and for `inputs` and `outputs` a list in brackets, a list with dashes, or
    port: id lines. Errors: InputError with the line that cannot be read.
    """
    path = Path(ports)
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(f"cannot read the ports file {path}: {error.strerror}") from None
    found: dict[str, object] = {}
    current: str | None = None
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.split("#")[0].rstrip()
        if not line.strip():
            continue
        if line[0] not in " -\t":
            key, colon, value = line.partition(":")
            if not colon or key not in ("name", "source", "inputs", "outputs"):
                raise InputError(f"{path}, line {number}: expected name:, source:, inputs: or outputs:, found {line!r}")
            current, value = key, value.strip()
            listed = key in ("inputs", "outputs")
            found[key] = _inline(value, path, number) if listed else value.strip("'\"")
            continue
        if current not in ("inputs", "outputs"):
            raise InputError(f"{path}, line {number}: {line.strip()!r} belongs to nothing; write it below inputs:")
        entry = line.strip().lstrip("-").strip()
        port, colon, id = entry.partition(":")
        found[current][port.strip()] = id.strip() if colon else port.strip()  # type: ignore[index]
    return Module(
        as_model(model), inputs=found.get("inputs", {}), outputs=found.get("outputs", {}),  # type: ignore[arg-type]
        name=str(found.get("name", "")), source=str(found.get("source", "")),
    )  # fmt: skip


def _inline(value: str, path: Path, number: int) -> dict[str, str]:
    if not value:
        return {}
    if value[0] + value[-1] not in ("[]", "{}"):
        raise InputError(f"{path}, line {number}: write a list in brackets such as [X, Y], found {value!r}")
    pairs = [item.partition(":") for item in value[1:-1].split(",") if item.strip()]
    return {port.strip(): (id if colon else port).strip() for port, colon, id in pairs}
