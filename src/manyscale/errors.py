"""Every error a user can cause. Each message says what is wrong, where, and how to fix it."""

from __future__ import annotations


class ManyscaleError(Exception):
    """Base of all errors raised on purpose; the command line turns it into one line and an exit code."""

    exit_code = 2


class InputError(ManyscaleError):
    """The input cannot be used as it is: missing file, malformed text, unknown name, impossible value."""


class UnsupportedError(ManyscaleError):
    """The input is valid but uses an element that is not supported; the element is named."""

    exit_code = 3

    def __init__(self, element: str, message: str):
        super().__init__(message)
        self.element = element


class UnitsError(InputError):
    """Units are missing where they are needed, or dimensions disagree."""


class SimulationError(ManyscaleError):
    """A numerical method gave up. `partial` keeps what had been computed."""

    def __init__(self, message: str, partial=None):
        super().__init__(message)
        self.partial = partial
