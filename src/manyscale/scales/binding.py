"""Binding motifs of a lowered network: A + B <-> C, and enzymes E + S <-> C -> E + P.

Formulas are those of the lowered model, per concentration (or per amount, where species are amounts).
"""

from __future__ import annotations

from dataclasses import dataclass

from manyscale.kernels.system import System
from manyscale.model.algebra import differentiate, simplify
from manyscale.model.expr import ZERO, Expr, Number, Symbol, add, mul, power, symbols, walk

LARGEST = 60  # terms of a relaxation rate; longer formulas say nothing to anybody


@dataclass(frozen=True)
class Network:
    """Stoichiometry by reaction and rate formulas of a lowered model, with the factor that turns rates into dy/dt."""

    system: System
    rates: dict[str, Expr]
    columns: dict[str, dict[str, float]]  # reaction -> state symbol -> net stoichiometry
    factors: dict[str, Expr]  # state symbol -> row factor

    def slope(self, reaction: str, species: str) -> Expr:
        """d(rate)/d(species) in the units of y per time, variables of the model held fixed; ZERO where it has none."""
        formula = self.rates[reaction]
        if species not in symbols(formula):
            return ZERO
        return simplify(differentiate(simplify(mul(self.factors[species], formula)), species))


def network(system: System) -> Network:
    """The network of a lowered model (reactions with variable stoichiometry left out)."""
    loose = {j for _, j, _ in system.variable_stoichiometry}
    names = [name for name, _ in system.rates]
    columns: dict[str, dict[str, float]] = {}
    for i, j, value in system.stoichiometry:
        if j not in loose:
            columns.setdefault(names[j], {})[system.state_symbols[i]] = float(value)
    return Network(system, dict(system.rates), columns, dict(zip(system.state_symbols, system.row_factors)))


@dataclass(frozen=True)
class Binding:
    """A + B <-> C: `on` is d2v/dA dB, `off` -dv/dC of the same reaction (ZERO if it does not go back)."""

    reaction: str
    first: str
    second: str
    complex: str
    on: Expr
    off: Expr


def bindings(net: Network) -> list[Binding]:
    """Reactions that join two species to one, with a rate proportional to both."""
    found = []
    for reaction, column in net.columns.items():
        down = [s for s, x in column.items() if x == -1.0]
        up = [s for s, x in column.items() if x == 1.0]
        reverse = False
        if len(down) == 1 and len(up) == 2:
            down, up, reverse = up, down, True
        if len(down) != 2 or len(up) != 1 or len(column) != 3:
            continue
        a, b = sorted(down)
        rate = net.rates[reaction] if not reverse else mul(-1.0, net.rates[reaction])
        if not {a, b} <= symbols(rate):
            continue
        scaled = simplify(mul(net.factors[a], rate))
        on = simplify(differentiate(differentiate(scaled, a), b))
        if on == ZERO or symbols(on) & {a, b, up[0]}:
            continue
        off = simplify(mul(-1.0, differentiate(scaled, up[0])))
        if symbols(off) & {a, b, up[0]}:
            continue
        found.append(Binding(reaction, a, b, up[0], on, off))
    return found


def off_rate(net: Network, binding: Binding) -> Expr:
    """Dissociation, by the binding reaction itself and by reactions C -> A + B written apart."""
    parts = [binding.off]
    for reaction, column in net.columns.items():
        if reaction != binding.reaction and column == {binding.first: 1.0, binding.second: 1.0, binding.complex: -1.0}:
            parts.append(net.slope(reaction, binding.complex))
    return simplify(add(*parts))


def turnovers(net: Network, binding: Binding, enzyme: str) -> list[tuple[str, Expr]]:
    """Reactions that release the enzyme from the complex as something else than the substrate, with their rates."""
    substrate = binding.second if enzyme == binding.first else binding.first
    found = []
    for reaction, column in net.columns.items():
        if reaction == binding.reaction or column.get(binding.complex) != -1.0:
            continue
        if column.get(enzyme) == 1.0 and column.get(substrate, 0.0) <= 0.0:
            rate = net.slope(reaction, binding.complex)
            if rate != ZERO and not symbols(rate) & {binding.complex}:
                found.append((reaction, rate))
    return found


