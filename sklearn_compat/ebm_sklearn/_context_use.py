"""What a fitted context-sensitive autoencoder can do: codes, samples and contexts read back, errors, files."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from sklearn.utils import check_array, check_consistent_length
from sklearn.utils.validation import check_is_fitted

from ebm_sklearn._autoencoder_use import dictionary
from ebm_sklearn._files import take_array, take_count
from ebm_sklearn._images import read_rows
from ebm_sklearn._input import dense
from ebm_sklearn._network_files import PARAMETER
from ebm_sklearn.autoencoder import LearningAutoencoder


class FittedContextAutoencoder(LearningAutoencoder):
    """The work behind the methods of a `ContextAutoencoder` but `fit`."""

    context_weight: float
    context_mean_: np.ndarray

    def _inside(self, context: np.ndarray) -> np.ndarray:
        """Return contexts as the network takes them: about 0, and so scaled that a plain squared error weighs them."""
        if context.shape[1] != len(self.context_mean_):
            raise ValueError(
                f"contexts have {context.shape[1]} numbers, those seen in fit had {len(self.context_mean_)}"
            )
        return (context - self.context_mean_) * context.dtype.type(np.sqrt(self.context_weight))

    def transform(self, X: Any, context: Any = None) -> np.ndarray:
        """Return the codes of samples in their contexts, or of samples alone.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features), or images as in `fit`
        context : array-like of shape (n_samples, n_context), default=None
            None takes them to be unknown.

        Returns
        -------
        ndarray of shape (n_samples, n_components)
        """
        return self._of_both(X, context, self._model().encode if self._fitted() else None)

    def inverse_transform(self, X: Any) -> np.ndarray:
        """Return the samples that codes stand for, without their contexts.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_components)

        Returns
        -------
        ndarray of shape (n_samples, n_features), or of images as `fit` was given
        """
        check_is_fitted(self)
        z = check_array(X, dtype=self._dtype, order="C", input_name="X", estimator=self)
        if z.shape[1] != self._n_features_out:
            raise ValueError(f"X has {z.shape[1]} columns, but codes have {self._n_features_out}")
        with self._limited():
            return self._as_given(self._model().decode(z)[:, : self.n_features_in_])

    def reconstruct(self, X: Any, context: Any = None) -> np.ndarray:
        """Return what the decoder makes of samples from the codes of samples and contexts.

        Parameters
        ----------
        X, context
            As of `transform`.

        Returns
        -------
        ndarray of the shape of X
        """
        return self._both(X, context)[:, : self.n_features_in_].reshape(_shape_like(self, X))

    def reconstruct_context(self, X: Any, context: Any = None) -> np.ndarray:
        """Return what the decoder makes of contexts: from samples alone, the contexts that they suggest.

        Parameters
        ----------
        X, context
            As of `transform`.

        Returns
        -------
        ndarray of shape (n_samples, n_context)
        """
        found = self._both(X, context)[:, self.n_features_in_ :]
        return found / found.dtype.type(np.sqrt(self.context_weight)) + self.context_mean_

    def score_samples(self, X: Any, y: Any = None) -> np.ndarray:
        """Return the negative loss of every sample in its context: higher is better.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features), or images as in `fit`
        y : array-like of shape (n_samples, n_context), default=None
            Contexts. Of samples alone, coded without a context, the error of the sample counts.

        Returns
        -------
        ndarray of shape (n_samples,)
            Of uncorrupted samples and contexts.
        """
        check_is_fitted(self)
        rows = self._joined(X, y)
        with self._limited():
            errors = (self._model().reconstruct(rows) - rows) ** 2
        return -(errors if y is not None else errors[:, : self.n_features_in_]).sum(axis=1)

    @property
    def feature_dictionary_(self) -> np.ndarray:
        """For each unit of the first layer, the sample of length 1 that excites it most, (n_units, n_features)."""
        return dictionary(super().feature_dictionary_[:, : self.n_features_in_].T)

    def score(self, X: Any, y: Any = None) -> float:
        """Return the mean of `score_samples`, by which a grid search compares."""
        return float(np.mean(self.score_samples(X, y)))

    def _fitted(self) -> bool:
        check_is_fitted(self)
        return True

    def _both(self, X: Any, context: Any) -> np.ndarray:
        return self._of_both(X, context, self._model().reconstruct if self._fitted() else None)

    def _of_both(self, X: Any, context: Any, function: Any) -> np.ndarray:
        rows = self._joined(X, context)
        with self._limited():
            return function(rows)

    def _joined(self, X: Any, context: Any) -> np.ndarray:
        X = read_rows(self, X, reset=False)
        if context is None:
            inside = np.zeros((X.shape[0], len(self.context_mean_)), self._dtype)
        else:
            inside = self._inside(as_context(context, self._dtype))
        check_consistent_length(X, inside)
        return np.hstack([dense(X, self._dtype), inside])

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.required, tags.target_tags.multi_output = True, True
        return tags

    # ---- files ----

    def _saved(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        arrays, values = super()._saved()
        return {**arrays, "context_mean_": self.context_mean_}, {**values, "n_context": len(self.context_mean_)}

    def _restore(self, arrays: dict[str, np.ndarray], values: dict[str, Any], path: str | os.PathLike[str]) -> None:
        n, like = take_count(values, "n_context", path, 2**31), arrays.get(f"{PARAMETER}encoder.0.bias", np.zeros(0))
        self.context_mean_ = take_array(arrays, "context_mean_", (n,), like.dtype, path)
        super()._restore(arrays, values, path)


def as_context(y: Any, dtype: Any) -> np.ndarray:
    """Check contexts and return them as (n_samples, n_context)."""
    if y is None:
        raise ValueError("ContextAutoencoder requires y to be passed, but the target y is None: give contexts")
    if not hasattr(y, "tocsr") and np.asarray(y).dtype.kind in "OSU":
        y = _numbers(y)
    context = check_array(y, dtype=dtype, ensure_2d=False, input_name="y")
    return context.reshape(len(context), -1)


def _numbers(y: Any) -> np.ndarray:
    try:
        return np.asarray(y, np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"contexts must be numbers; encode labels first (OneHotEncoder): {error}") from error


def _shape_like(estimator: Any, X: Any) -> tuple[int, ...]:
    shape = tuple(np.shape(X)) if not hasattr(X, "tocsr") else (X.shape[0], X.shape[1])
    return shape if len(shape) > 2 else (shape[0], estimator.n_features_in_)
