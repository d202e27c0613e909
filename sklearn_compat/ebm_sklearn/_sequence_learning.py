"""How estimators of sequences learn: `NetworkEstimator` over samples of any lengths, and their files."""

from __future__ import annotations

import os
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from numbers import Integral, Real
from typing import Any

import numpy as np
from sklearn.utils._param_validation import Interval, StrOptions

from ebm.data import checked_weights
from ebm.networks.initial import Unset
from ebm.random import Random
from ebm.recurrent.architecture import CELLS
from ebm.recurrent.batch import SequenceSamples
from ebm.recurrent.cell import Cell
from ebm.recurrent.chunk_learning import learner_of_sequences
from ebm.recurrent.learning import SequenceLearner
from ebm.sequences import SequenceData
from ebm.storage import ModelFileError
from ebm_sklearn._files import MOTION, as_json, from_json, take_count, take_seed
from ebm_sklearn._network_files import PARAMETER, take_like, take_motion
from ebm_sklearn._network_learning import NETWORK_CONSTRAINTS, NetworkEstimator, array_digest
from ebm_sklearn._sequence_input import sequences_digest

UNSUSPECTED = 4096  # a size up to this in a file needs no array of that size to be believed
NAMED_CELLS = tuple(name for name in CELLS if name != "scrn")  # its second width has no default: SCRNCell(64, 32)
LAYER_CONSTRAINTS: dict[str, list[Any]] = {  # of estimators with stacks of recurrent layers
    **NETWORK_CONSTRAINTS,
    "cell": [StrOptions(set(NAMED_CELLS)), Cell],
    "units": [Interval(Integral, 1, None, closed="left")],
    "n_layers": [Interval(Integral, 1, None, closed="left")],
    "dropout": [Interval(Real, 0, 1, closed="left")],
    "truncation": [None, Interval(Integral, 0, None, closed="left"), tuple, list],
}


class SequenceEstimator(NetworkEstimator):
    """Base of estimators that learn from `SequenceSamples`.

    What shapes the network is taken from the parameters once, in `fit`, and kept in ``architecture_``: a mapping of
    what `_files.as_json` can write. All else (predictions, `partial_fit`, files) reads it there, so that a fitted
    estimator stays what it is when its parameters are set. A subclass gives:

    - ``_initial(random, dtype)``: first parameters of the network of ``architecture_``; files are checked against their
      shapes (with `ebm.networks.initial.Unset` for random), so it raises ValueError or TypeError where that is none;
    - ``_objective()``: what is learnt, a `SequenceObjective`, once ``architecture_`` is set;

    and calls ``_fit_samples(samples, seen)`` in `fit`, ``_fit_more(samples, seen)`` in `partial_fit`. Where it has more
    fitted attributes than ``architecture_`` and ``parameters_``, it extends ``_saved`` and ``_restore``.
    """

    architecture_: dict[str, Any]
    truncation: Any = None  # a parameter where backpropagation may be cut off

    @abstractmethod
    def _initial(self, random: Random, dtype: Any) -> dict[str, np.ndarray]: ...

    def _first_parameters(self, random: Random, samples: SequenceSamples) -> dict[str, np.ndarray]:
        return self._initial(random, samples.dtype)

    # ---- what learning asks of samples ----

    def _learner(
        self, start: Mapping[str, np.ndarray], objective: Any, samples: SequenceSamples, random: Random, n_epochs: int,
        *, to_the_end: bool,
    ) -> SequenceLearner:  # fmt: skip
        optimizer = self._made_optimizer(to_the_end=to_the_end)
        return learner_of_sequences(
            start, objective, samples, optimizer, random, truncation=self.truncation, **self._pace(n_epochs)
        )

    def _loss_of(self, learner: Any, samples: SequenceSamples) -> float:
        return learner.loss_of(samples)

    def _seen_by_callbacks(self, samples: SequenceSamples) -> SequenceData:
        return samples.main

    def _digests(self, samples: SequenceSamples) -> dict[str, str]:
        found = {("data" if k == 0 else name): data for k, (name, data) in enumerate(samples.sequences.items())}
        arrays = {**samples.extra, **{f"weights of {name}": array for name, array in samples.frame_weights.items()}}
        return {k: sequences_digest(data) for k, data in found.items()} | {
            name: array_digest(array) for name, array in arrays.items()
        }

    # ---- what it is once fitted ----

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "parameters_")

    @property
    def _dtype(self) -> np.dtype:
        """float32 or float64: what was learnt in."""
        return next(iter(self.parameters_.values())).dtype

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags

    # ---- files ----

    def _saved(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        arrays = {PARAMETER + name: array for name, array in self.parameters_.items()}
        arrays |= {MOTION + name: array for name, array in self._motion.items()}
        architecture = {name: as_json(name, value) for name, value in self.architecture_.items()}
        return arrays, {"seed": self._seed, "architecture": architecture, "n_features_in": self.n_features_in_}

    def _restore(self, arrays: dict[str, np.ndarray], values: dict[str, Any], path: str | os.PathLike[str]) -> None:
        self._seed, self.n_features_in_ = take_seed(values, path), take_count(values, "n_features_in", path)
        self.architecture_ = _architecture(values.get("architecture"), arrays, path)
        needed = partial(self._initial, Unset(), np.float32)
        self.parameters_, self._motion = take_like(arrays, needed, path), take_motion(arrays, path)


def weighted(samples: SequenceSamples, sample_weight: Any) -> SequenceSamples:
    """Return samples with these weights in place of theirs, without those of weight 0.

    Parameters
    ----------
    samples : SequenceSamples
    sample_weight : array-like of shape (n_samples,) or None
        At least 0; None leaves everything as it is.

    Raises
    ------
    ValueError
        When weights do not fit, are negative, not finite or all zero.
    """
    if sample_weight is None:
        return samples
    weights = checked_weights(sample_weight, samples.n_samples)
    found = {name: replace(data, weights=weights) for name, data in samples.sequences.items()}
    changed = replace(samples, sequences=found)
    return changed if weights.all() else changed.subset(np.flatnonzero(weights))


def _architecture(saved: Any, arrays: Mapping[str, np.ndarray], path: str | os.PathLike[str]) -> dict[str, Any]:
    """Return what shapes the network of a file, no part of it larger than the arrays that are there."""
    if not isinstance(saved, dict):
        raise ModelFileError(f"{path}: the architecture is {type(saved).__name__}, not a mapping")
    most = max(UNSUSPECTED, len(arrays), *(max(array.shape, default=0) for array in arrays.values()))
    for name, value in saved.items():
        if any(number > most for number in _numbers(value)):
            raise ModelFileError(f"{path}: {name} of the architecture is {value!r}, but no array is that large")
    return {name: from_json(value, path) for name, value in saved.items()}


def _numbers(value: Any) -> list[int]:
    """Return all whole numbers in a value of JSON."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return [number for part in value for number in _numbers(part)]
    return [value] if isinstance(value, int) else []
