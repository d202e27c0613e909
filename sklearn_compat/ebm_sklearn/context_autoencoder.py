"""The context-sensitive autoencoder: it codes a sample together with its context, and reconstructs both."""

from __future__ import annotations

from numbers import Real
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import _fit_context
from sklearn.utils import check_consistent_length
from sklearn.utils._param_validation import Interval
from sklearn.utils.metaestimators import available_if

from ebm.autoencoder.layout import dense_layout
from ebm.autoencoder.model import Architecture
from ebm.autoencoder.reconstruction import Reconstruction
from ebm.data import TrainingData
from ebm.random import Random
from ebm_sklearn._context_use import FittedContextAutoencoder, as_context
from ebm_sklearn._corruption import CORRUPTION_CONSTRAINTS, as_corruption
from ebm_sklearn._images import read_rows
from ebm_sklearn._input import dense
from ebm_sklearn._network_learning import Samples, without_early_stopping
from ebm_sklearn.autoencoder import AUTOENCODER_CONSTRAINTS, first_parameters

OWN_LAYERS = ("encoder", "decoder", "loss")  # parameters of an autoencoder that have no meaning here


class ContextAutoencoder(FittedContextAutoencoder):
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
        context = as_context(y, dtype)
        check_consistent_length(X, context)
        if reset:
            shares = TrainingData.from_array(context, sample_weight)
            self.context_mean_ = shares.mean.astype(dtype)
            self._architecture()  # refuses what does not fit, before any work
        joined = np.hstack([dense(X, dtype), self._inside(context)])
        return Samples(TrainingData.from_array(joined, sample_weight, dtype), {})

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
