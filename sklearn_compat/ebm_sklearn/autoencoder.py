"""The autoencoder estimator: linear, shallow or deep, dense or of layers given."""

from __future__ import annotations

from numbers import Integral
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import _fit_context
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.metaestimators import available_if

from ebm.autoencoder.layout import convolutional_layout, dense_layout, own_layout
from ebm.autoencoder.model import Architecture
from ebm.autoencoder.reconstruction import Reconstruction
from ebm.data import TrainingData
from ebm.kernels.activations import KINDS
from ebm.random import Random
from ebm_sklearn._autoencoder_use import FittedAutoencoder
from ebm_sklearn._images import read_rows
from ebm_sklearn._network_learning import NETWORK_CONSTRAINTS, Samples, without_early_stopping

AUTOENCODER_CONSTRAINTS: dict[str, list[Any]] = {
    **NETWORK_CONSTRAINTS,
    "n_components": [Interval(Integral, 1, None, closed="left")],
    "hidden_layer_sizes": ["array-like"],
    "activation": [StrOptions(set(KINDS))],
    "code_activation": [StrOptions(set(KINDS))],
    "loss": [StrOptions({"squared", "bernoulli"})],
    "tied": ["boolean"],
    "encoder": [list, tuple, None],
    "decoder": [list, tuple, None],
    "image_shape": [list, tuple, None],
}

CONVOLUTION_CONSTRAINTS: dict[str, list[Any]] = {
    "channels": ["array-like"],
    "kernel_size": [Interval(Integral, 1, None, closed="left")],
}


class LearningAutoencoder(FittedAutoencoder):
    """The work behind `fit` and `partial_fit` of autoencoders that reconstruct; parameters as of `Autoencoder`."""

    n_components: int
    hidden_layer_sizes: Any
    activation: str
    code_activation: str
    channels: Any = ()
    kernel_size: int = 5
    loss: str
    tied: bool
    encoder: Any
    decoder: Any
    image_shape: Any

    def _architecture(self) -> Architecture:
        own = (self.encoder, self.decoder)
        if None not in own:
            return own_layout(self.encoder, self.decoder, self.sample_shape_)
        if own != (None, None):
            raise ValueError(
                f"encoder and decoder go together, got encoder={self.encoder!r} and decoder={self.decoder!r}"
            )
        kinds: dict[str, Any] = {"activation": self.activation, "code_activation": self.code_activation}
        hidden, channels = tuple(self.hidden_layer_sizes), tuple(self.channels)
        if channels:
            if self.tied:
                raise ValueError(f"tied=True goes with dense layers alone, but channels={channels}")
            sizes = (self.sample_shape_, self.n_components, channels, hidden)
            return convolutional_layout(*sizes, kernel_size=self.kernel_size, **kinds)
        return dense_layout(int(np.prod(self.sample_shape_)), self.n_components, hidden, tied=self.tied, **kinds)

    def _objective(self) -> Any:
        return Reconstruction(self._architecture(), self.loss)

    def _first_parameters(self, random: Random, samples: Samples) -> dict[str, np.ndarray]:
        return first_parameters(self._architecture(), random, samples.data, self.loss)

    def _read(self, X: Any, sample_weight: Any, *, reset: bool) -> Samples:
        X = read_rows(self, X, reset=reset)
        precision = np.float64 if X.dtype == np.float64 else np.float32
        if reset:
            self._architecture()  # refuses what does not fit, before any work
        return Samples(TrainingData.from_array(X, sample_weight, precision if reset else self._dtype), {})

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Learn from data, forgetting what was learnt before.

        Ctrl-C ends learning within a second, with a `FitInterruptedWarning` and the last parameters in place.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features), or images
            Images are (n, height, width) or (n, height, width, channels). float32 data is learnt in float32, float64
            and integers in float64, bool and uint8 in float32.
        y : None
            Ignored.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of at least 0; a sample of weight 2 counts as if it were there twice.

        Returns
        -------
        estimator
            This estimator.

        Raises
        ------
        ValueError
            When X, the weights or a parameter are not as described.
        ebm.training.DivergenceError
            When parameters cease to be finite; those of the last good epoch are kept.
        """
        self._fit_samples(self._read(X, sample_weight, reset=True), {"X": X, "y": y})
        return self

    @available_if(without_early_stopping)
    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Learn from one pass over a chunk of data, going on exactly where the last call stopped.

        Calls on the same data equal as many epochs of a `fit` with a constant learning rate.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features), or images
            A chunk of any size, as in `fit`.
        y : None
            Ignored.
        sample_weight : array-like of shape (n_samples,), default=None
            As in `fit`.

        Returns
        -------
        estimator
            This estimator.

        Raises
        ------
        ValueError, ebm.training.DivergenceError
            As in `fit`.
        """
        reset = not hasattr(self, "parameters_")
        self._fit_more(self._read(X, sample_weight, reset=reset), {"X": X, "y": y})
        return self


def first_parameters(
    architecture: Architecture, random: Random, data: TrainingData, loss: str
) -> dict[str, np.ndarray]:
    """Return first parameters; the decoder's last bias starts at the data's means, or their log-odds."""
    found = architecture.initial(random, data.dtype)
    name = f"decoder.{len(architecture.decoder.layers) - 1}.bias"
    if name in found and found[name].shape == data.mean.shape:
        mean = data.mean
        if loss == "bernoulli":
            mean = np.clip(mean, 1e-3, 1 - 1e-3)
            mean = np.log(mean / (1 - mean))
        found[name] = mean.astype(data.dtype)
    return found


