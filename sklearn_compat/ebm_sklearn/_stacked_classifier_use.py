"""What a fitted classifier on a stack can do: classes and their probabilities, codes, files."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from ebm.autoencoder.classification import Classification
from ebm.storage import ModelFileError
from ebm_sklearn._autoencoder_use import dictionary
from ebm_sklearn._images import read_rows
from ebm_sklearn._input import by_blocks
from ebm_sklearn._labels import restored_classes, saved_classes
from ebm_sklearn._network_files import restore_network, saved_network, take_motion, take_parameters
from ebm_sklearn._stacked_learning import LearningStack


class FittedStackClassifier(ClassifierMixin, ClassNamePrefixFeaturesOutMixin, TransformerMixin, LearningStack):
    """Methods of `StackedAutoencoderClassifier` but for `fit`."""

    classes_: np.ndarray

    def _objective(self) -> Any:
        return Classification(self._stack().network().encoder, len(self.classes_), self._stack().network().shape)

    @property
    def _n_features_out(self) -> int:
        return self.n_components

    def _by_rows(self, function: Any, X: Any) -> np.ndarray:
        check_is_fitted(self)
        X = read_rows(self, X, reset=False)
        with self._limited():
            return by_blocks(lambda rows: function(self.parameters_, rows), X, self._dtype)

    @property
    def _dtype(self) -> np.dtype:
        return self.parameters_["head.weights"].dtype

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return p(y | x) of every class.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features), or images as in `fit`

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            In the order of `classes_`; rows sum to 1.
        """
        check_is_fitted(self)
        return self._by_rows(self._objective().probabilities, X)

    def predict_log_proba(self, X: Any) -> np.ndarray:
        """Return log p(y | x) of every class, as `predict_proba`; -inf where that is 0 to rounding."""
        with np.errstate(divide="ignore"):
            return np.log(self.predict_proba(X))

    def predict(self, X: Any) -> np.ndarray:
        """Return the likeliest class of every sample.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features), or images as in `fit`

        Returns
        -------
        ndarray of shape (n_samples,)
            Of the dtype of `classes_`.
        """
        best = self.predict_proba(X).argmax(axis=1)
        return self.classes_[best]

    def transform(self, X: Any) -> np.ndarray:
        """Return the codes of samples, which the softmax takes.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features), or images as in `fit`

        Returns
        -------
        ndarray of shape (n_samples, n_components)
            In the dtype of learning.
        """
        check_is_fitted(self)
        return self._by_rows(self._objective().codes, X)

    @property
    def feature_dictionary_(self) -> np.ndarray:
        """For each unit of the first layer, the input of length 1 that excites it most; shape (n_units, n_features)."""
        check_is_fitted(self)
        return dictionary(self.parameters_["encoder.0.weights"])

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    # ---- files ----

    def _saved(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        arrays, values = saved_network(self)
        return arrays, {**values, "classes": saved_classes(self.classes_)}

    def _restore(self, arrays: dict[str, np.ndarray], values: dict[str, Any], path: str | os.PathLike[str]) -> None:
        restore_network(self, arrays, values, path)
        bias = arrays.get("parameter/head.bias")
        if bias is None or bias.ndim != 1 or bias.size < 2:
            raise ModelFileError(f"{path} lacks the biases of at least 2 classes")
        self.classes_ = restored_classes(values.get("classes"), bias.size, path)
        self.parameters_, self._motion = take_parameters(arrays, self._objective, path), take_motion(arrays, path)
