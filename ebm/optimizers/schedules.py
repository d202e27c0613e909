"""Schedules: a rate as a function of progress t, from 0 at the first update to 1 after the last.

A falling rate is what makes stochastic approximation converge (Robbins & Monro 1951, doi:10.1214/aoms/1177729586,
eqs. 5 and 6): the noise of the updates dies out while their sum can still reach any point.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np


class Schedule(Protocol):
    """What takes progress in [0, 1] to a rate."""

    def __call__(self, progress: np.ndarray) -> np.ndarray:
        """Return the rates at these points, of the same shape."""
        ...


@dataclass(frozen=True)
class Constant:
    """r(t) = value."""

    value: float

    def __call__(self, progress: np.ndarray) -> np.ndarray:
        """Return the rates at these points."""
        return np.full(np.shape(progress), self.value)


@dataclass(frozen=True)
class Linear:
    """r(t) = start + (end - start) t."""

    start: float
    end: float = 0.0

    def __call__(self, progress: np.ndarray) -> np.ndarray:
        """Return the rates at these points."""
        return self.start + (self.end - self.start) * np.asarray(progress)


@dataclass(frozen=True)
class Exponential:
    """r(t) = start (end / start)^t; both above 0."""

    start: float
    end: float

    def __post_init__(self) -> None:
        """Refuse what has no logarithm."""
        if self.start <= 0 or self.end <= 0:
            raise ValueError(f"Exponential needs start > 0 and end > 0, got {self.start} and {self.end}")

    def __call__(self, progress: np.ndarray) -> np.ndarray:
        """Return the rates at these points."""
        return self.start * (self.end / self.start) ** np.asarray(progress)


@dataclass(frozen=True)
class InverseTime:
    """r(t) = start / (1 + t / half_at): half of the start at t = half_at."""

    start: float
    half_at: float = 0.5

    def __post_init__(self) -> None:
        """Refuse a time that is none."""
        if self.half_at <= 0:
            raise ValueError(f"InverseTime needs half_at > 0, got {self.half_at}")

    def __call__(self, progress: np.ndarray) -> np.ndarray:
        """Return the rates at these points."""
        return self.start / (1.0 + np.asarray(progress) / self.half_at)


def as_schedule(rate: float | Schedule, name: str = "rate") -> Schedule:
    """Take a number for a constant schedule, and leave schedules as they are.

    Raises
    ------
    ValueError
        When a number is negative or not finite, with the parameter's ``name``.
    """
    if callable(rate):
        return rate
    if not np.isfinite(rate) or rate < 0:
        raise ValueError(f"{name} must be a finite number >= 0 or a schedule, got {rate!r}")
    return Constant(float(rate))
