"""The product of experts: each looks at one projection of x, and a state that any of them finds unlikely is unlikely.

::

    p(x) = exp(-E(x)) / Z,   E(x) = sum_j alpha_j phi(y_j) + |x_perp|^2 / 2,   y = b + x W

that is, p(x) proportional to prod_j f(y_j)^alpha_j. With fewer experts than features nobody would look at x_perp, the
part of x that is orthogonal to all columns of W: a Gaussian expert of unit variance does. With M <= D independent
experts the integral separates, and everything is known::

    log Z = -(1/2) log det W^T W + sum_j log integral f^alpha_j + (D - M) / 2 log 2 pi

For M = D the first term is minus the logarithm of W's determinant, and p is the model of independent component
analysis: the activations are the independent sources. With M > D, Z has no closed form.

When it can be normalised: the columns of W must span R^D if M >= D, and be independent if M <= D. Logistic experts
ask no more. Products of Student-t experts decay as a power: over a subspace of dimension k they must fall faster than
its volume grows, 2 sum_j alpha_j > k over the experts that see it; M - D + k do at least, if the experts are in
general position. Where alpha_j > 1/2 for all j, that holds in any position.

Sources: Hinton 2002 (doi:10.1162/089976602760128018), section 1; Teh, Welling, Osindero & Hinton 2003, "Energy-based
models for sparse overcomplete representations" (JMLR 4), sections 2 and 3; Welling, Zemel & Hinton 2004,
"Probabilistic sequential independent components analysis", for the Gaussian complement.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from ebm.boltzmann.experts import Expert, StudentT
from ebm.kernels.box_muller import normals
from ebm.kernels.experts import expert_energies
from ebm.random import Stream

if TYPE_CHECKING:
    from ebm.random import Random

NAMES = ("weights", "bias", "exponents")


@dataclass(frozen=True, eq=False)
class ProductOfExperts:
    """Parameters of a product of experts over real x, and its mathematics.

    Parameters
    ----------
    weights : array of shape (n_features, n_experts), float32 or float64
        W; column j is what expert j looks at.
    bias : array of shape (n_experts,)
        b.
    exponents : array of shape (n_experts,)
        alpha, above 0.
    expert : Expert
        ``StudentT()`` or ``Logistic()``.

    Raises
    ------
    ValueError
        When shapes or dtypes do not fit, or an exponent is not above 0.

    Notes
    -----
    With at least as many experts as features, energy and gradient in x work where their arrays are, on the CPU
    (NumPy) or the GPU (CuPy). All else is NumPy's work, on the CPU.
    """

    weights: Any
    bias: Any
    exponents: Any
    expert: Expert = field(default_factory=StudentT)

    def __post_init__(self) -> None:
        """Check that the parameters fit."""
        lengths = self.weights.shape[1:], self.bias.shape, self.exponents.shape
        if self.weights.ndim != 2 or len(set(lengths)) != 1:
            raise ValueError(
                f"weights {self.weights.shape} need bias and exponents of one number an expert, got {lengths[1:]}"
            )
        dtypes = {np.dtype(getattr(self, name).dtype).name for name in NAMES}
        if len(dtypes) != 1 or not dtypes <= {"float32", "float64"}:
            raise ValueError(f"parameters must share one dtype, float32 or float64; got {sorted(dtypes)}")
        if not (self.exponents > 0).all():
            raise ValueError(f"exponents must be above 0, the least is {float(self.exponents.min())}")

    @property
    def n_features(self) -> int:
        """Dimension of x."""
        return self.weights.shape[0]

    @property
    def n_experts(self) -> int:
        """Experts."""
        return self.weights.shape[1]

    @property
    def dtype(self) -> np.dtype:
        """The parameters' dtype."""
        return np.dtype(self.weights.dtype)

    # ---- energy ----

    def activations(self, x: Any) -> Any:
        """y = b + x W, shape (n_rows, n_experts)."""
        return x @ self.weights + self.bias

    def _layer(self, x: Any) -> tuple[Any, Any, Any]:
        """Energies, the experts' slopes, and what no expert sees (or None)."""
        energy, slopes = expert_energies(self.activations(x), self.exponents, self.expert.kind)
        if self.n_experts >= self.n_features:
            return energy, slopes, None
        rest = self._complement(x)
        return energy + self.dtype.type(0.5) * np.einsum("ij,ij->i", rest, rest), slopes, rest

    def energy(self, x: Any) -> Any:
        """E(x), shape (n_rows,)."""
        return self._layer(x)[0]

    def energy_and_gradient(self, x: Any) -> tuple[Any, Any]:
        """E(x), shape (n_rows,), and its gradient in x, shape (n_rows, n_features)."""
        energy, slopes, rest = self._layer(x)
        gradient = slopes @ self.weights.T
        return energy, gradient if rest is None else gradient + rest

    @cached_property
    def _pseudo_inverse(self) -> np.ndarray:
        return np.linalg.pinv(self.weights)

    def _complement(self, x: np.ndarray) -> np.ndarray:
        return x - (x @ self._pseudo_inverse.T) @ self.weights.T

    def mean_energy(
        self, x: np.ndarray, share: np.ndarray, *, exponents: bool = True
    ) -> tuple[float, dict[str, np.ndarray]]:
        """Return sum_r share_r E(x_r), and the gradient of its *negative* in "weights", "bias" and "exponents".

        With shares that sum to 1 the gradient is one of the two terms of a likelihood's: the data's, less the model's.
        ``exponents=False`` leaves theirs at zero, which saves a logarithm for every activation.
        """
        energy, slopes, rest = self._layer(x)
        slopes *= share[:, None]
        gradient = {
            "weights": -(x.T @ slopes),
            "bias": -slopes.sum(axis=0),
            "exponents": np.zeros_like(self.exponents),
        }
        if exponents:
            gradient["exponents"] = -(share @ self.expert.potential(self.activations(x)))
        if rest is not None:
            gradient["weights"] += (share[:, None] * rest).T @ (x @ self._pseudo_inverse.T)
        return float(share.astype(np.float64) @ energy.astype(np.float64)), gradient

    @cached_property
    def stiffness(self) -> float:
        """A bound on the second derivatives of E, for the size of steps: that of W diag(alpha max phi'') W^T."""
        scaled = np.asarray(self.weights, np.float64) * np.sqrt(np.asarray(self.exponents, np.float64))
        largest = self.expert.curvature * float(np.linalg.norm(scaled, 2)) ** 2
        return max(largest, 1.0) if self.n_experts < self.n_features else largest

    # ---- the normalised distribution ----

    @cached_property
    def is_normalisable(self) -> bool:
        """Whether Z is finite (for experts in general position, see the module)."""
        n, m = self.n_features, self.n_experts
        if not np.isfinite(self.weights).all() or np.linalg.matrix_rank(self.weights) < min(n, m):
            return False
        if self.expert.least_exponent == 0:
            return True
        seen = np.cumsum(np.sort(np.asarray(self.exponents, np.float64)))  # by the least i + 1 experts
        k = np.arange(1, min(n, m) + 1)
        return bool((seen[m - len(k) + k - 1] > self.expert.least_exponent * k).all())

    @property
    def is_exact(self) -> bool:
        """Whether log Z is known in closed form."""
        return self.n_experts <= self.n_features

    def _check_exact(self, what: str) -> None:
        if not self.is_exact:
            raise ValueError(
                f"{what} is known for at most as many experts as features, "
                f"this product has {self.n_experts} experts of {self.n_features} features: estimate or sample it"
            )
        if not self.is_normalisable:
            raise ValueError(
                f"this product cannot be normalised: its weights must be independent, and exponents above "
                f"{self.expert.least_exponent} (the least is {float(self.exponents.min()):.4g})"
            )

    @cached_property
    def log_partition(self) -> float:
        """Log Z in nats, exact.

        Raises
        ------
        ValueError
            When there are more experts than features, or the product cannot be normalised.
        """
        self._check_exact("log Z")
        volume = np.log(np.linalg.svd(np.asarray(self.weights, np.float64), compute_uv=False)).sum()
        free = self.n_features - self.n_experts
        return float(self.expert.log_normaliser(self.exponents).sum() - volume + 0.5 * free * np.log(2 * np.pi))

    def log_partition_gradient(self) -> dict[str, np.ndarray]:
        """Return the gradient of log Z in "weights", "bias" and "exponents"; errors as of ``log_partition``."""
        self._check_exact("the gradient of log Z")
        return {
            "weights": -self._pseudo_inverse.T,
            "bias": np.zeros_like(self.bias),
            "exponents": self.expert.log_normaliser_slope(self.exponents).astype(self.dtype),
        }

    def log_density(self, x: np.ndarray) -> np.ndarray:
        """Log p(x), shape (n_rows,), float64; errors as of ``log_partition``."""
        log_z = self.log_partition
        return -self.energy(x).astype(np.float64) - log_z

    def sample(self, n: int, random: Random, step: int = 0) -> np.ndarray:
        """Draw exact samples: activations from the experts, what is orthogonal to them from the Gaussian.

        Raises
        ------
        ValueError
            As of ``log_partition``.
        """
        self._check_exact("an exact sampler")
        u = random.uniform((n, self.n_experts), Stream.EXPERT_ACTIVATIONS, step, np.float64)
        y = self.expert.quantile(self.exponents, u).astype(self.dtype)
        x = (y - self.bias) @ self._pseudo_inverse
        if self.n_experts < self.n_features:
            rest = normals(n, self.n_features, random.at(Stream.EXPERT_COMPLEMENT, step), self.weights)
            x = x + self._complement(rest)
        return x

    def astype(self, dtype: Any) -> ProductOfExperts:
        """Return the same model in another precision."""
        weights, bias, exponents = (getattr(self, name).astype(dtype) for name in NAMES)
        return ProductOfExperts(weights, bias, exponents, self.expert)
