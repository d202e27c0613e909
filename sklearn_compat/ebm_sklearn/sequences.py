"""Sequences from other libraries' forms, and back: channels first, one after the other, padded."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from ebm.sequences import SequenceData


def from_channels(X: Any) -> list[np.ndarray]:
    """Turn collections of time series with the channels first, as aeon and sktime have them, into sequences.

    Parameters
    ----------
    X : array of shape (n_samples, n_channels, length) or (n_samples, length), or list of arrays (n_channels, length) \
            or (length,)
        What has no channels has one. Lengths in a list may differ.

    Returns
    -------
    list of ndarray of shape (length, n_channels)
        Copies, float32 or float64: float64 where some series is float64.

    Raises
    ------
    ValueError
        When X has other dimensions, is empty, series have different numbers of channels, or there are values that
        are no finite real numbers; naming the series, counted from 0.

    See Also
    --------
    from_padded : For collections of unequal length that are filled up with NaN; transpose them first.

    Examples
    --------
    >>> import numpy as np
    >>> from ebm_sklearn import from_channels
    >>> [sequence.shape for sequence in from_channels([np.zeros((12, 20)), np.zeros((12, 26))])]
    [(20, 12), (26, 12)]
    """
    series = _listed(X, "from_channels takes (n_samples, n_channels, length)", most=3)
    return _separate([array.T for array in series])


def from_lengths(X: Any, lengths: Any) -> list[np.ndarray]:
    """Cut sequences that stand one after the other, as hmmlearn has them.

    Parameters
    ----------
    X : array of shape (n_frames, n_features) or (n_frames,)
    lengths : array-like of int, shape (n_samples,)
        Frames of each sequence, at least 1; their sum is n_frames.

    Returns
    -------
    list of ndarray of shape (length, n_features) or (length,)
        Views of X: labels of frames can be cut in the same way.

    Raises
    ------
    ValueError
        When lengths are not integers of at least 1 with the sum n_frames.

    Examples
    --------
    >>> import numpy as np
    >>> from ebm_sklearn import from_lengths
    >>> from_lengths(np.array(["a", "b", "c"]), [1, 2])
    [array(['a'], dtype='<U1'), array(['b', 'c'], dtype='<U1')]
    """
    X, counts = np.asarray(X), np.asarray(lengths)
    if X.ndim not in (1, 2):
        raise ValueError(f"X must have shape (n_frames, n_features) or (n_frames,), got {X.shape}")
    if counts.ndim != 1 or counts.dtype.kind not in "iu" or counts.size == 0:
        raise ValueError(f"lengths must be integers, one for each sequence; got {lengths!r}")
    if (counts < 1).any():
        short = int(np.argmax(counts < 1))
        raise ValueError(f"lengths must be at least 1, but lengths[{short}] is {counts[short]}")
    if counts.sum() != len(X):
        raise ValueError(f"lengths have the sum {counts.sum()}, but X has {len(X)} frames")
    return np.split(X, np.cumsum(counts)[:-1])


def from_padded(X: Any) -> list[np.ndarray]:
    """Cut off the NaN that fills sequences up to one length.

    Parameters
    ----------
    X : array of shape (n_samples, length, n_features) or (n_samples, length)
        Frames at a sequence's end that are NaN in every feature are no frames. (n_samples, length) has one feature.
        Channels first, as aeon's arrays are: give ``X.transpose(0, 2, 1)``.

    Returns
    -------
    list of ndarray of shape (length, n_features)
        Copies, float32 or float64.

    Raises
    ------
    ValueError
        When X has other dimensions or is empty; NaN stands before the end of a sequence or in some features only, or
        there is an infinite value; a sequence is NaN throughout. With the number of the sequence, counted from 0.

    See Also
    --------
    to_padded : The way back.

    Examples
    --------
    >>> import numpy as np
    >>> from ebm_sklearn import from_padded
    >>> from_padded([[[1.0], [2.0]], [[3.0], [np.nan]]])
    [array([[1.],
           [2.]]), array([[3.]])]
    """
    X = np.asarray(X)
    if X.ndim not in (2, 3) or 0 in X.shape or X.dtype.kind not in "biuf":
        raise ValueError(
            f"from_padded takes real numbers of shape (n_samples, length, n_features), got {X.dtype} of shape {X.shape}"
        )
    cube = X if X.ndim == 3 else X[:, :, None]
    present = ~np.isnan(cube).all(axis=2)
    if not present.any(axis=1).all():
        raise ValueError(f"sequence {int(np.argmin(present.any(axis=1)))} of X is NaN throughout: it has no frame")
    lengths = cube.shape[1] - np.argmax(present[:, ::-1], axis=1)
    return _separate([frames[:length] for frames, length in zip(cube, lengths, strict=True)])


def to_padded(sequences: Sequence[Any]) -> np.ndarray:
    """Fill sequences up with NaN to the length of the longest.

    Parameters
    ----------
    sequences : list of arrays of shape (length, n_features) or (length,)
        All with as many features.

    Returns
    -------
    ndarray of shape (n_samples, longest length, n_features)
        float64 where some sequence is float64, else float32.

    Raises
    ------
    ValueError
        When there is no sequence, one is empty or has other features than the others, or there are values that are
        no finite real numbers; naming the sequence, counted from 0.

    See Also
    --------
    from_padded : The way back.

    Examples
    --------
    >>> from ebm_sklearn import to_padded
    >>> to_padded([[1, 2], [3]]).tolist()
    [[[1.0], [2.0]], [[3.0], [nan]]]
    """
    data = SequenceData.from_list(sequences, name="sequences")
    out = np.full((data.n_samples, data.lengths.max(), data.n_features), np.nan, data.dtype)
    for row, frames in zip(out, data.sequences(), strict=True):
        row[: len(frames)] = frames
    return out


def _separate(arrays: list[np.ndarray]) -> list[np.ndarray]:
    """Check sequences, and return arrays of their own: who keeps one does not keep all."""
    data = SequenceData.from_list(arrays)
    return [data.frames[first:last].copy() for first, last in pairwise(data.starts)]


def _listed(X: Any, what: str, most: int) -> list[np.ndarray]:
    if isinstance(X, np.ndarray) and X.dtype != object:
        if not 2 <= X.ndim <= most:
            raise ValueError(f"{what}, got an array of shape {X.shape}")
        return list(X)
    try:
        return [np.asarray(part) for part in X]
    except (TypeError, ValueError) as error:
        raise ValueError(f"{what} or a list of arrays: {error}") from error
