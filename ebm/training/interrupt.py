"""Ctrl-C during training: held back while parameters change, so that they are never left half updated.

Python raises KeyboardInterrupt wherever the main thread happens to be. Within `listening` the first one is
raised at once only outside `CtrlC.held`; inside, it waits for `CtrlC.check`. The second is always raised at
once.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class CtrlC:
    """Counts the interrupts and decides when to raise them."""

    def __init__(self) -> None:
        self.presses = 0
        self._holding = False

    def handle(self, number: int, frame: FrameType | None) -> None:
        """Take the signal (a handler for `signal.signal`)."""
        self.presses += 1
        if self.presses > 1 or not self._holding:
            raise KeyboardInterrupt

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the first interrupt back during this block."""
        self._holding = True
        try:
            yield
        finally:
            self._holding = False

    def check(self) -> None:
        """Raise an interrupt that was held back."""
        if self.presses:
            raise KeyboardInterrupt


@contextmanager
def listening() -> Iterator[CtrlC]:
    """Handle SIGINT in this block where that is ours to do: in the main thread, for Python's own handler."""
    ctrl_c = CtrlC()
    in_main = threading.current_thread() is threading.main_thread()
    if not in_main or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield ctrl_c  # never told of a signal: whoever handles SIGINT goes on doing so
        return
    before = signal.signal(signal.SIGINT, ctrl_c.handle)
    try:
        yield ctrl_c
    finally:
        signal.signal(signal.SIGINT, before)
