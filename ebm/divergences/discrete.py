"""Divergences of discrete distributions, in nats.

H(p) = -sum p log p,   KL(p || q) = sum p log(p / q),   JS = w KL(p || m) + (1 - w) KL(q || m),  m = w p + (1 - w) q,
I(X; Y) = KL(p(x, y) || p(x) p(y)), with 0 log 0 = 0.

Source: Cover & Thomas, "Elements of Information Theory" (2nd ed., 2006), eqs. 2.1, 2.26 and 2.28; Lin 1991
(doi:10.1109/18.61115) eq. 4.1 for JS.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import entr, rel_entr

TOLERANCE = 1e-6  # by which probabilities may miss a sum of one, as float32 ones do


def probabilities(p: ArrayLike, name: str, axes: tuple[int, ...] = (-1,)) -> np.ndarray:
    """Return ``p`` in float64 with its rounding put right: refused unless it is about a distribution over ``axes``."""
    array = np.asarray(p, np.float64)
    if array.ndim < len(axes):
        raise ValueError(f"{name} has {array.ndim} dimensions; give at least {len(axes)}")
    if not np.isfinite(array).all() or (array < 0).any():
        raise ValueError(f"{name} must be finite and non-negative, its least value is {np.min(array)}")
    total = array.sum(axis=axes, keepdims=True)
    off = np.abs(total - 1).max(initial=0.0)
    if off > TOLERANCE:
        raise ValueError(f"{name} must sum to 1 over axes {axes}, it misses by {off:.3g}")
    return array / total


def _pair(p: ArrayLike, q: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    first, second = probabilities(p, "p"), probabilities(q, "q")
    if first.shape[-1] != second.shape[-1]:
        raise ValueError(f"p has {first.shape[-1]} states and q has {second.shape[-1]}; give as many")
    return first, second


def entropy(p: ArrayLike) -> np.ndarray:
    """Return H(p) = -sum p log p in nats.

    Parameters
    ----------
    p : array of shape (..., n)
        Probabilities that sum to one over the last axis.

    Returns
    -------
    ndarray of shape (...), float64

    Raises
    ------
    ValueError
        When ``p`` is no distribution.
    """
    return entr(probabilities(p, "p")).sum(axis=-1)


def kl(p: ArrayLike, q: ArrayLike) -> np.ndarray:
    """Return KL(p || q) = sum p log(p / q) in nats; infinite where p has mass that q has not.

    Maximum likelihood is the least KL(data || model): they differ by H(data), which no parameter moves.

    Parameters
    ----------
    p, q : array of shape (..., n)
        Probabilities that sum to one over the last axis; they broadcast.

    Returns
    -------
    ndarray of shape (...), float64

    Raises
    ------
    ValueError
        When one is no distribution, or they have different numbers of states.
    """
    return rel_entr(*_pair(p, q)).sum(axis=-1)


def js(p: ArrayLike, q: ArrayLike, weight: float = 0.5) -> np.ndarray:
    """Return the Jensen-Shannon divergence in nats, between 0 and the entropy of (w, 1 - w): log 2 at w = 1/2.

    Parameters
    ----------
    p, q : array of shape (..., n)
        Probabilities that sum to one over the last axis.
    weight : float
        w, the share of ``p`` in the mixture, in (0, 1).

    Returns
    -------
    ndarray of shape (...), float64

    Raises
    ------
    ValueError
        When one is no distribution, they have different numbers of states, or ``weight`` is out of range.
    """
    if not 0 < weight < 1:
        raise ValueError(f"weight must be between 0 and 1, got {weight}")
    first, second = _pair(p, q)
    middle = weight * first + (1 - weight) * second
    ours, theirs = (rel_entr(part, middle).sum(axis=-1) for part in (first, second))
    return weight * ours + (1 - weight) * theirs


def mutual_information(joint: ArrayLike) -> np.ndarray:
    """Return I(X; Y) = KL(p(x, y) || p(x) p(y)) = H(X) + H(Y) - H(X, Y) in nats.

    Parameters
    ----------
    joint : array of shape (..., n, m)
        Probabilities of pairs, which sum to one over the last two axes.

    Returns
    -------
    ndarray of shape (...), float64

    Raises
    ------
    ValueError
        When ``joint`` is no distribution of pairs.
    """
    p = probabilities(joint, "joint", (-2, -1))
    return entropy(p.sum(axis=-1)) + entropy(p.sum(axis=-2)) - entr(p).sum(axis=(-2, -1))
