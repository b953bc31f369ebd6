"""Ranges of many formulas as machine code: natural extensions, slopes, and monotone corners in one pass per box.

The same arithmetic as `intervals`, whose functions are the oracle of the tests, one box after another instead of one
operation after another.
"""

from __future__ import annotations

import ctypes
from collections.abc import Mapping, Sequence

import numpy as np

from manyscale.bridges.rigorous.intervals import LOOSE, SLACK, TINY, near
from manyscale.kernels.emit import literal
from manyscale.kernels.graph import Graph

CALLS = {"add": 2, "sub": 2, "mul": 2, "div": 2, "square": 1, "neg": 1, "sqrt": 1, "exp": 1, "log": 1, "abs": 1, "pow": 2,
         "min": 2, "max": 2}  # fmt: skip
PAIR = "{ double, double }"


class NoCode(Exception):
    """A formula contains an operation that has no machine code here."""


def _function(name: str, count: int, body: str) -> str:
    letters = ("a", "b")[:count]
    arguments = ", ".join(f"double %{x}l, double %{x}h" for x in letters)
    return f"define internal {PAIR} @i.{name}({arguments}) {{\n{body}\n}}\n"


def _select(result: str, compare: str, a: str, b: str) -> str:
    return (
        f"  %{result}c = fcmp {compare} double {a}, {b}\n  %{result} = select i1 %{result}c, double {a}, double {b}\n"
    )


def _finish(low: str, high: str, slack: float) -> str:
    return f"  %r = call {PAIR} @i.widen(double {low}, double {high}, double {literal(slack)})\n  ret {PAIR} %r"


def _corners(function: str, order: str, low: str, high: str) -> str:
    """The smallest and the largest of a function at the four corners; order: "o" or "u", as comparisons take what is not
    a number."""
    text = "".join(
        f"  %p{k} = call double @{function}(double %{x}, double %{y})\n"
        for k, (x, y) in enumerate([("al", "bl"), ("al", "bh"), ("ah", "bl"), ("ah", "bh")])
    )
    for compare, (one, other, result) in ((f"{order}lt", ("m0", "m1", low)), (f"{order}gt", ("m2", "m3", high))):
        text += _select(one, compare, "%p0", "%p1") + _select(other, compare, "%p2", "%p3")
        text += _select(result, compare, f"%{one}", f"%{other}")
    return text


