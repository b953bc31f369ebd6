"""Formulas to SymPy and back. The only file that imports SymPy."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from manyscale.errors import UnsupportedError
from manyscale.model import expr as e

_NAMES = {  # function of FUNCTIONS -> SymPy
    "exp": "exp", "ln": "log", "abs": "Abs", "floor": "floor", "ceil": "ceiling", "factorial": "factorial",
    "min": "Min", "max": "Max",
    **{name: name for name in ("sin", "cos", "tan", "sec", "csc", "cot", "sinh", "cosh", "tanh", "sech", "csch", "coth")},
    **{f"arc{name}": f"a{name}" for name in ("sin", "cos", "tan", "sec", "csc", "cot", "sinh", "cosh", "tanh", "sech",
                                             "csch", "coth")},
}  # fmt: skip
_BACK = {sympy_name: name for name, sympy_name in _NAMES.items()}
_RELATIONS = {"<": "Lt", "<=": "Le", ">": "Gt", ">=": "Ge", "==": "Eq", "!=": "Ne"}
_LOGIC = {"and": "And", "or": "Or", "xor": "Xor", "not": "Not", "implies": "Implies"}


def time_symbol() -> Any:
    """The SymPy symbol that stands for the simulation time (a model's own symbol `time` is a different one)."""
    import sympy

    return sympy.Symbol("time", real=True)


def to_sympy(expr: e.Expr, *, rational: bool = False) -> Any:
    """The expression in SymPy; symbols become plain `sympy.Symbol` of the same name.

    Whole numbers become integers, other numbers 53-bit floats, or with `rational` the exact fractions of their
    decimal text (0.1 is 1/10). Units on numbers are dropped. Model functions, delay, rateOf, quotient and rem become
    undefined functions. SymPy may reorder terms and fold numbers; `from_sympy` gives an equal expression.
    """
    import sympy

    return _To(sympy, rational).value(expr)


class _To:
    def __init__(self, sympy: Any, rational: bool):
        self.sympy, self.rational = sympy, rational

    def number(self, value: float) -> Any:
        sympy = self.sympy
        if math.isnan(value):
            return sympy.nan
        if math.isinf(value):
            return sympy.oo if value > 0 else -sympy.oo
        if value == math.pi:
            return sympy.pi
        if value == int(value):
            return sympy.Integer(int(value))
        return sympy.Rational(repr(value)) if self.rational else sympy.Float(value)

    def value(self, expr: e.Expr) -> Any:
        """As a number; booleans become 0 and 1."""
        sympy = self.sympy
        match expr:
            case e.Symbol(name):
                return sympy.Symbol(name)
            case e.Number(value, _):
                return self.number(value)
            case e.Time():
                return time_symbol()
            case e.Add(terms):
                return sympy.Add(*map(self.value, terms))
            case e.Mul(factors):
                return sympy.Mul(*map(self.value, factors))
            case e.Power(base, e.Number(0.5, _)):
                return sympy.sqrt(self.value(base))
            case e.Power(base, exponent):
                return sympy.Pow(self.value(base), self.value(exponent))
            case e.Call(function, arguments):
                return self.call(function, [self.value(a) for a in arguments])
            case e.Piecewise(pieces, otherwise):
                pairs = [(self.value(value), self.condition(condition)) for value, condition in pieces]
                pairs += [] if otherwise is None else [(self.value(otherwise), True)]
                return sympy.Piecewise(*pairs) if pairs else sympy.nan
            case e.Delay(argument, lag):
                return sympy.Function("delay")(self.value(argument), self.value(lag))
            case e.RateOf(name):
                return sympy.Function("rateOf")(sympy.Symbol(name))
            case e.Bool(value):
                return sympy.Integer(int(value))
        return sympy.Piecewise((1, self.condition(expr)), (0, True))

    def call(self, function: str, arguments: list) -> Any:
        sympy = self.sympy
        if function == "log10":
            return sympy.log(arguments[0]) / sympy.log(10)
        if function in _NAMES:
            return getattr(sympy, _NAMES[function])(*arguments)
        return sympy.Function(function)(*arguments)

    def condition(self, expr: e.Expr) -> Any:
        """As a boolean; numbers are compared with zero."""
        sympy = self.sympy
        match expr:
            case e.Bool(value):
                return sympy.true if value else sympy.false
            case e.Relation(operator, left, right):
                return getattr(sympy, _RELATIONS[operator])(self.value(left), self.value(right))
            case e.Logic(operator, arguments):
                return getattr(sympy, _LOGIC[operator])(*map(self.condition, arguments))
        return sympy.Ne(self.value(expr), 0)


def from_sympy(value: Any) -> e.Expr:
    """The expression of something in SymPy (a Python number too). Raises UnsupportedError for what has no counterpart
    (integrals, sums, matrices, complex numbers, ...), naming it."""
    import sympy

    return _From(sympy).read(sympy.sympify(value))


def factored(expr: e.Expr) -> e.Expr:
    """An equal formula with common factors cancelled and taken out, as people write it; the same where SymPy cannot."""
    import sympy

    value = to_sympy(expr)
    positive = {symbol: sympy.Symbol(symbol.name, positive=True) for symbol in value.free_symbols}
    back = {new: old for old, new in positive.items()}
    try:
        return from_sympy(sympy.factor(sympy.cancel(sympy.together(value.xreplace(positive)))).xreplace(back))
    except (sympy.PolynomialError, UnsupportedError):
        return expr


def null_vector(rows: Sequence[Sequence[e.Expr]]) -> list[e.Expr] | None:
    """Polynomials x with row . x = 0 for each row, where there is one such direction; None where there is not, or where the
    entries are no fractions of polynomials."""
    import sympy
    from sympy.polys.matrices import DomainMatrix

    table = sympy.Matrix([[to_sympy(entry, rational=True) for entry in row] for row in rows])
    try:
        found = DomainMatrix.from_Matrix(table).to_field().nullspace().to_Matrix()
        if found.rows != 1:
            return None
        parts = [sympy.fraction(sympy.cancel(entry)) for entry in found.row(0)]
        below = sympy.lcm([under for _, under in parts])
        values = [sympy.expand(sympy.cancel(above * below / under)) for above, under in parts]
        return [from_sympy(value) for value in values]
    except (sympy.PolynomialError, UnsupportedError, NotImplementedError):
        return None


def closed_half(expr: e.Expr, name: str) -> dict[str, Any] | None:
    """For a formula c * g^N in which the N-th root g is a fraction of first degree in `name` that goes from 0 to g_inf:
    {"half_point": value of `name` where it is half of its limit, "n_half": slope of its logit against ln(name) there,
    "n_half_text": the same before it was evaluated, "sites": N}. None for other formulas."""
    import sympy

    value = to_sympy(expr)
    positive = {symbol: sympy.Symbol(symbol.name, positive=True) for symbol in value.free_symbols}
    back = {new: old for old, new in positive.items()}
    x = positive.get(sympy.Symbol(name))
    value = sympy.nsimplify(value.xreplace(positive), rational=True)
    if x is None:
        return None
    try:
        above, below = sympy.fraction(sympy.cancel(value))
        powers = [(f, k) for part in (above, below) for f, k in sympy.factor_list(part)[1] if f.has(x)]
    except sympy.PolynomialError:
        return None
    numbers = {int(k) for _, k in powers}
    if len(numbers) != 1 or len(powers) != 2 or any(sympy.degree(f, x) != 1 for f, _ in powers):
        return None
    (number,) = numbers
    root = powers[0][0] / powers[1][0]
    if root.subs(x, 0) != 0:
        return None
    root = sympy.cancel(root / sympy.limit(root, x, sympy.oo))
    share = sympy.Integer(2) ** (-sympy.Rational(1, number))
    half = sympy.factor(sympy.solve(sympy.Eq(root, share), x)[0])
    slope = sympy.simplify((2 * number * x * sympy.diff(sympy.log(root), x)).subs(x, half))
    law = 2 * number * (1 - share)
    if sympy.simplify(slope - law) != 0:
        return None
    return {"half_point": from_sympy(sympy.radsimp(half).xreplace(back)), "n_half": from_sympy(law),
            "n_half_text": f"2*{number}*(1 - 2^(-1/{number}))", "sites": from_sympy(number)}  # fmt: skip


class _From:
    def __init__(self, sympy: Any):
        self.sympy = sympy
        self.time = time_symbol()
        self.relations = {getattr(sympy, name): sign for sign, name in _RELATIONS.items()}
        self.logic = {getattr(sympy, name): word for word, name in _LOGIC.items()}

    def refuse(self, value: Any):
        kind = type(value).__name__
        raise UnsupportedError(kind, f"{kind} ({str(value)[:60]}) has no counterpart in a model's formulas")

    def read(self, value: Any) -> e.Expr:
        sympy = self.sympy
        if value.is_Symbol:
            return e.Time() if value == self.time else e.Symbol(value.name)
        if value.is_Number or value.is_NumberSymbol:
            return e.Number(float(value))
        if value.is_Add:
            return e.add(*map(self.read, value.args))
        if value.is_Mul:
            return self.product(value)
        if value.is_Pow:
            return e.power(self.read(value.base), self.read(value.exp))
        if value.is_Piecewise:
            return self.piecewise(value)
        if value in (sympy.true, sympy.false):
            return e.Bool(bool(value))
        if value.func in self.relations:
            return e.Relation(self.relations[value.func], *map(self.read, value.args))
        if value.func in self.logic:
            return e.Logic(self.logic[value.func], tuple(map(self.read, value.args)))
        if value.is_Function:
            return self.function(value)
        return self.refuse(value)

    def product(self, value: Any) -> e.Expr:
        factors = list(value.args)
        tenth = 1 / self.sympy.log(10)
        if tenth in factors:  # log(x)/log(10) is how SymPy writes log10
            for factor in factors:
                if factor.func == self.sympy.log and not factor.is_number:
                    factors.remove(tenth)
                    factors.remove(factor)
                    return e.mul(*map(self.read, factors), e.Call("log10", (self.read(factor.args[0]),)))
        return e.mul(*map(self.read, factors))

    def piecewise(self, value: Any) -> e.Expr:
        pairs = [(self.read(v), c) for v, c in value.args]
        otherwise = pairs.pop()[0] if pairs[-1][1] == self.sympy.true else None
        return e.Piecewise(tuple((v, self.read(c)) for v, c in pairs), otherwise)

    def function(self, value: Any) -> e.Expr:
        name = type(value).__name__
        arguments = tuple(map(self.read, value.args))
        if name in _BACK:
            return e.Call(_BACK[name], arguments)
        if not isinstance(value, self.sympy.core.function.AppliedUndef):
            return self.refuse(value)
        if name == "delay" and len(arguments) == 2:
            return e.Delay(*arguments)
        if name == "rateOf" and type(arguments[0]) is e.Symbol:
            return e.RateOf(arguments[0].name)
        return e.Call(name, arguments)
