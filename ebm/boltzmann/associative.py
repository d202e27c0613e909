"""Hetero-associative memory: from one pattern to another, and back.

::

    y = sgn(x W),   x = sgn(y V),   sgn(0) = +1

Hebb's rule stores pairs as W = sum_p x_p y_p^T / n_x, the update dW = eta x y^T of a linear unit, and V = W^T: a
**bidirectional associative memory**. Going to and fro, each layer from the other, never raises its energy ::

    E(x, y) = -x W y

so recall ends at a pair. The pseudo-inverse, W = X^+ Y and V = Y^+ X, recalls every pair of independent patterns
exactly, one way or the other, but has no energy: W and V are two matrices.

Source: Kosko 1988, "Bidirectional associative memories" (doi:10.1109/21.87054); Kohonen 1972
(doi:10.1109/TC.1972.5008975) for the correlation matrix; Kohonen & Ruohonen 1973 for the pseudo-inverse.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy.linalg import lstsq

from ebm.boltzmann.affine import Affine
from ebm.boltzmann.hopfield import settled


@dataclass(frozen=True)
class PairRecall:
    """Where bidirectional recall ended.

    Attributes
    ----------
    x : array of shape (n_rows, n_x)
    y : array of shape (n_rows, n_y)
    converged : array of shape (n_rows,), bool
        Whether the pair is a fixed point.
    steps : array of shape (n_rows,), int64
        Goings there and back; the last one only found that nothing changes.
    energies : array of shape (2 n_steps + 1, n_rows)
        E(x, y) after the first y, then after every x and every y; a pair at rest keeps its last one.
    """

    x: Any
    y: Any
    converged: Any
    steps: Any
    energies: Any


@dataclass(frozen=True, eq=False)
class HeteroAssociative:
    """Weights from x to y and back; states are -1 and +1, shape (n_rows, n_x) and (n_rows, n_y).

    Parameters
    ----------
    weights : array of shape (n_x, n_y), float32 or float64
        W.
    back_weights : array of shape (n_y, n_x), optional
        V; the transpose of W by default, which makes a bidirectional associative memory.

    Raises
    ------
    ValueError
        When shapes or dtypes do not fit.
    """

    weights: Any
    back_weights: Any = None

    def __post_init__(self) -> None:
        """Check that the parameters fit."""
        w = self.weights
        if w.ndim != 2 or w.dtype not in (np.float32, np.float64):
            raise ValueError(f"weights are {w.dtype}{w.shape}; give (n_x, n_y) of float32 or float64")
        v = w.T if self.back_weights is None else self.back_weights
        if v.shape != w.T.shape or v.dtype != w.dtype:
            raise ValueError(f"back_weights are {v.dtype}{v.shape}, the weights ask for {w.dtype}{w.T.shape}")

    @property
    def dtype(self) -> np.dtype:
        """The parameters' dtype."""
        return np.dtype(self.weights.dtype)

    @cached_property
    def _to_y(self) -> Affine:
        return Affine(self.weights, np.zeros_like(self.weights, shape=self.weights.shape[1:]))

    @cached_property
    def _to_x(self) -> Affine:
        back = self.weights.T if self.back_weights is None else self.back_weights
        return Affine(back, np.zeros_like(back, shape=back.shape[1:]))

    def y_fields(self, x: Any) -> Any:
        """Return the inputs x W of the units of y, shape (n_rows, n_y)."""
        return self._to_y(x)

    def x_fields(self, y: Any) -> Any:
        """Return the inputs y V of the units of x, shape (n_rows, n_x)."""
        return self._to_x(y)

    def forward(self, x: Any) -> Any:
        """Recall y = sgn(x W)."""
        return settled(self.y_fields(x), self.dtype)

    def backward(self, y: Any) -> Any:
        """Recall x = sgn(y V)."""
        return settled(self.x_fields(y), self.dtype)

    def energy(self, x: Any, y: Any) -> Any:
        """E(x, y) = -x W y, shape (n_rows,)."""
        return -(self.y_fields(x) * y).sum(axis=1)

    def reversed(self) -> HeteroAssociative:
        """Return the memory that takes y for x and x for y."""
        return HeteroAssociative(self.weights.T if self.back_weights is None else self.back_weights, self.weights)

    def recall(self, x: Any, *, max_steps: int = 100) -> PairRecall:
        """Go from x to y and back until the pair stays.

        Parameters
        ----------
        x : array of shape (n_rows, n_x)
            Cues, -1 and +1; left as they are.
        max_steps : int
            At least 0.

        Returns
        -------
        PairRecall

        Raises
        ------
        ValueError
            When the cues do not fit, or ``max_steps`` is below 0.
        """
        if x.ndim != 2 or x.shape[1] != self.weights.shape[0] or not (abs(x) == 1).all():
            raise ValueError(f"x {x.shape} must be rows of -1 and +1, as many as the {self.weights.shape[0]} units")
        if max_steps < 0:
            raise ValueError(f"max_steps must be at least 0, got {max_steps}")
        x = x.astype(self.dtype)
        y = self.forward(x)
        rests, steps = (np.zeros_like(x, shape=(len(x),), dtype=kind) for kind in (bool, np.int64))
        trace = [self.energy(x, y)]
        for _ in range(max_steps):
            new_x = np.where(rests[:, None], x, self.backward(y))
            trace.append(self.energy(new_x, y))
            new_y = np.where(rests[:, None], y, self.forward(new_x))
            trace.append(self.energy(new_x, new_y))
            steps += ~rests
            rests = rests | ((new_x == x).all(axis=1) & (new_y == y).all(axis=1))
            x, y = new_x, new_y
            if rests.all():
                break
        return PairRecall(x, y, rests, steps, np.stack(trace))


