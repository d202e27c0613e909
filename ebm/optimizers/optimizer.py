"""What an optimiser is: plain hyper-parameters, and a step over one flat vector of all parameters.

Whatever changes from update to update, rates and Adam's corrections, is a row of a table of the epoch, made before it
(`rates`), so that a recorded or captured update reads it anew. Motion (velocities, running means) is in arrays of the
parameters' length, which a checkpoint keeps (`slots`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np

from ebm.optimizers.schedules import Schedule, as_schedule


@dataclass(frozen=True)
class Optimizer(ABC):
    """What all optimisers share: a learning rate, by number or schedule, and how rates become a table.

    Parameters
    ----------
    learning_rate : float or Schedule, default=0.01
    """

    learning_rate: float | Schedule = 0.01

    @abstractmethod
    def slots(self, n: int, dtype: Any, device: Any) -> list[Any]:
        """Return the arrays of motion for ``n`` parameters, zeros on the device.

        Parameters
        ----------
        n : int
        dtype : {float32, float64}
        device : Device

        Returns
        -------
        list of arrays of shape (n,)
        """

    def rates(self, progress: np.ndarray, first_update: int = 0) -> np.ndarray:
        """Return what changes from update to update, a row for each.

        Parameters
        ----------
        progress : ndarray of shape (n_updates,)
            Of each update, from 0 at the first of the training to 1 after the last.
        first_update : int, default=0
            How many updates came before these.

        Returns
        -------
        ndarray of shape (n_updates, k), float64
            Learning rates first. Cast it to the parameters' dtype where it is uploaded.
        """
        return as_schedule(self.learning_rate, "learning_rate")(np.asarray(progress, np.float64))[:, None]

    @abstractmethod
    def step(
        self, weights: Any, gradient: Any, slots: list[Any], table: Any, clock: Any, n_decayed: int, scale: Any
    ) -> None:
        """Move the weights, and the slots, in place: one recorded loop.

        Parameters
        ----------
        weights, gradient : arrays of shape (n,), C-contiguous
            All parameters in one vector; those that decay come first.
        slots : list of arrays
            As ``slots`` made them.
        table : array of shape (n_updates, k), of the weights' dtype
            As ``rates`` made it.
        clock : array of shape (2,), uint32
            Row min(clock[1], n_updates - 1) of the table is read.
        n_decayed : int
            How many of the parameters, the first, decay.
        scale : array of shape (1,), of the weights' dtype
            Multiplies the gradient: what clipping wrote, or 1.
        """


def check_rate(rate: float | Schedule) -> None:
    """Refuse a learning rate that is neither a number >= 0 nor a schedule."""
    as_schedule(rate, "learning_rate")


def check_fraction(value: float, name: str) -> None:
    """Refuse what is not in [0, 1)."""
    if not 0 <= value < 1:
        raise ValueError(f"{name} must be in [0, 1), got {value!r}")


def check_positive(value: float, name: str, *, or_zero: bool = False) -> None:
    """Refuse what is not a finite number above 0 (or 0 where that may be)."""
    if not np.isfinite(value) or value < 0 or (value == 0 and not or_zero):
        raise ValueError(f"{name} must be a finite number {'>=' if or_zero else '>'} 0, got {value!r}")
