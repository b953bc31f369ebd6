"""What is wrong in a model, where, and how to mend it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Violation:
    place: str  # "reaction v1", "species S"
    message: str
    fix: str = ""

    def __str__(self) -> str:
        return f"{self.place}: {self.message}" + (f"; {self.fix}" if self.fix else "")
