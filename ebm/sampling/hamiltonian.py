"""Hamiltonian Monte Carlo for any density over real x that tells its energy and gradient; with one step, Langevin.

::

    p ~ N(0, I);  L leapfrog steps:  p <- p - (eps/2) grad E(x),  x <- x + eps p,  p <- p - (eps/2) grad E(x)
    accept with probability min(1, exp(H_before - H_after)),  H = E(x) + |p|^2 / 2

The steps keep volume and can be run backwards, so with the acceptance p(x) proportional to exp(-E(x)) stays as it is,
for any eps; without it only in the limit of small ones. L = 1 is the Metropolis-adjusted Langevin algorithm (MALA). The
step of each chain and move is eps times a log-normal factor, lest a trajectory come round in a period: the factor knows
nothing of x, so the target stays.

log u <= H_before - H_after with -log u exponential, as half the sum of two squared normal numbers is.

Sources: Neal 2011, "MCMC using Hamiltonian dynamics" (arXiv:1206.1901), sections 3 and 5.2 (Langevin);
Duane, Kennedy, Pendleton & Roweth 1987 (doi:10.1016/0370-2693(87)91197-X).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from ebm.kernels.box_muller import normals
from ebm.random import Stream

if TYPE_CHECKING:
    from ebm.random import Random

JITTER = 0.1  # standard deviation of the logarithm of a step's factor


class Differentiable(Protocol):
    """What Hamiltonian moves ask of a density proportional to exp(-E(x))."""

    def energy_and_gradient(self, x: Any) -> tuple[Any, Any]:
        """E(x), shape (n_rows,), and its gradient, shape (n_rows, n_features)."""
        ...


def hamiltonian_move(
    model: Differentiable,
    x: Any,
    step_size: Any,
    n_leapfrog: int,
    random: Random,
    step: int,
    first_chain: int = 0,
) -> tuple[Any, Any]:
    """Move every chain once.

    Parameters
    ----------
    model : Differentiable
    x : array of shape (n_chains, n_features), float32 or float64
        States; they are left as they are.
    step_size : float or array of shape (n_chains,)
        eps, the same for all chains or one for each. Leapfrog is unstable beyond 2 over the root of the
        largest second derivative of E.
    n_leapfrog : int
        L, at least 1.
    random : Random
        Chain r draws at row ``first_chain + r`` of the streams, at ``step``: no two moves of a run may share a step.
    step, first_chain : int

    Returns
    -------
    x : array of shape (n_chains, n_features)
        New states.
    accepted : array of shape (n_chains,), bool
        A trajectory whose energy is not finite is never accepted.

    Raises
    ------
    ValueError
        When ``n_leapfrog`` is below 1 or a step is not positive.
    """
    if n_leapfrog < 1:
        raise ValueError(f"n_leapfrog must be at least 1, got {n_leapfrog}")
    if not np.all(step_size > 0):
        raise ValueError(f"step_size must be above 0, got {step_size}")
    n, d = x.shape
    p = normals(n, d, random.at(Stream.EXPERT_MOMENTUM, step, first_chain), x)
    luck = normals(n, 3, random.at(Stream.EXPERT_ACCEPTANCE, step, first_chain), x)
    eps = (np.exp(luck[:, 2] * JITTER) * step_size).astype(x.dtype)[:, None]
    energy, gradient = model.energy_and_gradient(x)
    before = energy + kinetic(p)
    y = x
    half = eps * x.dtype.type(0.5)
    for _ in range(n_leapfrog):
        p = p - half * gradient
        y = y + eps * p
        energy, gradient = model.energy_and_gradient(y)
        p = p - half * gradient
    worse = energy + kinetic(p) - before
    accepted = worse <= (luck[:, 0] ** 2 + luck[:, 1] ** 2) * x.dtype.type(0.5)  # False for NaN
    return np.where(accepted[:, None], y, x), accepted


def kinetic(p: Any) -> Any:
    """Half of the squared length of every row."""
    return (p * p).sum(axis=1) * p.dtype.type(0.5)
