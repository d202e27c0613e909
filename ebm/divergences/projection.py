"""The Gaussian nearest to a distribution on points of the line, by either direction of KL.

The family is q(x) ~ exp(a x + b x^2) on the given points; b is positive where p is wider than the uniform distribution.
The M-projection, least KL(p || q), has p's first two moments: it covers every mode. The I-projection, least KL(q || p),
is drawn to one mode, and to which depends on the start.

Source: Koller & Friedman, "Probabilistic Graphical Models" (2009), section 8.5;
Murphy, "Machine Learning" (2012), section 21.2.2.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import minimize
from scipy.special import entr, logsumexp, rel_entr

from ebm.divergences.discrete import probabilities


class Projection(NamedTuple):
    """A member of the family."""

    mean: float
    std: float
    q: np.ndarray  # its probabilities on the points
    divergence: float  # the KL that was made least, in nats


def project_gaussian(
    points: ArrayLike, p: ArrayLike, direction: str, start: tuple[float, float] | None = None
) -> Projection:
    """Return the nearest member of q(x) ~ exp(a x + b x^2) to p.

    Parameters
    ----------
    points : array of shape (n,)
        Places on the line; the steps between them should be small beside the widths of p.
    p : array of shape (n,)
        Probabilities of the points; for "i" all positive.
    direction : {"m", "i"}
        "m": least KL(p || q), a convex problem with one solution; "i": least KL(q || p), a local one.
    start : (mean, std), optional
        Where the search begins; p's own moments by default.

    Returns
    -------
    Projection

    Raises
    ------
    ValueError
        When shapes do not fit, p is no distribution, or p is zero somewhere and the direction is "i".
    RuntimeError
        When the search does not converge, or ends on a single point.
    """
    x, target = np.asarray(points, np.float64), probabilities(p, "p")
    if x.ndim != 1 or x.shape != target.shape or not np.isfinite(x).all():
        raise ValueError(f"points {x.shape} and p {target.shape} must be 1-D, finite and as long as each other")
    if direction not in ("m", "i"):
        raise ValueError(f'direction must be "m" or "i", got {direction!r}')
    if direction == "i" and (target == 0).any():
        raise ValueError("p must be positive on every point for the I-projection: KL(q || p) is infinite elsewhere")
    centre = target @ x
    scale = np.sqrt(target @ (x - centre) ** 2)
    if scale == 0:
        raise ValueError("p stands on a single point: no Gaussian is nearest")
    z = np.stack([(x - centre) / scale, ((x - centre) / scale) ** 2])
    mean, std = (centre, scale) if start is None else start
    if not (x.min() <= mean <= x.max() and std > 0):
        raise ValueError(f"start must be (mean, std) with the mean among the points and std positive, got {start}")
    precision = (scale / std) ** 2
    begin = np.array([precision * (mean - centre) / scale, -precision / 2])
    objective = _forward if direction == "m" else _reverse
    found = minimize(objective, begin, args=(z, target), jac=True, method="BFGS", options={"gtol": 1e-9})
    if not np.isfinite(found.fun) or np.abs(found.jac).max() > 1e-5:
        raise RuntimeError(f"the projection did not converge from start {start}: {found.message}")
    q = _member(found.x, z)
    middle = q @ x
    width = float(np.sqrt(q @ (x - middle) ** 2))
    if width < np.diff(np.sort(x)).min() / 2:
        raise RuntimeError(
            f"the projection fell onto a single point from start {start}; start wider, or give more points"
        )
    return Projection(float(middle), width, q, float(found.fun))


def _member(theta: np.ndarray, z: np.ndarray) -> np.ndarray:
    energy = theta @ z
    return np.exp(energy - logsumexp(energy))


def _forward(theta: np.ndarray, z: np.ndarray, p: np.ndarray) -> tuple[float, np.ndarray]:
    """KL(p || q) and its gradient, E_q[z] - E_p[z]."""
    energy = theta @ z
    return -entr(p).sum() - p @ energy + logsumexp(energy), z @ (_member(theta, z) - p)


def _reverse(theta: np.ndarray, z: np.ndarray, p: np.ndarray) -> tuple[float, np.ndarray]:
    """KL(q || p) and its gradient, Cov_q[z, log q - log p]."""
    q = _member(theta, z)
    log_ratio = np.log(np.maximum(q, np.finfo(float).tiny)) - np.log(p)
    value = rel_entr(q, p).sum()
    return value, (z - (z @ q)[:, None]) @ (q * (log_ratio - value))