@dataclass(frozen=True)
class Pool:
    """A species and the complexes that hold it: `exchange` is how fast the free form relaxes within the pool, `loss`
    how fast the pool itself is lost (dilution, degradation)."""

    species: str
    complexes: tuple[str, ...]
    main: str
    exchange: Expr
    loss: Expr
    ratio: Expr | None = None  # bound per free in binding equilibrium, where there is one form only
    exchanged_by: tuple[str, ...] = ()  # reactions
    lost_by: tuple[str, ...] = ()


def held_in(net: Network, species: str) -> dict[str, list[str]]:
    """Forms into which a species goes and from which it comes back: form -> reactions that make it from the species."""
    there: dict[str, list[str]] = {}
    back: set[str] = set()
    for reaction, column in net.columns.items():
        own = column.get(species, 0.0)
        forward = own == -1.0 and net.slope(reaction, species) != ZERO
        for other, change in column.items():
            if other != species and own * change < 0:
                if forward and change == 1.0:
                    there.setdefault(other, []).append(reaction)
                if net.slope(reaction, other) != ZERO:
                    back.add(other)
    return {form: reactions for form, reactions in there.items() if form in back}


def pool(net: Network, species: str, forms: dict[str, list[str]], main: str) -> Pool | None:
    """Exchange and loss for the forms that hold `species`; `main` is the form whose release counts. None where the
    pool loses nothing by way of that form."""
    on = [net.slope(r, species) for r in dict.fromkeys(r for reactions in forms.values() for r in reactions)]
    release: list[Expr] = []
    loss: list[Expr] = []
    exchanged_by = list(dict.fromkeys(r for reactions in forms.values() for r in reactions))
    lost_by: list[str] = []
    for reaction, column in net.columns.items():
        change = column.get(main, 0.0)
        slope = net.slope(reaction, main) if change else ZERO
        if slope == ZERO:
            continue
        returned = sum(column.get(s, 0.0) for s in (species, *forms) if s != main)
        returns = returned * -change > 0
        (release if returns else loss).append(mul(Number(-change), slope))
        (exchanged_by if returns else lost_by).append(reaction)
    if not loss or not on:
        return None
    exchange = simplify(add(*on, *release))
    lost = simplify(add(*loss))
    if term_count(exchange) > LARGEST or term_count(lost) > LARGEST:
        return None
    held = ratio(add(*on), add(*release)) if len(forms) == 1 and release else None
    return Pool(species, tuple(forms), main, exchange, lost, held, tuple(dict.fromkeys(exchanged_by)), tuple(lost_by))


def own_loss(net: Network, species: str, forms: dict[str, list[str]]) -> Expr:
    """Rate at which the free form is lost otherwise than into its other forms."""
    parts = [
        net.slope(reaction, species)
        for reaction, column in net.columns.items()
        if column.get(species) == -1.0 and not any(column.get(form, 0.0) > 0 for form in forms)
    ]
    return simplify(add(*parts))


def relaxation(net: Network, species: str) -> Expr | None:
    """-dF/dx of a species' own equation, variables of the model held fixed; None if it is too long or zero."""
    parts = []
    for reaction, column in net.columns.items():
        change = column.get(species, 0.0)
        if change:
            parts.append(mul(Number(-change), net.slope(reaction, species)))
    index = net.system.state_index.get(species)
    for i, formula in net.system.rate_rules:
        if i == index and species in symbols(formula):
            parts.append(mul(-1.0, differentiate(formula, species)))
    formula = simplify(add(*parts))
    return None if formula == ZERO or term_count(formula) > LARGEST else formula


def term_count(formula: Expr) -> int:
    """Number of names in a formula, each time it occurs."""
    return sum(1 for node in walk(formula) if isinstance(node, Symbol))


def ratio(above: Expr, below: Expr) -> Expr:
    """above / below, simplified."""
    return simplify(mul(above, power(below, -1.0)))
