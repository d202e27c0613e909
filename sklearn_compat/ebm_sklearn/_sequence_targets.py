"""Targets of every frame at the door: as many of them as each sequence has frames."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ebm.sequences import TOKENS, SequenceData
from ebm_sklearn._labels import read_labels
from ebm_sklearn._sequence_input import unboxed


class FrameLabels(NamedTuple):
    """A label for every frame.

    Attributes
    ----------
    classes : ndarray of shape (n_classes,)
        The labels that occur, sorted.
    numbers : SequenceData of int64 (n_frames, 1)
        Where in ``classes`` each frame's label stands.
    """

    classes: np.ndarray
    numbers: SequenceData


class FrameTargets(NamedTuple):
    """Real values for every frame.

    Attributes
    ----------
    values : SequenceData of shape (n_frames, n_targets)
    flat : bool
        Whether they were given as (length,), not as (length, n_targets).
    """

    values: SequenceData
    flat: bool


def read_frame_labels(estimator: Any, y: Any, data: SequenceData, *, classes: Any = None) -> FrameLabels:
    """Check a label for every frame, and number them.

    Parameters
    ----------
    estimator : estimator
        Named in errors.
    y : list or object array of arrays (length,), or array (n_samples, length)
        Where all sequences have one frame, an array (n_samples,) too.
    data : SequenceData
        The sequences, all of them: weights come after.
    classes : array-like or None
        All labels that may occur; those of ``y`` by default.

    Raises
    ------
    ValueError
        When y is missing, has another number of sequences or one of another length than in X (naming it), labels
        are of several kinds or dimensions, not finite, no classes, of a single class, or others than ``classes``.
    """
    parts = frame_arrays(estimator, y, data)
    for number, part in enumerate(parts):
        if part.ndim > 1 and part.shape[1] != 1:  # scikit-learn warns of a column, and takes it
            raise ValueError(f"sequence {number} of y must have shape (length,), a label a frame; got {part.shape}")
    kinds = [part.dtype.kind in "biuf" for part in parts]
    if any(kinds) and not all(kinds):
        first = kinds.index(not kinds[0])
        raise ValueError(
            f"labels are numbers or strings, not both: those of sequence 0 and sequence {first} of y differ"
        )
    _check_finite_labels(parts)
    labels = read_labels(estimator, data.frames, np.concatenate(parts), classes=classes)
    return FrameLabels(labels.classes, _like(data, labels.numbers.astype(TOKENS)[:, None]))


def read_frame_targets(estimator: Any, y: Any, data: SequenceData, *, dtype: Any = None) -> FrameTargets:
    """Check real targets of every frame.

    Parameters
    ----------
    estimator : estimator
        Named in errors.
    y : list or object array of arrays (length,) or (length, n_targets), or array (n_samples, length[, n_targets])
        Where all sequences have one frame, an array (n_samples,) or (n_samples, n_targets) too.
    data : SequenceData
        The sequences, all of them: weights come after.
    dtype : float32 or float64, optional
        As in `SequenceData.from_list`.

    Raises
    ------
    ValueError
        When y is missing, has another number of sequences or one of another length than in X (naming it), or holds
        what is no finite real number.
    """
    parts = frame_arrays(estimator, y, data)
    flat = {part.ndim == 1 for part in parts}
    if len(flat) > 1:
        raise ValueError(
            "some sequences of y have shape (length,) and some (length, n_targets): give all of them alike"
        )
    values = SequenceData.from_list(parts, dtype=dtype, name="y")
    return FrameTargets(_like(data, values.frames), flat.pop())


def refuse_targets_of_frames(y: Any, other: str) -> None:
    """Say which estimator takes targets of every frame, where NumPy would call them inhomogeneous."""
    y = unboxed(y)
    if not isinstance(y, list | tuple) and not (isinstance(y, np.ndarray) and y.dtype.kind == "O"):
        return
    several = [len(part) for part in y if isinstance(part, list | tuple | np.ndarray) and np.ndim(part) > 0]
    if len(set(several)) > 1:
        raise ValueError(
            f"y must have one target for each sequence, but holds arrays of lengths from {min(several)} to "
            f"{max(several)}: for targets of every frame take {other}"
        )


def _like(data: SequenceData, frames: np.ndarray) -> SequenceData:
    return SequenceData(frames, data.starts, data.weights)


def frame_arrays(estimator: Any, y: Any, data: SequenceData) -> list[np.ndarray]:
    """Return the targets of each sequence as an array (length,) or (length, n_targets)."""
    if y is None:
        raise ValueError(f"{type(estimator).__name__} requires y to be passed, but the target y is None")
    y, lengths = unboxed(y), data.lengths
    if hasattr(y, "__array__"):
        y = np.asarray(y)
    if _is_one(y):
        raise ValueError(f"y must have a sequence of targets for each of X, got {y!r}")
    n = len(y)
    if n != data.n_samples:
        raise ValueError(f"Found input variables with inconsistent numbers of samples: [{data.n_samples}, {n}]")
    if (lengths == 1).all() and _is_table(y):
        y = np.asarray(y)[:, None]  # a row of targets belongs to the only frame
    return [_part(part, number, length) for number, (part, length) in enumerate(zip(y, lengths, strict=True))]


def _is_one(value: Any) -> bool:
    return not isinstance(value, list | tuple) and np.ndim(value) == 0


def _is_table(y: Any) -> bool:
    """One value, or a row of them, for each sequence; not an array of its own for each."""
    return (isinstance(y, np.ndarray) and y.ndim == 2) or all(_is_one(part) for part in y)


def _part(part: Any, number: int, length: int) -> np.ndarray:
    what = f"sequence {number} of y"
    try:
        array = np.asarray(part)
    except ValueError as error:
        raise ValueError(f"{what} must have shape ({length},) or ({length}, n_targets): {error}") from error
    if array.ndim == 0:
        raise ValueError(f"{what} is one value, {array.item()!r}, but there must be one for each of {length} frames")
    if len(array) != length:
        raise ValueError(f"{what} has {len(array)} frames, but sequence {number} of X has {length}")
    if array.ndim > 2:
        raise ValueError(f"{what} must have shape ({length},) or ({length}, n_targets); got {array.shape}")
    return array


def _check_finite_labels(parts: list[np.ndarray]) -> None:
    for number, part in enumerate(parts):
        if part.dtype.kind == "f" and not np.isfinite(part).all():
            frame = int(np.argwhere(~np.isfinite(part))[0, 0])
            found = "NaN" if np.isnan(part[frame]).any() else "infinity"
            raise ValueError(f"Input y contains {found}: sequence {number}, frame {frame} (counted from 0)")
