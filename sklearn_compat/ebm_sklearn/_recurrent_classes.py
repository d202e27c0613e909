"""Recurrent networks that tell classes, of sequences or of every frame."""

from __future__ import annotations

import os
from typing import Any, Self

import numpy as np
from sklearn.base import ClassifierMixin, _fit_context
from sklearn.metrics import accuracy_score
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.metaestimators import available_if

from ebm.data import checked_weights
from ebm.kernels.softmax import softmax
from ebm.networks.losses import Loss, SoftmaxCrossEntropy
from ebm.recurrent.batch import SequenceSamples
from ebm.sequences import SequenceData
from ebm_sklearn._labels import Labels, class_weighted, read_labels, restored_classes, saved_classes
from ebm_sklearn._network_learning import without_early_stopping
from ebm_sklearn._recurrent_learning import X as READ
from ebm_sklearn._recurrent_learning import Y as ANSWERED
from ebm_sklearn._recurrent_use import FittedRecurrent
from ebm_sklearn._sequence_input import as_given, read_sequences
from ebm_sklearn._sequence_learning import weighted
from ebm_sklearn._sequence_targets import frame_arrays, read_frame_labels, refuse_targets_of_frames

CLASS_CONSTRAINTS: dict[str, list[Any]] = {"class_weight": [dict, StrOptions({"balanced"}), None]}


