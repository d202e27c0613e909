"""What a fitted autoencoder can do: codes, reconstructions, errors, the dictionary of its first layer, files."""

from __future__ import annotations

import os
from abc import abstractmethod
from typing import Any

import numpy as np
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_array, check_is_fitted

from ebm.autoencoder.model import Architecture, AutoencoderModel
from ebm.autoencoder.reconstruction import LOSSES
from ebm.networks.context import Context
from ebm_sklearn._images import read_rows, shape_of_images
from ebm_sklearn._input import by_blocks
from ebm_sklearn._network_files import restore_network, saved_network, take_motion, take_parameters
from ebm_sklearn._network_learning import NetworkEstimator


class FittedAutoencoder(ClassNamePrefixFeaturesOutMixin, TransformerMixin, NetworkEstimator):
    """The work behind an autoencoder's methods but `fit`.

    A subclass gives ``_architecture()``, the encoder and decoder for samples of ``sample_shape_``.
    """

    loss: str

    @abstractmethod
    def _architecture(self) -> Architecture: ...

    def _model(self) -> AutoencoderModel:
        return AutoencoderModel(self._architecture(), self.parameters_, self.loss)

    @property
    def _dtype(self) -> np.dtype:
        return next(iter(self.parameters_.values())).dtype

    @property
    def _n_features_out(self) -> int:
        return self._architecture().code_shape[0]

    def _by_rows(self, function: Any, X: Any) -> np.ndarray:
        X = read_rows(self, X, reset=False)
        with self._limited():
            return by_blocks(function, X, self._dtype)

    def transform(self, X: Any) -> np.ndarray:
        """Return the codes of samples.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features), or images as in `fit`

        Returns
        -------
        ndarray of shape (n_samples, n_components)
            In the dtype of learning.
        """
        check_is_fitted(self)
        return self._by_rows(self._model().encode, X)

    def inverse_transform(self, X: Any) -> np.ndarray:
        """Return the samples that codes stand for.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_components)
            Codes, as `transform` returns them.

        Returns
        -------
        ndarray of shape (n_samples, n_features), or of images as `fit` was given
            With ``loss="bernoulli"``, probabilities.

        Raises
        ------
        ValueError
            When X has another number of columns than `transform` returns.
        """
        check_is_fitted(self)
        z = check_array(X, dtype=self._dtype, order="C", input_name="X", estimator=self)
        if z.shape[1] != self._n_features_out:
            raise ValueError(
                f"X has {z.shape[1]} columns, but the codes of this {type(self).__name__} have {self._n_features_out}"
            )
        with self._limited():
            return self._as_given(self._model().decode(z))

    def reconstruct(self, X: Any) -> np.ndarray:
        """Return what the decoder makes of the codes of samples.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features), or images as in `fit`

        Returns
        -------
        ndarray of the shape of X
        """
        check_is_fitted(self)
        shape = shape_of_images(X)
        found = self._by_rows(self._model().reconstruct, X)
        return found if shape is None else found.reshape(-1, *shape)

    def score_samples(self, X: Any) -> np.ndarray:
        """Return how well samples are reconstructed, the negative loss of each: higher is better.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features), or images as in `fit`

        Returns
        -------
        ndarray of shape (n_samples,)
            The squared error, summed over features, times -1; with ``loss="bernoulli"`` log p(x given its code), in
            nats.
        """
        check_is_fitted(self)
        a, p = self._architecture(), self.parameters_

        def score(rows: np.ndarray) -> np.ndarray:
            context = Context()
            z, _ = a.encoder.forward(a.of_encoder(p), rows.reshape(-1, *a.shape), context)
            y, _ = a.decoder.forward(a.of_decoder(p), z, context)
            return -np.array(LOSSES[self.loss].values(y.reshape(rows.shape), rows, context))

        return self._by_rows(score, X)

    def score(self, X: Any, y: Any = None) -> float:
        """Return the mean of `score_samples`, by which a grid search compares; ``y`` is ignored."""
        return float(np.mean(self.score_samples(X)))

    @property
    def feature_dictionary_(self) -> np.ndarray:
        """For each unit of the first layer, the input of length 1 that excites it most; shape (n_units, n_features).

        It is w_j over its length, w_j a column of the layer's weights (Ng, "Sparse autoencoder", 2011, section 4).
        """
        check_is_fitted(self)
        first = self._architecture().encoder.layers[0]
        weights = self.parameters_.get("encoder.0.weights")
        if weights is None or weights.ndim != 2 or getattr(first, "transposed", False):
            raise AttributeError(f"there is no dictionary of inputs: the first layer is {first!r}, not a dense one")
        return dictionary(weights)

    def _as_given(self, rows: np.ndarray) -> np.ndarray:
        """Return rows as images where `fit` was given images."""
        return rows.reshape(-1, *self.image_shape_) if self._given_images else rows

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    # ---- files ----

    def _saved(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        return saved_network(self)

    def _restore(self, arrays: dict[str, np.ndarray], values: dict[str, Any], path: str | os.PathLike[str]) -> None:
        restore_network(self, arrays, values, path)
        self.parameters_, self._motion = take_parameters(arrays, self._architecture, path), take_motion(arrays, path)


def dictionary(weights: np.ndarray) -> np.ndarray:
    """Return the columns of weights (n_features, n_units), each over its length, as rows."""
    return np.ascontiguousarray((weights / np.maximum(np.linalg.norm(weights, axis=0), 1e-30)).T)
