"""Layers that normalise: over the batch, or over each sample's features.

y = scale xh + shift,  xh = (x - mean) / sqrt(variance + epsilon)

Source: Ioffe & Szegedy 2015 (arXiv:1502.03167), algorithms 1 and 2; Ba, Kiros & Hinton 2016 (arXiv:1607.06450), eq. 4.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ebm.kernels import batch_normalisation as by_columns
from ebm.kernels import layer_normalisation as by_rows
from ebm.kernels.batch_statistics import batch_statistics, inverse_deviations
from ebm.kernels.column_totals import column_totals, n_blocks
from ebm.networks.context import Context
from ebm.networks.layer import Parameters, Shape
from ebm.networks.ranges import number_from, rate_within
from ebm.random import Random


def _features(shape: Shape, layer: Any) -> int:
    """Return how many features are normalised: the last axis."""
    if not shape or shape[-1] < 1:
        raise ValueError(
            f"{type(layer).__name__} takes samples with at least one feature, not samples of shape {shape}"
        )
    return shape[-1]


def _matrix(x: Any) -> Any:
    """Return (n, ..., c) as (n ..., c)."""
    return x.reshape(-1, x.shape[-1])


@dataclass(frozen=True)
class BatchNormalisation:
    """Normalise each feature, or each channel of images, over the batch (and over the places of images).

    In training by the batch's own mean and variance; the running ones move towards them, the variance without bias:
    running += momentum (batch's - running). At prediction by the running ones.

    Parameters
    ----------
    momentum : float, default=0.1
        In [0, 1].
    epsilon : float, default=1e-5
        Added to variances, above 0.

    Raises
    ------
    ValueError
        When a parameter is out of range.

    Notes
    -----
    Parameters are ``scale`` and ``shift``, and the statistics ``running_mean`` and ``running_variance``.
    """

    momentum: float = 0.1
    epsilon: float = 1e-5

    statistics = ("running_mean", "running_variance")

    def __post_init__(self) -> None:
        rate_within("momentum", self.momentum)
        number_from("epsilon", self.epsilon, 0, open_=True)

    def output_shape(self, shape: Shape) -> Shape:
        """Return the shape of the input; ValueError where it has no feature."""
        _features(shape, self)
        return shape

    def initial(self, shape: Shape, random: Random, dtype: Any) -> dict[str, np.ndarray]:
        """Return scales of 1, shifts of 0, running means of 0 and variances of 1."""
        n = _features(shape, self)
        ones, zeros = np.ones(n, dtype), np.zeros(n, dtype)
        return {"scale": ones, "shift": zeros, "running_mean": zeros.copy(), "running_variance": ones.copy()}

    def forward(self, parameters: Parameters, x: Any, context: Context) -> tuple[Any, Any]:
        """Return y, and as the cache (x, mean, 1 / deviation, whether these are the batch's own).

        Raises
        ------
        ValueError
            When a batch in training has one value a feature, whose variance is 0.
        """
        rows, n = _matrix(x), x.shape[-1]
        inverse = context.empty((n,), x.dtype)
        if context.training:
            if rows.shape[0] < 2:
                raise ValueError(f"x {x.shape} has one value for each feature: training takes at least 2, of which"
                                 " there are a mean and a variance. Choose a batch_size that leaves more than one"
                                 " sample for the last batch")  # fmt: skip
            mean, parts = context.empty((n,), x.dtype), context.empty((n_blocks(rows.shape[0]), 2 * n), x.dtype)
            running = parameters["running_mean"], parameters["running_variance"]
            numbers = {"epsilon": self.epsilon, "momentum": self.momentum}
            batch_statistics(rows, parts, mean, inverse, running, **numbers)
        else:
            mean = parameters["running_mean"]
            inverse_deviations(parameters["running_variance"], inverse, epsilon=self.epsilon)
        y = context.empty(x.shape, x.dtype)
        by_columns.normalise(rows, mean, inverse, parameters["scale"], parameters["shift"], _matrix(y))
        return y, (x, mean, inverse, context.training)

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
        """Write the gradients of scale and shift, and return dx where it is wanted."""
        totals = self._totals(cache, dy, context)
        for name, total in zip(("shift", "scale"), totals.reshape(2, 1, -1), strict=True):
            column_totals(total, gradients[name], add=context.adds(gradients[name]))
        return self._pulled(parameters, cache, dy, totals, context) if wants_input else None

    def jvp(self, parameters: Parameters, cache: Any, dx: Any, context: Context) -> Any:
        """Return the change of y along a change of x: the derivative is symmetric."""
        return self._pulled(parameters, cache, dx, self._totals(cache, dx, context), context)

    def _totals(self, cache: Any, d: Any, context: Context) -> Any:
        x, mean, inverse, _ = cache
        rows, n = _matrix(x), x.shape[-1]
        parts, totals = context.empty((n_blocks(rows.shape[0]), 2 * n), x.dtype), context.empty((2 * n,), x.dtype)
        by_columns.products(rows, _matrix(d), mean, inverse, parts, totals)
        return totals

    def _pulled(self, parameters: Parameters, cache: Any, d: Any, totals: Any, context: Context) -> Any:
        x, mean, inverse, own = cache
        out = context.empty(x.shape, x.dtype)
        arguments = (_matrix(x), _matrix(d), mean, inverse, parameters["scale"], totals, _matrix(out))
        by_columns.pull_back(*arguments, own_statistics=own)
        return out


@dataclass(frozen=True)
class LayerNormalisation:
    """Normalise each sample over its last axis: features of rows, or channels at each place of an image.

    Parameters
    ----------
    epsilon : float, default=1e-5
        Added to variances, above 0.

    Raises
    ------
    ValueError
        When ``epsilon`` is out of range.

    Notes
    -----
    Parameters are ``scale`` and ``shift``, one for each feature.
    """

    epsilon: float = 1e-5

    statistics = ()

    def __post_init__(self) -> None:
        number_from("epsilon", self.epsilon, 0, open_=True)

    def output_shape(self, shape: Shape) -> Shape:
        """Return the shape of the input; ValueError where it has no feature."""
        _features(shape, self)
        return shape

    def initial(self, shape: Shape, random: Random, dtype: Any) -> dict[str, np.ndarray]:
        """Return scales of 1 and shifts of 0."""
        n = _features(shape, self)
        return {"scale": np.ones(n, dtype), "shift": np.zeros(n, dtype)}

    def forward(self, parameters: Parameters, x: Any, context: Context) -> tuple[Any, Any]:
        """Return y, and as the cache (x, mean, 1 / deviation) of every row."""
        rows, y = _matrix(x), context.empty(x.shape, x.dtype)
        mean, inverse = (context.empty((rows.shape[0],), x.dtype) for _ in range(2))
        arguments = (rows, parameters["scale"], parameters["shift"], mean, inverse, _matrix(y))
        by_rows.normalise_rows(*arguments, epsilon=self.epsilon)
        return y, (x, mean, inverse)

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
        """Write the gradients of scale and shift, and return dx where it is wanted."""
        x, mean, inverse = cache
        rows, found = _matrix(x), (gradients["shift"], gradients["scale"])
        parts = context.empty((2, n_blocks(rows.shape[0]), x.shape[-1]), x.dtype)
        adds = (context.adds(found[0]), context.adds(found[1]))
        by_rows.parameter_gradients(rows, _matrix(dy), mean, inverse, parts, *found, adds=adds)
        return self._derivative(parameters, cache, dy, context, backward=True) if wants_input else None

    def jvp(self, parameters: Parameters, cache: Any, dx: Any, context: Context) -> Any:
        """Return the change of y along a change of x."""
        return self._derivative(parameters, cache, dx, context, backward=False)

    def _derivative(self, parameters: Parameters, cache: Any, d: Any, context: Context, *, backward: bool) -> Any:
        x, mean, inverse = cache
        out = context.empty(x.shape, x.dtype)
        arguments = (_matrix(x), _matrix(d), mean, inverse, parameters["scale"], _matrix(out))
        by_rows.derivative(*arguments, backward=backward)
        return out
