"""Optimal transport: Wasserstein distances on the line, and between any two discrete distributions.

On the line, with quantile functions F^-1 and G^-1, and between discrete distributions with cost C::

    W_p^p  =  integral_0^1 |F^-1(t) - G^-1(t)|^p dt
    primal =  min <P, C>  over P >= 0 with row sums p and column sums q
    dual   =  max <p, f> + <q, g>  over f_i + g_j <= C_ij

Primal and dual are equal. With C a metric g = -f, and f varies by at most C (Kantorovich & Rubinstein): the largest
difference of means of a function of slope one.

Source: Peyre & Cuturi, "Computational Optimal Transport" (2019, doi:10.1561/2200000073), eqs. 2.11, 2.20, 2.36 and 6.2.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import linprog
from scipy.sparse import eye_array, kron, vstack

from ebm.divergences.discrete import probabilities


class Transport(NamedTuple):
    """A solution of the transport problem and of its dual."""

    cost: float  # <plan, C>
    plan: np.ndarray  # (n, m), the mass that goes from i to j
    potentials: tuple[np.ndarray, np.ndarray]  # f (n,), g (m,) with f_i + g_j <= C_ij
    dual: float  # <p, f> + <q, g>, equal to the cost but for rounding


def _sample(values: ArrayLike, weights: ArrayLike | None, name: str) -> tuple[np.ndarray, np.ndarray]:
    x = np.asarray(values, np.float64)
    if x.ndim != 1 or x.size == 0 or not np.isfinite(x).all():
        raise ValueError(f"{name} must be a non-empty 1-D array of finite numbers, got shape {x.shape}")
    w = np.ones(x.size) if weights is None else np.asarray(weights, np.float64)
    if w.shape != x.shape or not np.isfinite(w).all() or (w < 0).any() or w.sum() == 0:
        raise ValueError(f"{name}_weights must be {x.size} non-negative numbers, not all zero")
    order = np.argsort(x)
    total = np.cumsum(w[order])
    return x[order], total / total[-1]


def wasserstein_1d(
    x: ArrayLike,
    y: ArrayLike,
    *,
    order: float = 1.0,
    x_weights: ArrayLike | None = None,
    y_weights: ArrayLike | None = None,
) -> float:
    """Return W_p between two weighted samples on the line, in the units of their values.

    Exact but for the rounding of the weights, some 1e-16 of the mass, of which the p-th root is taken.

    Parameters
    ----------
    x : array of shape (n,)
    y : array of shape (m,)
    order : float
        p, at least 1.
    x_weights : array of shape (n,), optional
        Equal weights by default; they are normalised.
    y_weights : array of shape (m,), optional

    Returns
    -------
    float

    Raises
    ------
    ValueError
        When a sample is empty or not finite, weights are negative, or ``order`` is below 1.
    """
    if not 1 <= order < np.inf:
        raise ValueError(f"order must be at least 1 and finite, got {order}")
    (a, up), (b, right) = _sample(x, x_weights, "x"), _sample(y, y_weights, "y")
    borders = np.sort(np.concatenate([up, right]))
    widths = np.diff(np.concatenate([[0.0], borders]))
    middles = borders - widths / 2  # between two borders both quantile functions are constant
    places = (np.minimum(np.searchsorted(c, middles), c.size - 1) for c in (up, right))
    moved = [values[place] for values, place in zip((a, b), places, strict=True)]
    return float((widths @ np.abs(moved[0] - moved[1]) ** order) ** (1 / order))


def transport(p: ArrayLike, q: ArrayLike, cost: ArrayLike) -> Transport:
    """Carry p to q at the least cost, by linear programming (SciPy's HiGHS; on the CPU).

    Parameters
    ----------
    p : array of shape (n,)
        Probabilities.
    q : array of shape (m,)
        Probabilities.
    cost : array of shape (n, m)
        What it costs to carry a unit of mass from i to j. ``abs(x_i - y_j) ** r`` gives W_r^r.

    Returns
    -------
    Transport

    Raises
    ------
    ValueError
        When p or q is no distribution or the cost does not fit them.
    RuntimeError
        When the solver gives up.

    Notes
    -----
    The solver takes masses below 1e-7 for nothing, and the cost is right to about 1e-7 of the largest entry.
    """
    first, second, c = probabilities(p, "p"), probabilities(q, "q"), np.asarray(cost, np.float64)
    n, m = first.size, second.size
    if first.ndim != 1 or second.ndim != 1 or c.shape != (n, m) or not np.isfinite(c).all():
        raise ValueError(
            f"cost {c.shape} must be finite and of shape ({n}, {m}), for p {first.shape}, q {second.shape}"
        )
    margins = vstack([kron(eye_array(n), np.ones((1, m))), kron(np.ones((1, n)), eye_array(m))])
    sums = np.concatenate([first, second])
    unit = np.abs(c).max() or 1.0  # the solver's tolerances are absolute
    # One sum follows from the others, but for rounding, which the solver might take for a contradiction: the largest.
    kept = np.delete(np.arange(n + m), n + np.argmax(second))
    found = linprog(c.ravel() / unit, A_eq=margins.tocsr()[kept], b_eq=sums[kept], method="highs")
    if found.status != 0:
        raise RuntimeError(f"the linear programme was not solved: {found.message}")
    duals = np.zeros(n + m)
    duals[kept] = unit * found.eqlin.marginals
    f, g = np.split(duals, [n])
    return Transport(unit * float(found.fun), found.x.reshape(n, m), (f, g), float(first @ f + second @ g))
