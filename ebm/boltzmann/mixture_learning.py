"""Expectation-maximisation for mixtures, and where it starts.

::

    E   r_nk = pi_k p_k(x_n) / sum_l pi_l p_l(x_n)
    M   pi_k = mean_n r_nk, and the components of highest likelihood for r

A step never lowers the likelihood (apart from what ``reg_covar`` adds to variances). It starts at means chosen far
from each other, k-means++; of several starts the one goes on that is likeliest after a few steps.

Sources: Dempster, Laird & Rubin 1977, section 3 and theorem 1; Arthur & Vassilvitskii 2007, "k-means++", section 2.2;
Biernacki, Celeux & Govaert 2003 (doi:10.1016/S0167-9473(02)00163-9), short runs of EM.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy.special import logsumexp

from ebm.boltzmann.learning import check_state
from ebm.boltzmann.mixture import (
    COVARIANCES,
    EDGE,
    BernoulliComponents,
    Components,
    GaussianComponents,
    Mixture,
    responsibilities,
)
from ebm.random import Random, Stream

SHORT = 10  # steps of EM after which starts are compared
SHRINKAGE = 0.5  # of the first Bernoulli means towards the mean of all: a start that excludes nothing


def em_step(model: Mixture, x: np.ndarray, share: np.ndarray, log_joint: np.ndarray | None = None) -> Mixture:
    """Return the mixture after one E and one M step.

    Parameters
    ----------
    model : Mixture
    x : ndarray of shape (n_rows, n_features), float32 or float64
    share : ndarray of shape (n_rows,)
        Weights that sum to 1.
    log_joint : ndarray of shape (n_rows, K), optional
        ``model.log_joint(x)``, where it is known.
    """
    joint = model.log_joint(x) if log_joint is None else log_joint
    weighted = responsibilities(joint) * share[:, None]
    return _maximised(model.components, x, weighted)


def _maximised(components: Components, x: np.ndarray, weighted: np.ndarray) -> Mixture:
    weights = weighted.sum(axis=0) + 10 * np.finfo(np.float64).eps
    scaled = (weighted * len(x)).astype(x.dtype)
    return Mixture((weights / weights.sum()).astype(x.dtype), components.refitted(x, scaled))


def spread_means(x: np.ndarray, share: np.ndarray, n: int, random: Random, step: int) -> np.ndarray:
    """Choose n rows of x, each with a probability that grows with the squared distance to those before.

    Distances are in standard deviations of each feature.
    """
    center = share @ x
    deviation = np.sqrt(share @ np.square(x - center))
    z = (x - center) / np.where(deviation > 0, deviation, 1)
    u = random.uniform((1, n), Stream.MIXTURE_START, step, np.float64)[0]
    chosen: list[int] = []
    distances = np.ones(len(x))
    for i in range(n):
        borders = np.cumsum(share * distances, dtype=np.float64)
        if borders[-1] <= 0:  # fewer different rows than means: any will do
            borders = np.cumsum(share, dtype=np.float64)
        chosen.append(min(int(np.searchsorted(borders, u[i] * borders[-1])), len(x) - 1))
        new = np.square(z - z[chosen[-1]]).sum(axis=1, dtype=np.float64)
        distances = new if i == 0 else np.minimum(distances, new)
    return x[chosen]


def first_mixture(
    x: np.ndarray,
    share: np.ndarray,
    n_components: int,
    random: Random,
    *,
    component: str = "gaussian",
    covariance_type: str = "full",
    reg_covar: float = 1e-6,
    step: int = 0,
) -> Mixture:
    """Return the mixture of the samples nearest to each of some far-flung means.

    Raises
    ------
    ValueError
        When there are more components than samples, a name is unknown, or a component is singular.
    """
    if component not in ("gaussian", "bernoulli"):
        raise ValueError(f"component must be 'gaussian' or 'bernoulli', got {component!r}")
    if covariance_type not in COVARIANCES:
        raise ValueError(f"covariance_type must be one of {COVARIANCES}, got {covariance_type!r}")
    if n_components > len(x):
        raise ValueError(f"n_components={n_components} must be at most the number of samples, n_samples={len(x)}")
    means = spread_means(x, share, n_components, random, step)
    distances = np.stack([np.square(x - mean).sum(axis=1) for mean in means], axis=1)
    weighted = np.eye(n_components)[distances.argmin(axis=1)] * share[:, None]
    if component == "bernoulli":
        start = _maximised(BernoulliComponents(np.full(means.shape, 0.5, x.dtype)), x, weighted)
        shrunk = (1 - SHRINKAGE) * start.components.means + SHRINKAGE * np.clip(share @ x, EDGE, 1 - EDGE)
        return Mixture(start.weights, BernoulliComponents(shrunk.astype(x.dtype)))
    k, d = means.shape
    shape = {"full": (k, d, d), "diag": (k, d), "spherical": (k,)}[covariance_type]
    unknown = GaussianComponents(means, np.ones(shape, x.dtype), reg_covar=reg_covar)
    return _maximised(unknown, x, weighted)


def best_start(
    x: np.ndarray, share: np.ndarray, n_components: int, random: Random, n_init: int = 1, **kinds: Any
) -> Mixture:
    """Return the likeliest of ``n_init`` starts after ten steps; parameters as of :func:`first_mixture`."""
    starts = [first_mixture(x, share, n_components, random, step=step, **kinds) for step in range(n_init)]
    if n_init == 1:
        return starts[0]
    learners = [MixtureLearner(start, x, share) for start in starts]
    for learner in learners:
        learner.update(0, SHORT)
    return max(learners, key=lambda learner: learner.log_likelihood).model


class MixtureLearner:
    """Expectation-maximisation; an update is one step on all samples.

    Parameters
    ----------
    model : Mixture
        Where learning starts.
    x : ndarray of shape (n_samples, n_features), float32 or float64
    share : ndarray of shape (n_samples,)
        Weights of the samples, of sum 1, float64.

    Raises
    ------
    ValueError
        When a component is singular, now or after a step: the last model stays.
    """

    n_batches = 1

    def __init__(self, model: Mixture, x: np.ndarray, share: np.ndarray) -> None:
        self._x, self._share = x, share
        self._stand(model)

        self.gain = np.inf  # of log-likelihood, by the last step

    def _stand(self, model: Mixture) -> None:
        joint = model.log_joint(self._x)
        self.model, self._joint = model, joint
        self.log_likelihood = float(self._share @ logsumexp(joint, axis=1))  # mean over the samples, in nats

    def begin_epoch(self, epoch: int) -> None:
        """Nothing changes from epoch to epoch."""

    def update(self, first: int, last: int) -> None:
        """Do ``last - first`` steps."""
        for _ in range(first, last):
            before = self.log_likelihood
            self._stand(em_step(self.model, self._x, self._share, self._joint))
            self.gain = self.log_likelihood - before

    def is_sound(self) -> bool:
        """Tell whether the likelihood is finite."""
        return bool(np.isfinite(self.log_likelihood))

    def state(self) -> dict[str, np.ndarray]:
        """Copy all that exact resumption needs."""
        components = self.model.components
        state = {"weights": self.model.weights.copy(), "means": components.means.copy()}
        if isinstance(components, GaussianComponents):
            state["covariances"] = components.covariances.copy()
        return state

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Go on from a ``state`` of a learner of the same shapes; ValueError when one differs."""
        check_state(state, self.state())
        components: Components
        if isinstance(self.model.components, GaussianComponents):
            reg = self.model.components.reg_covar
            components = GaussianComponents(state["means"].copy(), state["covariances"].copy(), reg_covar=reg)
        else:
            components = BernoulliComponents(state["means"].copy())
        self._stand(Mixture(state["weights"].copy(), components))
