"""Typeset formulas as presentation MathML, which browsers draw without any script."""

from __future__ import annotations

from html import escape
from typing import Any

GREEK = {
    "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "epsilon": "ε", "zeta": "ζ", "eta": "η", "theta": "θ",
    "kappa": "κ", "lambda": "λ", "mu": "μ", "nu": "ν", "xi": "ξ", "rho": "ρ", "sigma": "σ", "tau": "τ", "phi": "φ",
    "chi": "χ", "psi": "ψ", "omega": "ω",
}  # fmt: skip
RELATIONS = {"<": "&lt;", "<=": "≤", ">": "&gt;", ">=": "≥", "==": "=", "!=": "≠"}
SUM, PRODUCT, POWER, ATOM = 1, 2, 3, 4  # how tightly the outermost operator binds


def equation(left: str, tree: Any) -> str:
    """`left = formula` as a MathML block; `left` is MathML made by `name` or `rate`."""
    return f'<math display="block"><mrow>{left}<mo>=</mo>{formula(tree)}</mrow></math>'


def inline(tree: Any) -> str:
    """A formula as a MathML element in a line of text."""
    return f'<math displaystyle="true">{formula(tree)}</math>'


def rate(id: str) -> str:
    """The time derivative of an id."""
    return f"<mfrac><mrow><mi>d</mi>{name(id)}</mrow><mrow><mi>d</mi><mi>t</mi></mrow></mfrac>"


def name(id: str) -> str:
    """An id, with what follows its first underscore as a subscript and Greek letters spelled as such."""
    head, _, tail = id.strip("_").partition("_")
    head = GREEK.get(head, head)
    if not head:
        return f"<mi>{escape(id)}</mi>"
    base = (
        f'<mi mathvariant="normal">{escape(head)}</mi>'
        if len(head) == 1 and head.isupper()
        else f"<mi>{escape(head)}</mi>"
    )
    return f"<msub>{base}<mtext>{escape(tail.replace('_', ' '))}</mtext></msub>" if tail else base


def formula(tree: Any) -> str:
    """MathML of an encoded formula (see `manyscale.study.formulas`)."""
    return _draw(tree)[0]


def number(value: float) -> str:
    """A number in at most six significant digits, powers of ten written out."""
    text = f"{value:.6g}"
    mantissa, _, exponent = text.partition("e")
    if not exponent:
        return f"<mn>{text.replace('-', '−')}</mn>"
    power = f"<msup><mn>10</mn><mn>{int(exponent)}</mn></msup>".replace("-", "−")
    if mantissa in ("1", "-1"):
        return power if mantissa == "1" else f"<mrow><mo>−</mo>{power}</mrow>"
    return f"<mrow><mn>{mantissa.replace('-', '−')}</mn><mo>·</mo>{power}</mrow>"


def _draw(tree: Any) -> tuple[str, int]:
    if tree is None:
        return "<mtext>undefined</mtext>", ATOM
    if isinstance(tree, bool):
        return f"<mtext>{str(tree).lower()}</mtext>", ATOM
    if isinstance(tree, (int, float)):
        return number(tree), (SUM if tree < 0 else PRODUCT if "e" in f"{tree:.6g}" else ATOM)
    if isinstance(tree, str):
        return name(tree), ATOM
    kind, *rest = tree
    return _DRAW[kind](rest)


def _wrapped(tree: Any, above: int) -> str:
    text, binding = _draw(tree)
    return text if binding >= above else f"<mrow><mo>(</mo>{text}<mo>)</mo></mrow>"


def _sign(tree: Any) -> tuple[bool, Any]:
    """Split a leading minus off a term."""
    if isinstance(tree, (int, float)) and not isinstance(tree, bool) and tree < 0:
        return True, -tree
    if isinstance(tree, list) and tree[0] == "*" and isinstance(tree[1], (int, float)) and tree[1] < 0:
        rest = tree[2:] if tree[1] == -1 and len(tree) > 2 else [-tree[1], *tree[2:]]
        return True, rest[0] if len(rest) == 1 else ["*", *rest]
    return False, tree


def _sum(terms: list) -> tuple[str, int]:
    signed = [_sign(term) for term in terms]
    signed.sort(key=lambda item: item[0])  # what adds before what subtracts
    parts = []
    for place, (negative, term) in enumerate(signed):
        if negative:
            parts.append("<mo>−</mo>")
        elif place:
            parts.append("<mo>+</mo>")
        parts.append(_wrapped(term, PRODUCT))
    return f"<mrow>{''.join(parts)}</mrow>", SUM


