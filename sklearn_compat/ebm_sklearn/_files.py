"""Estimators in files: parameters and fitted attributes, no pickle."""

from __future__ import annotations

import dataclasses
import os
from typing import Any

import numpy as np

from ebm.optimizers import schedules
from ebm.storage import ModelFileError

NOT_SAVED = ("callbacks",)  # code, not values: a loaded estimator has none


def saved_parameters(estimator: Any) -> dict[str, Any]:
    """Return the parameters of an estimator as JSON can hold them.

    Raises
    ------
    TypeError
        When a parameter is neither a number, a string, None, a mapping of these nor a schedule of this library.
    """
    return {
        name: _plain(name, value) for name, value in estimator.get_params(deep=False).items() if name not in NOT_SAVED
    }


def _plain(name: str, value: Any) -> Any:
    if isinstance(value, np.random.RandomState):
        return None  # a stream that has moved on; sampling from a loaded model draws afresh
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, dict):  # JSON's keys are strings, ours may be numbers
        return {"pairs": [[_plain(name, key), _plain(name, part)] for key, part in value.items()]}
    if type(value) is getattr(schedules, type(value).__name__, None):
        return {"schedule": type(value).__name__, **dataclasses.asdict(value)}
    raise TypeError(f"{name}={value!r} cannot be saved: use a number or a schedule of ebm.optimizers")


def restored_parameters(estimator_class: type, saved: Any, path: str | os.PathLike[str]) -> dict[str, Any]:
    """Return the parameters for the estimator's constructor.

    Raises
    ------
    ModelFileError
        When the file names parameters or schedules that this version does not know.
    """
    if not isinstance(saved, dict):
        raise ModelFileError(f"{path}: the parameters are a {type(saved).__name__}, not a mapping")
    unknown = sorted(set(saved) - set(estimator_class._get_param_names()))  # type: ignore[attr-defined]
    if unknown:
        raise ModelFileError(f"{path}: {estimator_class.__name__} has no parameters {unknown}")
    return {name: _live(value, path) for name, value in saved.items()}


def _live(value: Any, path: str | os.PathLike[str]) -> Any:
    if not isinstance(value, dict):
        return value
    if set(value) == {"pairs"}:
        return _mapping(value["pairs"], path)
    fields = dict(value)
    name = fields.pop("schedule", None)
    schedule = getattr(schedules, name, None) if isinstance(name, str) else None
    if not (isinstance(schedule, type) and dataclasses.is_dataclass(schedule)):
        raise ModelFileError(f"{path}: no schedule is called {name!r}")
    try:
        return schedule(**fields)
    except (TypeError, ValueError) as error:
        raise ModelFileError(f"{path}: schedule {name} cannot be made: {error}") from error


def _mapping(pairs: Any, path: str | os.PathLike[str]) -> dict[Any, Any]:
    try:
        return dict(pairs)
    except (TypeError, ValueError) as error:
        raise ModelFileError(f"{path}: a parameter is no mapping: {error}") from error


def take_array(
    arrays: dict[str, np.ndarray], name: str, shape: tuple[int, ...], dtype: Any, path: str | os.PathLike[str]
) -> np.ndarray:
    """Return an array of the file after checking that it is what the model needs.

    Raises
    ------
    ModelFileError
        When it is missing, of another shape or dtype, or not finite.
    """
    if name not in arrays:
        raise ModelFileError(f"{path} lacks the array {name!r}")
    array = arrays[name]
    if array.shape != shape or array.dtype != dtype:
        raise ModelFileError(
            f"{path}: array {name!r} is {array.dtype}{array.shape}, the model needs {np.dtype(dtype)}{shape}"
        )
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise ModelFileError(f"{path}: array {name!r} has values that are not finite numbers")
    return array
