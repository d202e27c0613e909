"""A fitted network as named arrays and JSON values, and back with every shape checked."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ebm.networks.initial import Unset
from ebm.storage import ModelFileError
from ebm_sklearn._files import MOTION, take_array, take_seed

PARAMETER = "parameter/"  # before the names of a network's parameters


def saved_network(estimator: Any) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Return the arrays and values of a fitted network."""
    arrays = {PARAMETER + name: array for name, array in estimator.parameters_.items()}
    arrays |= {MOTION + name: array for name, array in estimator._motion.items()}
    shape = estimator.image_shape_
    values = {
        "seed": estimator._seed,
        "sample_shape": list(estimator.sample_shape_),
        "image_shape": None if shape is None else list(shape),
        "given_images": estimator._given_images,
    }
    return arrays, values


def restore_network(
    estimator: Any, arrays: Mapping[str, np.ndarray], values: Mapping[str, Any], path: str | os.PathLike[str]
) -> None:
    """Set the attributes of a fitted network, but for its parameters, which `take_parameters` checks.

    Raises
    ------
    ModelFileError
        When a value is missing or none that it can be.
    """
    sample, image = _shape(values.get("sample_shape"), path), values.get("image_shape")
    estimator.sample_shape_ = sample
    estimator.image_shape_ = None if image is None else _shape(image, path)
    if image is not None and np.prod(estimator.image_shape_) != np.prod(sample):
        raise ModelFileError(f"{path}: images of shape {image} are no samples of shape {sample}")
    estimator._given_images = bool(values.get("given_images")) and image is not None
    estimator._seed = take_seed(dict(values), path)
    estimator.n_features_in_ = int(np.prod(sample))


def take_parameters(
    arrays: Mapping[str, np.ndarray], network: Callable[[], Any], path: str | os.PathLike[str]
) -> dict[str, np.ndarray]:
    """Return the parameters of a file, which must be in name and shape those of the network that ``network`` makes.

    Raises
    ------
    ModelFileError
        When one is missing, of another shape, too many, or not finite; or there is no such network.
    """
    return take_like(arrays, lambda: network().initial(Unset(), np.float32), path)


def take_like(
    arrays: Mapping[str, np.ndarray], shaped: Callable[[], Mapping[str, np.ndarray]], path: str | os.PathLike[str]
) -> dict[str, np.ndarray]:
    """Return the parameters of a file, which must be in name and shape those that ``shaped`` makes.

    Raises
    ------
    ModelFileError
        As `take_parameters`; a ValueError, TypeError or MemoryError of ``shaped`` becomes one.
    """
    try:
        needed = shaped()
    except (ValueError, TypeError, MemoryError) as error:
        raise ModelFileError(f"{path}: {error}") from error
    given = {name for name in arrays if name.startswith(PARAMETER)}
    unknown = sorted(given - {PARAMETER + name for name in needed})
    if unknown:
        raise ModelFileError(f"{path}: the network has no {', '.join(unknown)}")
    kinds = {arrays[name].dtype for name in given}
    if len(kinds) != 1 or not kinds <= {np.dtype(np.float32), np.dtype(np.float64)}:
        raise ModelFileError(
            f"{path}: parameters are {', '.join(map(str, kinds)) or 'missing'}, not float32 or float64"
        )
    kind = kinds.pop()
    return {name: take_array(dict(arrays), PARAMETER + name, array.shape, kind, path) for name, array in needed.items()}


def take_motion(arrays: Mapping[str, np.ndarray], path: str | os.PathLike[str]) -> dict[str, np.ndarray]:
    """Return what learning carries; the learner compares shapes with its own when it goes on."""
    found = {name.removeprefix(MOTION): array for name, array in arrays.items() if name.startswith(MOTION)}
    for name, array in found.items():
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise ModelFileError(f"{path}: array {MOTION + name!r} has values that are not finite numbers")
    done = found.get("updates_done")
    if done is None or done.shape != (1,) or done.dtype != np.int64 or done[0] < 0:
        raise ModelFileError(f"{path} does not tell how many updates were done")
    return found


def _shape(value: Any, path: str | os.PathLike[str]) -> tuple[int, ...]:
    good = isinstance(value, list) and 0 < len(value) <= 3 and all(isinstance(n, int) and n > 0 for n in value)
    if not good or np.prod(value, dtype=float) > 2**31:
        raise ModelFileError(f"{path}: {value!r} is no shape of a sample")
    return tuple(value)
