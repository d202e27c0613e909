"""Labels at the door: checked, told from missing ones, and numbered."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from sklearn.utils import assert_all_finite, check_consistent_length, column_or_1d
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.multiclass import check_classification_targets

from ebm.storage import ModelFileError

UNKNOWN = -1  # number of a sample without a label
LONGEST = 2**16  # bytes of a label in a file: NumPy gives each the room of the longest


class Labels(NamedTuple):
    """Labels of samples.

    Attributes
    ----------
    classes : ndarray of shape (n_classes,)
        The labels that occur, sorted.
    numbers : ndarray of shape (n_samples,), int64
        Where in ``classes`` each sample's label stands; UNKNOWN without one.
    """

    classes: np.ndarray
    numbers: np.ndarray


def read_labels(estimator: Any, X: Any, y: Any, *, unlabeled: Any = None, classes: Any = None) -> Labels:
    """Check labels and number them.

    Parameters
    ----------
    estimator : estimator
        Named in errors.
    X : array of n_samples rows
        Samples, for their number.
    y : array-like of shape (n_samples,)
    unlabeled : label or None
        What samples without a label have in its place; None: every sample has a label.
    classes : array-like or None
        All labels that may occur; those of ``y`` by default.

    Raises
    ------
    ValueError
        When y is missing, of another length, not finite, no classes, of a single class, or has others than ``classes``.
    """
    name = type(estimator).__name__
    if y is None:
        raise ValueError(f"{name} requires y to be passed, but the target y is None")
    y = column_or_1d(y, warn=True)
    check_consistent_length(X, y)
    assert_all_finite(y, input_name="y", estimator_name=name)
    known = np.ones(len(y), bool) if unlabeled is None else ~np.array([bool(label == unlabeled) for label in y], bool)
    if known.any():
        check_classification_targets(y[known])
    found = np.unique(y[known] if classes is None else np.asarray(classes))
    if len(found) < 2:
        raise ValueError(
            f"{name} needs samples of at least 2 classes, but the data has {len(found)} class"
            f"{'' if len(found) == 1 else 'es'}{f': {found.tolist()[0]!r}' if len(found) else ''}"
        )
    numbers = np.full(len(y), UNKNOWN, np.int64)
    numbers[known] = numbers_of(y[known], found, "y")
    return Labels(found, numbers)


def numbers_of(labels: np.ndarray, classes: np.ndarray, name: str) -> np.ndarray:
    """Return the places of labels in ``classes``, int64.

    Raises
    ------
    ValueError
        When there is a label that is no class, naming both.
    """
    places = {label: place for place, label in enumerate(classes.tolist())}
    missing = [label for label in np.asarray(labels).tolist() if label not in places]
    if missing:
        raise ValueError(f"{name} has the label {missing[0]!r}, which is none of the classes {classes.tolist()}")
    return np.array([places[label] for label in np.asarray(labels).tolist()], np.int64)


def class_weighted(labels: Labels, class_weight: Any, sample_weight: Any) -> Any:
    """Multiply samples' weights by those of their classes; samples without a label keep theirs."""
    if class_weight is None:
        return sample_weight
    known = labels.numbers >= 0
    of_class = compute_class_weight(class_weight, classes=labels.classes, y=labels.classes[labels.numbers[known]])
    if not (np.isfinite(of_class) & (of_class >= 0)).all():
        raise ValueError(f"class_weight must be finite and at least 0, got {class_weight!r}")
    weights = np.ones(len(known)) if sample_weight is None else np.array(sample_weight, np.float64)
    if weights.shape != known.shape:
        return sample_weight  # refused where all weights are checked
    weights[known] *= of_class[labels.numbers[known]]
    return weights


def saved_classes(classes: np.ndarray) -> dict[str, Any]:
    """Return labels as JSON can hold them.

    Raises
    ------
    TypeError
        When they are neither numbers nor strings.
    """
    values = classes.tolist()
    if not all(isinstance(value, bool | int | float | str) for value in values):
        raise TypeError(f"classes_ {values[:3]}... cannot be saved: labels must be numbers or strings")
    return {"dtype": classes.dtype.str if classes.dtype != object else "object", "values": values}


def restored_classes(saved: Any, n_classes: int, path: Any) -> np.ndarray:
    """Return labels of a file.

    Raises
    ------
    ModelFileError
        When they are damaged, or not as many as there are classes.
    """
    try:
        kind = np.dtype(saved["dtype"])
        if (
            kind.kind not in "biufUO"
            or kind.itemsize > LONGEST
            or not all(isinstance(x, bool | int | float | str) for x in saved["values"])
        ):
            raise ValueError(f"labels of dtype {kind}")
        classes = np.array(saved["values"], dtype=kind)
    except (TypeError, KeyError, ValueError, OverflowError) as error:
        raise ModelFileError(f"{path}: the classes are damaged: {error}") from error
    if classes.shape != (n_classes,) or len(set(classes.tolist())) != n_classes:
        raise ModelFileError(f"{path}: {classes.size} classes for {n_classes} label units, or some twice")
    return classes
