"""Losses of a network's output: a value for every sample, and the gradient of their weighted sum.

    loss = sum_n shares_n values_n,    d_output_n = shares_n d values_n / d output_n

Shares are the samples' weights in a batch, with sum 1: 1 / n each, or 0 for rows that only fill a batch up. A value is
a sum over a sample's features, of whatever shape; none has a hidden factor. The equations are in `ebm.kernels`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from ebm.kernels.gaussian_loss import gaussian_loss, shared_gaussian_loss
from ebm.kernels.losses import CROSS_ENTROPY, SQUARED_ERROR, pointwise_loss
from ebm.kernels.softmax_loss import softmax_loss
from ebm.networks.context import Context

NONE: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True)
class Loss(ABC):
    """What all losses offer."""

    def initial(self, n_features: int, dtype: Any) -> dict[str, np.ndarray]:
        """Return the loss's own parameters for targets of so many features, on the CPU: none for most."""
        return {}

    def value_and_gradient(
        self,
        output: Any,
        target: Any,
        weights: Any,
        context: Context,
        parameters: Mapping[str, Any] = NONE,
        gradients: Mapping[str, Any] = NONE,
    ) -> tuple[Any, Any]:
        """Compute the loss of every sample, and the gradient of the batch's loss.

        Parameters
        ----------
        output : array of shape (n, ...), C-contiguous
            What the network made.
        target : array of shape (n, ...)
            What it should be, on the same device.
        weights : array of shape (n,)
            Shares of the samples, with sum 1.
        context : Context
        parameters, gradients : dict of arrays
            The loss's own, as of ``initial``. Gradients are overwritten, or added to where ``context.adds`` says so.

        Returns
        -------
        values : array of shape (n,)
        d_output : array of the output's shape
            It includes the weights.

        Raises
        ------
        ValueError
            When shapes, dtypes or devices do not fit.
        """
        values, d_output = context.empty(output.shape[:1], output.dtype), context.empty(output.shape, output.dtype)
        options = {"shares": weights, "d_output": _flat(d_output)} | self._moving(gradients, context)
        self._run(_flat(output), _flat(target), values, parameters, options)
        return values, d_output

    def values(self, output: Any, target: Any, context: Context, parameters: Mapping[str, Any] = NONE) -> Any:
        """Return the loss of every sample, of shape (n,), without gradients; arguments and errors as there."""
        values = context.empty(output.shape[:1], output.dtype)
        self._run(_flat(output), _flat(target), values, parameters, {})
        return values

    @abstractmethod
    def _run(
        self, output: Any, target: Any, values: Any, parameters: Mapping[str, Any], options: dict[str, Any]
    ) -> None:
        """Call the kernel; ``options`` are where gradients go."""

    def _moving(self, gradients: Mapping[str, Any], context: Context) -> dict[str, Any]:
        """Return where the gradients of the loss's own parameters go."""
        return {}


def _flat(array: Any) -> Any:
    """Return an array (n, ...) as (n, m); numbers of classes (n,) stay."""
    return array if array.ndim == 1 or array.shape[0] == 0 else array.reshape(array.shape[0], -1)


@dataclass(frozen=True)
class SquaredError(Loss):
    """sum_i (y_i - t_i)^2, the sum over a sample's features, without a half."""

    def _run(
        self, output: Any, target: Any, values: Any, parameters: Mapping[str, Any], options: dict[str, Any]
    ) -> None:
        pointwise_loss(SQUARED_ERROR, output, target, values, **options)


@dataclass(frozen=True)
class BernoulliCrossEntropy(Loss):
    """sum_i log(1 + e^a_i) - t_i a_i from logits a, for targets in [0, 1]: -log p(t) where these are 0 or 1."""

    def _run(
        self, output: Any, target: Any, values: Any, parameters: Mapping[str, Any], options: dict[str, Any]
    ) -> None:
        pointwise_loss(CROSS_ENTROPY, output, target, values, **options)


@dataclass(frozen=True)
class SoftmaxCrossEntropy(Loss):
    """-sum_k t_k log p_k, p = softmax(a), from logits a; targets are probabilities (n, m) or class numbers (n,), int64.

    A number outside [0, m) makes the loss NaN.
    """

    def _run(
        self, output: Any, target: Any, values: Any, parameters: Mapping[str, Any], options: dict[str, Any]
    ) -> None:
        softmax_loss(output, target, values, **options)


@dataclass(frozen=True)
class GaussianNLL(Loss):
    """-log N(t; mu, diag e^s) of an output (n, 2 m) that holds m means mu, then m log-variances s.

    Parameters
    ----------
    lowest, highest : float, default=-12.0 and 12.0
        Between which log-variances are held: standard deviations from 0.0025 to 400.

    Raises
    ------
    ValueError
        When ``lowest`` is not below ``highest``.
    """

    lowest: float = -12.0
    highest: float = 12.0

    def __post_init__(self) -> None:
        """Refuse bounds in the wrong order."""
        if not (np.isfinite(self.lowest) and np.isfinite(self.highest) and self.lowest < self.highest):
            raise ValueError(f"lowest must be below highest, both finite; got {self.lowest} and {self.highest}")

    def _run(
        self, output: Any, target: Any, values: Any, parameters: Mapping[str, Any], options: dict[str, Any]
    ) -> None:
        gaussian_loss(output, target, (self.lowest, self.highest), values, **options)


@dataclass(frozen=True)
class SharedGaussianNLL(GaussianNLL):
    """-log N(t; mu, diag e^s) of means mu, with one learnt vector s for all samples: the parameter ``log_variance``.

    Parameters
    ----------
    lowest, highest : float, default=-12.0 and 12.0
        Between which log-variances are held: standard deviations from 0.0025 to 400.

    Raises
    ------
    ValueError
        When ``lowest`` is not below ``highest``.
    """

    def initial(self, n_features: int, dtype: Any) -> dict[str, np.ndarray]:
        """Return log-variances of 0."""
        return {"log_variance": np.zeros(n_features, dtype)}

    def _run(
        self, output: Any, target: Any, values: Any, parameters: Mapping[str, Any], options: dict[str, Any]
    ) -> None:
        spread = _own(parameters, "parameters")
        shared_gaussian_loss(output, spread, target, (self.lowest, self.highest), values, **options)

    def _moving(self, gradients: Mapping[str, Any], context: Context) -> dict[str, Any]:
        gradient = _own(gradients, "gradients")
        return {"d_log_variance": gradient, "add": context.adds(gradient)}


def _own(arrays: Mapping[str, Any], name: str) -> Any:
    if "log_variance" not in arrays:
        raise ValueError(f"{name} has {sorted(arrays)}; SharedGaussianNLL needs its log_variance there")
    return arrays["log_variance"]
