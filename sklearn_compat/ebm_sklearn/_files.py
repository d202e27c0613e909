"""Estimators in files: parameters and fitted attributes, no pickle."""

from __future__ import annotations

import dataclasses
import os
from importlib import import_module
from typing import Any

import numpy as np

from ebm.boltzmann import unit_types
from ebm.optimizers import schedules
from ebm.sampling.annealing import LogPartition
from ebm.storage import ModelFileError

UNITS: dict[Any, type] = {**unit_types.NAMED, "binomial": unit_types.Binomial, "categorical": unit_types.Categorical}
MOTION = "motion/"  # before the names of what learning carries beside the parameters
PARTS = {  # layers, optimisers and the like, by name, with their modules: imported when a file asks for them
    "Dense": "ebm.networks.dense",
    "TransposedDense": "ebm.networks.dense",
    "Convolution": "ebm.networks.convolution",
    "TransposedConvolution": "ebm.networks.convolution",
    "BatchNormalisation": "ebm.networks.normalisation",
    "LayerNormalisation": "ebm.networks.normalisation",
    "Dropout": "ebm.networks.dropout",
    "Activation": "ebm.networks.activation",
    "Reshape": "ebm.networks.shape",
    "Flatten": "ebm.networks.shape",
    "PyramidDown": "ebm.networks.pyramid",
    "PyramidUp": "ebm.networks.pyramid",
    "SimpleCell": "ebm.recurrent.simple",
    "LSTMCell": "ebm.recurrent.lstm",
    "PeepholeLSTMCell": "ebm.recurrent.peephole",
    "GRUCell": "ebm.recurrent.gru",
    "SCRNCell": "ebm.recurrent.scrn",
    "DeepTransitionCell": "ebm.recurrent.deep_transition",
    "Vocabulary": "ebm_sklearn.vocabulary",
    "GaussianNoise": "ebm.networks.corruption",
    "Masking": "ebm.networks.corruption",
    "SaltAndPepper": "ebm.networks.corruption",
    "SGD": "ebm.optimizers.sgd",
    "RMSprop": "ebm.optimizers.sgd",
    "Adam": "ebm.optimizers.adam",
    "AdamW": "ebm.optimizers.adam",
}
NOT_SAVED = ("callbacks",)  # code, not values: a loaded estimator has none


def is_part(kind: type) -> bool:
    """Tell whether a type is one of ``PARTS``."""
    return PARTS.get(kind.__name__) == kind.__module__


def saved_parameters(estimator: Any) -> dict[str, Any]:
    """Return the parameters of an estimator as JSON can hold them.

    Raises
    ------
    TypeError
        When a parameter is neither a number, a string, None, a mapping of these, nor a unit type or schedule of
        this library.
    """
    return {
        name: as_json(name, value) for name, value in estimator.get_params(deep=False).items() if name not in NOT_SAVED
    }


def as_json(name: str, value: Any) -> Any:
    """Return a parameter's value as JSON can hold it; ``name`` is for errors, as of `saved_parameters`."""
    if isinstance(value, np.random.RandomState):
        return None  # a stream that has moved on; sampling from a loaded model draws afresh
    if isinstance(value, np.generic | np.ndarray):
        value = value.tolist()
    if isinstance(value, range):
        value = list(value)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if type(value) in UNITS.values():
        fields = dataclasses.asdict(value)
        return {"unit": value.name, **{k: v for k, v in fields.items() if k != "precision"}}
    if isinstance(value, dict):  # JSON's keys are strings, ours may be numbers
        return {"pairs": [[as_json(name, key), as_json(name, part)] for key, part in value.items()]}
    if type(value) is getattr(schedules, type(value).__name__, None):
        return {"schedule": type(value).__name__, **dataclasses.asdict(value)}
    if isinstance(value, list | tuple):
        return {type(value).__name__: [as_json(name, part) for part in value]}
    if is_part(type(value)):
        fields = {field.name: getattr(value, field.name) for field in dataclasses.fields(value) if field.init}
        return {"part": type(value).__name__, "fields": {key: as_json(name, part) for key, part in fields.items()}}
    raise TypeError(
        f"{name}={value!r} cannot be saved: use numbers, unit types of ebm.boltzmann, layers of ebm.networks, cells of "
        "ebm.recurrent, optimisers or schedules of ebm.optimizers, a Vocabulary, or lists of these"
    )