def _helpers() -> str:
    zero, tiny, infinite = literal(0.0), literal(TINY), literal(float("inf"))
    least, most = literal(-float("inf")), infinite
    minus = literal(-TINY)
    text = "declare double @llvm.fabs.f64(double)\ndeclare double @llvm.sqrt.f64(double)\n"
    text += "declare double @exp(double)\ndeclare double @log(double)\ndeclare double @pow(double, double)\n"
    text += f"""define internal {PAIR} @i.widen(double %l, double %h, double %s) {{
  %la = call double @llvm.fabs.f64(double %l)
  %ha = call double @llvm.fabs.f64(double %h)
  %ls = fmul double %la, %s
  %hs = fmul double %ha, %s
  %lw = fsub double %l, %ls
  %hw = fadd double %h, %hs
  %l1 = fcmp ogt double %lw, {zero}
  %l2 = fcmp olt double %lw, {tiny}
  %l3 = and i1 %l1, %l2
  %l4 = select i1 %l3, double {zero}, double %lw
  %l5 = fcmp olt double %l4, {zero}
  %l6 = fcmp ogt double %l4, {minus}
  %l7 = and i1 %l5, %l6
  %l8 = select i1 %l7, double {minus}, double %l4
  %h1 = fcmp ogt double %hw, {zero}
  %h2 = fcmp olt double %hw, {tiny}
  %h3 = and i1 %h1, %h2
  %h4 = select i1 %h3, double {tiny}, double %hw
  %h5 = fcmp olt double %h4, {zero}
  %h6 = fcmp ogt double %h4, {minus}
  %h7 = and i1 %h5, %h6
  %h8 = select i1 %h7, double {zero}, double %h4
  %n1 = fcmp uno double %l8, %l8
  %n2 = select i1 %n1, double {least}, double %l8
  %n3 = fcmp uno double %h8, %h8
  %n4 = select i1 %n3, double {most}, double %h8
  %r1 = insertvalue {PAIR} undef, double %n2, 0
  %r2 = insertvalue {PAIR} %r1, double %n4, 1
  ret {PAIR} %r2
}}
define internal double @zeroed(double %a, double %b) {{
  %p = fmul double %a, %b
  %n = fcmp uno double %p, %p
  %r = select i1 %n, double {zero}, double %p
  ret double %r
}}
"""  # what is not a number becomes unbounded in `widen`; intervals in hand are never NaN, so 0 * inf = 0
    add = "  %l = fadd double %al, %bl\n  %h = fadd double %ah, %bh\n" + _finish("%l", "%h", SLACK)
    subtract = "  %l = fsub double %al, %bh\n  %h = fsub double %ah, %bl\n" + _finish("%l", "%h", SLACK)
    product = _corners("zeroed", "o", "l", "h")
    product += _finish("%l", "%h", SLACK)
    one = literal(1.0)
    inverse = f"""  %z1 = fcmp ole double %bl, {zero}
  %z2 = fcmp oge double %bh, {zero}
  %in = and i1 %z1, %z2
  %q0 = fdiv double {one}, %bh
  %q1 = fdiv double {one}, %bl
  %above = fcmp oge double %bl, {zero}
  %some = fcmp ogt double %bh, {zero}
  %up = and i1 %above, %some
  %below = fcmp ole double %bh, {zero}
  %any = fcmp olt double %bl, {zero}
  %dn = and i1 %below, %any
  %l0 = select i1 %up, double %q0, double {least}
  %h0 = select i1 %dn, double %q1, double {most}
  %l1 = select i1 %in, double %l0, double %q0
  %h1 = select i1 %in, double %h0, double %q1
  %w = call {PAIR} @i.widen(double %l1, double %h1, double {literal(SLACK)})
  %wl = extractvalue {PAIR} %w, 0
  %wh = extractvalue {PAIR} %w, 1
  %r = call {PAIR} @i.mul(double %al, double %ah, double %wl, double %wh)
  ret {PAIR} %r"""
    absolute = "  %x = call double @llvm.fabs.f64(double %al)\n  %y = call double @llvm.fabs.f64(double %ah)\n"
    absolute += _select("s", "olt", "%x", "%y") + _select("g", "ogt", "%x", "%y")
    absolute += f"  %z1 = fcmp ole double %al, {zero}\n  %z2 = fcmp oge double %ah, {zero}\n  %z = and i1 %z1, %z2\n"
    absolute += f"  %l = select i1 %z, double {zero}, double %s\n"
    squared = absolute + "  %l2 = fmul double %l, %l\n  %g2 = fmul double %g, %g\n" + _finish("%l2", "%g2", SLACK)
    pair = f"  %r1 = insertvalue {PAIR} undef, double %l, 0\n  %r2 = insertvalue {PAIR} %r1, double @@, 1\n  ret {PAIR} %r2"
    negative = "  %l = fneg double %ah\n  %h = fneg double %al\n" + pair.replace("@@", "%h")
    clamp = _select("x", "ogt", "%al", zero) + _select("y", "ogt", "%ah", zero)
    root = clamp + "  %l = call double @llvm.sqrt.f64(double %x)\n  %h = call double @llvm.sqrt.f64(double %y)\n"
    root += _finish("%l", "%h", LOOSE)
    exponential = "  %l = call double @exp(double %al)\n  %h0 = call double @exp(double %ah)\n"
    exponential += f"  %h = fadd double %h0, {tiny}\n" + _finish("%l", "%h", LOOSE)
    logarithm = _select("x", "ogt", "%al", zero)
    logarithm += "  %l0 = call double @log(double %x)\n  %h0 = call double @log(double %ah)\n"
    logarithm += f"  %l = fsub double %l0, {literal(LOOSE)}\n  %h = fadd double %h0, {literal(LOOSE)}\n"
    logarithm += _finish("%l", "%h", LOOSE)
    raised = _corners("pow", "u", "l0", "h0")
    raised += f"  %bad1 = fcmp olt double %al, {zero}\n  %v1 = fcmp olt double %bl, {zero}\n  %v2 = fcmp ogt double %bh, {zero}\n"
    raised += "  %v = and i1 %v1, %v2\n  %bad = or i1 %bad1, %v\n"  # exponents of both signs are not needed
    raised += f"  %l = select i1 %bad, double {least}, double %l0\n  %h = select i1 %bad, double {most}, double %h0\n"
    raised += _finish("%l", "%h", 64 * LOOSE)
    lower = _select("l", "olt", "%al", "%bl") + _select("h", "olt", "%ah", "%bh") + pair.replace("@@", "%h")
    upper = _select("l", "ogt", "%al", "%bl") + _select("h", "ogt", "%ah", "%bh") + pair.replace("@@", "%h")
    bodies = {
        "add": add, "sub": subtract, "mul": product, "div": inverse, "square": squared, "neg": negative, "sqrt": root,
        "exp": exponential, "log": logarithm, "abs": absolute + pair.replace("@@", "%g"), "pow": raised, "min": lower, "max": upper,
    }  # fmt: skip
    return text + "".join(_function(name, CALLS[name], body) for name, body in bodies.items())


