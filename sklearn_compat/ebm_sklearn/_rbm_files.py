"""A fitted RBM as named arrays and JSON values, and back with every shape checked."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from ebm.storage import ModelFileError
from ebm_sklearn._files import MOTION, saved_log_partition, take_array, take_log_partition, take_seed

MATRICES = ("weights", "weights_velocity", "fast_weights")
PER_FEATURE = ("log_variance", "log_variance_velocity", "scale", "base")


def saved(rbm: Any) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Return the arrays and values of a fitted RBM."""
    arrays = {name: getattr(rbm, name) for name in ("components_", "intercept_hidden_", "intercept_visible_", "mean_")}
    arrays |= {name: getattr(rbm, name) for name in ("chains_", "noise_variance_") if hasattr(rbm, name)}
    arrays |= {MOTION + name: array for name, array in rbm._motion.items()}
    log_weights, log_z = saved_log_partition(rbm._log_partition)
    return {**arrays, **log_weights}, {"seed": rbm._seed, "weight_seen": rbm._weight_seen, **log_z}


def restored(arrays: dict[str, np.ndarray], values: dict[str, Any], path: str | os.PathLike[str]) -> dict[str, Any]:
    """Return the attributes of a fitted RBM.

    Raises
    ------
    ModelFileError
        When an array or value is missing or does not fit the others.
    """
    components = arrays.get("components_")
    if components is None or components.ndim != 2 or 0 in components.shape:
        raise ModelFileError(f"{path} lacks a matrix 'components_'")
    (n_hidden, n_visible), dtype = components.shape, components.dtype
    if dtype not in (np.float32, np.float64):
        raise ModelFileError(f"{path}: components_ is {dtype}, not float32 or float64")
    needed = {
        "components_": ((n_hidden, n_visible), dtype),
        "intercept_hidden_": ((n_hidden,), dtype),
        "intercept_visible_": ((n_visible,), dtype),
        "mean_": ((n_visible,), np.float64),
    }
    if "noise_variance_" in arrays:
        needed["noise_variance_"] = ((n_visible,), dtype)
    if "chains_" in arrays:
        needed["chains_"] = ((len(arrays["chains_"]), n_hidden), dtype)
    attributes: dict[str, Any] = {name: take_array(arrays, name, *kind, path) for name, kind in needed.items()}
    attributes["_motion"] = {
        name.removeprefix(MOTION): take_array(arrays, name, *_motion_kind(name, arrays[name], components), path)
        for name in arrays
        if name.startswith(MOTION)
    }
    return {**attributes, **_values(arrays, values, path), "n_features_in_": n_visible}


def _motion_kind(name: str, array: np.ndarray, components: np.ndarray) -> tuple[tuple[int, ...], Any]:
    n_hidden, n_visible = components.shape
    shapes: dict[str, tuple[tuple[int, ...], Any]] = {
        **dict.fromkeys(MATRICES, ((n_visible, n_hidden), components.dtype)),
        **dict.fromkeys(PER_FEATURE, ((n_visible,), components.dtype)),
        "chains": ((len(array) if array.ndim else 0, n_hidden), components.dtype),
        "sweeps_done": ((1,), np.int64),
        "replicas": ((len(array) if array.ndim else 0, n_visible + n_hidden), components.dtype),
    }
    what = name.removeprefix(MOTION)
    if what in shapes:
        return shapes[what]
    if what.startswith("swap_"):  # counters of a ladder, of shapes that the learner itself compares with its own
        return array.shape, np.float64 if what == "swap_chances" else np.int64
    return ((n_visible,) if "visible" in what else (n_hidden,)), components.dtype


def _values(arrays: dict[str, np.ndarray], values: dict[str, Any], path: str | os.PathLike[str]) -> dict[str, Any]:
    seed, weight = take_seed(values, path), values.get("weight_seen")
    if not isinstance(weight, int | float) or not 0 < weight < np.inf:
        raise ModelFileError(f"{path}: the weight of the data seen is {weight!r}, not a number above 0")
    return {"_seed": seed, "_weight_seen": float(weight), "_log_partition": take_log_partition(arrays, values, path)}