def restored_parameters(estimator_class: type, saved: Any, path: str | os.PathLike[str]) -> dict[str, Any]:
    """Return the parameters for the estimator's constructor.

    Raises
    ------
    ModelFileError
        When the file names parameters, unit types or schedules that this version does not know.
    """
    if not isinstance(saved, dict):
        raise ModelFileError(f"{path}: the parameters are a {type(saved).__name__}, not a mapping")
    unknown = sorted(set(saved) - set(estimator_class._get_param_names()))  # type: ignore[attr-defined]
    if unknown:
        raise ModelFileError(f"{path}: {estimator_class.__name__} has no parameters {unknown}")
    try:
        return {name: from_json(value, path) for name, value in saved.items()}
    except RecursionError as error:
        raise ModelFileError(f"{path}: a parameter holds lists in lists without end") from error


def from_json(value: Any, path: str | os.PathLike[str]) -> Any:
    """Return the value of which `as_json` made this; errors as of `restored_parameters`."""
    if not isinstance(value, dict):
        return value
    if set(value) == {"pairs"}:
        return _mapping(value["pairs"], path)
    if set(value) in ({"list"}, {"tuple"}):
        return _sequence(value, path)
    if set(value) == {"part", "fields"}:
        return _part(value["part"], value["fields"], path)
    fields = dict(value)
    what = "unit" if "unit" in fields else "schedule"
    name = fields.pop(what, None)
    known = UNITS.get(str(name)) if what == "unit" else getattr(schedules, str(name), None)
    if not (isinstance(known, type) and dataclasses.is_dataclass(known)):
        raise ModelFileError(f"{path}: no {what} is called {name!r}")
    try:
        return known(**fields)
    except (TypeError, ValueError) as error:
        raise ModelFileError(f"{path}: {what} {name} cannot be made: {error}") from error


def _sequence(value: dict[str, Any], path: str | os.PathLike[str]) -> list[Any] | tuple[Any, ...]:
    ((kind, parts),) = value.items()
    if not isinstance(parts, list):
        raise ModelFileError(f"{path}: a parameter is no {kind}: {parts!r}")
    live = [from_json(part, path) for part in parts]
    return live if kind == "list" else tuple(live)


def _part(name: Any, fields: Any, path: str | os.PathLike[str]) -> Any:
    if not isinstance(name, str) or name not in PARTS or not isinstance(fields, dict):
        raise ModelFileError(f"{path}: no part of a network is called {name!r}")
    known = getattr(import_module(PARTS[name]), name)
    try:
        return known(**{key: from_json(value, path) for key, value in fields.items()})
    except (TypeError, ValueError) as error:
        raise ModelFileError(f"{path}: {name} cannot be made: {error}") from error


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


def take_count(values: dict[str, Any], name: str, path: str | os.PathLike[str], most: int = 2**63) -> int:
    """Return a whole number of the file, at least 0.

    Raises
    ------
    ModelFileError
        When it is missing or something else.
    """
    value = values.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
        raise ModelFileError(f"{path}: {name!r} is {value!r}, not a whole number of at least 0")
    return value


def take_rule(values: dict[str, Any], estimator: Any, path: str | os.PathLike[str]) -> str:
    """Return the rule by which what the file holds was stored.

    Raises
    ------
    ModelFileError
        When it is missing or none of the estimator's rules.
    """
    rule: Any = values.get("rule")
    known = estimator._parameter_constraints["rule"][0].options
    if rule not in known:
        raise ModelFileError(f"{path}: the rule is {rule!r}, not one of {sorted(known)}")
    return rule


def take_seed(values: dict[str, Any], path: str | os.PathLike[str]) -> int:
    """Return the seed of the fit.

    Raises
    ------
    ModelFileError
        When it is missing or no integer of 64 bits.
    """
    seed = values.get("seed")
    if not isinstance(seed, int) or not 0 <= seed < 2**64:
        raise ModelFileError(f"{path}: the seed is {seed!r}, not an integer of 64 bits")
    return seed


def saved_log_partition(kept: LogPartition | None) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Return the arrays and values of an estimate of log Z, if there is one."""
    if kept is None:
        return {}, {"log_partition": None}
    fields = dataclasses.asdict(kept)
    log_weights = fields.pop("log_weights")
    return {} if log_weights is None else {"log_weights": log_weights}, {"log_partition": fields}


def take_log_partition(
    arrays: dict[str, np.ndarray], values: dict[str, Any], path: str | os.PathLike[str]
) -> LogPartition | None:
    """Return the estimate of log Z that a file holds, if any.

    Raises
    ------
    ModelFileError
        When it has other fields.
    """
    fields: Any = values.get("log_partition")
    try:
        return None if fields is None else LogPartition(**fields, log_weights=arrays.get("log_weights"))
    except TypeError as error:
        raise ModelFileError(f"{path}: the estimate of log Z is damaged: {error}") from error
