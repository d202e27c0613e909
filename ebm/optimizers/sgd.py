"""Stochastic gradient descent, with momentum or Nesterov's, and RMSprop.

Sources: Sutskever, Martens, Dahl & Hinton 2013, "On the importance of initialization and momentum in deep learning";
Tieleman & Hinton 2012, "Lecture 6.5: RMSprop". The equations are in `ebm.kernels.steps`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ebm.kernels.steps import rmsprop_step, sgd_step
from ebm.optimizers.optimizer import Optimizer, check_fraction, check_positive, check_rate


@dataclass(frozen=True)
class SGD(Optimizer):
    """Stochastic gradient descent: m = mu m + g, w -= r m.

    Parameters
    ----------
    learning_rate : float or Schedule, default=0.01
    momentum : float, default=0.0
        In [0, 1).
    nesterov : bool, default=False
        Step along g + mu m instead: the gradient looks ahead.
    weight_decay : float, default=0.0
        Times the weights (biases are not decayed), joins the gradient.

    Raises
    ------
    ValueError
        When a number is out of its range, or ``nesterov`` has no momentum.
    """

    momentum: float = 0.0
    nesterov: bool = False
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        """Refuse what is out of range."""
        check_rate(self.learning_rate)
        check_fraction(self.momentum, "momentum")
        check_positive(self.weight_decay, "weight_decay", or_zero=True)
        if self.nesterov and not self.momentum:
            raise ValueError(f"nesterov=True needs momentum > 0, got momentum={self.momentum}")

    def slots(self, n: int, dtype: Any, device: Any) -> list[Any]:
        """Return a velocity of zeros, or nothing without momentum."""
        return [device.zeros(n, dtype)] if self.momentum else []

    def step(
        self, weights: Any, gradient: Any, slots: list[Any], table: Any, clock: Any, n_decayed: int, scale: Any
    ) -> None:
        """Move the weights, in place."""
        velocity = slots[0] if self.momentum else None
        sgd_step(
            weights, gradient, velocity, table, clock, scale, n_decayed,
            decay=self.weight_decay, momentum=self.momentum, nesterov=self.nesterov,
        )  # fmt: skip


@dataclass(frozen=True)
class RMSprop(Optimizer):
    """RMSprop: each parameter's gradient is divided by a running root mean square of its own.

    Parameters
    ----------
    learning_rate : float or Schedule, default=0.01
    decay : float, default=0.99
        What the mean of squares keeps in an update, in [0, 1).
    epsilon : float, default=1e-8
        Added to the root.
    momentum : float, default=0.0
        In [0, 1).
    weight_decay : float, default=0.0
        Times the weights (biases are not decayed), joins the gradient.

    Raises
    ------
    ValueError
        When a number is out of its range.
    """

    decay: float = 0.99
    epsilon: float = 1e-8
    momentum: float = 0.0
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        """Refuse what is out of range."""
        check_rate(self.learning_rate)
        check_fraction(self.decay, "decay")
        check_fraction(self.momentum, "momentum")
        check_positive(self.epsilon, "epsilon")
        check_positive(self.weight_decay, "weight_decay", or_zero=True)

    def slots(self, n: int, dtype: Any, device: Any) -> list[Any]:
        """Return means of squares, and with momentum a velocity, of zeros."""
        return [device.zeros(n, dtype) for _ in range(2 if self.momentum else 1)]

    def step(
        self, weights: Any, gradient: Any, slots: list[Any], table: Any, clock: Any, n_decayed: int, scale: Any
    ) -> None:
        """Move the weights, in place."""
        squares, velocity = slots if self.momentum else (slots[0], None)
        rmsprop_step(
            weights, gradient, squares, velocity, table, clock, scale, n_decayed,
            decay=self.weight_decay, keep=self.decay, epsilon=self.epsilon, momentum=self.momentum,
        )  # fmt: skip
