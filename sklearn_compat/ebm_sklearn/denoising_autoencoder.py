"""The denoising autoencoder: given a noisy sample, it makes the clean one."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from sklearn.utils.validation import check_is_fitted

from ebm.autoencoder.reconstruction import Reconstruction
from ebm.networks.corruption import corrupt
from ebm_sklearn._corruption import CORRUPTION_CONSTRAINTS, as_corruption
from ebm_sklearn._images import read_rows
from ebm_sklearn._input import BLOCK_ROWS, by_blocks, by_numbered_blocks
from ebm_sklearn._random import draw_random
from ebm_sklearn.autoencoder import AUTOENCODER_CONSTRAINTS, LearningAutoencoder


class DenoisingAutoencoder(LearningAutoencoder):
    """Autoencoder that is shown corrupted samples and learns to give back the clean ones.

    In every update each sample x is corrupted anew, and the loss compares g(f(corrupted x)) with the clean x::

        x~ ~ q(x~ | x),    minimise the mean of loss(g(f(x~)), x)

    So the code may be wider than the data, yet is no copy of it. `denoise` cleans samples that are noisy already,
    `corrupt` makes noisy ones as learning does.

    Parameters
    ----------
    n_components : int, default=256
        Numbers in a code.
    hidden_layer_sizes : array-like of int, default=()
        Units of the encoder's hidden layers, from the data to the code; the decoder mirrors them.
    corruption : {"gaussian", "masking", "salt_and_pepper"} or object of `ebm.networks.corruption`, default="gaussian"
        Normal noise is added; features become 0; or they become 0 or 1. For features of another range give
        ``SaltAndPepper(rate, low, high)``.
    corruption_level : float, default=None
        Standard deviation of normal noise, 0.3 by default, which suits features in [0, 1]: beside pixels up to 255 it
        is nothing. Else the probability with which a feature is hit, 0.5 ("masking") or 0.25 ("salt_and_pepper") by
        default.
    activation : str, default="relu"
        Of hidden layers: "identity", "sigmoid", "tanh", "relu", "leaky_relu", "softplus", "elu".
    code_activation : str, default="sigmoid"
        Of the code. Units of "relu" can die under strong noise.
    loss : {"squared", "bernoulli"}, default="squared"
        Squared error, summed over features; or cross-entropy, for features between 0 and 1.
    tied : bool, default=False
        Let the decoder's weights be the encoder's, transposed.
    encoder, decoder : list of layers, default=None
        Layers of `ebm.networks` in place of the dense ones that the parameters above describe, such as convolutions.
    image_shape : tuple of int, default=None
        (height, width) or (height, width, channels) of rows that are images; images as such tell it themselves.
    optimizer, learning_rate, schedule, batch_size, n_iter, l2, clip_norm
        As of `Autoencoder`, but ``batch_size=64``.
    early_stopping, validation_fraction, n_iter_no_change, tol
        As of `Autoencoder`; the samples held out are corrupted too, in the same way after every epoch.
    device, n_jobs, callbacks, verbose, random_state
        As of `Autoencoder`; ``random_state`` seeds the corruption too.

    Attributes
    ----------
    parameters_ : dict of str to ndarray
        Weights (n_in, n_out) and biases by layer.
    feature_dictionary_ : ndarray of shape (n_units, n_features)
        For each unit of the first layer, the input of length 1 that excites it most.
    image_shape_ : tuple of int or None
        Shape of an image, where samples are images.
    history_ : list of dict
        One row an epoch: "epoch", "seconds", "loss" (of reconstructions from corrupted inputs), ...
    n_iter_ : int
        Epochs done, all calls of `partial_fit` included.
    n_features_in_ : int
        Features seen in `fit`.
    feature_names_in_ : ndarray of str
        Their names, when X had names that are all strings.

    See Also
    --------
    StackedAutoencoder : Several of them, one on the codes of the other.

    References
    ----------
    Vincent, Larochelle, Lajoie, Bengio & Manzagol 2010, "Stacked denoising autoencoders" (JMLR 11:3371), section 3.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from ebm_sklearn import DenoisingAutoencoder
    >>> X = load_digits().data / 16
    >>> denoiser = DenoisingAutoencoder(128, n_iter=20, random_state=0).fit(X[:1500])
    >>> clean = X[1500:]
    >>> noisy = denoiser.corrupt(clean, random_state=1)
    >>> bool(((denoiser.denoise(noisy) - clean) ** 2).sum() < ((noisy - clean) ** 2).sum() / 3)
    True
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {**AUTOENCODER_CONSTRAINTS, **CORRUPTION_CONSTRAINTS}

    def __init__(
        self,
        n_components: int = 256,
        *,
        hidden_layer_sizes: Any = (),
        corruption: Any = "gaussian",
        corruption_level: float | None = None,
        activation: str = "relu",
        code_activation: str = "sigmoid",
        loss: str = "squared",
        tied: bool = False,
        encoder: Any = None,
        decoder: Any = None,
        image_shape: Any = None,
        optimizer: Any = "adam",
        learning_rate: Any = 1e-3,
        schedule: str = "constant",
        batch_size: int = 64,
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
        self.corruption = corruption
        self.corruption_level = corruption_level
        self.activation = activation
        self.code_activation = code_activation
        self.loss = loss
        self.tied = tied
        self.encoder = encoder
        self.decoder = decoder
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

    def _objective(self) -> Any:
        noise = as_corruption(self.corruption, self.corruption_level)
        return Reconstruction(self._architecture(), self.loss, noise)

    def _by_rows(self, function: Any, X: Any) -> np.ndarray:
        X = read_rows(self, X, reset=False, warn=False)  # noise takes samples beyond [0, 1]
        with self._limited():
            return by_blocks(function, X, self._dtype)

    def denoise(self, X: Any) -> np.ndarray:
        """Return samples without their noise: what the decoder makes of their codes, as `reconstruct`.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features), or images as in `fit`
            Noisy samples.

        Returns
        -------
        ndarray of the shape of X
        """
        return self.reconstruct(X)

    def corrupt(self, X: Any, random_state: Any = None) -> np.ndarray:
        """Return samples with noise, as they are shown to the encoder in learning.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features), or images as in `fit`
        random_state : int, RandomState instance or None, default=None
            None takes the estimator's own; where that is an integer, every call gives the same noise.

        Returns
        -------
        ndarray of the shape of X
            In the dtype of learning.
        """
        check_is_fitted(self)
        noise = as_corruption(self.corruption, self.corruption_level)
        random = draw_random(self.random_state if random_state is None else random_state, "corrupt")

        def noisy(rows: np.ndarray, first: int) -> np.ndarray:
            return corrupt(rows, noise, random, first // BLOCK_ROWS)

        found = by_numbered_blocks(noisy, read_rows(self, X, reset=False), self._dtype)
        return found.reshape(np.shape(X)) if np.ndim(X) > 2 else found
