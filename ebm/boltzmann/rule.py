"""How to learn, and what an epoch consists of: the same for every learner."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ebm.data import TrainingData
from ebm.optimizers.schedules import Schedule, as_schedule
from ebm.random import Random

LEARNING = ("pcd", "cd", "fpcd", "pt", "exact")
PERSISTENT = ("pcd", "fpcd", "pt")  # with chains that go on from update to update


@dataclass(frozen=True, kw_only=True)
class Rule:
    """How to learn.

    Parameters
    ----------
    learning : {"pcd", "cd", "fpcd", "pt", "exact"}
        Persistent chains, chains from the data, persistent chains under fast weights, parallel tempering, or the
        exact gradient by enumeration (small models).
    n_gibbs : int
        Sweeps of Gibbs an update, k.
    batch_size : int
        Samples an update.
    n_chains : int, optional
        Persistent chains; as many as ``batch_size`` by default.
    n_temperatures : int
        Replicas of each chain of "pt", at least 2.
    learning_rate, momentum : float or Schedule
    l2, l1 : float
        Weight decay: the gradient of W loses l2 W + l1 sign W.
    centered : bool
        Take the centred gradient, whose offsets are moving averages of the data's means.
    offset_rate : float
        Rate of these moving averages, in (0, 1].
    shuffle : bool
        Take the samples in a new order every epoch.

    Raises
    ------
    ValueError
        Names the parameter, its value and what would be right.
    """

    learning: str = "pcd"
    n_gibbs: int = 1
    batch_size: int = 100
    n_chains: int | None = None
    n_temperatures: int = 10
    learning_rate: float | Schedule = 0.05
    momentum: float | Schedule = 0.5
    l2: float = 1e-4
    l1: float = 0.0
    centered: bool = True
    offset_rate: float = 0.01
    shuffle: bool = True

    def __post_init__(self) -> None:
        """Check every value before any work starts."""
        if self.learning not in LEARNING:
            raise ValueError(f"learning must be one of {', '.join(map(repr, LEARNING))}; got {self.learning!r}")
        for name in ("n_gibbs", "batch_size", "n_chains"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"{name} must be at least 1, got {value!r}")
        if self.n_temperatures < 2:
            raise ValueError(f"n_temperatures must be at least 2, got {self.n_temperatures!r}")
        for name in ("l2", "l1"):
            if not 0 <= getattr(self, name) < np.inf:
                raise ValueError(f"{name} must be a finite number >= 0, got {getattr(self, name)!r}")
        if not 0 < self.offset_rate <= 1:
            raise ValueError(f"offset_rate must lie in (0, 1], got {self.offset_rate!r}")
        as_schedule(self.learning_rate, "learning_rate")
        as_schedule(self.momentum, "momentum")

    @property
    def chains(self) -> int:
        """Persistent chains, or chains of a full batch."""
        return self.n_chains or self.batch_size if self.learning in PERSISTENT else self.batch_size

    def schedule(self, first_update: int, n_updates: int, all_updates: int) -> np.ndarray:
        """Return learning rate and momentum of updates, shape (n_updates, 2), float64."""
        progress = np.minimum(np.arange(first_update, first_update + n_updates) / max(all_updates, 1), 1.0)
        pair = ((self.learning_rate, "learning_rate"), (self.momentum, "momentum"))
        return np.stack([as_schedule(rate, name)(progress) for rate, name in pair], axis=1)


class Epochs:
    """Order, shares and rates of the mini-batches of every epoch; the same for every learner.

    Parameters
    ----------
    data, rule, random
        As of :class:`ContrastiveLearner`.
    n_epochs : int
        Epochs of the whole fit, for the schedules.
    """

    def __init__(self, data: TrainingData, rule: Rule, random: Random, n_epochs: int) -> None:
        self.data, self.rule, self.random, self.n_epochs = data, rule, random, n_epochs
        self.n_batches = -(-data.n_samples // rule.batch_size)

    def order(self, epoch: int) -> np.ndarray:
        """Sample numbers in the order of an epoch, int64."""
        n = self.data.n_samples
        return self.random.permutation(n, epoch) if self.rule.shuffle else np.arange(n)

    def shares(self, order: np.ndarray) -> np.ndarray:
        """Every sample's share of its batch's weight, in the data's dtype."""
        weights = self.data.weights[order]
        totals = np.add.reduceat(weights, np.arange(0, order.size, self.rule.batch_size))
        return (weights / np.repeat(totals, self.rule.batch_size)[: order.size]).astype(self.data.dtype)

    def schedule(self, epoch: int) -> np.ndarray:
        """Learning rate and momentum of every update, shape (n_batches, 2), in the data's dtype."""
        n = self.n_batches
        return self.rule.schedule(epoch * n, n, self.n_epochs * n).astype(self.data.dtype)


LARGEST = 1e6  # a unit with such a weight has been stuck at 0 or 1 since long before


def sound(parameters: Any) -> bool:
    """Tell whether parameters, on the CPU or the GPU, are finite and none is beyond LARGEST."""
    return bool((abs(parameters) < LARGEST).all())  # NaN is below nothing
