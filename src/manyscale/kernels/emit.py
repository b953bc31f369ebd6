"""LLVM assembly for functions over a `Graph`: straight code, one instruction per node.

With `lanes` > 1 every value is a vector of that many numbers, and so is every place of the arrays.
"""

from __future__ import annotations

import struct

from manyscale.kernels.graph import OPERATIONS, Graph

ARITHMETIC = {"add": "fadd", "sub": "fsub", "mul": "fmul", "div": "fdiv"}
INTRINSICS = {"sqrt": "sqrt", "abs": "fabs", "floor": "floor", "ceil": "ceil", "trunc": "trunc"}
COMPARISONS = {"lt": "olt", "le": "ole", "eq": "oeq", "ne": "une"}
CALLS = {  # functions of the core by name (function_addresses in core/tape.cpp), with their number of arguments
    **dict.fromkeys(
        ("exp", "log", "log10", "sin", "cos", "tan", "sinh", "cosh", "tanh", "asin", "acos", "atan", "asinh", "acosh",
         "atanh", "factorial"), 1),
    "pow": 2, "fmod": 2, "dpow": 3, "dpown": 3,
}  # fmt: skip
SYMBOL_PREFIX = "manyscale_"
PIECE = 300  # nodes in one function


def literal(value: float) -> str:
    """A double in LLVM's exact notation."""
    return f"0x{struct.unpack('<Q', struct.pack('<d', value))[0]:016X}"


class Emitter:
    """Text of one module; `pointer` is "ptr" or, for LLVM before 15, "double*". one_by_one: functions of the core are
    called for each lane alone, which gives the same numbers whatever the number of lanes."""

    def __init__(self, pointer: str, lanes: int = 1, one_by_one: bool = False):
        self.pointer, self.lanes, self.one_by_one = pointer, lanes, one_by_one
        self.type, self.truth = ("double", "i1") if lanes == 1 else (f"<{lanes} x double>", f"<{lanes} x i1>")
        self.suffix = "f64" if lanes == 1 else f"v{lanes}f64"
        self.time = "double %t" if lanes == 1 else f"{pointer} %t"
        self.functions: list[str] = []
        self.declared: dict[str, str] = {}

    def module(self) -> str:
        return "\n".join([*self.declared.values(), *self.functions])

    def add_function(self, name: str, graph: Graph, nodes, outputs, places, layout) -> int:
        """`void name(double t, y, slots, out)`: out[places[k]] = outputs[k]; a node may be several outputs.

        States are read from `y`; whatever has a permanent slot in `layout` (p, constants, what depends on p alone)
        from `slots`. Long code is cut into several functions, because code generation takes more than linear time;
        what they share lies in slots from `layout.slots` on. Returns how many such slots there are.
        """
        todo = [node for node in nodes if node not in layout.slot]
        pieces = [todo[k : k + PIECE] for k in range(0, len(todo), PIECE)] or [[]]
        written: dict[int, list[int]] = {}
        for node, place in zip(outputs, places):
            written.setdefault(node, []).append(place)
        shared = _shared(graph, pieces, layout.slots)
        names = [f"{name}_{k}" for k in range(len(pieces))] if len(pieces) > 1 else [name]
        for piece, own_name in zip(pieces, names):
            body = _Body(self, graph, layout, shared)
            for node in piece:
                body.compute(node)
                if node in shared:
                    body.store("s", shared[node], body.value(node))
                for place in written.pop(node, ()):
                    body.store("o", place, body.value(node))
            if own_name == names[-1]:
                for node, rest in written.items():
                    for place in rest:
                        body.store("o", place, body.value(node))
            self._define(own_name, body.head + body.lines, "internal " if len(names) > 1 else "")
        if len(names) > 1:
            parameters = f"{self.time}, {self.pointer} %y, {self.pointer} %s, {self.pointer} %o"
            self._define(name, [f"  call void @{own}({parameters})" for own in names], "")
        return len(shared)

    def _define(self, name: str, lines: list[str], linkage: str) -> None:
        pointer = self.pointer
        arguments = f"{self.time}, {pointer} %y, {pointer} %s, {pointer} noalias %o"
        head = f"define {linkage}void @{name}({arguments}) nounwind noinline {{"
        self.functions.append("\n".join([head, *lines, "  ret void", "}"]))

    def number(self, value: float) -> str:
        """A constant."""
        one = literal(value)
        return one if self.lanes == 1 else "<" + ", ".join([f"double {one}"] * self.lanes) + ">"

    def declare(self, name: str, count: int) -> None:
        if name not in self.declared:
            arguments = ", ".join(["double"] * count)
            self.declared[name] = f"declare double @{name}({arguments}) nounwind readnone"


