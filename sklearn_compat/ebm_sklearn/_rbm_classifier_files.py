"""A fitted RBMClassifier as named arrays and JSON values: those of an RBM, and the labels' part."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from ebm.storage import ModelFileError
from ebm_sklearn import _rbm_files
from ebm_sklearn._files import MOTION, take_array
from ebm_sklearn._labels import restored_classes, saved_classes

OURS = ("label_weights_", "intercept_label_", "class_mean_", "class_weight_seen")


def saved(classifier: Any) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Return the arrays and values of a fitted classifier."""
    arrays, values = _rbm_files.saved(classifier)
    arrays |= {name: getattr(classifier, name) for name in OURS[:3]}
    arrays["class_weight_seen"] = classifier._class_weight_seen
    return arrays, {**values, "classes": saved_classes(classifier.classes_)}


def restored(arrays: dict[str, np.ndarray], values: dict[str, Any], path: str | os.PathLike[str]) -> dict[str, Any]:
    """Return the attributes of a fitted classifier.

    Raises
    ------
    ModelFileError
        When an array or value is missing or does not fit the others.
    """
    labels = {name for name in arrays if name in OURS or name.startswith(MOTION + "label_")}
    attributes = _rbm_files.restored({n: a for n, a in arrays.items() if n not in labels}, values, path)
    (n_hidden, n_visible), dtype = attributes["components_"].shape, attributes["components_"].dtype
    bias = arrays.get("intercept_label_")
    if bias is None or bias.ndim != 1 or bias.size < 2:
        raise ModelFileError(f"{path} lacks an array 'intercept_label_' of at least 2 classes")
    k = bias.size
    needed: dict[str, tuple[tuple[int, ...], Any]] = {
        "label_weights_": ((k, n_hidden), dtype),
        "intercept_label_": ((k,), dtype),
        "class_mean_": ((k, n_visible), np.float64),
        "class_weight_seen": ((k,), np.float64),
    }
    attributes |= {name: take_array(arrays, name, *kind, path) for name, kind in needed.items()}
    attributes["_class_weight_seen"] = attributes.pop("class_weight_seen")
    for name in sorted(labels - set(OURS)):
        shape = (k, n_hidden) if name == MOTION + "label_weights_velocity" else (k,)
        attributes["_motion"][name.removeprefix(MOTION)] = take_array(arrays, name, shape, dtype, path)
    return {**attributes, "classes_": restored_classes(values.get("classes"), k, path)}
