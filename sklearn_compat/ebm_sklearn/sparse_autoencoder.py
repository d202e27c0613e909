"""The sparse autoencoder: few units of its code are active at a time, and each stands for a part of the sample."""

from __future__ import annotations

import os
from collections.abc import Callable
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from sklearn.utils._param_validation import Interval, StrOptions

from ebm.autoencoder.layout import dense_layout
from ebm.autoencoder.model import Architecture
from ebm.autoencoder.reconstruction import Reconstruction
from ebm.data import TrainingData
from ebm.kernels.activations import KINDS
from ebm.networks.codes import Sparsity
from ebm_sklearn._files import take_array
from ebm_sklearn._network_learning import NETWORK_CONSTRAINTS
from ebm_sklearn.autoencoder import LearningAutoencoder

ROWS_AT_ONCE = 1024


class SparseAutoencoder(LearningAutoencoder):
    """Autoencoder whose code units are rarely active: a dictionary of parts, and which of them a sample has.

    The code is h = sigmoid(x W + b), a number in (0, 1) for each unit, and the penalty asks that every unit's mean
    activation r_j over the samples of an update be ``sparsity``::

        mean squared error + sparsity_weight sum_j KL(sparsity || r_j) + l2 / 2 |weights|^2
        KL(rho || r) = rho log(rho / r) + (1 - rho) log((1 - rho) / (1 - r))

    On images of digits the units become strokes (`feature_dictionary_`).

    Parameters
    ----------
    n_components : int, default=100
        Units of the code; more than the data has directions is no harm.
    hidden_layer_sizes : array-like of int, default=()
        Units of the encoder's hidden layers, from the data to the code; the decoder mirrors them.
    sparsity : float, default=0.05
        Mean activation that is wanted of each unit, in (0, 1): rho. Updates see it in ``batch_size`` samples, so these
        should be some times 1 / ``sparsity``.
    sparsity_weight : float, default=10.0
        Weight of the penalty, beside a squared error that is summed over features. It and ``l2`` suit 28x28 digits,
        whose variances sum to 50; for data of less variance take less, or codes have nothing left to tell.
    activation : str, default="sigmoid"
        Of hidden layers, if there are any.
    image_shape : tuple of int, default=None
        (height, width) or (height, width, channels) of rows that are images; images as such tell it themselves.
    optimizer, learning_rate, schedule
        As of `Autoencoder`, but ``learning_rate=0.01``.
    batch_size : int, default=256
        Samples an update.
    n_iter : int, default=60
        Passes over the data in `fit`.
    l2 : float, default=0.01
        Weight decay: the gradient of weights, not of biases, gains ``l2`` times the weights. It makes the dictionary
        smooth; without it small activations can hide behind large weights of the decoder.
    clip_norm, early_stopping, validation_fraction, n_iter_no_change, tol
        As of `Autoencoder`.
    device, n_jobs, callbacks, verbose, random_state
        As of `Autoencoder`.

    Attributes
    ----------
    mean_activation_ : ndarray of shape (n_components,)
        Weighted mean of every unit's activation over the samples of the last `fit` or `partial_fit`.
    feature_dictionary_ : ndarray of shape (n_units, n_features)
        For each unit of the first layer, the input of length 1 that excites it most.
    parameters_ : dict of str to ndarray
        Weights (n_in, n_out) and biases by layer.
    image_shape_ : tuple of int or None
        Shape of an image, where samples are images.
    history_ : list of dict
        One row an epoch: "epoch", "seconds", "loss" (the squared error, without penalties), ...
    n_iter_ : int
        Epochs done, all calls of `partial_fit` included.
    n_features_in_ : int
        Features seen in `fit`.
    feature_names_in_ : ndarray of str
        Their names, when X had names that are all strings.

    References
    ----------
    Ng 2011, "Sparse autoencoder" (CS294A lecture notes), section 3; section 4 for the dictionary.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from ebm_sklearn import SparseAutoencoder
    >>> X = load_digits().data / 16
    >>> sparse = SparseAutoencoder(64, sparsity_weight=2, l2=1e-3, random_state=0).fit(X)
    >>> bool(0.04 < sparse.mean_activation_.mean() < 0.06)
    True
    >>> sparse.feature_dictionary_.shape
    (64, 64)
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **NETWORK_CONSTRAINTS,
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "hidden_layer_sizes": ["array-like"],
        "sparsity": [Interval(Real, 0, 1, closed="neither")],
        "sparsity_weight": [Interval(Real, 0, None, closed="left")],
        "activation": [StrOptions(set(KINDS))],
        "image_shape": [list, tuple, None],
    }

    def __init__(
        self,
        n_components: int = 100,
        *,
        hidden_layer_sizes: Any = (),
        sparsity: float = 0.05,
        sparsity_weight: float = 10.0,
        activation: str = "sigmoid",
        image_shape: Any = None,
        optimizer: Any = "adam",
        learning_rate: Any = 0.01,
        schedule: str = "constant",
        batch_size: int = 256,
        n_iter: int = 60,
        l2: float = 0.01,
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
        self.sparsity = sparsity
        self.sparsity_weight = sparsity_weight
        self.activation = activation
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

    loss = "squared"

    def _architecture(self) -> Architecture:
        sizes = int(np.prod(self.sample_shape_)), self.n_components, tuple(self.hidden_layer_sizes)
        return dense_layout(*sizes, activation=self.activation, code_activation="sigmoid")

    def _objective(self) -> Reconstruction:
        penalty = Sparsity(float(self.sparsity), float(self.sparsity_weight))
        return Reconstruction(self._architecture(), self.loss, sparsity=penalty)

    def _keep(self, fitted: Callable[[], dict[str, Any]], book: Any) -> None:
        super()._keep(fitted, book)
        if book.run is not None:
            self.mean_activation_ = self._mean_activation(book.run.memory["data"])

    def _mean_activation(self, data: TrainingData) -> np.ndarray:
        model, total = self._model(), np.zeros(self.n_components)
        for top in range(0, data.n_samples, ROWS_AT_ONCE):
            rows = np.arange(top, min(top + ROWS_AT_ONCE, data.n_samples))
            total += data.weights[rows] @ model.encode(data.rows(rows))
        return total / data.weights.sum()

    def _saved(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        arrays, values = super()._saved()
        return {**arrays, "mean_activation_": self.mean_activation_}, values

    def _restore(self, arrays: dict[str, np.ndarray], values: dict[str, Any], path: str | os.PathLike[str]) -> None:
        super()._restore(arrays, values, path)
        self.mean_activation_ = take_array(arrays, "mean_activation_", (self.n_components,), np.float64, path)