class Autoencoder(LearningAutoencoder):
    """Autoencoder: a network that learns a code from which its input can be read back.

    The encoder f gives codes z = f(x), the decoder g samples g(z); both are learnt to make the loss of g(f(x)) against
    x small. Without hidden layers, with the identity as ``code_activation`` and the squared loss it finds the plane of
    the principal components; deep ones do better than that plane. `transform` gives codes, `inverse_transform` samples,
    `reconstruct` g(f(x)). Scale features to [0, 1] or standardise them: far from 0 or of large variance they are learnt
    slowly, and those of small variance hardly count.

    Parameters
    ----------
    n_components : int, default=32
        Numbers in a code.
    hidden_layer_sizes : array-like of int, default=()
        Units of the encoder's hidden layers, from the data to the code; the decoder mirrors them.
    channels : array-like of int, default=()
        Channels of convolutions before the dense layers, each of stride 2, so that it halves height and width; the
        decoder mirrors them. They need images (or ``image_shape``).
    kernel_size : int, default=5
        Height and width of their kernels, odd.
    activation : str, default="relu"
        Of hidden layers: "identity", "sigmoid", "tanh", "relu", "leaky_relu", "softplus", "elu".
    code_activation : str, default="identity"
        Of the code.
    loss : {"squared", "bernoulli"}, default="squared"
        Squared error, summed over features; or cross-entropy, for features between 0 and 1.
    tied : bool, default=False
        Let the decoder's weights be the encoder's, transposed.
    encoder, decoder : list of layers, default=None
        Layers of `ebm.networks` in place of the dense ones that the parameters above describe, such as convolutions.
    image_shape : tuple of int, default=None
        (height, width) or (height, width, channels) of rows that are images; images as such tell it themselves.
    optimizer : {"adam", "adamw", "sgd", "rmsprop"} or optimizer, default="adam"
        An optimiser of `ebm.optimizers`, such as ``ebm.optimizers.sgd.SGD(0.1, momentum=0.9)``, brings its own rate
        and decay.
    learning_rate : float or callable, default=1e-3
        Or a schedule of `ebm.optimizers.schedules`.
    schedule : {"constant", "linear"}, default="constant"
        Whether a numeric learning rate stays in `fit`, or falls evenly to 0.
    batch_size : int, default=32
        Samples an update.
    n_iter : int, default=50
        Passes over the data in `fit`. A table of 150 rows has 5 updates in each, and wants some hundred passes.
    l2 : float, default=0.0
        Weight decay: the gradient of weights, not of biases, gains ``l2`` times the weights.
    clip_norm : float, default=None
        Longest gradient; a longer one is shortened to it.
    early_stopping : bool, default=False
        Hold ``validation_fraction`` of the samples out, stop when their loss has not fallen by ``tol`` for
        ``n_iter_no_change`` epochs, and keep the best epoch's parameters.
    validation_fraction : float, default=0.1
    n_iter_no_change : int, default=10
    tol : float, default=1e-4
    device : {"cpu", "cuda", "auto"}, default="cpu"
        Where `fit` runs. "cuda" needs the extra ``numba-ebm[cuda]`` and a GPU, and raises without.
    n_jobs : int, default=None
        Threads. None takes all cores that the process may use, but 1 inside a joblib worker. Results do not depend on
        it.
    callbacks : list, default=None
        Listeners of `ebm.training`: `Progress`, `EarlyStopping`, `Checkpoint`, or your own.
    verbose : int, default=0
        1 shows a progress bar.
    random_state : int, RandomState instance or None, default=None
        Seeds first weights, the order of the samples, and noise.

    Attributes
    ----------
    parameters_ : dict of str to ndarray
        Weights (n_in, n_out) and biases by layer: "encoder.0.weights", "encoder.0.bias", ..., "decoder.0.weights", ...
    feature_dictionary_ : ndarray of shape (n_units, n_features)
        For each unit of the first layer, the input of length 1 that excites it most.
    image_shape_ : tuple of int or None
        Shape of an image, where samples are images.
    history_ : list of dict
        One row an epoch: "epoch", "seconds", "loss" (the mean over the epoch's updates), with ``early_stopping``
        "validation_loss", and what callbacks recorded.
    n_iter_ : int
        Epochs done, all calls of `partial_fit` included.
    n_features_in_ : int
        Features seen in `fit`.
    feature_names_in_ : ndarray of str
        Their names, when X had names that are all strings.

    References
    ----------
    Hinton & Salakhutdinov 2006, "Reducing the dimensionality of data with neural networks"
    (doi:10.1126/science.1127647); Baldi & Hornik 1989 (doi:10.1016/0893-6080(89)90014-2), the linear one.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from ebm_sklearn import Autoencoder
    >>> X = load_digits().data / 16
    >>> autoencoder = Autoencoder(8, hidden_layer_sizes=(64,), n_iter=10, random_state=0).fit(X)
    >>> autoencoder.transform(X).shape
    (1797, 8)
    >>> autoencoder.reconstruct(X).shape
    (1797, 64)
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {**AUTOENCODER_CONSTRAINTS, **CONVOLUTION_CONSTRAINTS}

    def __init__(
        self,
        n_components: int = 32,
        *,
        hidden_layer_sizes: Any = (),
        channels: Any = (),
        kernel_size: int = 5,
        activation: str = "relu",
        code_activation: str = "identity",
        loss: str = "squared",
        tied: bool = False,
        encoder: Any = None,
        decoder: Any = None,
        image_shape: Any = None,
        optimizer: Any = "adam",
        learning_rate: Any = 1e-3,
        schedule: str = "constant",
        batch_size: int = 32,
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
        self.channels = channels
        self.kernel_size = kernel_size
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
