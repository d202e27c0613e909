"""The context-sensitive autoencoder: it codes a sample together with its context, and reconstructs both."""

from __future__ import annotations

import os
from numbers import Real
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import _fit_context
from sklearn.utils import check_array, check_consistent_length
from sklearn.utils._param_validation import Interval
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from ebm.autoencoder.layout import dense_layout
from ebm.autoencoder.model import Architecture
from ebm.autoencoder.reconstruction import Reconstruction
from ebm.data import TrainingData
from ebm.random import Random
from ebm_sklearn._autoencoder_use import dictionary
from ebm_sklearn._corruption import CORRUPTION_CONSTRAINTS, as_corruption
from ebm_sklearn._files import take_array, take_count
from ebm_sklearn._images import read_rows
from ebm_sklearn._input import dense
from ebm_sklearn._network_files import PARAMETER
from ebm_sklearn._network_learning import Samples, without_early_stopping
from ebm_sklearn.autoencoder import AUTOENCODER_CONSTRAINTS, LearningAutoencoder, first_parameters

OWN_LAYERS = ("encoder", "decoder", "loss")  # parameters of an autoencoder that have no meaning here


class ContextAutoencoder(LearningAutoencoder):
    """Autoencoder of samples x in contexts c: the code of both, from which both can be read back.

    The loss of a sample is::

        l(x, c) = ||x - x^||^2 + lambda ||c - c^||^2

    where the code sees x and c, corrupted as in a `DenoisingAutoencoder` (by masking, so that the code learns to do
    without what is missing). A context that is not given later is taken to be masked whole: `transform` then codes
    x alone, and `reconstruct_context` infers c from it.

    Parameters
    ----------
    n_components : int, default=32
        Numbers in a code.
    hidden_layer_sizes : array-like of int, default=()
        Units of the encoder's hidden layers, from the data to the code; the decoder mirrors them.
    context_weight : float, default=1.0
        lambda, what an error of the context weighs beside one of the sample.
    corruption : {"gaussian", "masking", "salt_and_pepper"}, corruption or None, default="masking"
        Noise (by name or an object of `ebm.networks.corruption`) on what the encoder sees, of samples and contexts
        alike; None for none.
    corruption_level : float, default=None
        As of `DenoisingAutoencoder`.
    activation, code_activation : str, default="relu" and "identity"
        As of `Autoencoder`.
    tied : bool, default=False
        Let the decoder's weights be the encoder's, transposed.
    image_shape, optimizer, learning_rate, schedule, batch_size, n_iter, l2, clip_norm
        As of `Autoencoder`, but ``batch_size=128``.
    early_stopping, validation_fraction, n_iter_no_change, tol
        As of `Autoencoder`.
    device, n_jobs, callbacks, verbose, random_state
        As of `Autoencoder`.

    Attributes
    ----------
    parameters_, history_, n_iter_, n_features_in_, feature_names_in_, image_shape_
        As of `Autoencoder`; features of the sample come first, those of the context after them.
    context_mean_ : ndarray of shape (n_context,)
        Mean of the contexts, what a masked one is taken for.

    References
    ----------
    Amiri, Resnik, Boyd-Graber & Daume 2016, "Learning text pair similarity with context-sensitive autoencoders"
    (ACL), eqs. 3 to 6.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from ebm_sklearn import ContextAutoencoder
    >>> X, y = load_digits(return_X_y=True)
    >>> left, right = X[:, :32] / 16, X[:, 32:] / 16
    >>> autoencoder = ContextAutoencoder(16, n_iter=5, random_state=0).fit(left, right)
    >>> autoencoder.transform(left).shape, autoencoder.reconstruct_context(left).shape
    ((1797, 16), (1797, 32))
    """

    loss = "squared"
    encoder = decoder = None
    context_mean_: np.ndarray

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **{name: kinds for name, kinds in AUTOENCODER_CONSTRAINTS.items() if name not in OWN_LAYERS},
        **CORRUPTION_CONSTRAINTS,
        "corruption": [*CORRUPTION_CONSTRAINTS["corruption"], None],
        "context_weight": [Interval(Real, 0, None, closed="neither")],
    }

    def __init__(
        self,
        n_components: int = 32,
        *,
        hidden_layer_sizes: Any = (),
        context_weight: float = 1.0,
        corruption: Any = "masking",
        corruption_level: float | None = None,
        activation: str = "relu",
        code_activation: str = "identity",
        tied: bool = False,
        image_shape: Any = None,
        optimizer: Any = "adam",
        learning_rate: Any = 1e-3,
        schedule: str = "constant",
        batch_size: int = 128,
        n_iter: int = 50,
        l2: float = 0.0,
        clip_norm: float | None = None,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 10,
        tol: float = 1e-4,
        device: Any = "cpu",
        n_jobs: int | None = None,
        callbacks: Any = None,
        verbose: int = 0,
        random_state: Any = None,
    ) -> None:
        self.n_components = n_components
        self.hidden_layer_sizes = hidden_layer_sizes
        self.context_weight = context_weight
        self.corruption = corruption
        self.corruption_level = corruption_level
        self.activation = activation
        self.code_activation = code_activation
        self.tied = tied
        self.image_shape = image_shape
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.schedule = schedule
        self.batch_size = batch_size
        self.n_iter = n_iter
        self.l2 = l2
        self.clip_norm = clip_norm
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol
        self.device = device
        self.n_jobs = n_jobs
        self.callbacks = callbacks
        self.verbose = verbose
        self.random_state = random_state

    # ---- learning ----

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Learn from samples and their contexts, forgetting what was learnt before.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features), or images
            Samples.
        y : array-like of shape (n_samples, n_context) or (n_samples,)
            Their contexts, numbers: labels as one-hot columns, or they count as sizes.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of at least 0; a sample of weight 2 counts as if it were there twice.

        Returns
        -------
        ContextAutoencoder
            This estimator.

        Raises
        ------
        ValueError
            When X, y, the weights or a parameter are not as described.
        ebm.training.DivergenceError
            When parameters cease to be finite; those of the last good epoch are kept.
        """
        self._fit_samples(self._read_both(X, y, sample_weight, reset=True), {"X": X, "y": y})
        return self

    @available_if(without_early_stopping)
    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Learn from one pass over a chunk of samples and contexts, going on exactly where the last call stopped.

        Parameters
        ----------
        X, y, sample_weight
            As of `fit`; the first chunk's mean context stays `context_mean_`.

        Returns
        -------
        ContextAutoencoder
            This estimator.

        Raises
        ------
        ValueError, ebm.training.DivergenceError
            As in `fit`.
        """
        reset = not hasattr(self, "parameters_")
        self._fit_more(self._read_both(X, y, sample_weight, reset=reset), {"X": X, "y": y})
        return self

    def _read_both(self, X: Any, y: Any, sample_weight: Any, *, reset: bool) -> Samples:
        X = read_rows(self, X, reset=reset)
        dtype = np.dtype(np.float64 if X.dtype == np.float64 else np.float32) if reset else self._dtype
        context = _as_context(y, dtype)
        check_consistent_length(X, context)
        if reset:
            shares = TrainingData.from_array(context, sample_weight)
            self.context_mean_ = shares.mean.astype(dtype)
            self._architecture()  # refuses what does not fit, before any work
        joined = np.hstack([dense(X, dtype), self._inside(context)])
        return Samples(TrainingData.from_array(joined, sample_weight, dtype), {})

    def _inside(self, context: np.ndarray) -> np.ndarray:
        """Return contexts as the network takes them: about 0, and so scaled that a plain squared error weighs them."""
        if context.shape[1] != len(self.context_mean_):
            raise ValueError(
                f"contexts have {context.shape[1]} numbers, those seen in fit had {len(self.context_mean_)}"
            )
        return (context - self.context_mean_) * context.dtype.type(np.sqrt(self.context_weight))

    def _architecture(self) -> Architecture:
        return dense_layout(
            int(np.prod(self.sample_shape_)) + len(self.context_mean_),
            self.n_components,
            tuple(self.hidden_layer_sizes),
            activation=self.activation,
            code_activation=self.code_activation,
            tied=self.tied,
        )

    def _objective(self) -> Reconstruction:
        noise = None if self.corruption is None else as_corruption(self.corruption, self.corruption_level)
        return Reconstruction(self._architecture(), "squared", noise)

    def _first_parameters(self, random: Random, samples: Samples) -> dict[str, np.ndarray]:
        return first_parameters(self._architecture(), random, samples.data, "squared")

    # ---- use ----

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
            inside = self._inside(_as_context(context, self._dtype))
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


def _as_context(y: Any, dtype: Any) -> np.ndarray:
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
