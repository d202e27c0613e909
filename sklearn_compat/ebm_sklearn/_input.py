"""Data at the door: checked, of a dtype that the kernels know, thresholded or warned about."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from sklearn.utils.validation import validate_data

from ebm.boltzmann.units import Bernoulli, Unit
from ebm.data import TrainingData
from ebm_sklearn._warnings import OutOfRangeWarning

BLOCK_ROWS = 2048  # rows made dense, or brought to the model's dtype, at a time
KEPT = tuple(np.dtype(name) for name in ("bool", "uint8", "float32", "float64"))


def read_samples(
    estimator: Any, X: Any, *, reset: bool, binarize: float | None = None, unit: Unit | None = None, warn: bool = True
) -> Any:
    """Check samples and bring them to bool, uint8, float32 or float64, dense or CSR.

    Parameters
    ----------
    estimator : estimator
        Remembers names and number of the features when ``reset``, else compares them.
    X : array-like, data frame or sparse matrix of shape (n_samples, n_features)
    reset : bool
        Whether the estimator is being fitted.
    binarize : float or None
        Values above it become 1, the others 0.
    unit : Unit, optional
        What the features are; binary units by default.
    warn : bool
        Warn about values outside the units' domain.

    Returns
    -------
    ndarray or CSR matrix of shape (n_samples, n_features)
        Not a copy where none is needed; float16 becomes float32, any other number float64.

    Raises
    ------
    ValueError
        When X is not two-dimensional, empty, not finite, has other features than in `fit`, or no whole number of
        units; or a negative ``binarize`` would make a sparse matrix dense.
    """
    X = validate_data(estimator, X, accept_sparse="csr", dtype="numeric", reset=reset)
    X = X.astype(_kept_dtype(X.dtype), copy=False)
    if binarize is not None:
        return above(X, binarize)
    unit = unit or Bernoulli()
    if X.shape[1] % columns(unit):
        raise ValueError(f"X has {X.shape[1]} features, but visible={unit} needs a multiple of {columns(unit)}")
    if warn and X.dtype != bool:
        warn_outside(X, unit, cure=_cure(estimator))
    return X


def columns(unit: Unit) -> int:
    """Columns that one unit takes."""
    return 1 if unit.levels is None else unit.levels.shape[1]


def _kept_dtype(dtype: np.dtype) -> np.dtype:
    native = dtype.newbyteorder("=")
    if native in KEPT:
        return native
    return np.dtype(np.float32 if native == np.float16 else np.float64)


def above(X: Any, threshold: float) -> Any:
    """Return X > threshold: bool where dense; where sparse, ones in X's dtype (float32 for integers)."""
    if not hasattr(X, "tocsr"):
        return np.greater(X, threshold)
    if threshold < 0:
        raise ValueError(
            f"binarize={threshold} is below 0, so every zero of the sparse X would become a one; "
            "give a threshold >= 0 or a dense X"
        )
    keep = X.data > threshold
    ones = X.copy()
    ones.data = keep.astype(np.float32 if X.dtype.kind in "bu" else X.dtype)
    ones.eliminate_zeros()
    return ones


def _cure(estimator: Any) -> str:
    """What an estimator offers, beside scaling, for values that are not binary."""
    offers = {
        "binarize": "set binarize= to a threshold",
        "likelihood": "take likelihood='gaussian'",
        "loss": "take loss='squared'",
    }
    return next((cure for name, cure in offers.items() if hasattr(estimator, name)), "binarize it")


def warn_outside(X: Any, unit: Unit, *, cure: str) -> None:
    """Warn, once, about values that units cannot have; ``cure`` is what to do about binary ones but to scale."""
    if unit.name == "categorical":
        _warn_unless_one_hot(X, columns(unit))
        return
    low, high = np.inf, -np.inf
    least, most = unit.domain
    if least == -np.inf and most == np.inf:
        return
    values = X.data if hasattr(X, "tocsr") else X
    for block in blocks(values):
        low, high = min(low, block.min()), max(high, block.max())
    if low < least or high > most:
        found, name = f"X has values from {low:.4g} to {high:.4g}", unit.name
        if name == "bernoulli":
            told = f"binary units take values in [0, 1]. Scale X (MinMaxScaler), or {cure}"
        else:
            told = f"{name} units take values in [{least:g}, {most:g}]. Scale X, or choose other visible units"
        warnings.warn(f"{found}: {told}", OutOfRangeWarning, stacklevel=5)


def _warn_unless_one_hot(X: Any, q: int) -> None:
    for block in blocks(X):
        groups = dense(block, np.float64).reshape(len(range(block.shape[0])), -1, q)
        if not (((groups == 0) | (groups == 1)).all() and (groups.sum(axis=2) == 1).all()):
            warnings.warn(
                f"X is not one-hot: Categorical({q}) takes {q} neighbouring columns a feature, of which one is 1 and "
                "the others are 0, as OneHotEncoder(sparse_output=False) makes of codes",
                OutOfRangeWarning,
                stacklevel=6,
            )
            return


def blocks(X: Any) -> Iterator[Any]:
    """Yield X in blocks of rows."""
    for top in range(0, X.shape[0], BLOCK_ROWS):
        yield X[top : top + BLOCK_ROWS]


def dense(X: Any, dtype: Any) -> np.ndarray:
    """Return a block as a dense, C-ordered array of ``dtype``."""
    return np.ascontiguousarray(X.toarray() if hasattr(X, "tocsr") else X, dtype=dtype)


def by_blocks(function: Callable[[np.ndarray], np.ndarray], X: Any, dtype: Any) -> np.ndarray:
    """Apply a function of dense rows in blocks, so that sparse or mapped data is never whole in memory."""
    return by_numbered_blocks(lambda rows, first: function(rows), X, dtype)


def by_numbered_blocks(function: Callable[[np.ndarray, int], np.ndarray], X: Any, dtype: Any) -> np.ndarray:
    """Do what ``by_blocks`` does for a function that draws, and must know the number of its first row."""
    return np.concatenate([function(dense(block, dtype), k * BLOCK_ROWS) for k, block in enumerate(blocks(X))])


def data_digest(data: TrainingData) -> str:
    """Return a checksum of the training data: a checkpoint is resumed with the same data only."""
    digest = hashlib.blake2b(digest_size=16)
    for part in (data.dense, data.starts, data.indices, data.values, data.weights):
        digest.update(f"{part.dtype}{part.shape}".encode())
        digest.update(np.ascontiguousarray(part).data.cast("B") if part.size else b"")
    return digest.hexdigest()
