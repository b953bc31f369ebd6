"""BioNetGen .net networks: written-out species and reactions, counted in molecules.

Faeder, Blinov, Hlavacek, Methods Mol. Biol. 500, 113 (2009) describes the format and the rate laws.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import NoReturn

from manyscale.errors import InputError, UnsupportedError
from manyscale.formats.infix import CONSTANTS, parse_infix
from manyscale.formats.sbml.mathml import parse_float
from manyscale.formats.text import Source
from manyscale.model.expr import Add, Expr, Mul, Number, Power, Symbol, add, mul, power, substitute, symbols
from manyscale.model.model import Model
from manyscale.model.parts import Compartment, InitialAssignment, Parameter, Participant, Reaction, Rule, Species

MAX_SPECIES = 200_000
_NAME = re.compile(r"[A-Za-z_]\w*\Z", re.ASCII)
_LAWS = {"Sat": (2, 3), "MM": (2, 2), "Hill": (3, 3)}
_REFUSED_LAWS = ("FunctionProduct", "Arrhenius", "eBNGL")
BLOCKS = ("parameters", "functions", "species", "reactions", "groups")
_NUMBER_START = frozenset("0123456789.+-")


@dataclass
class _Net:
    """The network while it is being read."""

    source: str
    lines: dict[str, list[tuple[int, str]]] = field(default_factory=dict)
    names: set[str] = field(default_factory=set)  # parameters, functions and groups
    functions: set[str] = field(default_factory=set)
    parameters: list[Parameter] = field(default_factory=list)
    initial: list[InitialAssignment] = field(default_factory=list)
    rules: list[Rule] = field(default_factory=list)
    species: dict[str, str] = field(default_factory=dict)  # number in the file -> id
    used: dict[str, int] = field(default_factory=dict)  # names in formulas, with a line where each stands
    renamed: dict[str, str] = field(default_factory=dict)  # parameters that have the name of a group

    def fail(self, line: int, message: str) -> NoReturn:
        raise InputError(f"{self.source}, line {line}: {message}")

    def formula(self, line: int, text: str) -> Expr:
        """A formula of the file; the names in it are checked at the end."""
        body = parse_infix(text, f"{self.source}, line {line}", self.functions)
        names = symbols(body)
        if self.renamed and not names.isdisjoint(self.renamed):
            body = substitute(body, {name: Symbol(new) for name, new in self.renamed.items()})
            names = symbols(body)
        for name in names:
            self.used.setdefault(name, line)
        return body


def read_net(source: Source) -> Model:
    """A Model from a .net file: amounts in a compartment of size 1 without dimension, groups as assignment rules.

    Species are called S1, S2, ... with their BioNetGen pattern as `name`, reactions R1, R2, ... Raises InputError with
    the line, and UnsupportedError for tabulated functions and rare rate laws.
    """
    net = _Net(source.name)
    _split_blocks(net, source.data.decode("utf-8"))
    _collect_names(net)
    _parameters(net)
    _functions(net)
    compartment = _free(net, "volume")
    species = _species(net, compartment)
    _groups(net)
    reactions = _reactions(net)
    _check_names(net)
    name = source.path.name.removesuffix(".gz").removesuffix(".net") if source.path else ""
    id = re.sub(r"\W", "_", name, flags=re.ASCII)
    id = _free(net, id if _NAME.match(id) else f"model_{id}" if id else "model")
    return Model(
        id=id,
        compartments=(Compartment(compartment, 1.0, "dimensionless"),),
        species=tuple(species), parameters=tuple(net.parameters), reactions=tuple(reactions),
        initial_assignments=tuple(net.initial), rules=tuple(net.rules), name=name,
        remarks=_remarks(net),
    )  # fmt: skip


def _remarks(net: _Net) -> tuple[str, ...]:
    units = "a .net file has no units: amounts are molecules, time is in the unit of the rate constants"
    renamed = (f"the parameter '{old}' is called '{new}', because a group has its name"
               for old, new in net.renamed.items())  # fmt: skip
    return (units, *renamed)


def _split_blocks(net: _Net, text: str) -> None:
    block = None
    content: list[tuple[int, str]] = []
    for number, line in enumerate(text.splitlines(), 1):
        line = line.partition("#")[0] if block != "reactions" and "#" in line else line
        if line.startswith(("begin ", "end ")) or (block is None and line.strip().startswith("begin ")):
            word, _, name = line.strip().partition(" ")
            name = name.strip()
            if word == "begin":
                if block is not None:
                    net.fail(number, f"'begin {name}' inside the block '{block}'; close that one first")
                if name in net.lines:
                    net.fail(number, f"a second block '{name}'; keep one")
                block, content = name, []
                net.lines[name] = content
            elif name != block:
                net.fail(number, f"'end {name}' without 'begin {name}'")
            else:
                block = None
        elif block is not None and line and not line.isspace():
            content.append((number, line))
    if block is not None:
        raise InputError(f"{net.source}: the block '{block}' has no end; the file looks cut off")
    for needed in ("species", "reactions"):
        if needed not in net.lines:
            raise InputError(f"{net.source}: the block '{needed}' is missing; generate the network first")
    if len(net.lines["species"]) > MAX_SPECIES:
        raise InputError(f"{net.source} has more than {MAX_SPECIES:,} species; split the model")


def _fields(net: _Net, block: str):
    """Lines of a block without their number, as (line, rest)."""
    for line, text in net.lines.get(block, ()):
        number, _, rest = text.strip().partition(" ")
        if _is_count(number):
            yield line, rest.strip()
        else:
            yield line, text.strip()


def _is_count(text: str) -> bool:
    return text.isascii() and text.isdigit()


def _collect_names(net: _Net) -> None:
    for block in ("parameters", "functions", "groups"):
        for line, text in _fields(net, block):
            name = re.split(r"[\s=(]", text, maxsplit=1)[0]
            if not _NAME.match(name):
                net.fail(line, f"{name[:40]!r} is not a name (letters, digits and _, no digit first)")
            if block == "groups" and name in net.names - net.functions - net.renamed.keys():
                net.renamed[name] = f"{name}__parameter"
                net.names.add(net.renamed[name])
            elif name in net.names:
                net.fail(line, f"the name '{name}' is used twice; rename one of them")
            net.names.add(name)
            if block == "functions":
                net.functions.add(name)


def _free(net: _Net, name: str) -> str:
    while name in net.names:
        name += "_"
    return name


def _prefix(net: _Net, letter: str) -> str:
    """A prefix that together with a number is no name of the file."""
    while any(name.startswith(letter) and name[len(letter) :].isdigit() for name in net.names):
        letter += "_"
    return letter


def _value(net: _Net, id: str, line: int, text: str) -> float | None:
    """A plain number, or None after noting the formula as an initial assignment."""
    try:
        if text[0] in _NUMBER_START and "_" not in text:
            return parse_float(text)
    except ValueError:
        pass
    body = net.formula(line, text)
    if type(body) is Number:
        return body.value
    net.initial.append(InitialAssignment(id, body))
    return None


def _parameters(net: _Net) -> None:
    for line, text in _fields(net, "parameters"):
        name, _, rest = text.replace("=", " ", 1).partition(" ") if "=" in text.split()[0] else text.partition(" ")
        rest = rest.strip().removeprefix("=").strip()
        if not rest:
            net.fail(line, f"the parameter '{name}' has no value; give one")
        name = net.renamed.get(name, name)
        net.parameters.append(Parameter(name, _value(net, name, line, rest)))


def _functions(net: _Net) -> None:
    for line, text in _fields(net, "functions"):
        name, bracket, rest = text.partition("(")
        inside, closing, body = rest.partition(")")
        name = name.strip()
        if not bracket or not closing or not _NAME.match(name):
            net.fail(line, "a function must read 'name() formula'")
        if inside.strip():
            raise UnsupportedError(
                "local function",
                f"{net.source}, line {line}: function '{name}' has arguments; generate the network anew",
            )
        formula = net.formula(line, body.strip().removeprefix("="))
        unclear = sorted(symbols(formula) & set(net.renamed.values()))
        if unclear:
            net.fail(line, f"'{unclear[0].removesuffix('__parameter')}' is both a parameter and a group; rename one")
        net.parameters.append(Parameter(name, constant=False))
        net.rules.append(Rule("assignment", formula, name))


def _species(net: _Net, compartment: str) -> list[Species]:
    prefix, found = _prefix(net, "S"), []
    for line, text in net.lines["species"]:
        parts = text.split(None, 2)
        if len(parts) < 3 or not _is_count(parts[0]):
            net.fail(line, "a species must read 'number pattern value'")
        number, pattern, value = parts
        if number in net.species:
            net.fail(line, f"species {number} appears twice; number them from 1")
        id = net.species[number] = prefix + number
        fixed = pattern.startswith("$") or "::$" in pattern
        found.append(Species(
            id, compartment, _value(net, id, line, value.strip()), "amount", only_substance=True,
            boundary=fixed, constant=fixed, name=pattern,
        ))  # fmt: skip
    return found


def _groups(net: _Net) -> None:
    shared = {number: Symbol(id) for number, id in net.species.items()}
    for line, text in _fields(net, "groups"):
        name, _, members = text.partition(" ")
        terms: list[Expr] = []
        for member in members.replace(" ", "").split(","):
            if not member:
                continue
            factor, star, number = member.rpartition("*")
            symbol = shared.get(number)
            if symbol is None:
                net.fail(line, f"group '{name}' counts species {number!r}, which is not in the file")
            if star:
                try:
                    weight = parse_float(factor)
                except ValueError:
                    net.fail(line, f"group '{name}' has the weight {factor[:20]!r}, which is not a number")
                if weight:
                    terms.append(symbol if weight == 1.0 else Mul((Number(weight), symbol)))
            else:
                terms.append(symbol)
        total = Number(0.0) if not terms else terms[0] if len(terms) == 1 else Add(tuple(terms))
        net.parameters.append(Parameter(name, constant=False))
        net.rules.append(Rule("assignment", total, name))


class _Sides:
    """Lists of participants, made once per text such as `1,5` and shared by the reactions that have it."""

    def __init__(self, net: _Net):
        self.net = net
        self.known: dict[str, tuple[tuple[Participant, ...], tuple[Expr, ...]]] = {}
        self.symbols: dict[str, Symbol] = {number: Symbol(id) for number, id in net.species.items()}
        self.single = {number: (Participant(id),) for number, id in net.species.items()}

    def get(self, line: int, text: str) -> tuple[tuple[Participant, ...], tuple[Expr, ...]]:
        """Participants and the factors that they give to a mass-action rate."""
        side = self.known.get(text)
        if side is None:
            side = self.known[text] = self.make(line, text)
        return side

    def make(self, line: int, text: str) -> tuple[tuple[Participant, ...], tuple[Expr, ...]]:
        counts: dict[str, int] = {}
        for number in text.split(","):
            counts[number] = counts.get(number, 0) + 1
        counts.pop("0", None)
        participants: list[Participant] = []
        factors: list[Expr] = []
        for number, count in counts.items():
            if number not in self.symbols:
                self.net.fail(line, f"a reaction uses species {number[:20]!r}, which is not in the file")
            symbol = self.symbols[number]
            if count == 1:
                participants.append(self.single[number][0])
                factors.append(symbol)
            else:
                participants.append(Participant(symbol.name, float(count)))
                factors.append(Power(symbol, Number(float(count))))
        return tuple(participants), tuple(factors)


def _reactions(net: _Net) -> list[Reaction]:
    prefix, sides, found = _prefix(net, "R"), _Sides(net), []
    rates: dict[str, tuple[Expr, ...]] = {}  # factors in front of the reactants, by text
    seen: set[str] = set()
    for line, text in net.lines["reactions"]:
        text, _, comment = text.partition("#")
        parts = text.split(None, 3)
        if len(parts) < 4:
            if not parts:
                continue
            net.fail(line, "a reaction must read 'number reactants products rate'")
        number, left, right, law = parts
        if number in seen or not _is_count(number):
            net.fail(line, f"the reaction number {number[:20]!r} appears twice or is no number; number them from 1")
        seen.add(number)
        reactants, factors = sides.get(line, left)
        products, _ = sides.get(line, right)
        law = law.rstrip()
        front = rates.get(law)
        if front is None:
            front = _front(net, line, law)
            if front is not None:
                rates[law] = front
        if front is None:
            rate = _law(net, line, law, [sides.symbols[item] for item in left.split(",") if item != "0"])
        else:
            whole = front + factors
            rate = Mul(whole) if len(whole) > 1 else whole[0]
        found.append(Reaction(prefix + number, reactants, products, (), rate, name=comment.strip()))
    return found


def _front(net: _Net, line: int, law: str) -> tuple[Expr, ...] | None:
    """Factors of a mass-action or functional rate; None where the law is a named one."""
    if _NAME.match(law):
        law = net.renamed.get(law, law)
        net.used.setdefault(law, line)
        return (Symbol(law),)
    words = law.rpartition("*")[2].split() if " " in law else ()
    if words and (words[0] in _LAWS or words[0] in _REFUSED_LAWS):
        return None
    body = net.formula(line, law)
    return body.factors if type(body) is Mul else (body,)


def _law(net: _Net, line: int, law: str, reactants: list[Symbol]) -> Expr:
    """Rate laws with a name: saturation, Michaelis-Menten with depletion (total QSSA), Hill."""
    factor, _, rest = law.rpartition("*")
    kind, *texts = rest.replace(",", " ").split()
    if kind not in _LAWS:
        raise UnsupportedError(kind, f"{net.source}, line {line}: the rate law '{kind}' is not supported")
    least, most = _LAWS[kind]
    if not least <= len(texts) <= most:
        net.fail(line, f"the rate law '{kind}' takes {least} parameters, not {len(texts)}")
    if len(reactants) < (2 if kind == "MM" else 1) or (len(texts) - 1 > len(reactants) and kind == "Sat"):
        net.fail(line, f"the rate law '{kind}' does not fit {len(reactants)} reactant(s)")
    k, *constants = (net.formula(line, text) for text in texts)
    front = net.formula(line, factor) if factor else Number(1.0)
    first = reactants[0]
    if kind == "Sat":
        rate = mul(front, k, *reactants)
        for constant, reactant in zip(constants, reactants, strict=False):
            rate = rate / add(constant, reactant)
        return rate
    if kind == "Hill":
        raised = power(first, constants[1])
        return mul(front, k, raised, *reactants[1:]) / add(power(constants[0], constants[1]), raised)
    enzyme, half = reactants[1], constants[0]
    spread = add(first, mul(-1.0, half), mul(-1.0, enzyme))
    free = mul(0.5, add(spread, power(add(power(spread, 2.0), mul(4.0, half, first)), 0.5)))
    return mul(front, k, free, enzyme) / add(half, free)


def _check_names(net: _Net) -> None:
    known = net.names | set(net.species.values())
    for name, line in net.used.items():
        if name in known:
            continue
        if name not in CONSTANTS:
            net.fail(line, f"'{name}' is used but not defined; add it to the parameters")
        net.parameters.append(Parameter(name, CONSTANTS[name]))
