"""Experts: one-dimensional distributions f(y)^alpha of a projection y, of which products are made.

Each is log f(y) = -alpha phi(y) with an even potential phi that grows slower than a parabola, so that an expert is
content with small activations, and a large one costs little more than a middling one: heavier tails than a Gaussian's::

    Student-t   f(y) = (1 + y^2 / 2)^-alpha        integral sqrt(2 pi) Gamma(alpha - 1/2) / Gamma(alpha), alpha > 1/2
    logistic    f(y) = [sigma(y) sigma(-y)]^alpha  integral Gamma(alpha)^2 / Gamma(2 alpha)

The Student-t expert has 2 alpha - 1 degrees of freedom, and y sqrt(alpha - 1/2) is a standard t. The logistic one is at
alpha = 1 the logistic density, the prior of independent component analysis by Infomax; y is a beta variate's log-odds.

Sources: Welling, Hinton & Osindero 2002, "Learning sparse topographic representations with products of Student-t
distributions", section 2; Bell & Sejnowski 1995 (doi:10.1162/neco.1995.7.6.1129), section 2, for the logistic function.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy.special import betaincinv, digamma, gammaln, polygamma, stdtrit

from ebm.kernels.experts import LOGISTIC, STUDENT_T


class Expert(Protocol):
    """What a product asks of a type of expert."""

    @property
    def name(self) -> str:
        """The type's name, as an estimator's parameter spells it."""
        ...

    @property
    def kind(self) -> int:
        """The type's number in ``ebm.kernels.experts``."""
        ...

    @property
    def least_exponent(self) -> float:
        """Exponents above it, and no others, make an expert that can be normalised by itself."""
        ...

    @property
    def curvature(self) -> float:
        """The largest phi''(y)."""
        ...

    def potential(self, y: np.ndarray) -> np.ndarray:
        """phi(y)."""
        ...

    def bend(self, y: np.ndarray) -> np.ndarray:
        """phi''(y)."""
        ...

    def log_normaliser(self, exponents: np.ndarray) -> np.ndarray:
        """Return the log of the integral of f over y, float64."""
        ...

    def log_normaliser_slope(self, exponents: np.ndarray) -> np.ndarray:
        """Return the derivative of ``log_normaliser`` by the exponent, float64."""
        ...

    def log_normaliser_bend(self, exponents: np.ndarray) -> np.ndarray:
        """Return the second derivative of ``log_normaliser`` by the exponent, float64."""
        ...

    def quantile(self, exponents: np.ndarray, u: np.ndarray) -> np.ndarray:
        """Return y below which a share u of the expert's mass lies, float64: samples, if u is uniform."""
        ...


@dataclass(frozen=True)
class StudentT:
    """f(y) = (1 + y^2 / 2)^-alpha."""

    name: str = "student_t"
    kind: int = STUDENT_T
    least_exponent: float = 0.5
    curvature: float = 1.0

    def potential(self, y: np.ndarray) -> np.ndarray:
        """log(1 + y^2 / 2)."""
        return np.log1p(np.square(y) * y.dtype.type(0.5))

    def bend(self, y: np.ndarray) -> np.ndarray:
        """(1 - y^2 / 2) / (1 + y^2 / 2)^2."""
        half = 0.5 * np.square(y)
        return (1 - half) / np.square(1 + half)

    def log_normaliser(self, exponents: np.ndarray) -> np.ndarray:
        """(1/2) log 2 pi + log Gamma(alpha - 1/2) - log Gamma(alpha)."""
        alpha = np.asarray(exponents, np.float64)
        return 0.5 * np.log(2 * np.pi) + gammaln(alpha - 0.5) - gammaln(alpha)

    def log_normaliser_slope(self, exponents: np.ndarray) -> np.ndarray:
        """psi(alpha - 1/2) - psi(alpha)."""
        alpha = np.asarray(exponents, np.float64)
        return digamma(alpha - 0.5) - digamma(alpha)

    def log_normaliser_bend(self, exponents: np.ndarray) -> np.ndarray:
        """psi'(alpha - 1/2) - psi'(alpha)."""
        alpha = np.asarray(exponents, np.float64)
        return polygamma(1, alpha - 0.5) - polygamma(1, alpha)

    def quantile(self, exponents: np.ndarray, u: np.ndarray) -> np.ndarray:
        """Return the quantile of Student's t with 2 alpha - 1 degrees of freedom, over sqrt(alpha - 1/2)."""
        alpha = np.asarray(exponents, np.float64)
        return stdtrit(2 * alpha - 1, u) / np.sqrt(alpha - 0.5)


@dataclass(frozen=True)
class Logistic:
    """f(y) = [sigma(y) sigma(-y)]^alpha = (2 cosh(y / 2))^(-2 alpha)."""

    name: str = "logistic"
    kind: int = LOGISTIC
    least_exponent: float = 0.0
    curvature: float = 0.5

    def potential(self, y: np.ndarray) -> np.ndarray:
        """log(1 + e^y) + log(1 + e^-y)."""
        return np.abs(y) + 2 * np.log1p(np.exp(-np.abs(y)))

    def bend(self, y: np.ndarray) -> np.ndarray:
        """(1 - tanh^2(y / 2)) / 2."""
        return 0.5 - 0.5 * np.square(np.tanh(0.5 * y))

    def log_normaliser(self, exponents: np.ndarray) -> np.ndarray:
        """2 log Gamma(alpha) - log Gamma(2 alpha)."""
        alpha = np.asarray(exponents, np.float64)
        return 2 * gammaln(alpha) - gammaln(2 * alpha)

    def log_normaliser_slope(self, exponents: np.ndarray) -> np.ndarray:
        """2 psi(alpha) - 2 psi(2 alpha)."""
        alpha = np.asarray(exponents, np.float64)
        return 2 * digamma(alpha) - 2 * digamma(2 * alpha)

    def log_normaliser_bend(self, exponents: np.ndarray) -> np.ndarray:
        """2 psi'(alpha) - 4 psi'(2 alpha)."""
        alpha = np.asarray(exponents, np.float64)
        return 2 * polygamma(1, alpha) - 4 * polygamma(1, 2 * alpha)

    def quantile(self, exponents: np.ndarray, u: np.ndarray) -> np.ndarray:
        """Return the log-odds of the quantile of Beta(alpha, alpha), from the lower half, where digits are kept."""
        alpha = np.asarray(exponents, np.float64)
        below = betaincinv(alpha, alpha, np.minimum(u, 1 - u))
        return np.sign(0.5 - u) * (np.log(below) - np.log1p(-below))


EXPERTS: dict[str, Expert] = {"student_t": StudentT(), "logistic": Logistic()}
