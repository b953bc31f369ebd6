"""Derivatives on a `Graph`: reverse accumulation inside one formula, the chain rule between formulas."""

from __future__ import annotations

import math

from manyscale.kernels.graph import Graph

FLAT = {"const", "input", "sign", "floor", "ceil", "trunc", "factorial", "lt", "le", "eq", "ne"}
FLAT |= {"and", "or", "xor", "not"}


def partials(graph: Graph, node: int, wanted, through_still: bool = False) -> dict[int, int]:
    """Partial derivatives of a node by each of the wanted nodes that it depends on, as nodes.

    Wanted nodes are treated as independent of each other: the search does not go below them. `through_still`: some
    wanted nodes depend on parameters alone. Branches that are not taken contribute zero even where they are singular.
    """
    reached = _dependents(graph, node, wanted, through_still)
    adjoint = {node: graph.one} if node in reached else {}
    found: dict[int, int] = {}
    for current in sorted(reached, reverse=True):
        weight = adjoint.pop(current, None)
        if weight is None:
            continue
        if current in wanted:
            found[current] = weight
            continue
        for argument, slope in _local_slopes(graph, current, reached, wanted, through_still):
            term = graph.mul(weight, slope)
            old = adjoint.get(argument)
            adjoint[argument] = term if old is None else graph.add(old, term)
    return found


def _dependents(graph: Graph, node: int, wanted, through_still: bool) -> set[int]:
    """Nodes on a path from `node` to a wanted node."""
    depends: dict[int, bool] = {}
    args, ops, still = graph.args, graph.ops, graph.still
    stack = [node]
    while stack:
        current = stack[-1]
        if current in depends:
            stack.pop()
        elif current in wanted:
            depends[current] = True
            stack.pop()
        elif ops[current] in ("const", "input") or (still[current] and not through_still):
            depends[current] = False
            stack.pop()
        else:
            open_ = [a for a in args[current] if a not in depends]
            if open_:
                stack.extend(open_)
            else:
                depends[current] = any([depends[a] for a in args[current]])  # noqa: C419 (a list is faster)
                stack.pop()
    return {n for n, does in depends.items() if does}


def _local_slopes(graph: Graph, node: int, active: set[int], wanted, through_still: bool):
    """(argument, derivative of the node by it) for the arguments that matter; choices reach down to the wanted."""
    op, args = graph.ops[node], graph.args[node]
    if op in FLAT:
        return
    if op in ("select", "min", "max"):
        yield from _choice_slopes(graph, op, args, wanted, through_still)
    elif op in BINARY:
        a, b = args
        for place, argument in enumerate(args if a != b else args[:1]):
            if argument in active:
                slope = BINARY[op][place](graph, a, b, node)
                yield argument, slope if a != b else graph.add(slope, BINARY[op][1](graph, a, b, node))
    elif args[0] in active:
        yield args[0], UNARY[op](graph, args[0], node)


def _choice_slopes(graph: Graph, op: str, args: tuple, wanted, through_still: bool):
    if op == "select":
        condition, yes, no = args
    else:
        yes, no = args
        condition = graph.make("le", yes, no) if op == "min" else graph.make("le", no, yes)
    if_yes, if_no = (partials(graph, branch, wanted, through_still) for branch in (yes, no))
    for inner in sorted({*if_yes, *if_no}):
        yield inner, graph.select(condition, if_yes.get(inner, graph.zero), if_no.get(inner, graph.zero))


def _minus_over(g: Graph, a: int, b: int, node: int) -> int:
    return g.neg(g.mul(node, g.div(g.one, b)))  # 1/b serves both slopes


BINARY = {
    "add": (lambda g, a, b, f: g.one, lambda g, a, b, f: g.one),
    "sub": (lambda g, a, b, f: g.one, lambda g, a, b, f: g.constant(-1.0)),
    "mul": (lambda g, a, b, f: b, lambda g, a, b, f: a),
    "div": (lambda g, a, b, f: g.div(g.one, b), _minus_over),
    "pow": (lambda g, a, b, f: g.make("dpow", a, b, f), lambda g, a, b, f: g.make("dpown", a, b, f)),
    "fmod": (lambda g, a, b, f: g.one, lambda g, a, b, f: g.neg(g.make("trunc", g.div(a, b)))),
}


def _over_root(g: Graph, inside: int, sign: float = 1.0) -> int:
    return g.div(g.constant(sign), g.make("sqrt", inside))


UNARY = {
    "neg": lambda g, x, f: g.constant(-1.0),
    "sqrt": lambda g, x, f: g.div(g.constant(0.5), f),
    "exp": lambda g, x, f: f,
    "log": lambda g, x, f: g.div(g.one, x),
    "log10": lambda g, x, f: g.div(g.constant(1 / math.log(10.0)), x),
    "abs": lambda g, x, f: g.make("sign", x),
    "sin": lambda g, x, f: g.make("cos", x),
    "cos": lambda g, x, f: g.neg(g.make("sin", x)),
    "tan": lambda g, x, f: g.add(g.one, g.mul(f, f)),
    "sinh": lambda g, x, f: g.make("cosh", x),
    "cosh": lambda g, x, f: g.make("sinh", x),
    "tanh": lambda g, x, f: g.sub(g.one, g.mul(f, f)),
    "asin": lambda g, x, f: _over_root(g, g.sub(g.one, g.mul(x, x))),
    "acos": lambda g, x, f: _over_root(g, g.sub(g.one, g.mul(x, x)), -1.0),
    "atan": lambda g, x, f: g.div(g.one, g.add(g.one, g.mul(x, x))),
    "asinh": lambda g, x, f: _over_root(g, g.add(g.one, g.mul(x, x))),
    "acosh": lambda g, x, f: _over_root(g, g.sub(g.mul(x, x), g.one)),
    "atanh": lambda g, x, f: g.div(g.one, g.sub(g.one, g.mul(x, x))),
}


def gradients(graph: Graph, nodes: list[int], seeds: dict[int, dict], through_still: bool = False) -> list[dict]:
    """Total derivatives of formulas, given in order of evaluation, by the directions of the seeds.

    `seeds[node] = {direction: node}`: derivatives already known. Returns {direction: node} per formula.
    """
    known = dict(seeds)
    result = []
    for node in nodes:
        if node not in known:
            total: dict = {}
            for inner, slope in partials(graph, node, known, through_still).items():
                for direction, derivative in known[inner].items():
                    term = graph.mul(slope, derivative)
                    total[direction] = graph.add(total[direction], term) if direction in total else term
            known[node] = total
        result.append(known[node])
    return result
