"""Dense layers: y = f(x W + b), and the same with a transposed W, which ties a decoder to its encoder.

With delta = dy f'(a):  dW = x^T delta,  db = sum_r delta_r,  dx = delta W^T.

Source: Rumelhart, Hinton & Williams 1986 (doi:10.1038/323533a0), eqs. 4 to 7.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any, ClassVar

import numpy as np

from ebm.kernels import activations, dense
from ebm.kernels.column_totals import column_totals
from ebm.kernels.jit import on_gpu
from ebm.networks.context import Context
from ebm.networks.initial import initial_weights
from ebm.networks.layer import Parameters, Shape
from ebm.networks.panels import packed, packed_anew
from ebm.random import Random


@dataclass(frozen=True)
class Dense:
    """y = f(x W + b); W is (n_in, units). Samples of any shape are taken as rows.

    Parameters
    ----------
    units : int
        Outputs.
    activation : str, default="identity"
        One of "identity", "sigmoid", "tanh", "relu", "leaky_relu", "softplus", "elu".
    bias : bool, default=True
    init : str, default="glorot"
        How first weights are drawn, see :func:`ebm.networks.initial.initial_weights`.

    Raises
    ------
    ValueError
        When a parameter is none of these.
    """

    units: int
    activation: str = "identity"
    bias: bool = True
    init: str = "glorot"

    statistics: ClassVar[tuple[str, ...]] = ()
    transposed: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if isinstance(self.units, bool) or not isinstance(self.units, int | np.integer) or self.units < 1:
            raise ValueError(f"units must be an integer of at least 1, got {self.units!r}")
        if self.activation not in activations.KINDS:
            known = ", ".join(map(repr, activations.KINDS))
            raise ValueError(f"activation must be one of {known}; got {self.activation!r}")

    def output_shape(self, shape: Shape) -> Shape:
        """Return (units,)."""
        return (self.units,)

    def initial(self, shape: Shape, random: Random, dtype: Any) -> dict[str, np.ndarray]:
        """Return weights (n_in, units), or (units, n_in) where transposed, and biases of zero."""
        n_in = prod(shape)
        found = {"weights": initial_weights(self._between(n_in), n_in, self.units, random, dtype, self.init)}
        return {**found, "bias": np.zeros(self.units, dtype)} if self.bias else found

    def forward(self, parameters: Parameters, x: Any, context: Context) -> tuple[Any, Any]:
        """Return f(x W + b), and x, y and the input's shape as the cache; ValueError where W is of another shape."""
        shape, x = x.shape, x.reshape(x.shape[0], -1)
        weights, kind = self._fitting(parameters["weights"], x.shape[1]), activations.KINDS[self.activation]
        a = y = context.empty((x.shape[0], self.units), x.dtype)
        if on_gpu(x):
            context.device.matmul(x, weights.T if self.transposed else weights, a)
            activations.activate(a, kind, y, parameters.get("bias"))
        else:
            bias = parameters["bias"] if self.bias else context.empty((0,), x.dtype)
            dense.affine(x, packed(weights, context, transposed=self.transposed), bias, a)
            if self.activation != "identity":
                y = context.empty(a.shape, a.dtype)
                activations.activate(a, kind, y)
        return y, (x, y, shape)

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
        """Write dW and db, and return dx where it is wanted."""
        x, y, shape = cache
        delta = dy
        if self.activation != "identity":
            delta = context.empty(y.shape, y.dtype)
            activations.backward(y, dy, activations.KINDS[self.activation], delta)
        sides = (delta, x) if self.transposed else (x, delta)
        _outer(*sides, gradients["weights"], context)
        if self.bias:
            column_totals(delta, gradients["bias"], add=context.adds(gradients["bias"]))
        if not wants_input:
            return None
        dx = context.empty(x.shape, x.dtype)
        _times(delta, parameters["weights"], dx, context, transposed=not self.transposed)
        return dx.reshape(shape)

    def _between(self, n_in: int) -> tuple[int, int]:
        return (self.units, n_in) if self.transposed else (n_in, self.units)

    def _fitting(self, weights: Any, n_in: int) -> Any:
        """Return W, which loops read without looking where it ends."""
        if weights.shape != self._between(n_in):
            raise ValueError(
                f"weights have shape {weights.shape}, but {self.units} units on {n_in} inputs take "
                f"{self._between(n_in)}: learn anew after a size has changed"
            )
        return weights

    def jvp(self, parameters: Parameters, cache: Any, dx: Any, context: Context) -> Any:
        """Return the change of y along a change of x: (dx W) f'(a)."""
        _, y, _ = cache
        change = context.empty(y.shape, y.dtype)
        _times(dx.reshape(dx.shape[0], -1), parameters["weights"], change, context, transposed=self.transposed)
        activations.backward(y, change, activations.KINDS[self.activation], change)
        return change


@dataclass(frozen=True)
class TransposedDense(Dense):
    """y = f(x W^T + b), W of shape (units, n_in): given an encoder's W, its tied decoder. Otherwise as `Dense`."""

    transposed: ClassVar[bool] = True


def _times(a: Any, matrix: Any, out: Any, context: Context, *, transposed: bool) -> None:
    """Write a W, or a W^T, into ``out``."""
    if on_gpu(a):
        context.device.matmul(a, matrix.T if transposed else matrix, out)
    else:
        dense.product(a, packed(matrix, context, transposed=transposed), out)


def _outer(a: Any, b: Any, gradient: Any, context: Context) -> None:
    """Write a^T b into a gradient, or add it."""
    adds = context.adds(gradient)
    if not on_gpu(a):
        dense.product(a, packed_anew(b, context), gradient, transposed=True, add=adds)
    elif adds:
        more = context.empty(gradient.shape, gradient.dtype)
        context.device.matmul(a.T, b, more)
        dense.add_into(more, gradient)
    else:
        context.device.matmul(a.T, b, gradient)
