"""Progress of long runs: a bar on the terminal, or a function of the caller."""

from __future__ import annotations

import os
import sys
import threading
import time


def cores() -> int:
    """How many threads this process may run at once."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # only Linux tells
        return os.cpu_count() or 1


class Progress:
    """A bar on the terminal for runs that take more than a second; silent otherwise."""

    def __init__(self, label: str):
        self.label, self.begun, self.bar = label, time.monotonic(), None

    def __call__(self, share: float) -> None:
        if self.bar is None and time.monotonic() - self.begun > 1.0:
            self._open()
        if self.bar is not None:
            self.bar.update(self.task, completed=share)

    def _open(self) -> None:
        if threading.current_thread() is not threading.main_thread() or not sys.stderr.isatty():
            return
        from rich.console import Console
        from rich.progress import Progress as Bar

        self.bar = Bar(console=Console(stderr=True), transient=True)
        self.bar.start()
        self.task = self.bar.add_task(self.label, total=1.0)

    def close(self) -> None:
        if self.bar is not None:
            self.bar.stop()