class _Writer:
    """Instructions of one loop body."""

    def __init__(self, graph: Graph, slots: Mapping):
        self.graph, self.slots = graph, slots
        self.lines: list[str] = []
        self.count = 0

    def name(self) -> str:
        self.count += 1
        return f"%t{self.count}"

    def call(self, function: str, *arguments: tuple[str, str]) -> tuple[str, str]:
        listed = ", ".join(f"double {one}" for pair in arguments for one in pair)
        both, low, high = self.name(), self.name(), self.name()
        self.lines.append(f"  {both} = call {PAIR} @i.{function}({listed})")
        self.lines += [f"  {low} = extractvalue {PAIR} {both}, 0", f"  {high} = extractvalue {PAIR} {both}, 1"]
        return low, high

    def nodes(self, cone: Sequence[int], inputs: Mapping) -> dict[int, tuple[str, str]]:
        found: dict[int, tuple[str, str]] = {}
        for node in cone:
            op, arguments = self.graph.ops[node], self.graph.args[node]
            if op == "input":
                found[node] = inputs[arguments[0]]
            elif op == "const":
                found[node] = tuple(literal(float(v)) for v in near(arguments[0]))  # type: ignore[assignment]
            elif op == "mul" and arguments[0] == arguments[1]:
                found[node] = self.call("square", found[arguments[0]])
            elif op == "dpow":
                one = (literal(1.0), literal(1.0))
                a, b = found[arguments[0]], found[arguments[1]]
                found[node] = self.call("mul", b, self.call("pow", a, self.call("sub", b, one)))
            elif op in CALLS:
                found[node] = self.call(op, *(found[a] for a in arguments))
            else:
                raise NoCode(op)
        return found

    def choose(self, condition: str, yes: str, no: str) -> str:
        result = self.name()
        self.lines.append(f"  {result} = select i1 {condition}, double {yes}, double {no}")
        return result

    def test(self, compare: str, a: str, b: str) -> str:
        result = self.name()
        self.lines.append(f"  {result} = fcmp {compare} double {a}, {b}")
        return result

    def both(self, a: str, b: str, how: str = "and") -> str:
        result = self.name()
        self.lines.append(f"  {result} = {how} i1 {a}, {b}")
        return result

    def finite(self, pair: tuple[str, str]) -> str:
        low = self.test("ogt", pair[0], literal(-float("inf")))
        return self.both(low, self.test("olt", pair[1], literal(float("inf"))))

    def tightened(self, plain, slopes: Mapping, inputs: Mapping, node: int, cone: Sequence[int]) -> tuple[str, str]:
        """The range with proven monotone inputs at their ends."""
        lower, upper = dict(inputs), dict(inputs)
        zero = literal(0.0)
        for name, slope in slopes.items():
            fine = self.finite(slope)
            up = self.both(fine, self.test("oge", slope[0], zero))
            falls = self.both(fine, self.test("ole", slope[1], zero))
            rises = self.name()
            self.lines.append(f"  {rises} = xor i1 {up}, true")
            down = self.both(falls, rises)
            low, high = inputs[name]
            lower[name] = self.choose(down, high, low), self.choose(up, low, high)
            upper[name] = self.choose(up, high, low), self.choose(down, low, high)
        first = self.nodes(cone, lower)[node][0]
        last = self.nodes(cone, upper)[node][1]
        known = self.finite(plain)
        first = self.choose(self.both(known, self.test("ogt", first, plain[0])), first, plain[0])
        last = self.choose(self.both(known, self.test("olt", last, plain[1])), last, plain[1])
        return first, last


