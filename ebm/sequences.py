"""Sequences as the kernels read them: the frames of all of them in one array, one sequence after the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from ebm.data import checked_weights
from ebm.kernels.processor import plain

TOKENS = np.dtype(np.int64)  # of frames that are tokens


@dataclass(frozen=True, eq=False)
class SequenceData:
    """Sequences with their weights; make it with :meth:`from_list` or :meth:`from_array`.

    Attributes
    ----------
    frames : ndarray of shape (n_frames, n_features)
        float32 or float64, C-contiguous; int64 of shape (n_frames, 1) where frames are tokens.
    starts : ndarray of shape (n_samples + 1,), int64
        Sequence s is ``frames[starts[s]:starts[s + 1]]``, at least one frame.
    weights : ndarray of shape (n_samples,), float64
        Above 0: sequences of weight 0 are left out.
    """

    frames: np.ndarray
    starts: np.ndarray
    weights: np.ndarray

    @property
    def n_samples(self) -> int:
        """Sequences with a weight above 0."""
        return self.weights.size

    @property
    def n_frames(self) -> int:
        """Frames of all sequences."""
        return self.frames.shape[0]

    @property
    def n_features(self) -> int:
        """Features of a frame; 1 for tokens."""
        return self.frames.shape[1]

    @property
    def dtype(self) -> np.dtype:
        """float32, float64, or int64 for tokens."""
        return self.frames.dtype

    @property
    def lengths(self) -> np.ndarray:
        """Frames of each sequence, shape (n_samples,), int64."""
        return np.diff(self.starts)

    def sequences(self) -> list[np.ndarray]:
        """Return each sequence as a view (length, n_features) of ``frames``."""
        return [self.frames[first:last] for first, last in pairwise(self.starts)]

    def subset(self, which: np.ndarray) -> SequenceData:
        """Return some sequences, in the order of their numbers ``which``."""
        counts = self.lengths[which]
        starts = _starts(counts)
        places = np.repeat(self.starts[which] - starts[:-1], counts) + np.arange(starts[-1])
        return SequenceData(self.frames[places], starts, self.weights[which])

    def weighted(self, sample_weight: Any) -> SequenceData:
        """Return the sequences with weights in place of theirs, without those of weight 0.

        Parameters
        ----------
        sample_weight : array of shape (n_samples,) or None
            At least 0; None leaves everything as it is.

        Raises
        ------
        ValueError
            When weights do not fit, are negative, not finite or all zero.
        """
        if sample_weight is None:
            return self
        weights = checked_weights(sample_weight, self.n_samples)
        data = SequenceData(self.frames, self.starts, weights)
        return data if weights.all() else data.subset(np.flatnonzero(weights))

    @classmethod
    def from_list(
        cls, sequences: Sequence[Any], sample_weight: Any = None, dtype: Any = None, *, name: str = "X"
    ) -> SequenceData:
        """Take sequences of any lengths.

        Parameters
        ----------
        sequences : sequence of arrays of shape (length, n_features) or (length,)
            Numbers; an array of one dimension has one feature a frame.
        sample_weight : array of shape (n_samples,), optional
            Weights of at least 0.
        dtype : float32, float64 or int64, optional
            Of ``frames``. By default float64 where some sequence is float64 (or of another type that float32 does
            not hold), else float32; integers and bool become float32. int64 is for tokens: integers of at least 0,
            one a frame.
        name : str
            What errors call the sequences.

        Returns
        -------
        SequenceData
            With a copy of the frames.

        Raises
        ------
        ValueError
            When there is no sequence, one is empty, has other dimensions or features than it must, is not of real
            numbers or has some that are not finite, naming its number (counted from 0); or weights do not fit.
        """
        if len(sequences) == 0:
            raise ValueError(f"{name} must have at least one sequence, got none")
        tokens = dtype is not None and np.dtype(dtype) == TOKENS
        arrays = [_frames_of(sequence, number, name) for number, sequence in enumerate(sequences)]
        _check_alike(arrays, name, tokens=tokens)
        precision = np.dtype(dtype or _precision(arrays))
        with np.errstate(over="ignore"):  # too large for float32 is infinite, and refused as such
            frames = np.concatenate(arrays, dtype=precision, casting="unsafe")
        starts = _starts(np.array([len(array) for array in arrays], np.int64))
        _check_values(frames, starts, name)
        return cls(frames, starts, np.ones(len(arrays))).weighted(sample_weight)

    @classmethod
    def from_array(
        cls, X: np.ndarray, sample_weight: Any = None, dtype: Any = None, *, name: str = "X"
    ) -> SequenceData:
        """Take sequences of one length from an array.

        Parameters
        ----------
        X : ndarray of shape (n_samples, length, n_features) or (n_samples, n_features)
            Real numbers; an array of two dimensions holds sequences of one frame.
        sample_weight, dtype, name
            As in :meth:`from_list`.

        Returns
        -------
        SequenceData
            Sharing X's memory where it can.

        Raises
        ------
        ValueError
            When X has other dimensions, no elements, is not of real numbers or has some that are not finite; or
            weights do not fit.
        """
        if X.ndim not in (2, 3) or 0 in X.shape:
            raise ValueError(f"{name} must have shape (n_samples, length, n_features), none of them 0; got {X.shape}")
        n, length = X.shape[0], X.shape[1] if X.ndim == 3 else 1
        frames = _real(X, name).reshape(n * length, X.shape[-1])
        _check_alike([frames], name, tokens=dtype is not None and np.dtype(dtype) == TOKENS)
        with np.errstate(over="ignore"):
            frames = plain(frames, np.dtype(dtype or _precision([frames])))
        starts = np.arange(n + 1, dtype=np.int64) * length
        _check_values(frames, starts, name)
        return cls(frames, starts, np.ones(n)).weighted(sample_weight)


def _starts(lengths: np.ndarray) -> np.ndarray:
    return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)


def _precision(arrays: Sequence[np.ndarray]) -> type:
    """float32 where it is what the data are, or holds them; integers are counts, levels or bytes and go there too."""
    wide = any(array.dtype.kind == "f" and array.dtype.itemsize > 4 for array in arrays)
    return np.float64 if wide else np.float32


def _frames_of(sequence: Any, number: int, name: str) -> np.ndarray:
    """Return one sequence as an array (length, n_features) of real numbers."""
    what = f"sequence {number} of {name}"
    try:
        array = _stacked(np.asarray(sequence))
    except ValueError as error:  # nested lists of several lengths
        raise ValueError(f"{what} must have shape (length, n_features): {error}") from error
    if array.ndim not in (1, 2):
        raise ValueError(f"{what} must have shape (length, n_features), or (length,); got {array.shape}")
    if 0 in array.shape:
        raise ValueError(f"{what} is empty, of shape {array.shape}: it must have at least one frame and one feature")
    array = _real(array, what)
    return array[:, None] if array.ndim == 1 else array


def _stacked(array: np.ndarray) -> np.ndarray:
    """Return an array of frames that are arrays themselves, such as Parquet files hold, as one of numbers."""
    nested = array.dtype == object and array.ndim == 1 and array.size > 0
    return np.stack(list(array)) if nested and all(isinstance(frame, np.ndarray) for frame in array) else array


def _real(array: np.ndarray, what: str) -> np.ndarray:
    if array.dtype.kind == "c":
        raise ValueError(f"Complex data not supported: {what} is {array.dtype}")
    if array.dtype.kind == "O":
        try:
            return array.astype(np.float64)
        except (TypeError, ValueError) as error:
            raise ValueError(f"{what} must hold real numbers: {error}") from error
    if array.dtype.kind not in "biuf":
        raise ValueError(f"{what} must hold real numbers, got {array.dtype}")
    return array


def _check_alike(arrays: Sequence[np.ndarray], name: str, *, tokens: bool) -> None:
    n_features = 1 if tokens else arrays[0].shape[1]
    for number, array in enumerate(arrays):
        if array.shape[1] != n_features:
            told = "tokens are one a frame" if tokens else f"sequence 0 has {n_features}"
            raise ValueError(f"sequence {number} of {name} has {array.shape[1]} features, but {told}")
        if tokens and (array.dtype.kind not in "iu" or array.min() < 0):
            raise ValueError(
                f"sequence {number} of {name} has {array.dtype} values, but tokens are integers of at least 0"
            )


def _check_values(frames: np.ndarray, starts: np.ndarray, name: str) -> None:
    """Refuse what is not finite, in scikit-learn's words and with its place."""
    finite = np.isfinite(frames)
    if finite.all():
        return
    frame, feature = np.argwhere(~finite)[0]
    sequence = np.searchsorted(starts, frame, side="right") - 1
    nan = np.isnan(frames[frame, feature])
    found = "NaN" if nan else f"infinity or a value too large for {frames.dtype!r}"
    place = f"sequence {sequence}, frame {frame - starts[sequence]}, feature {feature}"
    raise ValueError(f"Input {name} contains {found}: {place} (counted from 0)")
