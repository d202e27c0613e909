"""What a fitted RBMClassifier can do beyond an RBM: classes and their probabilities, samples of a class, files."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from ebm.boltzmann.classification_rbm import ClassificationRBM, labelled_sweeps
from ebm.boltzmann.units import Bernoulli, Unit
from ebm.random import Random, Stream
from ebm_sklearn._labels import numbers_of
from ebm_sklearn._random import at_least_one, draw_random
from ebm_sklearn._rbm_classifier_files import restored, saved
from ebm_sklearn._rbm_use import FittedRBM


class FittedRBMClassifier(ClassifierMixin, FittedRBM):
    """Methods of a fitted classifier; with the label summed out it is a `FittedRBM`."""

    label_weights_: np.ndarray
    intercept_label_: np.ndarray
    classes_: np.ndarray
    class_mean_: np.ndarray
    _class_weight_seen: np.ndarray

    def _units(self) -> tuple[Unit, Unit]:
        return Bernoulli(), Bernoulli()

    def _model(self) -> ClassificationRBM:  # type: ignore[override]
        return ClassificationRBM(
            weights=self.components_.T,
            label_weights=self.label_weights_,
            visible_bias=self.intercept_visible_,
            hidden_bias=self.intercept_hidden_,
            label_bias=self.intercept_label_,
        )

    def predict_log_proba(self, X: Any) -> np.ndarray:
        """Return log p(y | v), exact, of every class.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            In the order of `classes_`, in the dtype of `components_`.
        """
        check_is_fitted(self)
        return self._by_rows(self._model().class_log_probabilities, X)

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return p(y | v), exact, of every class.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            In the order of `classes_`; rows sum to 1.
        """
        return np.exp(self.predict_log_proba(X))

    def predict(self, X: Any) -> np.ndarray:
        """Return the likeliest class of every sample.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,)
            Of the dtype of `classes_`.
        """
        best = self.predict_log_proba(X).argmax(axis=1)
        return self.classes_[best]

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:  # type: ignore[override]
        """Return the accuracy: the share of samples whose class is predicted.

        (`score_samples` is the log-likelihood of the samples.)

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
            True classes.
        sample_weight : array-like of shape (n_samples,), default=None

        Returns
        -------
        float
        """
        return ClassifierMixin.score(self, X, y, sample_weight)

    def sample(self, n_samples: int = 1, *, y: Any = None, n_gibbs: int = 200, random_state: Any = None) -> np.ndarray:
        """Draw samples from the model, of any class or of a given one, by Gibbs sampling.

        With ``y`` chains start at independent units with the means of that class, and the class stays clamped:
        they tend to p(v | y). Without, classes change as the model has them, from the persistent chains of "pcd" on
        (each serves several samples where there are too few), or else from the data's means.

        Parameters
        ----------
        n_samples : int, default=1
        y : label or array-like of shape (n_samples,), default=None
            The class of every sample.
        n_gibbs : int, default=200
            Sweeps. A model with separate modes needs more than can be paid.
        random_state : int, RandomState instance or None, default=None
            None takes the estimator's own; where that is an integer, every call gives the same samples.

        Returns
        -------
        ndarray of shape (n_samples, n_features)
            Zeros and ones, in the dtype of `components_`.

        Raises
        ------
        ValueError
            When a number is below 1, or y has another length or a label that was not learnt.
        """
        check_is_fitted(self)
        at_least_one(n_samples=n_samples, n_gibbs=n_gibbs)
        labels = None if y is None else self._wanted(y, n_samples)
        random = draw_random(self.random_state if random_state is None else random_state, "sample")
        model = self._model()
        with self._limited():
            if labels is None:
                h = self._first_hidden(model, n_samples, random)  # type: ignore[arg-type]
            else:
                h = self._first_of_class(model, labels, random)
            *_, (v, _, _) = labelled_sweeps(model, h, n_gibbs, random, labels=labels)
        return v

    def _wanted(self, y: Any, n_samples: int) -> np.ndarray:
        labels = np.asarray(y)
        if labels.ndim == 0:
            labels = np.full(n_samples, labels)
        if labels.shape != (n_samples,):
            raise ValueError(
                f"y must be one label or have shape ({n_samples},), one label a sample; got {labels.shape}"
            )
        return numbers_of(labels, self.classes_, "y")

    def _first_of_class(self, model: ClassificationRBM, labels: np.ndarray, random: Random) -> np.ndarray:
        v = random.uniform((len(labels), model.n_visible), Stream.CHAINS) < self.class_mean_[labels]
        return model.sample_hidden(v.astype(model.dtype), random.at(Stream.START), labels)

    def _saved(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        return saved(self)

    def _restore(self, arrays: dict[str, np.ndarray], values: dict[str, Any], path: str | os.PathLike[str]) -> None:
        for name, value in restored(arrays, values, path).items():
            setattr(self, name, value)
