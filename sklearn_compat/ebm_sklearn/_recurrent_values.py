"""Recurrent networks that tell real values, of sequences or of every frame."""

from __future__ import annotations

import os
from typing import Any, NamedTuple, Self

import numpy as np
from sklearn.base import RegressorMixin, _fit_context
from sklearn.metrics import r2_score
from sklearn.utils import check_array, check_consistent_length
from sklearn.utils.metaestimators import available_if

from ebm.networks.losses import Loss, SquaredError
from ebm.random import Random
from ebm.recurrent.batch import SequenceSamples
from ebm.sequences import SequenceData
from ebm_sklearn._network_learning import without_early_stopping
from ebm_sklearn._recurrent_classes import per_frame
from ebm_sklearn._recurrent_learning import X as READ
from ebm_sklearn._recurrent_learning import Y as ANSWERED
from ebm_sklearn._recurrent_use import FittedRecurrent
from ebm_sklearn._sequence_input import as_given, read_sequences
from ebm_sklearn._sequence_learning import weighted
from ebm_sklearn._sequence_targets import frame_arrays, read_frame_targets


class _Targets(NamedTuple):
    """Samples with their targets, how many these are, and whether they were given without an axis of their own."""

    samples: SequenceSamples
    n: int
    flat: bool


class RecurrentRegression(RegressorMixin, FittedRecurrent):
    """Methods of `RNNRegressor` and `SequenceRegressor`."""

    _flat: bool

    def _loss(self) -> Loss:
        return SquaredError()

    # ---- learning ----

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Learn from sequences with their targets, forgetting what was learnt before.

        Ctrl-C ends learning within a second, with a `FitInterruptedWarning` and the last parameters in place.

        Parameters
        ----------
        X : list of arrays (length, n_features), or array (n_samples, length, n_features) or (n_samples, n_features)
            Sequences of any lengths; an array of two dimensions holds sequences of one frame. float32 is learnt in
            float32, float64 in float64, integers and bool in float32 (in a plain array of rows, too).
        y : array-like of shape (n_samples,) or (n_samples, n_targets), or for targets of every frame a list of arrays \
                (length,) or (length, n_targets)
            Scale them so that they vary by about 1.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of at least 0; a sequence of weight 2 counts as if it were there twice.

        Returns
        -------
        estimator
            This estimator.

        Raises
        ------
        ValueError
            When X, y, the weights or a parameter are not as described.
        ebm.training.DivergenceError
            When parameters cease to be finite; those of the last good epoch are kept.
        """
        samples = self._read(X, y, sample_weight, reset=True)
        self._fit_samples(samples, {"X": X, "y": y})
        return self

    @available_if(without_early_stopping)
    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Learn from one pass over a chunk of sequences, going on exactly where the last call stopped.

        Calls on the same data equal as many epochs of a `fit` with a constant learning rate.

        Parameters
        ----------
        X, y, sample_weight
            A chunk of any size, as in `fit`, with as many targets as the first.

        Returns
        -------
        estimator
            This estimator.

        Raises
        ------
        ValueError, ebm.training.DivergenceError
            As in `fit`.
        """
        reset = not hasattr(self, "parameters_")
        self._fit_more(self._read(X, y, sample_weight, reset=reset), {"X": X, "y": y})
        return self

    def _read(self, X: Any, y: Any, sample_weight: Any, *, reset: bool) -> SequenceSamples:
        data = read_sequences(self, X, reset=reset, dtype=None if reset else self._dtype)
        found = self._aligned(data, y) if self.ALIGNED else self._many_to_one(data, y)
        samples = weighted(found.samples, sample_weight)
        if reset:
            self.architecture_, self._flat = self._described(data.n_features, found.n), found.flat
        elif found.n != self.architecture_["n_outputs"]:
            raise ValueError(f"y has {found.n} targets, but the first call had {self.architecture_['n_outputs']}")
        return samples

    def _aligned(self, data: SequenceData, y: Any) -> _Targets:
        targets = read_frame_targets(self, y, data, dtype=data.dtype)
        samples = SequenceSamples({READ: data, ANSWERED: targets.values}, {}, {}, data.dtype)
        return _Targets(samples, targets.values.n_features, targets.flat)

    def _many_to_one(self, data: SequenceData, y: Any) -> _Targets:
        if y is None:
            raise ValueError(f"{type(self).__name__} requires y to be passed, but the target y is None")
        y = check_array(y, dtype=data.dtype, ensure_2d=False, input_name="y", estimator=self)
        check_consistent_length(data.starts[1:], y)
        table = np.ascontiguousarray(y.reshape(len(y), -1))
        return _Targets(SequenceSamples({READ: data}, {ANSWERED: table}, {}, data.dtype), table.shape[1], y.ndim == 1)

    def _first_parameters(self, random: Random, samples: SequenceSamples) -> dict[str, np.ndarray]:
        """Return first parameters that answer everything with the mean of the targets."""
        found = super()._first_parameters(random, samples)
        name = f"head.{len(self.architecture_['hidden_layer_sizes'])}.bias"
        weights = samples.main.weights
        if self.ALIGNED:
            y, weights = samples.sequences[ANSWERED].frames, samples.weights_of_frames(READ, weights)
        else:
            y = samples.extra[ANSWERED]
        found[name] = np.average(y.astype(np.float64), axis=0, weights=weights).astype(samples.dtype)
        return found

    # ---- use ----

    def predict(self, X: Any) -> Any:
        """Return the values that sequences, or all frames of them, are thought to have.

        Parameters
        ----------
        X : list of arrays (length, n_features), or array (n_samples, length, n_features) or (n_samples, n_features)
            As in `fit`.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_targets), or such for every frame
            With or without an axis of targets as y had in `fit`, in the dtype of learning. For targets of every frame
            in the kind of container that X is, arrays (length,) or (length, n_targets).
        """
        found = self._answers(X)
        values = found.values[:, 0] if self._flat else found.values
        return as_given(X, values, found.data.starts) if self.ALIGNED else values

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return R^2 over sequences, or over all frames: 1 at best, 0 for the mean of y.

        Parameters
        ----------
        X, y
            As in `fit`.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the sequences.

        Returns
        -------
        float
            At most 1; the mean over targets.
        """
        if not self.ALIGNED:
            return super().score(X, y, sample_weight)
        found = self._answers(X)
        told = np.concatenate(frame_arrays(self, y, found.data)).reshape(len(found.values), -1)
        values = found.values.astype(np.float64)  # squares of many frames are added
        return float(r2_score(told.astype(np.float64), values, sample_weight=per_frame(sample_weight, found.data)))

    def step(self, frame: Any) -> Any:
        """Return the values after one more frame of a sequence that comes in bit by bit.

        It is `predict` of the frames since `reset_state` (where every frame has targets: the last of these), at the
        cost of one frame.

        Parameters
        ----------
        frame : array-like of shape (n_features,)

        Returns
        -------
        float, or ndarray of shape (n_targets,)

        Raises
        ------
        ValueError
            When a layer reads backwards or answers rest on a mean over frames, or the frame has another shape.
        """
        found = self._stepped(frame)
        return found[0] if self._flat else found

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    # ---- files ----

    def _saved(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        arrays, values = super()._saved()
        return arrays, {**values, "flat": self._flat}

    def _restore(self, arrays: dict[str, np.ndarray], values: dict[str, Any], path: str | os.PathLike[str]) -> None:
        super()._restore(arrays, values, path)
        self._flat = bool(values.get("flat")) and self.architecture_["n_outputs"] == 1
