"""From a `System` to the graph of everything its engine needs: right-hand side, Jacobian, switches, mass matrix."""

from __future__ import annotations

from dataclasses import dataclass, field

from manyscale.kernels.differentiate import gradients
from manyscale.kernels.graph import TIME, Graph
from manyscale.kernels.order import scan
from manyscale.kernels.system import System
from manyscale.kernels.templates import mass_action_terms
from manyscale.model.expr import Expr, Symbol, symbols

TABLE_FROM = 60  # reactions from which mass action goes to the table instead of the graph


@dataclass
class TableTerm:
    """A mass-action term with its effect on the states: rows and signed weights, before the row factor."""

    constant: int  # node
    states: tuple[int, ...]
    rows: list[int]
    weights: list[float]


@dataclass
class Assembly:
    """Nodes by what they are for."""

    system: System
    graph: Graph
    rates: dict[str, int] = field(default_factory=dict)  # reactions outside the table
    row_factors: list[int] = field(default_factory=list)
    rhs: dict[int, int] = field(default_factory=dict)  # row -> node
    jacobian: dict[tuple[int, int], int] = field(default_factory=dict)
    time: dict[int, int] = field(default_factory=dict)
    roots: list[int] = field(default_factory=list)
    mass: dict[tuple[int, int], int] = field(default_factory=dict)
    table: list[TableTerm] = field(default_factory=list)


def bound_graph(system: System, skip: frozenset[str] = frozenset()) -> Graph:
    """A graph in which every variable and rate stands for its formula, those of `skip` left out."""
    delayed = {d.symbol for d in system.delays}
    graph = Graph({name for name in system.parameters if name not in delayed})
    definitions = system.definitions
    for name in system.schedule:
        if name not in skip:
            graph.bound[name] = graph.of(definitions[name])
    return graph


def assemble(system: System, table_from: int = TABLE_FROM) -> Assembly:
    """The whole model as nodes; mass action goes to the table where there are many reactions."""
    tabled = _tabled(system) if len(system.rates) >= table_from else {}
    graph = bound_graph(system, frozenset(tabled))
    work = Assembly(system, graph)
    work.rates = {name: graph.bound[name] for name, _ in system.rates if name not in tabled}
    work.row_factors = [graph.of(factor) for factor in system.row_factors]
    work.roots = [graph.of(root) for root in system.roots]
    if system.mass is not None:
        work.mass = {(i, j): graph.of(value) for i, j, value in system.mass}
    _fill_table(work, tabled)
    _right_sides(work)
    return work


def _tabled(system: System) -> dict[str, tuple]:
    """Reactions that go to the table, with their terms."""
    variables = dict(system.variables)
    still_names = {*system.parameters} - {d.symbol for d in system.delays}
    used: set[str] = set()
    for name in system.schedule if variables else ():
        if name in variables:
            used |= system.uses[name]
            if system.uses[name] <= still_names:
                still_names.add(name)
    flexible = {j for _, j, _ in system.variable_stoichiometry}
    others = (*system.rate_rules, *system.algebraic, *((i, e) for i, _, e in system.variable_stoichiometry))
    for formula in (*(e for _, e in others), *system.roots):
        used |= symbols(formula)

    def still(expr: Expr) -> bool:
        if type(expr) is Symbol:
            return expr.name in still_names
        return scan(expr)[0] <= still_names

    found = {}
    for j, (name, law) in enumerate(system.rates):
        if j not in flexible and name not in used:
            terms = mass_action_terms(law, system.state_index, still)
            if terms is not None:
                found[name] = terms
    for other in [name for name, _ in system.rates if name not in found]:
        for name in system.uses[other]:
            found.pop(name, None)
    return found


def _fill_table(work: Assembly, tabled: dict[str, tuple]) -> None:
    if not tabled:
        return
    graph, system = work.graph, work.system
    effects: dict[int, tuple[list, list]] = {}
    number: dict = {}
    for i, j, x in system.balance:
        rows, weights = effects.setdefault(j, ([], []))
        rows.append(i)
        weights.append(number.get(x) or number.setdefault(x, float(x)))
    for j, (name, _) in enumerate(system.rates):
        for term in tabled.get(name, ()):
            if term.number == 0.0 or j not in effects:
                continue
            rows, weights = effects[j]
            if term.number != 1.0:
                weights = [x * term.number for x in weights]
            constants = [graph.of(c) for c in term.constants]
            node = constants[0] if len(constants) == 1 else graph.product(constants)
            work.table.append(TableTerm(node, term.states, rows, weights))


def _right_sides(work: Assembly) -> None:
    """Rows of f, their derivatives by y on the fixed pattern, and by time."""
    system, graph = work.system, work.graph
    inputs = {graph.symbol(name): {i: graph.one} for i, name in enumerate(system.state_symbols)}
    time = graph.symbol(TIME)
    needed = _needed(work)
    nodes = [graph.bound[name] for name in system.schedule if name in needed]
    products = [
        (i, graph.mul(graph.of(e), graph.bound[system.rates[j][0]])) for i, j, e in system.variable_stoichiometry
    ]
    direct = [(i, graph.of(e)) for i, e in (*system.rate_rules, *system.algebraic)]
    everything = [*nodes, *(n for _, n in products), *(n for _, n in direct)]
    slopes = gradients(graph, everything, {**inputs, time: {TIME: graph.one}})
    slope_of = dict(zip(everything, slopes))
    sums: dict[int, int] = {}
    entries: dict[tuple, int] = {}

    def accumulate(i: int, weight: float, node: int) -> None:
        number = graph.constant(weight)
        sums[i] = graph.add(sums.get(i, graph.zero), graph.mul(number, node))
        for direction, slope in slope_of[node].items():
            key = (i, direction)
            entries[key] = graph.add(entries.get(key, graph.zero), graph.mul(number, slope))

    for i, j, x in system.balance:
        name = system.rates[j][0]
        if name in work.rates:
            accumulate(i, float(x), work.rates[name])
    for i, node in products:
        accumulate(i, 1.0, node)
    factors = work.row_factors
    work.rhs = {i: graph.mul(factors[i], node) for i, node in sums.items()}
    entries = {(i, d): graph.mul(factors[i], node) for (i, d), node in entries.items()}
    for i, node in direct:
        work.rhs[i] = node
        for direction, slope in slope_of[node].items():
            entries[i, direction] = slope
    for (i, direction), node in entries.items():
        if node == graph.zero:
            continue
        if direction == TIME:
            work.time[i] = node
        else:
            work.jacobian[i, direction] = node


def _needed(work: Assembly) -> set[str]:
    """Variables and rates that the right-hand side depends on, those of the table left out."""
    system = work.system
    direct = (*system.rate_rules, *system.algebraic, *((i, e) for i, _, e in system.variable_stoichiometry))
    stack = [*work.rates, *(name for _, formula in direct for name in symbols(formula))]
    needed: set[str] = set()
    while stack:
        name = stack.pop()
        if name in work.graph.bound and name not in needed:
            needed.add(name)
            stack.extend(system.uses[name])
    return needed


def right_side_nodes(system: System, graph: Graph) -> list[int]:
    """One node per row of f, in a graph where all rates are bound."""
    return [graph.of(row) for row in system.right_sides]
