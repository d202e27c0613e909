"""Sequences at the door: lists of arrays of any lengths, arrays of three dimensions, or rows as sequences of one frame.

A plain array (n_samples, n_features), and what scikit-learn takes for one (a data frame, a list of lists of numbers),
means n_samples sequences of **one frame** with n_features features. So an estimator of sequences takes the input
that any other takes, with the same ``n_features_in_``. Who has one feature a frame gives a list of arrays (length,)
or an array (n_samples, length, 1).
"""

from __future__ import annotations

import hashlib
from itertools import pairwise
from typing import Any

import numpy as np
from sklearn.utils.validation import check_array, validate_data

from ebm.sequences import SequenceData


def read_sequences(
    estimator: Any, X: Any, *, reset: bool, sample_weight: Any = None, dtype: Any = None, named: bool = True
) -> SequenceData:
    """Check sequences and lay their frames one after the other.

    Parameters
    ----------
    estimator : estimator
        Remembers number (and names) of the features when ``reset``, else compares them.
    X : list, tuple, object array or Series of arrays (length, n_features) or (length,); \
            array (n_samples, length, n_features); or array-like (n_samples, n_features)
        An array (length,) has one feature a frame; the last form holds sequences of one frame each.
    reset : bool
        Whether the estimator is being fitted.
    sample_weight : array-like of shape (n_samples,), optional
        Sequences of weight 0 are left out. What belongs to the sequences must be left out with them: an estimator
        that has targets reads X without weights, and calls `SequenceData.weighted` of both.
    dtype : float32 or float64, optional
        Of the frames. By default float64 where float64 is given, else float32 (integers and bool too).
    named : bool
        Whether X must have the names of features that it had in `fit`; what a transformer returned has none.

    Raises
    ------
    ValueError
        When there are no sequences, one is empty, has other features than the others or than in `fit`, or holds
        what is no finite real number; with the number of the sequence, counted from 0.
    TypeError
        When data is sparse.
    """
    X = unboxed(X)
    if holds_sequences(X):
        _refuse_sparse(X, estimator)
        data = SequenceData.from_list(X, dtype=dtype)
        bearer = _bearer_of_names(X)
    else:
        data = _from_array(estimator, X, dtype)
        bearer = X if hasattr(X, "columns") else None
    if named:
        validate_data(estimator, data.frames[:1] if bearer is None else bearer, reset=reset, skip_check_array=True)
    elif data.n_features != estimator.n_features_in_:
        expected = f"{type(estimator).__name__} is expecting {estimator.n_features_in_} features as input"
        raise ValueError(f"X has {data.n_features} features, but {expected}.")
    return data.weighted(sample_weight)


def unboxed(X: Any) -> Any:
    """Return the array in a Series, whose elements may be arrays; anything else as it is."""
    series = hasattr(X, "to_numpy") and not hasattr(X, "columns") and getattr(X, "ndim", 1) == 1
    return X.to_numpy() if series else X


def holds_sequences(X: Any) -> bool:
    """Tell whether X is a container of sequences, not an array or what scikit-learn takes for one."""
    if isinstance(X, np.ndarray):
        return (
            X.ndim == 1 and X.dtype == object and any(_is_array(part) or isinstance(part, list | tuple) for part in X)
        )
    if not isinstance(X, list | tuple):
        return False
    return len(X) == 0 or any(_is_array(part) or _is_nested(part) for part in X)


def _is_array(part: Any) -> bool:
    return (hasattr(part, "__array__") or hasattr(part, "tocsr")) and getattr(part, "ndim", 1) > 0


def _is_nested(part: Any) -> bool:
    """A sequence as a list of frames, each of which is a list or array."""
    return isinstance(part, list | tuple) and any(_is_array(frame) or isinstance(frame, list | tuple) for frame in part)


def _refuse_sparse(X: Any, estimator: Any) -> None:
    for number, part in enumerate(X):
        if hasattr(part, "tocsr"):
            raise TypeError(
                f"Sparse data was passed for X, but dense data is required: sequence {number} is sparse, and "
                f"{type(estimator).__name__} takes arrays. Use '.toarray()' to convert it"
            )


