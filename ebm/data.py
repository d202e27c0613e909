"""Training data as the kernels read it: rows of indices where the values are 0 and 1 or sparse, else dense rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ebm.kernels.processor import plain

CONSTANT = 1e-6  # a standard deviation of so many means is rounding
ROWS_AT_ONCE = 4096  # dense rows looked at together: keeps the temporary masks small


@dataclass(frozen=True, eq=False)
class TrainingData:
    """Samples with their weights; make it with :meth:`from_array`.

    Attributes
    ----------
    dense : ndarray of shape (n_samples, n_visible), or (0, n_visible) where the rows are lists
    starts, indices : ndarray of int64 (n_samples + 1,) and int32
        Row r has its stored values at columns ``indices[starts[r]:starts[r + 1]]``, in rising order.
    values : ndarray
        The stored values, or empty where all of them are 1.
    weights : ndarray of shape (n_samples,), float64
        Above 0: samples of weight 0 are left out.
    """

    dense: np.ndarray
    starts: np.ndarray
    indices: np.ndarray
    values: np.ndarray
    weights: np.ndarray

    @property
    def n_samples(self) -> int:
        """Samples with a weight above 0."""
        return self.weights.size

    @property
    def n_visible(self) -> int:
        """Columns."""
        return self.dense.shape[1]

    @property
    def dtype(self) -> np.dtype:
        """float32 or float64: what the kernels compute in."""
        return self.dense.dtype

    @property
    def mean(self) -> np.ndarray:
        """Weighted mean of every column, float64."""
        share = self.weights / self.weights.sum()
        if self.dense.shape[0]:
            return share @ self.dense
        per_value = np.repeat(share, np.diff(self.starts))
        if self.values.size:
            per_value = per_value * self.values
        return np.bincount(self.indices, weights=per_value, minlength=self.n_visible)

    def rows(self, which: np.ndarray) -> np.ndarray:
        """Return some samples as dense rows, shape (len(which), n_visible)."""
        if self.dense.shape[0]:
            return self.dense[which]
        out = np.zeros((len(which), self.n_visible), self.dtype)
        for row, sample in enumerate(which):
            here = slice(self.starts[sample], self.starts[sample + 1])
            out[row, self.indices[here]] = self.values[here] if self.values.size else 1
        return out

    def subset(self, which: np.ndarray) -> TrainingData:
        """Return some samples, in the order of their numbers ``which``, stored as they are here."""
        if self.dense.shape[0]:
            return TrainingData(self.dense[which], self.starts, self.indices, self.values, self.weights[which])
        counts = np.diff(self.starts)[which]
        starts = np.concatenate([[0], np.cumsum(counts)])
        places = np.repeat(self.starts[which] - starts[:-1], counts) + np.arange(starts[-1])
        values = self.values[places] if self.values.size else self.values
        return TrainingData(self.dense, starts, self.indices[places], values, self.weights[which])

    @classmethod
    def from_array(cls, X: Any, sample_weight: Any = None, dtype: Any = None) -> TrainingData:
        """Take samples from a dense array or a SciPy CSR matrix.

        Parameters
        ----------
        X : array or CSR matrix of shape (n_samples, n_visible)
            bool, uint8, float32 or float64, any memory order. Sparse input is never made dense as a whole.
        sample_weight : array of shape (n_samples,), optional
            Weights of at least 0.
        dtype : float32 or float64, optional
            Precision of learning; float64 for float64 data and float32 for any other by default.

        Raises
        ------
        ValueError
            When X is not two-dimensional or empty, or weights do not fit, are negative, not finite or all zero.
        """
        if len(X.shape) != 2 or 0 in X.shape:
            raise ValueError(f"X must have at least one row and one column, got shape {X.shape}")
        weights = checked_weights(sample_weight, X.shape[0])
        if not weights.all():
            X, weights = X[np.flatnonzero(weights)], weights[weights > 0]
        precision = np.dtype(dtype or (np.float64 if X.dtype == np.float64 else np.float32))
        if hasattr(X, "tocsr"):
            lists = _from_sparse(X, precision)
        elif is_binary(X):
            lists = _from_binary(X, precision)
        else:
            dense = plain(X, precision)
            return cls(dense, np.zeros(1, np.int64), np.zeros(0, np.int32), np.zeros(0, precision), weights)
        starts, indices, values = lists
        return cls(np.empty((0, X.shape[1]), precision), starts, indices, values, weights)


def checked_weights(weights: Any, n: int) -> np.ndarray:
    """Return weights of n samples as float64, ones where there are none.

    Raises
    ------
    ValueError
        When they are not n, negative, not finite or all zero.
    """
    if weights is None:
        return np.ones(n)
    weights = np.asarray(weights, dtype=np.float64)
    if weights.shape != (n,):
        raise ValueError(f"sample_weight must have shape ({n},), one weight a sample; got {weights.shape}")
    if not np.isfinite(weights).all() or (weights < 0).any():
        found = f"values from {weights.min()} to {weights.max()}"
        raise ValueError(f"sample_weight must be finite and at least 0; got {found}")
    if not weights.any():
        raise ValueError("sample_weight is zero for every sample: at least one must be above 0")
    return weights


def is_binary(X: np.ndarray) -> bool:
    """Tell whether a dense array holds zeros and ones alone."""
    if X.dtype == np.bool_:
        return True
    blocks = (X[top : top + ROWS_AT_ONCE] for top in range(0, X.shape[0], ROWS_AT_ONCE))
    return all(bool(((block == 0) | (block == 1)).all()) for block in blocks)


def _from_binary(X: np.ndarray, dtype: np.dtype) -> tuple[np.ndarray, ...]:
    counts, columns = [], []
    for top in range(0, X.shape[0], ROWS_AT_ONCE):
        row, column = np.nonzero(X[top : top + ROWS_AT_ONCE])
        counts.append(np.bincount(row, minlength=min(ROWS_AT_ONCE, X.shape[0] - top)))
        columns.append(column.astype(np.int32))
    starts = np.concatenate([[0], np.cumsum(np.concatenate(counts))]).astype(np.int64)
    return starts, np.concatenate(columns), np.zeros(0, dtype)


def _from_sparse(X: Any, dtype: np.dtype) -> tuple[np.ndarray, ...]:
    X = X.tocsr().copy()
    X.sum_duplicates()
    X.eliminate_zeros()
    X.sort_indices()
    values = np.zeros(0, dtype) if (X.data == 1).all() else X.data.astype(dtype)
    return X.indptr.astype(np.int64), X.indices.astype(np.int32), values


def deviations(data: TrainingData) -> np.ndarray:
    """Weighted standard deviation of every column, 1 where a column is constant to rounding, in the data's dtype."""
    share, mean, total = data.weights / data.weights.sum(), data.mean, np.zeros(data.n_visible)
    for top in range(0, data.n_samples, ROWS_AT_ONCE):
        rows = np.arange(top, min(top + ROWS_AT_ONCE, data.n_samples))
        total += share[rows] @ (data.rows(rows).astype(np.float64) - mean) ** 2
    least = CONSTANT * np.abs(mean)
    return np.where(np.sqrt(total) > least, np.sqrt(total), 1.0).astype(data.dtype)
