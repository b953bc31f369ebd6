"""LLVM assembly for many paths of a jump process at once: one path per lane of the vector registers.

The direct method without branches (Gillespie, J. Phys. Chem. 81:2340, 1977): cumulative propensities, the time of the next
jump, and the reaction found by comparing one number with all sums; masks add the changes. The function returns when some
lane passes its next output time, so that the core can write it down, and goes on from there when called again. Random
numbers and the logarithm are those of core/jump/xoshiro.hpp, operation by operation, so a path does not depend on how
many lanes there are.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from manyscale.kernels.emit import Emitter, _Body
from manyscale.kernels.graph import Graph
from manyscale.kernels.program import Layout, reachable
from manyscale.kernels.propensities import JumpSystem, Propensity
from manyscale.model.expr import Number

NAME = "jump_lanes"
POINTERS = ("x", "t", "due", "random", "live", "fire", "constants", "p", "scale", "bad")
LOG_SERIES = tuple(1.0 / n for n in range(19, 0, -2))


def lane_code(system: JumpSystem, graph: Graph, rates: Sequence[int], pointer: str, width: int) -> str:
    """A module with `i64 jump_lanes(x, t, due, random, live, fire, constants, p, scale, bad, limit)`.

    All arrays hold doubles: x (states, lanes), random (4, lanes) and one number per lane for t, due, live, fire (bit masks),
    bad; constants, p and scale one per reaction, parameter and state. Returns how many times it let jumps happen.
    """
    return _Writer(system, graph, rates, pointer, width).text()


class _Writer:
    def __init__(self, system: JumpSystem, graph: Graph, rates: Sequence[int], pointer: str, width: int):
        self.system, self.graph, self.rates, self.width = system, graph, rates, width
        self.emitter = Emitter(pointer, width, one_by_one=True)
        self.real, self.whole, self.mask = f"<{width} x double>", f"<{width} x i64>", f"<{width} x i1>"
        self.layout = Layout(system.kernel.system)
        self.names = 0
        self.lines: list[str] = []
        self.fast = [one for one in system.propensities if one.constant is not None]
        self.states = range(len(system.molecule))
        self.molecules = [m == Number(1.0) for m in system.molecule]

    # instructions

    def new(self, text: str) -> str:
        self.names += 1
        name = f"%n{self.names}"
        self.lines.append(f"  {name} = {text}")
        return name

    def number(self, value: float) -> str:
        return self.emitter.number(value)

    def words(self, value: int) -> str:
        return "<" + ", ".join([f"i64 {value}"] * self.width) + ">"

    def address(self, base: str, place: int, vector: bool) -> str:
        pointer = self.emitter.pointer
        where = self.new(f"getelementptr double, {pointer} %{base}, i64 {place * (self.width if vector else 1)}")
        if not vector or pointer == "ptr":
            return f"{pointer} {where}"
        return f"{self.real}* " + self.new(f"bitcast {pointer} {where} to {self.real}*")

    def load(self, base: str, place: int = 0) -> str:
        return self.new(f"load {self.real}, {self.address(base, place, True)}, align 8")

    def store(self, value: str, base: str, place: int = 0) -> None:
        self.lines.append(f"  store {self.real} {value}, {self.address(base, place, True)}, align 8")

    def spread(self, base: str, place: int) -> str:
        """One number in all lanes."""
        one = self.new(f"load double, {self.address(base, place, False)}, align 8")
        if self.width == 1:
            return self.new(f"insertelement {self.real} undef, double {one}, i32 0")
        first = self.new(f"insertelement {self.real} undef, double {one}, i32 0")
        return self.new(f"shufflevector {self.real} {first}, {self.real} undef, <{self.width} x i32> zeroinitializer")

    def truth(self, value: str) -> str:
        words = self.new(f"bitcast {self.real} {value} to {self.whole}")
        return self.new(f"icmp ne {self.whole} {words}, zeroinitializer")

    def real_op(self, op: str, a: str, b: str) -> str:
        return self.new(f"{op} {self.real} {a}, {b}")

    def both(self, op: str, a: str, b: str) -> str:
        return self.new(f"{op} {self.mask} {a}, {b}")

    def fma(self, a: str, b: str, c: str) -> str:
        name = f"llvm.fma.{self.emitter.suffix if self.width > 1 else 'v1f64'}"
        kind = self.real
        self.emitter.declared.setdefault(name, f"declare {kind} @{name}({kind}, {kind}, {kind})")
        return self.new(f"call {kind} @{name}({kind} {a}, {kind} {b}, {kind} {c})")

    # parts

    def draw(self, random: list[str], less: float) -> str:
        """A number of [1, 2) minus `less`; `random` is moved on."""
        a, b, c, d = random

        def word(op: str, x: str, y: str) -> str:
            return self.new(f"{op} {self.whole} {x}, {y}")

        result, t = word("add", a, d), word("shl", b, self.words(17))
        c, d = word("xor", c, a), word("xor", d, b)
        b, a = word("xor", b, c), word("xor", a, d)
        c = word("xor", c, t)
        d = word("or", word("shl", d, self.words(45)), word("lshr", d, self.words(19)))
        random[:] = [a, b, c, d]
        bits = word("or", word("lshr", result, self.words(12)), self.words(0x3FF0000000000000))
        return self.real_op("fsub", self.new(f"bitcast {self.whole} {bits} to {self.real}"), self.number(less))

    def minus_log(self, w: str) -> str:
        """-log(w) for w in (0, 1)."""
        bits = self.new(f"bitcast {self.real} {w} to {self.whole}")
        high = self.new(f"ashr {self.whole} {bits}, {self.words(52)}")
        exponent = self.new(f"sub {self.whole} {high}, {self.words(1022)}")
        low = self.new(f"and {self.whole} {bits}, {self.words(0x000FFFFFFFFFFFFF)}")
        half = self.new(f"or {self.whole} {low}, {self.words(0x3FE0000000000000)}")
        m = self.new(f"bitcast {self.whole} {half} to {self.real}")
        small = self.new(f"fcmp olt {self.real} {m}, {self.number(0.70710678118654752440)}")
        m = self.new(f"select {self.mask} {small}, {self.real} {self.real_op('fadd', m, m)}, {self.real} {m}")
        power = self.new(f"sitofp {self.whole} {exponent} to {self.real}")
        less = self.real_op("fsub", power, self.number(1.0))
        power = self.new(f"select {self.mask} {small}, {self.real} {less}, {self.real} {power}")
        one = self.number(1.0)
        s = self.real_op("fdiv", self.real_op("fsub", m, one), self.real_op("fadd", m, one))
        z = self.real_op("fmul", s, s)
        p = self.number(LOG_SERIES[0])
        for coefficient in LOG_SERIES[1:]:
            p = self.fma(z, p, self.number(coefficient))
        log = self.fma(power, self.number(0.69314718055994530942), self.real_op("fmul", self.real_op("fadd", s, s), p))
        return self.new(f"fneg {self.real} {log}")

    def propensities(self, x: list[str]) -> tuple[list[str], list[str]]:
        """(sums of the first 1, 2, ... propensities, masks of lanes where one is negative)."""
        values = self._general(x)
        sums: list[str] = []
        wrong = []
        for j, one in enumerate(self.system.propensities):
            if one.constant is not None:
                value = self._elementary(one, j, x)
            else:
                value = values[j]
                wrong.append(self.new(f"fcmp olt {self.real} {value}, {self.number(0.0)}"))
            sums.append(self.real_op("fadd", sums[-1], value) if sums else value)
        return sums, wrong

    def _elementary(self, one: Propensity, j: int, x: list[str]) -> str:
        value, previous, drawn = f"%k{j}", -1, 0.0
        for i in one.reactants:
            drawn = drawn + 1.0 if i == previous else 0.0
            factor = self.real_op("fsub", x[i], self.number(drawn)) if drawn else x[i]
            value = self.real_op("fmul", value, factor)
            previous = i
        return value

    def _general(self, x: list[str]) -> dict[int, str]:
        """Values of laws that are formulas: the graph in this function's own registers."""
        general = {j: self.rates[j] for j, one in enumerate(self.system.propensities) if one.constant is None}
        if not general:
            return {}
        body = _Body(self.emitter, self.graph, self.layout, {})
        lowered = self.system.kernel.system
        states = {name: i for i, name in enumerate(lowered.state_symbols)}
        parameters = {name: i for i, name in enumerate(lowered.parameters)}
        for node in reachable(self.graph, list(general.values())):
            op, args = self.graph.ops[node], self.graph.args[node]
            if op == "const":
                continue
            if op == "input":
                name = args[0]
                body.names[node] = self._state(states[name], x) if name in states else f"%p{parameters[name]}"
                continue
            mark = self.names = self.names + 1
            body.lines = []
            body.compute(node)
            own = re.compile(rf"%([a-z]){node}(?!\d)")  # the same formula stands in two places: names of their own
            self.lines += [own.sub(rf"%\g<1>{node}m{mark}", line) for line in body.lines]
            body.names[node] = f"%v{node}m{mark}"
        return {j: body.value(node) for j, node in general.items()}

    def _state(self, i: int, x: list[str]) -> str:
        return x[i] if self.molecules[i] else self.real_op("fmul", x[i], f"%s{i}")

    def jumps(self, x: list[str], sums: list[str], u: str, live: str) -> list[str]:
        """The states after the reaction that u times the total falls on, in the lanes that are live."""
        at = self.real_op("fmul", u, sums[-1])
        below = [self.new(f"fcmp olt {self.real} {at}, {one}") for one in sums[:-1]]
        ones = "<" + ", ".join(["i1 true"] * self.width) + ">"
        fired, before = [], None
        for j in range(len(sums)):
            here = below[j] if j < len(below) else None
            if before is None:
                mask = here if here is not None else live
            else:
                beyond = self.both("xor", before, ones)
                mask = beyond if here is None else self.both("and", here, beyond)
            fired.append(mask if mask is live else self.both("and", mask, live))
            before = here
        after = list(x)
        for i in self.states:
            by_amount: dict[int, list[str]] = {}
            for j, one in enumerate(self.system.propensities):
                for k, amount in one.change:
                    if k == i and amount:
                        by_amount.setdefault(amount, []).append(fired[j])
            for amount, masks in by_amount.items():
                mask = masks[0]
                for other in masks[1:]:
                    mask = self.both("or", mask, other)
                moved = self.real_op("fadd", after[i], self.number(float(amount)))
                after[i] = self.new(f"select {self.mask} {mask}, {self.real} {moved}, {self.real} {after[i]}")
        return after

    def _unguarded(self) -> list[int]:
        """States that a law could use up beyond zero."""
        found = set()
        for one in self.system.propensities:
            for i, amount in one.change:
                if amount < 0 and (one.constant is None or one.reactants.count(i) < -amount):
                    found.add(i)
        return sorted(found)

    def text(self) -> str:
        """The whole module."""
        self.lines.append("entry:")
        for j, one in enumerate(self.system.propensities):
            if one.constant is not None:
                self._named(f"%k{j}", self.spread("constants", j))
        lowered = self.system.kernel.system
        used = self._inputs()
        for i, name in enumerate(lowered.parameters):
            if name in used:
                self._named(f"%p{i}", self.spread("p", i))
        for i, name in enumerate(lowered.state_symbols):
            if name in used and not self.molecules[i]:
                self._named(f"%s{i}", self.spread("scale", i))
        x = [self.load("x", i) for i in self.states]
        random = [self.new(f"bitcast {self.real} {self.load('random', k)} to {self.whole}") for k in range(4)]
        t, due = self.load("t"), self.load("due")
        live, fire = self.truth(self.load("live")), self.truth(self.load("fire"))
        sums, _ = self.propensities(x)
        first = self.jumps(x, sums, self.draw(random, 1.0), fire)
        self.lines.append("  br label %loop")
        self.lines.append("loop:")
        phis = len(self.lines)
        loop_x = [f"%x{i}" for i in self.states]
        loop_random = [f"%r{k}" for k in range(4)]
        sums, wrong = self.propensities(loop_x)
        now = list(loop_random)
        wait = self.real_op("fdiv", self.minus_log(self.draw(now, 1.0 - 2.0**-53)), sums[-1])
        later = self.real_op("fadd", "%now", wait)
        bad = self.new(f"fcmp uge {self.real} {sums[-1]}, {self.number(float('inf'))}")
        for mask in wrong:
            bad = self.both("or", bad, mask)
        for i in self._unguarded():
            low = self.new(f"fcmp olt {self.real} {loop_x[i]}, {self.number(0.0)}")
            bad = self.both("or", bad, low)
        passed = self.new(f"fcmp ugt {self.real} {later}, {due}")
        stop = self.both("and", self.both("or", passed, bad), live)
        flat = self.new(f"bitcast {self.mask} {stop} to i{self.width}")
        some = self.new(f"icmp ne i{self.width} {flat}, 0")
        enough = self.new("icmp sge i64 %count, %limit")
        leave = self.new(f"or i1 {some}, {enough}")
        self.lines.append(f"  br i1 {leave}, label %done, label %go")
        self.lines.append("go:")
        kept = list(now)
        after = self.jumps(loop_x, sums, self.draw(kept, 1.0), live)
        more = self.new("add i64 %count, 1")
        self.lines.append("  br label %loop")
        self.lines.append("done:")
        for i in self.states:
            self.store(loop_x[i], "x", i)
        for k in range(4):
            self.store(self.new(f"bitcast {self.whole} {now[k]} to {self.real}"), "random", k)
        self.store(
            self.new(f"select {self.mask} {bad}, {self.real} %now, {self.real} {later}"), "t"
        )  # of what went wrong
        flags = self.new(f"sext {self.mask} {bad} to {self.whole}")
        self.store(self.new(f"bitcast {self.whole} {flags} to {self.real}"), "bad")
        self.lines.append("  ret i64 %count")
        heads = [f"  {a} = phi {self.real} [ {b}, %entry ], [ {c}, %go ]" for a, b, c in zip(loop_x, first, after)]
        heads += [
            f"  {a} = phi {self.whole} [ {b}, %entry ], [ {c}, %go ]" for a, b, c in zip(loop_random, random, kept)
        ]
        heads.append(f"  %now = phi {self.real} [ {t}, %entry ], [ {later}, %go ]")
        heads.append(f"  %count = phi i64 [ 1, %entry ], [ {more}, %go ]")
        lines = [*self.lines[:phis], *heads, *self.lines[phis:]]
        arguments = ", ".join(f"{self.emitter.pointer} %{name}" for name in POINTERS)
        define = f'define i64 @{NAME}({arguments}, i64 %limit) nounwind "min-legal-vector-width"="512" "prefer-vector-width"="512" {{'
        return "\n".join([*self.emitter.declared.values(), define, *lines, "}"])

    def _named(self, name: str, value: str) -> None:
        """Give the last instruction's value a name that both copies of the formulas use."""
        self.lines[-1] = self.lines[-1].replace(f"  {value} =", f"  {name} =", 1)

    def _inputs(self) -> set:
        general = [self.rates[j] for j, one in enumerate(self.system.propensities) if one.constant is None]
        nodes = reachable(self.graph, general) if general else []
        return {self.graph.args[node][0] for node in nodes if self.graph.ops[node] == "input"}