class Code:
    """Ranges of nodes for arrays of boxes; `tight` ones use slopes."""

    def __init__(self, tape, plain: Sequence[int], tight: Sequence[int]):
        from manyscale.kernels.jit import compile_module, pointer_type

        self.outputs = len(plain) + len(tight)
        graph = tape.graph
        slopes = {node: tape.slopes(node) for node in tight}
        wanted = [*plain, *tight, *(v for one in slopes.values() for v in one.values())]
        cone = tape.cone(sorted(set(wanted)))
        self.names = tuple(dict.fromkeys(graph.args[k][0] for k in cone if graph.ops[k] == "input"))
        slots = {name: k for k, name in enumerate(self.names)}
        writer = _Writer(graph, slots)
        pointer = pointer_type()
        inputs = {}
        for name, k in slots.items():
            inputs[name] = tuple(self._load(writer, pointer, 2 * k + side) for side in (0, 1))
        found = writer.nodes(cone, inputs)
        results = [found[node] for node in plain]
        for node in tight:
            ranges = {name: found[v] for name, v in slopes[node].items()}
            results.append(writer.tightened(found[node], ranges, inputs, node, tape.cone([node])))
        for k, pair in enumerate(results):
            for side in (0, 1):
                self._store(writer, pointer, 2 * k + side, pair[side])
        body = "\n".join(writer.lines)
        text = f"""{_helpers()}
define void @ranges({pointer} %in, {pointer} %out, i64 %n) {{
entry:
  %none = icmp sle i64 %n, 0
  br i1 %none, label %done, label %loop
loop:
  %k = phi i64 [ 0, %entry ], [ %next, %loop ]
{body}
  %next = add i64 %k, 1
  %more = icmp slt i64 %next, %n
  br i1 %more, label %loop, label %done
done:
  ret void
}}
"""
        self.machine = compile_module(text, ("ranges",), level=0)
        pointer_c = ctypes.POINTER(ctypes.c_double)
        kind = ctypes.CFUNCTYPE(None, pointer_c, pointer_c, ctypes.c_int64)
        self.function = kind(self.machine.address["ranges"])
        self.pointer = pointer_c

    @staticmethod
    def _place(writer: _Writer, pointer: str, base: str, row: int) -> str:
        offset, index, place = writer.name(), writer.name(), writer.name()
        writer.lines.append(f"  {offset} = mul i64 %n, {row}")
        writer.lines.append(f"  {index} = add i64 {offset}, %k")
        writer.lines.append(f"  {place} = getelementptr double, {pointer} {base}, i64 {index}")
        return place

    def _load(self, writer: _Writer, pointer: str, row: int) -> str:
        place, value = self._place(writer, pointer, "%in", row), writer.name()
        writer.lines.append(f"  {value} = load double, {pointer} {place}")
        return value

    def _store(self, writer: _Writer, pointer: str, row: int, value: str) -> None:
        place = self._place(writer, pointer, "%out", row)
        writer.lines.append(f"  store double {value}, {pointer} {place}")

    def __call__(self, inputs: Mapping, count: int) -> np.ndarray:
        """(outputs, 2, count). Inputs that are not numbers count as unbounded."""
        given = np.empty((len(self.names), 2, count))
        for k, name in enumerate(self.names):
            given[k, 0], given[k, 1] = inputs[name]
        bad = np.isnan(given)
        if bad.any():
            given[:, 0][bad[:, 0]], given[:, 1][bad[:, 1]] = -np.inf, np.inf
        out = np.empty((self.outputs, 2, count))
        self.function(given.ctypes.data_as(self.pointer), out.ctypes.data_as(self.pointer), count)
        return out
