"""Adam: steps along the running mean of gradients, over the running root mean square of each; and AdamW.

Both means start from zero, and are corrected for it by 1 / (1 - beta^t), t the number of the update from 1.

Sources: Kingma & Ba 2015 (arXiv:1412.6980), algorithm 1; Loshchilov & Hutter 2019 (arXiv:1711.05101), algorithm 2. The
equations are in `ebm.kernels.adam`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ebm.kernels.adam import adam_step
from ebm.optimizers.optimizer import Optimizer, check_fraction, check_positive, check_rate
from ebm.optimizers.schedules import Schedule


@dataclass(frozen=True)
class Adam(Optimizer):
    """Adam.

    Parameters
    ----------
    learning_rate : float or Schedule, default=0.001
    beta1, beta2 : float, default=0.9 and 0.999
        What the means of gradients and of squared gradients keep in an update, in [0, 1).
    epsilon : float, default=1e-8
        Added to the root.
    weight_decay : float, default=0.0
        Times the weights (biases are not decayed), joins the gradient.
    decoupled : bool, default=False
        Shrink the weights by learning rate times weight decay instead (AdamW).

    Raises
    ------
    ValueError
        When a number is out of its range.
    """

    learning_rate: float | Schedule = 1e-3
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8
    weight_decay: float = 0.0
    decoupled: bool = False

    def __post_init__(self) -> None:
        """Refuse what is out of range."""
        check_rate(self.learning_rate)
        check_fraction(self.beta1, "beta1")
        check_fraction(self.beta2, "beta2")
        check_positive(self.epsilon, "epsilon")
        check_positive(self.weight_decay, "weight_decay", or_zero=True)

    def slots(self, n: int, dtype: Any, device: Any) -> list[Any]:
        """Return means of gradients and of their squares, zeros."""
        return [device.zeros(n, dtype) for _ in range(2)]

    def rates(self, progress: np.ndarray, first_update: int = 0) -> np.ndarray:
        """Return learning rates, 1 / (1 - beta1^t) and 1 / sqrt(1 - beta2^t), as of :meth:`Optimizer.rates`."""
        learning = super().rates(progress, first_update)
        t = first_update + 1.0 + np.arange(len(learning))
        corrections = 1.0 / (1.0 - self.beta1**t), 1.0 / np.sqrt(1.0 - self.beta2**t)
        return np.column_stack([learning, *corrections])

    def step(
        self, weights: Any, gradient: Any, slots: list[Any], table: Any, clock: Any, n_decayed: int, scale: Any
    ) -> None:
        """Move the weights, in place."""
        means, squares = slots
        adam_step(
            weights, gradient, means, squares, table, clock, scale, n_decayed, decay=self.weight_decay,
            decoupled=self.decoupled, beta1=self.beta1, beta2=self.beta2, epsilon=self.epsilon,
        )  # fmt: skip


@dataclass(frozen=True)
class AdamW(Adam):
    """Adam whose decay shrinks the weights themselves, w -= r decay w, rather than joining the gradient.

    Parameters
    ----------
    learning_rate, beta1, beta2, epsilon
        As of :class:`Adam`.
    weight_decay : float, default=0.01
    decoupled : bool, default=True
    """

    weight_decay: float = 0.01
    decoupled: bool = True