def hebb_pairs(x: np.ndarray, y: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """Add pairs by Hebb's rule, W + sum_p x_p y_p^T / n_x.

    Parameters
    ----------
    x : ndarray of shape (n_pairs, n_x), float32 or float64
        Spins -1 and +1.
    y : ndarray of shape (n_pairs, n_y), same dtype
        Spins -1 and +1.
    weights : ndarray of shape (n_x, n_y), optional
        Weights to add to, as this function left them; zeros by default.

    Returns
    -------
    ndarray of shape (n_x, n_y)
        Whole numbers over n_x, which is used: portions add up exactly.

    Raises
    ------
    ValueError
        When the pairs are not as described.
    """
    _check_pairs(x, y)
    n = x.dtype.type(x.shape[1])
    sums = x.T @ y
    if weights is not None:
        sums += np.rint(weights * n)
    return sums / n


def pseudo_inverse_pairs(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return W = X^+ Y and V = Y^+ X, computed in float64.

    Parameters
    ----------
    x : ndarray of shape (n_pairs, n_x), float32 or float64
    y : ndarray of shape (n_pairs, n_y), same dtype

    Returns
    -------
    weights : ndarray of shape (n_x, n_y)
        Exact, x W = y, for linearly independent rows of X; else the least squares.
    back_weights : ndarray of shape (n_y, n_x)

    Raises
    ------
    ValueError
        When the pairs are not as described.
    """
    _check_pairs(x, y)
    wide_x, wide_y = x.astype(np.float64), y.astype(np.float64)
    w, v = (lstsq(a, b, cond=1e-10, lapack_driver="gelsy")[0] for a, b in ((wide_x, wide_y), (wide_y, wide_x)))
    return w.astype(x.dtype), v.astype(x.dtype)


def _check_pairs(x: np.ndarray, y: np.ndarray) -> None:
    if x.ndim != 2 or y.ndim != 2 or len(x) != len(y) or x.dtype != y.dtype:
        raise ValueError(f"x {x.dtype}{x.shape} and y {y.dtype}{y.shape} are not as many rows of one dtype")
    if x.dtype not in (np.float32, np.float64) or not ((np.abs(x) == 1).all() and (np.abs(y) == 1).all()):
        raise ValueError("x and y must be -1 and +1, in float32 or float64")
