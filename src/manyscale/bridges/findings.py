"""What an audit says about one law."""

from __future__ import annotations

from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Finding:
    """law: its name. what: enzyme and substrate. reactions: ids. formula: of the number `value`, which should be below
    `threshold`. error: measured with the law in place, share of the largest value, None where it could not be run.
    valid: None where the model does not tell. sentence: the same in words."""

    law: str
    what: str
    reactions: tuple[str, ...]
    formula: str
    value: float | None
    threshold: float | None
    error: float | None
    valid: bool | None
    sentence: str

    def __str__(self) -> str:
        word = {True: "valid", False: "NOT VALID", None: "cannot be told"}[self.valid]
        return f"{self.what} ({', '.join(self.reactions)}), {self.law}: {word}. {self.sentence}"

    def to_dict(self) -> dict:
        return asdict(self)