def _shared(graph: Graph, pieces: list[list[int]], first: int) -> dict[int, int]:
    """Slot of every node that a later piece than its own uses."""
    home = {node: k for k, piece in enumerate(pieces) for node in piece}
    crossing: dict[int, int] = {}
    for k, piece in enumerate(pieces) if len(pieces) > 1 else ():
        for node in piece:
            for a in graph.args[node]:
                if home.get(a, k) != k and a not in crossing:
                    crossing[a] = first + len(crossing)
    return crossing


class _Body:
    """Instructions of one function."""

    def __init__(self, emitter: Emitter, graph: Graph, layout, shared: dict[int, int]):
        self.emitter, self.graph, self.layout, self.shared = emitter, graph, layout, shared
        self.head: list[str] = []  # what has to stand before everything else
        self.lines: list[str] = []
        self.names: dict[int, str] = {}

    def compute(self, node: int) -> None:
        arguments = [self.value(a) for a in self.graph.args[node]]
        self.names[node] = result = f"%v{node}"
        self.lines.append(f"  {result} = " + self._operation(self.graph.ops[node], arguments, node))

    def value(self, node: int) -> str:
        """Name of a node's value, loaded when it is not computed here."""
        name = self.names.get(node)
        if name is None:
            if self.graph.ops[node] == "const":
                name = self.emitter.number(self.graph.args[node][0])
            else:
                slot = self.layout.slot.get(node)
                name = self._load(node, self.shared[node] if slot is None else slot)
            self.names[node] = name
        return name

    def _load(self, node: int, slot: int) -> str:
        states = self.layout.states
        if slot == states and self.emitter.lanes == 1:
            return "%t"
        base = "%t" if slot == states else "%y" if slot < states else "%s"
        self._read(f"%v{node}", base, 0 if slot == states else slot)
        return f"%v{node}"

    def _read(self, name: str, base: str, place: int) -> None:
        kind, address = self.emitter.type, self._address(name[1:], base, place)
        self.lines.append(f"  {name} = load {kind}, {address}, align 8")

    def _address(self, name: str, base: str, place: int) -> str:
        """Pointer to a place of an array, with its type."""
        emitter = self.emitter
        self.lines.append(f"  %a{name} = getelementptr double, {emitter.pointer} {base}, i64 {place * emitter.lanes}")
        if emitter.lanes == 1 or emitter.pointer == "ptr":
            return f"{emitter.pointer} %a{name}"
        self.lines.append(f"  %b{name} = bitcast {emitter.pointer} %a{name} to {emitter.type}*")
        return f"{emitter.type}* %b{name}"

    def store(self, base: str, place: int, value: str) -> None:
        address = self._address(f"{base}{place}", f"%{base}", place)
        self.lines.append(f"  store {self.emitter.type} {value}, {address}, align 8")

    def _operation(self, op: str, x: list[str], node: int) -> str:
        kind, truth, number = self.emitter.type, self.emitter.truth, self.emitter.number
        if op in ARITHMETIC:
            flags = "" if op == "div" else "contract "
            return f"{ARITHMETIC[op]} {flags}{kind} {x[0]}, {x[1]}"
        if op == "neg":
            return f"fneg {kind} {x[0]}"
        if op in INTRINSICS:
            name = f"llvm.{INTRINSICS[op]}.{self.emitter.suffix}"
            self.emitter.declared.setdefault(name, f"declare {kind} @{name}({kind})")
            return f"call {kind} @{name}({kind} {x[0]})"
        if op in CALLS and self.emitter.lanes > 1:
            return self._calls(op, x, node) if self.emitter.one_by_one else self._lane_call(op, x, node)
        if op in CALLS:
            name = SYMBOL_PREFIX + op
            self.emitter.declare(name, CALLS[op])
            return f"call double @{name}({', '.join(f'double {a}' for a in x)})"
        if op == "select":
            self._truth(node, x[0], "c")
            return f"select {truth} %c{node}, {kind} {x[1]}, {kind} {x[2]}"
        if op in COMPARISONS:
            self.lines.append(f"  %c{node} = fcmp {COMPARISONS[op]} {kind} {x[0]}, {x[1]}")
        elif op in ("and", "or", "xor"):
            self._truth(node, x[0], "l")
            self._truth(node, x[1], "r")
            self.lines.append(f"  %c{node} = {op} {truth} %l{node}, %r{node}")
        elif op == "not":
            self.lines.append(f"  %c{node} = fcmp oeq {kind} {x[0]}, {number(0.0)}")
        elif op in ("min", "max"):
            order = "olt" if op == "min" else "ogt"
            self.lines.append(f"  %l{node} = fcmp {order} {kind} {x[0]}, {x[1]}")
            self.lines.append(f"  %r{node} = fcmp uno {kind} {x[0]}, {x[0]}")
            self.lines.append(f"  %c{node} = or {truth} %l{node}, %r{node}")
            return f"select {truth} %c{node}, {kind} {x[0]}, {kind} {x[1]}"
        elif op == "sign":
            self.lines.append(f"  %l{node} = fcmp olt {kind} {x[0]}, {number(0.0)}")
            self.lines.append(f"  %n{node} = select {truth} %l{node}, {kind} {number(-1.0)}, {kind} {x[0]}")
            self.lines.append(f"  %c{node} = fcmp ogt {kind} {x[0]}, {number(0.0)}")
            return f"select {truth} %c{node}, {kind} {number(1.0)}, {kind} %n{node}"
        else:
            raise ValueError(f"no code for {op}")
        return f"select {truth} %c{node}, {kind} {number(1.0)}, {kind} {number(0.0)}"

    def _truth(self, node: int, value: str, letter: str) -> None:
        kind, zero = self.emitter.type, self.emitter.number(0.0)
        self.lines.append(f"  %{letter}{node} = fcmp une {kind} {value}, {zero}")

    def _calls(self, op: str, x: list[str], node: int) -> str:
        """A function of the core called for one lane after the other."""
        emitter = self.emitter
        name, kind = SYMBOL_PREFIX + op, emitter.type
        emitter.declare(name, CALLS[op])
        whole = "undef"
        for lane in range(emitter.lanes):
            for k, value in enumerate(x):
                self.lines.append(f"  %l{node}_{lane}_{k} = extractelement {kind} {value}, i32 {lane}")
            given = ", ".join(f"double %l{node}_{lane}_{k}" for k in range(len(x)))
            self.lines.append(f"  %r{node}_{lane} = call double @{name}({given})")
            text = f"insertelement {kind} {whole}, double %r{node}_{lane}, i32 {lane}"
            if lane == emitter.lanes - 1:
                return text
            whole = f"%n{node}_{lane}"
            self.lines.append(f"  {whole} = {text}")
        raise AssertionError

    def _lane_call(self, op: str, x: list[str], node: int) -> str:
        """A function that the core computes for all lanes: through four places on the stack."""
        emitter = self.emitter
        emitter.declared.setdefault(
            "lane_operation", f"declare void @{SYMBOL_PREFIX}lane_operation(i32, {emitter.pointer}) nounwind"
        )
        room = "%room"
        if not self.head:
            places = f"[{4 * emitter.lanes} x double]"
            array = "ptr" if emitter.pointer == "ptr" else f"{places}*"
            self.head.append(f"  %array = alloca {places}, align 64")
            self.head.append(f"  {room} = getelementptr {places}, {array} %array, i64 0, i64 0")
        for k, value in enumerate(x):
            address = self._address(f"{node}_{k}", room, k + 1)
            self.lines.append(f"  store {emitter.type} {value}, {address}, align 8")
        code = OPERATIONS.index(op)
        self.lines.append(f"  call void @{SYMBOL_PREFIX}lane_operation(i32 {code}, {emitter.pointer} {room})")
        address = self._address(f"{node}_r", room, 0)
        return f"load {emitter.type}, {address}, align 8"
