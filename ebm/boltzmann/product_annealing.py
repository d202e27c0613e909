"""log Z of a product of experts by annealing, for more experts than features: from a Gaussian to the product.

::

    f_beta(x) = exp(-(1 - beta) |x|^2 / 2 - beta E(x)),   log Z_0 = (n_features / 2) log 2 pi

Sweeps are Hamiltonian moves whose steps follow the stiffness (1 - beta) + beta k, k that of E. The base is meant for
whitened data.

Source: Neal 2001 (doi:10.1023/A:1008923215028), sections 2 and 3; moves as in ``ebm.sampling.hamiltonian``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ebm.boltzmann.product_of_experts import ProductOfExperts
from ebm.kernels.box_muller import normals
from ebm.random import Stream
from ebm.sampling.annealing import LogPartition, annealed_importance_sampling, temperatures, told
from ebm.sampling.hamiltonian import hamiltonian_move
from ebm.sampling.tempered import TemperedPath

if TYPE_CHECKING:
    from ebm.random import Random


@dataclass(frozen=True)
class _Bridge:
    """f_beta, with a beta for every chain."""

    model: ProductOfExperts
    betas: np.ndarray

    def energy_and_gradient(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        energy, gradient = self.model.energy_and_gradient(x)
        beta = self.betas.astype(x.dtype)
        base, half = x.dtype.type(1) - beta, x.dtype.type(0.5)
        energy = base * half * np.einsum("ij,ij->i", x, x) + beta * energy
        return energy, base[:, None] * x + beta[:, None] * gradient


@dataclass(frozen=True)
class TemperedExperts:
    """A product of experts as a tempered family (``ebm.sampling.tempered.Tempered``).

    Parameters
    ----------
    model : ProductOfExperts
    n_leapfrog : int
        Of the Hamiltonian move that is a sweep.
    """

    model: ProductOfExperts
    n_leapfrog: int = 5

    is_bounded = False  # U falls without end where energies grow slower than x.x / 2

    @property
    def log_base(self) -> float:
        """Log Z_0."""
        return 0.5 * self.model.n_features * float(np.log(2 * np.pi))

    def start(self, n_chains: int, random: Random, *, step: int = 0) -> np.ndarray:
        """Draw standard normal states."""
        return normals(n_chains, self.model.n_features, random.at(Stream.EXPERT_BASE, step), self.model.weights)

    def sweep(self, states: Any, betas: np.ndarray, random: Random, step: int, first_chain: int = 0) -> Any:
        """Return new states, row r by a Hamiltonian move at ``betas[r]``."""
        size = 1.0 / np.sqrt((1.0 - betas) + betas * self.model.stiffness)
        bridge = _Bridge(self.model, betas)
        return hamiltonian_move(bridge, states, size, self.n_leapfrog, random, step, first_chain)[0]

    def potential(self, states: Any) -> np.ndarray:
        """U(x) = E(x) - x.x / 2, float64."""
        return self.model.energy(states).astype(np.float64) - 0.5 * np.square(states, dtype=np.float64).sum(axis=1)


def log_partition(
    model: ProductOfExperts, random: Random, *, n_chains: int = 100, n_temperatures: int = 1000, n_leapfrog: int = 5
) -> LogPartition:
    """Return log Z, exactly where it has a closed form, else by annealed importance sampling.

    Parameters
    ----------
    model : ProductOfExperts
        Of data that are whitened, or nearly so.
    random : Random
        The estimate is a function of its seed.
    n_chains, n_temperatures, n_leapfrog : int
        The cost is that of their product in evaluations of the gradient.

    Returns
    -------
    LogPartition

    Warns
    -----
    UntrustedEstimateWarning
        When the estimate's own diagnosis says that it must not be believed.

    Raises
    ------
    ValueError
        When the product cannot be normalised, or a number is out of range.
    """
    if model.is_exact:
        return LogPartition(model.log_partition, 0.0, np.inf, 0, "exact", True, "exact, in closed form")
    if not model.is_normalisable:
        raise ValueError(
            f"this product cannot be normalised: its weights must span all {model.n_features} features, and the "
            f"exponents (the least is {float(model.exponents.min()):.4g}) be large enough"
        )
    path = TemperedPath(TemperedExperts(model, n_leapfrog))
    return told(annealed_importance_sampling(path, n_chains, temperatures(n_temperatures), random))
