"""What a fitted conditional variational autoencoder can do: codes and samples of a class, bounds, files."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from ebm.random import Random, Stream
from ebm.storage import ModelFileError
from ebm_sklearn._autoencoder_use import dictionary
from ebm_sklearn._files import take_array
from ebm_sklearn._images import read_rows, shape_of_images
from ebm_sklearn._input import by_numbered_blocks
from ebm_sklearn._labels import restored_classes, saved_classes
from ebm_sklearn._labels_given import numbers_given, one_hot
from ebm_sklearn._random import at_least_one, draw_random
from ebm_sklearn._variational_learning import LearningVariational

COUNTS = "class_count_"
LABEL_STEP = 2  # of the stream VAE_SAMPLE: codes and states stand at 0 and 1


class FittedConditional(LearningVariational):
    """Methods of `ConditionalVAE` but for `fit`."""

    classes_: np.ndarray
    class_count_: np.ndarray

    def _n_classes(self) -> int:
        return len(self.classes_)

    @property
    def class_prior_(self) -> np.ndarray:
        """Frequency of each class in the data seen, shape (n_classes,)."""
        check_is_fitted(self)
        return self.class_count_ / self.class_count_.sum()

    @property
    def feature_dictionary_(self) -> np.ndarray:
        """For each unit of the first layer, the features of length 1 that excite it most, (n_units, n_features)."""
        of_inputs = super().feature_dictionary_
        shape = self._architecture().input_shape  # classes stand beside the features, at every pixel of an image
        of_features = of_inputs.reshape(-1, *shape)[..., : shape[-1] - len(self.classes_)]
        return dictionary(of_features.reshape(len(of_inputs), -1).T)

    def _labels(self, y: Any, n: int) -> np.ndarray:
        return one_hot(numbers_given(y, n, self.classes_), len(self.classes_), self._dtype)

    def _with_labels(self, function: Callable[[np.ndarray, np.ndarray], np.ndarray], X: Any, y: Any) -> np.ndarray:
        """Apply a function of rows and their one-hot labels."""
        X = read_rows(self, X, reset=False)
        labels = self._labels(y, X.shape[0])
        with self._limited():
            return by_numbered_blocks(lambda rows, top: function(rows, labels[top : top + len(rows)]), X, self._dtype)

    # ---- codes ----

    def transform(self, X: Any, y: Any = None) -> np.ndarray:
        """Return codes of samples, the means of q(z | x, y).

        Without labels, as in a pipeline, it is the mean over classes of the codes, each weighted by p(y | x): that of
        Bayes' rule, with the frequencies of classes in the training data, and bounds on log p(x | y) as of
        `score_samples`. That takes ``n_importance`` decodings a sample and a class.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features), or images as in `fit`
        y : label or array-like of shape (n_samples,), default=None
            The class of every sample.

        Returns
        -------
        ndarray of shape (n_samples, n_components)
            In the dtype of learning.

        Raises
        ------
        ValueError
            When X is not as in `fit`, or y has another length or a label that was not learnt.
        """
        check_is_fitted(self)
        model = self._model()
        return self._by_rows(self._mean_code, X) if y is None else self._with_labels(model.encode, X, y)

    def _mean_code(self, rows: np.ndarray) -> np.ndarray:
        """Average codes over classes."""
        model, total = self._model(), np.zeros((len(rows), self._n_features_out), self._dtype)
        shares = np.exp(_normalised(self._joint_bounds(rows)))
        for k in range(len(self.classes_)):
            labels = one_hot(np.full(len(rows), k), len(self.classes_), self._dtype)
            total += shares[:, k : k + 1].astype(self._dtype) * model.encode(rows, labels)
        return total

    def _joint_bounds(self, rows: np.ndarray) -> np.ndarray:
        """Bounds on log p(x, y) for every class y; -inf for classes that were never seen."""
        with np.errstate(divide="ignore"):
            prior = np.log(self.class_prior_)
        return prior + self._model().class_bounds(rows, self.n_importance, self._bound_random())

    def posterior(self, X: Any, y: Any) -> tuple[np.ndarray, np.ndarray]:
        """Return means and log-variances of q(z | x, y).

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features), or images as in `fit`
        y : label or array-like of shape (n_samples,)

        Returns
        -------
        mean, log_variance : ndarray of shape (n_samples, n_components)

        Raises
        ------
        ValueError
            As of `transform`.
        """
        check_is_fitted(self)
        both = self._with_labels(self._halves(self._model().posterior), X, y)
        k = self._n_features_out
        return both[:, :k].copy(), both[:, k:].copy()

    def inverse_transform(self, X: Any, y: Any) -> np.ndarray:  # type: ignore[override]
        """Return the samples that codes stand for, in a class.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_components)
            Codes.
        y : label or array-like of shape (n_samples,)
            The class of every sample.

        Returns
        -------
        ndarray of shape (n_samples, n_features), or of images as `fit` was given

        Raises
        ------
        ValueError
            When X has another number of columns than `transform` returns, or y has another length or a label that was
            not learnt.
        """
        check_is_fitted(self)
        z = self._checked_codes(X)
        labels = self._labels(y, len(z))
        with self._limited():
            return self._as_given(self._model().decode(z, labels))

    def reconstruct(self, X: Any, y: Any) -> np.ndarray:  # type: ignore[override]
        """Return what the decoder makes of the codes of samples, in their class.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features), or images as in `fit`
        y : label or array-like of shape (n_samples,)
            The class of every sample.

        Returns
        -------
        ndarray of the shape of X

        Raises
        ------
        ValueError
            As of `transform`.
        """
        check_is_fitted(self)
        shape = shape_of_images(X)
        found = self._with_labels(self._model().reconstruct, X, y)
        return found if shape is None else found.reshape(-1, *shape)

    # ---- density ----

    def score_samples(self, X: Any, y: Any = None) -> np.ndarray:
        """Return the importance-weighted bound on log p(x | y) of samples, or on log p(x), in nats.

        Without labels it is the log of the sum over classes of p(y) p(x | y), with their frequencies in the training
        data. Draws depend on the fit's seed and on the sample, so the same sample always has the same score.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features), or images as in `fit`
        y : label or array-like of shape (n_samples,), default=None
            The class of every sample.

        Returns
        -------
        ndarray of shape (n_samples,)
            float64.

        Raises
        ------
        ValueError
            As of `transform`.
        """
        check_is_fitted(self)
        if y is None:
            return self._by_rows(lambda rows: np.logaddexp.reduce(self._joint_bounds(rows), axis=1), X)
        model, k, random = self._model(), self.n_importance, self._bound_random()
        return self._with_labels(lambda rows, labels: model.importance_bound(rows, k, random, labels), X, y)

    def score(self, X: Any, y: Any = None) -> float:
        """Return the mean of `score_samples`, by which a grid search compares."""
        return float(np.mean(self.score_samples(X, y)))

    def sample(self, n_samples: int = 1, *, y: Any = None, means: bool = True, random_state: Any = None) -> np.ndarray:
        """Return new samples of given classes, or of any.

        Parameters
        ----------
        n_samples : int, default=1
        y : label or array-like of shape (n_samples,), default=None
            The class of every sample; None draws classes by their frequency in the training data.
        means : bool, default=True
            Return the means of p(x | z, y), which are what pictures of samples usually show; False draws x from
            p(x | z, y), so from the density that `score_samples` bounds.
        random_state : int, RandomState instance or None, default=None
            None takes the estimator's own; where that is an integer, every call gives the same samples.

        Returns
        -------
        ndarray of shape (n_samples, n_features), or of images as `fit` was given

        Raises
        ------
        ValueError
            When ``n_samples`` is below 1, or y has another length or a label that was not learnt.
        """
        check_is_fitted(self)
        at_least_one(n_samples=n_samples)
        random = draw_random(self.random_state if random_state is None else random_state, "sample")
        labels = self._drawn_labels(n_samples, random) if y is None else self._labels(y, n_samples)
        with self._limited():
            return self._as_given(self._model().sample(n_samples, random, labels, means=means))

    def _drawn_labels(self, n: int, random: Random) -> np.ndarray:
        u = random.uniform((n, 1), Stream.VAE_SAMPLE, LABEL_STEP, np.float64)[:, 0]
        borders = np.cumsum(self.class_prior_)
        numbers = np.searchsorted(borders / borders[-1], u, side="right")
        return one_hot(numbers, len(self.classes_), self._dtype)

    # ---- files ----

    def _saved(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        arrays, values = super()._saved()
        return {**arrays, COUNTS: self.class_count_}, {**values, "classes": saved_classes(self.classes_)}

    def _restore(self, arrays: dict[str, np.ndarray], values: dict[str, Any], path: str | os.PathLike[str]) -> None:
        counts = arrays.get(COUNTS)
        if counts is None or counts.ndim != 1 or counts.size < 2:
            raise ModelFileError(f"{path} lacks an array {COUNTS!r} of at least 2 classes")
        self.class_count_ = take_array(arrays, COUNTS, counts.shape, np.float64, path)
        if (counts < 0).any() or not counts.any():
            raise ModelFileError(f"{path}: {COUNTS!r} has counts below 0, or none above")
        self.classes_ = restored_classes(values.get("classes"), counts.size, path)
        super()._restore(arrays, values, path)


def _normalised(log_joint: np.ndarray) -> np.ndarray:
    """log p(y | x) from log p(x, y), rows of classes."""
    return log_joint - np.logaddexp.reduce(log_joint, axis=1, keepdims=True)