def _product(factors: list) -> tuple[str, int]:
    negative, tree = _sign(["*", *factors])
    if negative:
        return f"<mrow><mo>−</mo>{_wrapped(tree, PRODUCT)}</mrow>", SUM
    above, below = [], []
    for factor in factors:
        if isinstance(factor, list) and factor[0] == "^" and isinstance(factor[2], (int, float)) and factor[2] < 0:
            below.append(factor[1] if factor[2] == -1 else ["^", factor[1], -factor[2]])
        else:
            above.append(factor)
    if below:
        return f"<mfrac>{_row(above)}{_row(below)}</mfrac>", PRODUCT
    return _row(above), PRODUCT


def _row(factors: list) -> str:
    if not factors:
        return "<mn>1</mn>"
    if len(factors) == 1:
        return f"<mrow>{formula(factors[0])}</mrow>"
    pieces: list[str] = []
    for place, factor in enumerate(factors):
        if place:
            dot = isinstance(factor, (int, float)) or isinstance(factors[place - 1], (int, float)) is False
            pieces.append("<mo>·</mo>" if dot else "<mo>&#x2062;</mo>")
        pieces.append(_wrapped(factor, PRODUCT))
    return f"<mrow>{''.join(pieces)}</mrow>"


def _power(rest: list) -> tuple[str, int]:
    base, exponent = rest
    if exponent == 0.5:
        return f"<msqrt>{formula(base)}</msqrt>", ATOM
    if isinstance(exponent, (int, float)) and exponent < 0:
        below = formula(base) if exponent == -1 else _power([base, -exponent])[0]
        return f"<mfrac><mn>1</mn><mrow>{below}</mrow></mfrac>", PRODUCT
    return f"<msup><mrow>{_wrapped(base, ATOM)}</mrow><mrow>{formula(exponent)}</mrow></msup>", POWER


def _call(rest: list) -> tuple[str, int]:
    function, *arguments = rest
    if function == "exp":
        return f"<msup><mi>e</mi><mrow>{formula(arguments[0])}</mrow></msup>", POWER
    inside = "<mo>,</mo>".join(formula(argument) for argument in arguments)
    if function == "abs":
        return f"<mrow><mo>|</mo>{inside}<mo>|</mo></mrow>", ATOM
    return f"<mrow><mi>{escape(function)}</mi><mo>&#x2061;</mo><mo>(</mo>{inside}<mo>)</mo></mrow>", ATOM


def _relation(rest: list) -> tuple[str, int]:
    operator, left, right = rest
    return f"<mrow>{formula(left)}<mo>{RELATIONS[operator]}</mo>{formula(right)}</mrow>", 0


def _logic(rest: list) -> tuple[str, int]:
    operator, *arguments = rest
    if operator == "not":
        return f"<mrow><mtext>not&#xa0;</mtext>{_wrapped(arguments[0], SUM)}</mrow>", 0
    glue = f"<mtext>&#xa0;{operator}&#xa0;</mtext>"
    return f"<mrow>{glue.join(_wrapped(argument, SUM) for argument in arguments)}</mrow>", 0


def _piecewise(rest: list) -> tuple[str, int]:
    pieces, otherwise = rest
    rows = [
        f"<mtr><mtd>{formula(value)}</mtd><mtd><mtext>if&#xa0;</mtext>{formula(condition)}</mtd></mtr>"
        for value, condition in pieces
    ]
    rows.append(f"<mtr><mtd>{formula(otherwise)}</mtd><mtd><mtext>otherwise</mtext></mtd></mtr>")
    return f'<mrow><mo>{{</mo><mtable columnalign="left left">{"".join(rows)}</mtable></mrow>', ATOM


_DRAW = {
    "+": _sum, "*": _product, "^": _power, "call": _call, "relation": _relation, "logic": _logic,
    "piecewise": _piecewise,
    "time": lambda rest: ("<mi>t</mi>", ATOM),
    "bool": lambda rest: (f"<mtext>{str(rest[0]).lower()}</mtext>", ATOM),
    "delay": lambda rest: (
        f"<mrow>{_wrapped(rest[0], ATOM)}<mo>(</mo><mi>t</mi><mo>−</mo>{_wrapped(rest[1], PRODUCT)}<mo>)</mo></mrow>",
        ATOM,
    ),
    "rate of": lambda rest: (rate(rest[0]), ATOM),
}  # fmt: skip
