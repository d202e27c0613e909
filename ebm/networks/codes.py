"""What is asked of a network's code beside the reconstruction: a posterior near N(0, I), or a sparse code.

A posterior is an array (n, 2 m): m means mu, then m log-variances s, a row a sample. The equations are in
`ebm.kernels.variational` and `ebm.kernels.sparse_code`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ebm.kernels import variational
from ebm.kernels.sparse_code import sparsity_penalty
from ebm.networks.context import Context
from ebm.random import Stream


def kl_to_normal(posterior: Any, weights: Any, betas: Any, context: Context) -> tuple[Any, Any]:
    """Compute KL(N(mu, diag e^s) || N(0, I)) of every sample, and the gradient of beta times their weighted sum.

    Parameters
    ----------
    posterior : array of shape (n, 2 m), C-contiguous
    weights : array of shape (n,)
        Shares of the samples, with sum 1.
    betas : array of shape (k,)
        The batch takes number min(clock[1], k - 1): one number for all, or one for every update of an epoch.
    context : Context

    Returns
    -------
    values : array of shape (n,)
        Without beta.
    d_posterior : array of shape (n, 2 m)
        It includes beta and the weights; :func:`add_through_draw` adds to it.

    Raises
    ------
    ValueError
        When shapes, dtypes or devices do not fit.
    """
    values = context.empty(posterior.shape[:1], posterior.dtype)
    d_posterior = context.empty(posterior.shape, posterior.dtype)
    variational.kl_to_normal(posterior, context.clock, values, shares=weights, betas=betas, d_posterior=d_posterior)
    return values, d_posterior


def kl_values(posterior: Any, context: Context) -> Any:
    """Return KL(N(mu, diag e^s) || N(0, I)) of every sample, of shape (n,), without gradients."""
    values = context.empty(posterior.shape[:1], posterior.dtype)
    variational.kl_to_normal(posterior, context.clock, values)
    return values


def reparameterise(posterior: Any, context: Context) -> tuple[Any, Any]:
    """Draw z = mu + e^{s / 2} eps with eps ~ N(0, I) from the context's noise.

    Parameters
    ----------
    posterior : array of shape (n, 2 m), C-contiguous
    context : Context

    Returns
    -------
    z : array of shape (n, m)
    eps : array of shape (n, m)
        For :func:`add_through_draw`.

    Raises
    ------
    ValueError
        When the posterior is of another shape or dtype.
    """
    shape = posterior.shape[0], posterior.shape[-1] // 2
    z, eps = context.empty(shape, posterior.dtype), context.empty(shape, posterior.dtype)
    variational.reparameterise(posterior, context.noise(Stream.VAE_NOISE), z, eps)
    return z, eps


def add_through_draw(posterior: Any, eps: Any, dz: Any, d_posterior: Any) -> None:
    """Add what comes back through z to the posterior's gradient: dmu += dz, ds += 1/2 dz eps e^{s / 2}.

    Parameters
    ----------
    posterior : array of shape (n, 2 m)
    eps, dz : arrays of shape (n, m)
        As drawn by :func:`reparameterise`, and the gradient along z.
    d_posterior : array of shape (n, 2 m)
        Added to, in place.

    Raises
    ------
    ValueError
        When shapes, dtypes or devices do not fit.
    """
    variational.add_through_draw(posterior, eps, dz, d_posterior)


@dataclass(frozen=True)
class Sparsity:
    """A penalty on codes in (0, 1) whose mean activations are not as small as wanted: weight sum_j KL(rate || r_j).

    Parameters
    ----------
    rate : float, default=0.05
        Mean activation that is wanted of each unit, in (0, 1).
    weight : float, default=1.0

    Raises
    ------
    ValueError
        When ``rate`` is not in (0, 1), or ``weight`` is negative or not finite.
    """

    rate: float = 0.05
    weight: float = 1.0

    def __post_init__(self) -> None:
        """Refuse what is out of range."""
        if not 0 < self.rate < 1:
            raise ValueError(f"rate must be in (0, 1), got {self.rate!r}")
        if not 0 <= self.weight < float("inf"):
            raise ValueError(f"weight must be a finite number >= 0, got {self.weight!r}")

    def penalise(self, h: Any, weights: Any, dh: Any, context: Context) -> Any:
        """Add the penalty's gradient to ``dh``, in place, and return the penalty, of shape (1,).

        Parameters
        ----------
        h : array of shape (n, m), C-contiguous
            Codes in (0, 1), as a sigmoid makes them.
        weights : array of shape (n,)
            Shares of the samples, with sum 1.
        dh : array of shape (n, m)
            Gradient along h from everything else.
        context : Context

        Raises
        ------
        ValueError
            When shapes, dtypes or devices do not fit.
        """
        if dh is None:
            raise ValueError("dh is None; give the gradient that the penalty's is to be added to")
        return self._run(h, weights, dh, context)

    def value(self, h: Any, weights: Any, context: Context) -> Any:
        """Return the penalty of a batch alone, of shape (1,)."""
        return self._run(h, weights, None, context)

    def _run(self, h: Any, weights: Any, dh: Any, context: Context) -> Any:
        penalty = context.empty((1,), h.dtype)
        terms, slopes = context.empty(h.shape[1:], h.dtype), context.empty(h.shape[1:], h.dtype)
        sparsity_penalty(h, weights, self.rate, self.weight, penalty, terms, slopes, dh)
        return penalty
