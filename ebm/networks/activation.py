"""A layer that is an activation alone: y = f(x), element by element, or the softmax over the last axis."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ebm.kernels.activations import KINDS, activate
from ebm.kernels.activations import backward as slopes
from ebm.kernels.softmax import softmax, softmax_derivative
from ebm.networks.context import Context
from ebm.networks.layer import Parameters, Shape
from ebm.random import Random

SOFTMAX = "softmax"
NAMES = (*KINDS, SOFTMAX)


@dataclass(frozen=True)
class Activation:
    """Activate inputs of any shape.

    Parameters
    ----------
    name : str
        "identity", "sigmoid", "tanh", "relu", "leaky_relu", "softplus", "elu", or over the last axis "softmax".

    Raises
    ------
    ValueError
        When ``name`` is none of these.
    """

    name: str

    statistics = ()

    def __post_init__(self) -> None:
        if self.name not in NAMES:
            raise ValueError(f"name must be one of {', '.join(map(repr, NAMES))}; got {self.name!r}")

    def output_shape(self, shape: Shape) -> Shape:
        """Return the shape of the input; ValueError where there is nothing to take a softmax over."""
        if self.name == SOFTMAX and (not shape or shape[-1] < 1):
            raise ValueError(f"softmax is over the last axis, and samples of shape {shape} have nothing there")
        return shape

    def initial(self, shape: Shape, random: Random, dtype: Any) -> dict[str, np.ndarray]:
        """Return an empty dict: there is nothing to learn."""
        return {}

    def forward(self, parameters: Parameters, x: Any, context: Context) -> tuple[Any, Any]:
        """Return y, which is the cache too."""
        y = context.empty(x.shape, x.dtype)
        if self.name == SOFTMAX:
            softmax(self._rows(x), self._rows(y))
        else:
            activate(self._rows(x), KINDS[self.name], self._rows(y))
        return y, y

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
        """Return dx where it is wanted."""
        return self.jvp(parameters, cache, dy, context) if wants_input else None

    def jvp(self, parameters: Parameters, cache: Any, dx: Any, context: Context) -> Any:
        """Return the change of y along a change of x: the derivative is symmetric."""
        y, out = self._rows(cache), context.empty(cache.shape, cache.dtype)
        if self.name == SOFTMAX:
            softmax_derivative(y, self._rows(dx), self._rows(out))
        else:
            slopes(y, self._rows(dx), KINDS[self.name], self._rows(out))
        return out

    def _rows(self, x: Any) -> Any:
        """Return a matrix of what is activated together."""
        return x.reshape(-1, x.shape[-1]) if self.name == SOFTMAX else x.reshape(x.shape[0], -1)