def _bearer_of_names(X: Any) -> Any:
    """Return a sequence that has names of features, if they are data frames, all with the same."""
    names = [getattr(part, "columns", None) for part in X]
    if all(name is None for name in names):
        return None
    for number, name in enumerate(names):
        if name is None or names[0] is None or list(name) != list(names[0]):
            raise ValueError(f"sequence {number} of X has other feature names than sequence 0, or one of them has none")
    return X[0]


def _from_array(estimator: Any, X: Any, dtype: Any) -> SequenceData:
    cube = getattr(X, "ndim", 0) >= 3
    _refuse_no_array(X)
    _refuse_ragged_rows(X)
    how: dict[str, Any] = {"dtype": "numeric", "ensure_all_finite": False, "input_name": "X", "estimator": estimator}
    try:
        X = check_array(X, allow_nd=cube, **how)
    except ValueError as error:
        if hasattr(X, "columns") and "with a sequence" in str(error):
            raise ValueError("X is a data frame with sequences in its cells: give their column, X[name]") from error
        raise
    try:
        return SequenceData.from_array(X, dtype=dtype)
    except ValueError as error:
        if cube and X.dtype.kind == "f" and np.isnan(X).any():
            raise ValueError(f"{error}. Where NaN fills sequences up, ebm_sklearn.from_padded cuts it off") from error
        raise


def _refuse_no_array(X: Any) -> None:
    """Say what can be given, where scikit-learn would have a generator or a mapping reshaped."""
    if isinstance(X, list | tuple) or hasattr(X, "ndim") or hasattr(X, "__array__") or np.ndim(X) > 0:
        return
    once = "; what can be gone through only once becomes a list by list(X)" if hasattr(X, "__next__") else ""
    raise ValueError(
        f"X must be a list of arrays (length, n_features), or an array (n_samples, length, n_features) or "
        f"(n_samples, n_features); got {type(X).__name__}{once}"
    )


def _refuse_ragged_rows(X: Any) -> None:
    """Say in clear words what NumPy would call inhomogeneous, or no number."""
    if not isinstance(X, list | tuple):
        return
    if any(isinstance(part, str) for part in X):
        raise ValueError("X holds strings, but numbers are needed: arrays of shape (length, n_features)")
    lengths = {len(part) for part in X if isinstance(part, list | tuple)}
    if len(lengths) > 1:
        raise ValueError(
            f"X is a list of lists of numbers, of lengths from {min(lengths)} to {max(lengths)}. Lists in a list are "
            "rows, sequences of one frame each, and must have as many features; for sequences of one feature give "
            "arrays: [np.asarray(sequence) for sequence in X]"
        )


def as_given(X: Any, frames: np.ndarray, starts: np.ndarray) -> Any:
    """Return values of frames in the kind of container that X is.

    Parameters
    ----------
    X : what `read_sequences` took
    frames : ndarray of shape (n_frames, ...)
        One value, or an array of them, for every frame of X.
    starts : ndarray of shape (n_samples + 1,)
        Where each sequence begins.

    Returns
    -------
    list or object array of arrays (length, ...), or ndarray (n_samples, length, ...) or (n_samples, ...)
    """
    X = unboxed(X)
    if not holds_sequences(X):
        cube = getattr(X, "ndim", 0) == 3
        return frames.reshape(len(starts) - 1, -1, *frames.shape[1:]) if cube else frames
    parts = [frames[first:last] for first, last in pairwise(starts)]
    return boxed(parts) if isinstance(X, np.ndarray) else parts


def with_dimensions_of(X: Any, sequences: Any) -> Any:
    """Return sequences (length, 1) as (length,) where X has them so."""
    X = unboxed(X)
    if not holds_sequences(X):
        return sequences
    parts = [out[:, 0] if np.ndim(part) == 1 else out for part, out in zip(X, sequences, strict=True)]
    return boxed(parts) if isinstance(X, np.ndarray) else parts


def boxed(parts: list[np.ndarray]) -> np.ndarray:
    """Return an object array of arrays, also where they have one shape."""
    out = np.empty(len(parts), object)
    for number, part in enumerate(parts):
        out[number] = part
    return out


def sequences_digest(data: SequenceData) -> str:
    """Return a checksum of sequences: a checkpoint is resumed with the same data only."""
    digest = hashlib.blake2b(digest_size=16)
    for part in (data.frames, data.starts, data.weights):
        digest.update(f"{part.dtype}{part.shape}".encode())
        digest.update(np.ascontiguousarray(part).data.cast("B"))
    return digest.hexdigest()
