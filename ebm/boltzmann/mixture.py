"""Mixtures of experts, in the sense that stands beside products: p(x) = sum_k pi_k p_k(x).

A product asks every expert and is sharper than any of them; a mixture asks one at a time, and is at least as broad as
their average. (The gated regression networks that are also called mixtures of experts are something else.)

::

    Gaussian    log p_k(x) = -(1/2) [D log 2 pi + log det S_k + (x - m_k)^T S_k^-1 (x - m_k)]
    Bernoulli   log p_k(x) = sum_i x_i log m_ki + (1 - x_i) log(1 - m_ki)

Source: McLachlan & Peel, "Finite Mixture Models" (2000), chapters 2 and 3; Bishop, "Pattern Recognition and Machine
Learning" (2006), sections 9.2 and 9.3.3 (Bernoulli).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from scipy.special import logsumexp

from ebm.kernels.box_muller import normals
from ebm.random import Stream

if TYPE_CHECKING:
    from ebm.random import Random

COVARIANCES = ("full", "diag", "spherical")
ROUNDING = 16  # deviations of fewer eps times the mean are rounding errors
EDGE = 1e-6  # Bernoulli means stay so far from 0 and 1: a state not yet seen is unlikely, not impossible


class Components(Protocol):
    """What a mixture asks of its components, K of them over D features."""

    @property
    def means(self) -> np.ndarray:
        """Means, shape (K, D)."""
        ...

    def log_densities(self, x: np.ndarray) -> np.ndarray:
        """Log p_k(x), shape (n_rows, K)."""
        ...

    def refitted(self, x: np.ndarray, responsibilities: np.ndarray) -> Components:
        """Return the components of highest likelihood for these responsibilities (n_rows, K)."""
        ...

    def sample(self, which: np.ndarray, random: Random) -> np.ndarray:
        """Draw a state of component ``which[r]`` for every row r."""
        ...

    @property
    def n_parameters(self) -> int:
        """Free parameters."""
        ...


@dataclass(frozen=True, eq=False)
class GaussianComponents:
    """Gaussian components.

    Parameters
    ----------
    means : ndarray of shape (K, D), float32 or float64
    covariances : ndarray
        (K, D, D) "full", (K, D) "diag" or (K,) "spherical".
    reg_covar : float
        Added to every variance when components are fitted again. With 0 the likelihood never falls but a
        component may collapse.

    Raises
    ------
    ValueError
        When shapes do not fit, or a covariance is not positive definite (on first use).
    """

    means: np.ndarray
    covariances: np.ndarray
    reg_covar: float = field(default=1e-6, kw_only=True)

    def __post_init__(self) -> None:
        """Check that the shapes fit."""
        k, d = self.means.shape
        if self.covariances.shape not in ((k, d, d), (k, d), (k,)):
            raise ValueError(
                f"covariances must have shape ({k}, {d}, {d}), ({k}, {d}) or ({k},) for means of shape ({k}, {d}); "
                f"got {self.covariances.shape}"
            )

    @property
    def covariance_type(self) -> str:
        """The kind of covariances, "full", "diag" or "spherical"."""
        return {3: "full", 2: "diag", 1: "spherical"}[self.covariances.ndim]

    @cached_property
    def _factors(self) -> np.ndarray:
        """L with S = L L^T (full), or standard deviations (K, D)."""
        is_full = self.covariance_type == "full"
        variances = np.einsum("kii->ki", self.covariances) if is_full else self.covariances.reshape(len(self.means), -1)
        rounding = np.square(ROUNDING * np.finfo(self.means.dtype).eps * np.abs(self.means).max(axis=1))
        good = variances.min(axis=1) > rounding
        factors = np.zeros_like(self.covariances)
        for k in np.flatnonzero(good) if is_full else ():
            try:
                factors[k] = np.linalg.cholesky(self.covariances[k])
            except np.linalg.LinAlgError:
                good[k] = False
        if not good.all() or not np.isfinite(self.covariances).all():
            raise ValueError(
                f"the covariance of component {int(np.argmin(good))} is not positive definite: it has too few "
                f"different samples. Take fewer components, or a reg_covar above {self.reg_covar:g}"
            )
        return factors if is_full else np.broadcast_to(np.sqrt(variances), self.means.shape)

    @cached_property
    def _precisions(self) -> np.ndarray:
        """L^-T (full)."""
        eye = np.eye(self.means.shape[1], dtype=self.means.dtype)
        return np.linalg.solve(self._factors, np.broadcast_to(eye, self._factors.shape)).transpose(0, 2, 1)

    def log_densities(self, x: np.ndarray) -> np.ndarray:
        """Log p_k(x), shape (n_rows, K)."""
        factors, d = self._factors, self.means.shape[1]
        distances = np.empty((len(x), len(self.means)), x.dtype)
        for k, mean in enumerate(self.means):
            z = (x - mean) @ self._precisions[k] if self.covariance_type == "full" else (x - mean) / factors[k]
            distances[:, k] = np.einsum("ij,ij->i", z, z)
        scales = factors if self.covariance_type != "full" else np.einsum("kii->ki", factors)
        constant = d * np.log(2 * np.pi) + 2 * np.log(scales).sum(axis=1)
        return x.dtype.type(-0.5) * (distances + constant.astype(x.dtype))

    def refitted(self, x: np.ndarray, responsibilities: np.ndarray) -> GaussianComponents:
        """Return the components of highest likelihood for these responsibilities, plus ``reg_covar``."""
        counts = responsibilities.sum(axis=0) + 10 * np.finfo(x.dtype).eps
        means = (responsibilities.T @ x) / counts[:, None]
        reg = x.dtype.type(self.reg_covar)
        parts: list[Any] = []
        for k, mean in enumerate(means):
            rest, share = x - mean, responsibilities[:, k] / counts[k]
            if self.covariance_type == "full":
                parts.append((share * rest.T) @ rest + reg * np.eye(x.shape[1], dtype=x.dtype))
            else:
                parts.append(share @ np.square(rest) + reg)
        covariances = np.stack(parts)
        if self.covariance_type == "spherical":
            covariances = covariances.mean(axis=1)
        return GaussianComponents(means, covariances, reg_covar=self.reg_covar)

    def sample(self, which: np.ndarray, random: Random) -> np.ndarray:
        """Draw m_k + L_k z of component ``which[r]`` for every row r."""
        z = normals(len(which), self.means.shape[1], random.at(Stream.MIXTURE_STATES), self.means)
        if self.covariance_type != "full":
            return self.means[which] + self._factors[which] * z
        return self.means[which] + np.einsum("nij,nj->ni", self._factors[which], z)

    @property
    def n_parameters(self) -> int:
        """K D means, and the free entries of the covariances."""
        k, d = self.means.shape
        return k * d + k * {"full": d * (d + 1) // 2, "diag": d, "spherical": 1}[self.covariance_type]


@dataclass(frozen=True, eq=False)
class BernoulliComponents:
    """Components of independent binary features.

    Parameters
    ----------
    means : ndarray of shape (K, D), float32 or float64
        Probabilities of ones, strictly between 0 and 1.

    Raises
    ------
    ValueError
        When a mean is not between 0 and 1.
    """

    means: np.ndarray

    def __post_init__(self) -> None:
        """Check that every state is possible."""
        if not ((self.means > 0) & (self.means < 1)).all():
            raise ValueError(f"means must lie between 0 and 1, got {self.means.min()} to {self.means.max()}")

    def log_densities(self, x: np.ndarray) -> np.ndarray:
        """Log p_k(x), shape (n_rows, K); for values between 0 and 1 a continuation."""
        on, off = np.log(self.means), np.log1p(-self.means)
        return x @ (on - off).T + off.sum(axis=1)

    def refitted(self, x: np.ndarray, responsibilities: np.ndarray) -> BernoulliComponents:
        """Return the weighted means, held within [1e-6, 1 - 1e-6]: the likeliest there."""
        counts = responsibilities.sum(axis=0) + 10 * np.finfo(x.dtype).eps
        means = (responsibilities.T @ x) / counts[:, None]
        return BernoulliComponents(np.clip(means, EDGE, 1 - EDGE).astype(x.dtype))

    def sample(self, which: np.ndarray, random: Random) -> np.ndarray:
        """Draw zeros and ones of component ``which[r]`` for every row r."""
        u = random.uniform((len(which), self.means.shape[1]), Stream.MIXTURE_STATES, dtype=np.float64)
        return (u < self.means[which]).astype(self.means.dtype)

    @property
    def n_parameters(self) -> int:
        """K D means."""
        return self.means.size


@dataclass(frozen=True, eq=False)
class Mixture:
    """A mixture: weights and components.

    Parameters
    ----------
    weights : ndarray of shape (K,)
        pi: at least 0, of sum 1.
    components : Components

    Raises
    ------
    ValueError
        When the weights are no distribution over the components.
    """

    weights: np.ndarray
    components: Components

    def __post_init__(self) -> None:
        """Check the weights."""
        fits = self.weights.shape == (len(self.components.means),) and (self.weights >= 0).all()
        if not fits or abs(float(self.weights.sum()) - 1) > 1e-4:
            raise ValueError(
                f"weights must be {len(self.components.means)} numbers of at least 0 that sum to 1, got {self.weights}"
            )

    def log_joint(self, x: np.ndarray) -> np.ndarray:
        """Log pi_k p_k(x), shape (n_rows, K), float64."""
        with np.errstate(divide="ignore"):  # an empty component
            log_weights = np.log(self.weights.astype(np.float64))
        return self.components.log_densities(x) + log_weights

    def log_density(self, x: np.ndarray) -> np.ndarray:
        """Log p(x), shape (n_rows,), float64."""
        return logsumexp(self.log_joint(x), axis=1)

    def responsibilities(self, x: np.ndarray) -> np.ndarray:
        """p(k | x), shape (n_rows, K), float64."""
        return responsibilities(self.log_joint(x))

    def sample(self, n: int, random: Random) -> tuple[np.ndarray, np.ndarray]:
        """Draw n states and the numbers of their components, in random order."""
        u = random.uniform((1, n), Stream.MIXTURE_COMPONENT, dtype=np.float64)[0]
        borders = np.cumsum(self.weights.astype(np.float64))
        which = np.minimum(np.searchsorted(borders / borders[-1], u), len(borders) - 1)
        return self.components.sample(which, random), which

    @property
    def n_parameters(self) -> int:
        """Free parameters: the components', and all weights but one."""
        return self.components.n_parameters + len(self.weights) - 1


def responsibilities(log_joint: np.ndarray) -> np.ndarray:
    """p(k | x) of log pi_k p_k(x)."""
    return np.exp(log_joint - logsumexp(log_joint, axis=1, keepdims=True))
