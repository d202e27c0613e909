"""Timing on a machine that is not ours alone: wait until it is quiet, and tell how much others computed meanwhile."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

STAT = Path("/proc/stat")


@dataclass(frozen=True)
class Timing:
    """Wall time of some work, and CPU time that others took from the machine meanwhile, in seconds."""

    seconds: float
    foreign: float

    @property
    def clean(self) -> bool:
        """Whether others stood still: two ticks of the kernel's clock are forgiven, and 5 % of one core."""
        return self.foreign <= 0.02 + 0.05 * self.seconds

    def __add__(self, other: Timing) -> Timing:
        return Timing(self.seconds + other.seconds, self.foreign + other.foreign)

    asdict = asdict


def _others() -> float:
    """CPU seconds of all other processes, and stolen by other machines, since boot; 0 where Linux does not tell."""
    if not STAT.exists():
        return 0.0
    user, nice, system, _, _, irq, softirq, steal = map(int, STAT.read_text().split(maxsplit=9)[1:9])
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK") - time.process_time()


def timed(work: Callable[[], object]) -> Timing:
    """Time one call."""
    before, start = _others(), time.perf_counter()
    work()
    seconds = time.perf_counter() - start
    return Timing(seconds, max(_others() - before, 0.0))


class Patience:
    """Waiting for others to stand still, ``seconds`` in all: where they never do, measuring must go on nevertheless."""

    def __init__(self, seconds: float = 20.0) -> None:
        self.seconds = seconds

    def settle(self) -> None:
        """Return as soon as others stand still, or when patience is at an end."""
        while self.seconds > 0 and not (pause := timed(lambda: time.sleep(0.05))).clean:
            self.seconds -= pause.seconds