class RecurrentClassification(ClassifierMixin, FittedRecurrent):
    """Methods of `RNNClassifier` and `SequenceLabeler`."""

    classes_: np.ndarray
    class_weight: Any

    def _loss(self) -> Loss:
        return SoftmaxCrossEntropy()

    # ---- learning ----

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Learn from sequences with their labels, forgetting what was learnt before.

        Ctrl-C ends learning within a second, with a `FitInterruptedWarning` and the last parameters in place.

        Parameters
        ----------
        X : list of arrays (length, n_features), or array (n_samples, length, n_features) or (n_samples, n_features)
            Sequences of any lengths; an array of two dimensions holds sequences of one frame. float32 is learnt in
            float32, float64 in float64, integers and bool in float32 (in a plain array of rows, too).
        y : array-like of shape (n_samples,), or for labels of every frame a list of arrays (length,)
            Labels of at least two classes, numbers or strings.
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
    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> Self:
        """Learn from one pass over a chunk of sequences, going on exactly where the last call stopped.

        Calls on the same data equal as many epochs of a `fit` with a constant learning rate.

        Parameters
        ----------
        X, y, sample_weight
            A chunk of any size, as in `fit`.
        classes : array-like of shape (n_classes,), default=None
            All labels that may come, in the first call; those of its ``y`` by default.

        Returns
        -------
        estimator
            This estimator.

        Raises
        ------
        ValueError, ebm.training.DivergenceError
            As in `fit`; and when ``class_weight="balanced"``, for which all labels must be known, or ``classes`` are
            others than those of the first call.
        """
        if isinstance(self.class_weight, str):
            raise ValueError("class_weight='balanced' needs all labels at once: give partial_fit a dict of weights")
        reset = not hasattr(self, "parameters_")
        if not reset and classes is not None and list(np.unique(classes)) != list(self.classes_):
            raise ValueError(f"classes={classes!r} are not those of the first call to partial_fit, {self.classes_!r}")
        self._fit_more(self._read(X, y, sample_weight, reset=reset, classes=classes), {"X": X, "y": y})
        return self

    def _read(self, X: Any, y: Any, sample_weight: Any, *, reset: bool, classes: Any = None) -> SequenceSamples:
        data = read_sequences(self, X, reset=reset, dtype=None if reset else self._dtype)
        known = classes if reset else self.classes_
        if self.ALIGNED:
            found = read_frame_labels(self, y, data, classes=known)
            labels, samples = found.classes, self._aligned(data, found.numbers, found.classes)
        else:
            refuse_targets_of_frames(y, "SequenceLabeler")
            told = read_labels(self, data.starts[1:], y, classes=known)
            labels, samples = (
                told.classes,
                SequenceSamples({READ: data}, {ANSWERED: told.numbers[:, None]}, {}, data.dtype),
            )
            sample_weight = class_weighted(told, self.class_weight, sample_weight)
        samples = weighted(samples, sample_weight)
        if reset:
            self.architecture_, self.classes_ = self._described(data.n_features, len(labels)), labels
        return samples

    def _aligned(self, data: SequenceData, numbers: SequenceData, classes: np.ndarray) -> SequenceSamples:
        weights = class_weighted(Labels(classes, numbers.frames[:, 0]), self.class_weight, None)
        of_frames = {} if weights is None else {READ: weights}
        return SequenceSamples({READ: data, ANSWERED: numbers}, {}, of_frames, data.dtype)

    # ---- use ----

    def predict_proba(self, X: Any) -> Any:
        """Return the probability of every class.

        Parameters
        ----------
        X : list of arrays (length, n_features), or array (n_samples, length, n_features) or (n_samples, n_features)
            As in `fit`.

        Returns
        -------
        ndarray of shape (n_samples, n_classes), or such for every frame
            In the order of `classes_`; for labels of every frame in the kind of container that X is, arrays
            (length, n_classes).
        """
        found = self._answers(X)
        p = _probabilities(found.values)
        return as_given(X, p, found.data.starts) if self.ALIGNED else p

    def predict_log_proba(self, X: Any) -> Any:
        """Return the logarithms of `predict_proba`, exact also where these are 0 to rounding."""
        found = self._answers(X)
        a = found.values - found.values.max(axis=1, keepdims=True)
        a -= np.log(np.exp(a).sum(axis=1, keepdims=True))
        return as_given(X, a, found.data.starts) if self.ALIGNED else a

    def predict(self, X: Any) -> Any:
        """Return the likeliest class.

        Parameters
        ----------
        X : list of arrays (length, n_features), or array (n_samples, length, n_features) or (n_samples, n_features)
            As in `fit`.

        Returns
        -------
        ndarray of shape (n_samples,), or such for every frame
            Of the dtype of `classes_`; for labels of every frame in the kind of container that X is, arrays (length,).
        """
        found = self._answers(X)
        labels = self.classes_[found.values.argmax(axis=1)]
        return as_given(X, labels, found.data.starts) if self.ALIGNED else labels

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the share of sequences, or of all frames, whose class is told right.

        Parameters
        ----------
        X, y
            As in `fit`.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the sequences.

        Returns
        -------
        float
            Between 0 and 1.
        """
        if not self.ALIGNED:
            return super().score(X, y, sample_weight)
        found = self._answers(X)
        labels = self.classes_[found.values.argmax(axis=1)]
        told = np.concatenate(frame_arrays(self, y, found.data))
        return float(accuracy_score(told, labels, sample_weight=per_frame(sample_weight, found.data)))

    def step(self, frame: Any) -> Any:
        """Return the likeliest class after one more frame of a sequence that comes in bit by bit.

        It is `predict` of the frames since `reset_state` (where every frame has a label: the last of these), at the
        cost of one frame.

        Parameters
        ----------
        frame : array-like of shape (n_features,)

        Returns
        -------
        label
            One of `classes_`.

        Raises
        ------
        ValueError
            When a layer reads backwards or answers rest on a mean over frames, or the frame has another shape or holds
            what is no finite real number.
        """
        found = self._stepped(frame)
        return self.classes_[found.argmax()]

    def step_proba(self, frame: Any) -> np.ndarray:
        """Return what `step` does as the probability of every class, of shape (n_classes,); it is one step, too."""
        return _probabilities(self._stepped(frame)[None, :])[0]

    # ---- files ----

    def _saved(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        arrays, values = super()._saved()
        return arrays, {**values, "classes": saved_classes(self.classes_)}

    def _restore(self, arrays: dict[str, np.ndarray], values: dict[str, Any], path: str | os.PathLike[str]) -> None:
        super()._restore(arrays, values, path)
        self.classes_ = restored_classes(values.get("classes"), self.architecture_["n_outputs"], path)


def _probabilities(a: np.ndarray) -> np.ndarray:
    p = np.empty_like(a)
    softmax(a, p)
    return p


def per_frame(sample_weight: Any, data: SequenceData) -> np.ndarray | None:
    """Return the weights of sequences as weights of their frames."""
    return None if sample_weight is None else np.repeat(checked_weights(sample_weight, data.n_samples), data.lengths)
