"""Dropout: in training each input is 0 with probability r, and the others are multiplied by 1 / (1 - r).

y = m x / (1 - r),  m ~ Bernoulli(1 - r),    dx = m dy / (1 - r)

At prediction y = x, which is what y is in training on average. The backward pass draws the same numbers again rather
than keep the mask.

Source: Srivastava, Hinton, Krizhevsky, Sutskever & Salakhutdinov 2014 (JMLR 15:1929), section 4, and section 10 for the
factor in training rather than at prediction.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ebm.kernels.corruption import mask
from ebm.networks.context import Context
from ebm.networks.layer import Parameters, Shape
from ebm.networks.ranges import rate_within
from ebm.random import Random, Stream


@dataclass(frozen=True)
class Dropout:
    """Drop inputs of any shape at random in training; the identity at prediction.

    Parameters
    ----------
    rate : float, default=0.5
        Probability with which an input is dropped, in [0, 1).

    Raises
    ------
    ValueError
        When ``rate`` is something else.
    """

    rate: float = 0.5

    statistics = ()

    def __post_init__(self) -> None:
        rate_within("rate", self.rate, below_one=True)

    def output_shape(self, shape: Shape) -> Shape:
        """Return the shape of the input."""
        return shape

    def initial(self, shape: Shape, random: Random, dtype: Any) -> dict[str, np.ndarray]:
        """Return an empty dict: there is nothing to learn."""
        return {}

    def forward(self, parameters: Parameters, x: Any, context: Context) -> tuple[Any, Any]:
        """Return what is left of x, and where the noise stands; x itself, and None, at prediction."""
        if not context.training:
            return x, None
        noise = context.noise(Stream.DROPOUT)
        return self._dropped(x, noise, context), noise

    def backward(
        self,
        parameters: Parameters,
        cache: Any,
        dy: Any,
        gradients: Parameters,
        context: Context,
        *,
        wants_input: bool = True,
    ) -> Any:
        """Return dx, by the noise of the forward pass: the clock must not have moved since."""
        if not wants_input:
            return None
        return dy if cache is None else self._dropped(dy, cache, context)

    def jvp(self, parameters: Parameters, cache: Any, dx: Any, context: Context) -> Any:
        """Return the change of y along a change of x, with the noise of the forward pass."""
        return dx if cache is None else self._dropped(dx, cache, context)

    def _dropped(self, x: Any, noise: Any, context: Context) -> Any:
        out = context.empty(x.shape, x.dtype)
        mask(x, out, noise, rate=self.rate, factor=1 / (1 - self.rate))
        return out
