"""What a decoder's outputs say of the data: p(x given z), Bernoulli or normal.

    Bernoulli    log p = sum_i x_i a_i - log(1 + e^a_i)                              a the decoder's outputs, logits
    normal       log p = -1/2 sum_i s_i + (x_i - y_i)^2 e^-s_i + log 2 pi            y the decoder's outputs, means

The log-variances s of a normal decoder are one number for all features or one each, learnt or given; they stand among
the decoder's parameters under "log_variance", and count as within [-12, 12].

Sources: Kingma & Welling 2014 (arXiv:1312.6114), appendix C; Rybkin, Daniilidis & Levine 2021 (arXiv:2006.13202),
section 3.1, for a learnt variance that all features share.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Real
from typing import Any, Protocol

import numpy as np

from ebm.kernels import activations
from ebm.kernels.bound import repeat
from ebm.kernels.box_muller import normals
from ebm.kernels.column_totals import column_totals
from ebm.networks.context import Context
from ebm.networks.layer import Parameters
from ebm.networks.losses import BernoulliCrossEntropy, SharedGaussianNLL
from ebm.random import Random, Stream

STATES = 1  # step of the stream VAE_SAMPLE: codes stand at 0
LOSS = SharedGaussianNLL()
LOWEST, HIGHEST = LOSS.lowest, LOSS.highest
FEATURES, SHARED = "features", "shared"


class Likelihood(Protocol):
    """p(x given z) by the decoder's outputs (n, n_features); parameters are the decoder's."""

    @property
    def statistics(self) -> tuple[str, ...]:
        """Parameters that no gradient moves."""
        ...

    def initial(self, n_features: int, dtype: Any, variance: np.ndarray | None = None) -> dict[str, np.ndarray]:
        """Return first parameters; a learnt variance begins with that of the data."""
        ...

    def value_and_gradient(
        self, outputs: Any, x: Any, weights: Any, context: Context, parameters: Parameters, gradients: Parameters
    ) -> tuple[Any, Any]:
        """Return -log p of every sample, and the gradient of their weighted sum along the outputs."""
        ...

    def values(self, outputs: Any, x: Any, context: Context, parameters: Parameters) -> Any:
        """Return -log p of every sample, of shape (n,)."""
        ...

    def means(self, outputs: np.ndarray) -> np.ndarray:
        """Return E[x given z]; the outputs stay as they are."""
        ...

    def draw(self, means: np.ndarray, random: Random, parameters: Parameters) -> np.ndarray:
        """Draw x given its mean."""
        ...


@dataclass(frozen=True)
class BernoulliLikelihood:
    """Features in [0, 1] with logits for outputs; values between 0 and 1 count as probabilities."""

    statistics = ()

    def initial(self, n_features: int, dtype: Any, variance: np.ndarray | None = None) -> dict[str, np.ndarray]:
        """Return no parameters."""
        return {}

    def value_and_gradient(
        self, outputs: Any, x: Any, weights: Any, context: Context, parameters: Parameters, gradients: Parameters
    ) -> tuple[Any, Any]:
        """Return -log p of every sample, and the gradient along the logits."""
        return BernoulliCrossEntropy().value_and_gradient(outputs, x, weights, context)

    def values(self, outputs: Any, x: Any, context: Context, parameters: Parameters) -> Any:
        """Return -log p of every sample."""
        return BernoulliCrossEntropy().values(outputs, x, context)

    def means(self, outputs: np.ndarray) -> np.ndarray:
        """Return the logistic function of the logits."""
        found = np.empty_like(outputs)
        activations.activate(outputs, activations.KINDS["sigmoid"], found)
        return found

    def draw(self, means: np.ndarray, random: Random, parameters: Parameters) -> np.ndarray:
        """Draw zeros and ones."""
        u = random.uniform(means.shape, Stream.VAE_SAMPLE, STATES, means.dtype.type)
        return (u < means).astype(means.dtype)


@dataclass(frozen=True)
class GaussianLikelihood:
    """Real features with means for outputs.

    Parameters
    ----------
    noise_variance : {"shared", "features"} or float, default="shared"
        One variance for all features, learnt; one each, learnt; or this number.

    Raises
    ------
    ValueError
        When it is none of these, or not within [e^-12, e^12].
    """

    noise_variance: str | float = SHARED

    def __post_init__(self) -> None:
        """Refuse what is no variance."""
        given = self.noise_variance
        if isinstance(given, str) and given in (SHARED, FEATURES):
            return
        if isinstance(given, bool | str) or not isinstance(given, Real) or not LOWEST <= _log(float(given)) <= HIGHEST:
            least, most = math.exp(LOWEST), math.exp(HIGHEST)
            raise ValueError(
                f"noise_variance must be 'shared', 'features' or a number in [{least:.2g}, {most:.2g}], got {given!r}"
            )

    @property
    def statistics(self) -> tuple[str, ...]:
        """("log_variance",) where it is given rather than learnt."""
        return () if isinstance(self.noise_variance, str) else ("log_variance",)

    def initial(self, n_features: int, dtype: Any, variance: np.ndarray | None = None) -> dict[str, np.ndarray]:
        """Return "log_variance", of shape (1,), or (n_features,) with one each."""
        if not isinstance(self.noise_variance, str):
            start = np.array([self.noise_variance])
        elif variance is None:
            return {"log_variance": np.zeros(n_features if self.noise_variance == FEATURES else 1, dtype)}
        else:
            start = variance if self.noise_variance == FEATURES else variance.mean(keepdims=True)
        bounds = math.exp(LOWEST), math.exp(HIGHEST)
        return {"log_variance": np.log(np.clip(start, *bounds)).astype(dtype)}

    def value_and_gradient(
        self, outputs: Any, x: Any, weights: Any, context: Context, parameters: Parameters, gradients: Parameters
    ) -> tuple[Any, Any]:
        """Return -log p of every sample, and the gradient along the means; that of log-variances is written."""
        if self.noise_variance == FEATURES:
            return LOSS.value_and_gradient(outputs, x, weights, context, parameters, gradients)
        m = outputs.shape[1]
        slopes = context.empty((m,), outputs.dtype)
        own = self._spread(parameters, m, context)
        found = LOSS.value_and_gradient(outputs, x, weights, context, own, {"log_variance": slopes})
        if self.noise_variance == SHARED:
            total = gradients["log_variance"]
            column_totals(slopes.reshape(m, 1), total, add=context.adds(total))
        return found

    def values(self, outputs: Any, x: Any, context: Context, parameters: Parameters) -> Any:
        """Return -log p of every sample."""
        return LOSS.values(outputs, x, context, self._spread(parameters, outputs.shape[1], context))

    def _spread(self, parameters: Parameters, m: int, context: Context) -> Mapping[str, Any]:
        """Return the log-variance of every feature."""
        if self.noise_variance == FEATURES:
            return parameters
        found = context.empty((m,), parameters["log_variance"].dtype)
        repeat(parameters["log_variance"], found)
        return {"log_variance": found}

    def means(self, outputs: np.ndarray) -> np.ndarray:
        """Return the outputs."""
        return outputs

    def draw(self, means: np.ndarray, random: Random, parameters: Parameters) -> np.ndarray:
        """Add normal noise."""
        n, m = means.shape
        scale = np.exp(np.clip(parameters["log_variance"], LOWEST, HIGHEST) / 2)
        return means + scale * normals(n, m, random.at(Stream.VAE_SAMPLE, STATES), means)


def _log(x: float) -> float:
    return math.log(x) if x > 0 else -math.inf
