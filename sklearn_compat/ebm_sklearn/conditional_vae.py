"""The conditional variational autoencoder, which is told the class."""

from __future__ import annotations

from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import _fit_context
from sklearn.utils.metaestimators import available_if

from ebm.autoencoder.variational import LABELS
from ebm.data import TrainingData
from ebm_sklearn._conditional_use import FittedConditional
from ebm_sklearn._images import read_rows
from ebm_sklearn._labels import read_labels
from ebm_sklearn._labels_given import one_hot
from ebm_sklearn._network_learning import Samples, without_early_stopping
from ebm_sklearn._variational_learning import VARIATIONAL_CONSTRAINTS


class ConditionalVAE(FittedConditional):
    """Conditional variational autoencoder: encoder and decoder are told the class of a sample.

    Data of a class y come from codes z ~ N(0, I) by a network that is given both, p(x | z, y); another gives mean and
    variance of q(z | x, y), a normal distribution with a diagonal covariance. Labels go in as further inputs, one a
    class. Since the decoder knows the class, codes are about what is left, such as the slant of a digit. Both networks
    are learnt together by the gradient of a bound (with ``beta=1``)::

        log p(x | y)  >=  E log p(x | z, y) - beta KL(q(z | x, y) || N(0, I)),      z ~ q(z | x, y)

    `sample` gives new data of the classes asked for, `transform` codes, `reconstruct` and `inverse_transform` the means
    of p(x | z, y), and `score_samples` an importance-weighted bound on log p(x | y), or on log p(x).

    Parameters
    ----------
    n_components : int, default=8
        Numbers in a code. With many, or after few updates, codes tell of the class too, and samples are less often of
        the class asked for; with few they are less sharp.
    hidden_layer_sizes : array-like of int, default=(200,)
        Units of the encoder's hidden layers, from the data to the code; the decoder mirrors them.
    channels : array-like of int, default=()
        Channels of convolutions before the dense layers, each of stride 2, so that it halves height and width; the
        decoder mirrors them. They need images (or ``image_shape``).
    kernel_size : int, default=5
        Height and width of their kernels, odd.
    activation : str, default="relu"
        Of hidden layers: "identity", "sigmoid", "tanh", "relu", "leaky_relu", "softplus", "elu".
    likelihood : {"bernoulli", "gaussian"}, default="bernoulli"
        What p(x | z) is: features that are 0 or 1, where values between count as probabilities; or real features with
        normal noise.
    noise_variance : {"shared", "features"} or float, default="shared"
        With "gaussian", the variance of the noise: learnt, one number for all features or one each; or this number. It
        counts as within 6.1e-6 and 1.6e5. A learnt one settles how much reconstruction weighs, and fails where
        features can be told exactly, as pixels that are always 0.
    beta : float, default=1.0
        Weight of the divergence from N(0, I) (Higgins et al. 2017). With another than 1 what is learnt is no bound on
        log p(x).
    n_importance : int, default=64
        Codes that `score_samples` draws for every sample; the bound rises with it.
    encoder, decoder : list of layers, default=None
        Layers of `ebm.networks` in place of those that the parameters above describe.
        The encoder takes features and classes, at every pixel of an image, and ends with 2 k outputs, means and
        log-variances; the decoder takes k numbers and classes, and its last layer has the identity as its activation:
        logits, or means.
    image_shape : tuple of int, default=None
        (height, width) or (height, width, channels) of rows that are images; images as such tell it themselves.
    optimizer : {"adam", "adamw", "sgd", "rmsprop"} or optimizer, default="adam"
        An optimiser of `ebm.optimizers` brings its own rate and decay.
    learning_rate : float or callable, default=3e-3
        Or a schedule of `ebm.optimizers.schedules`.
    schedule : {"constant", "linear"}, default="constant"
        How a numeric ``learning_rate`` goes on in `fit`: it stays, or falls evenly to 0.
    batch_size : int, default=32
        Samples an update.
    n_iter : int, default=50
        Passes over the data in `fit`. A table of 150 rows has 5 updates in each, and wants some hundred passes.
    l2 : float, default=0.0
        Weight decay; biases do not decay.
    clip_norm : float, default=None
        Longest gradient; a longer one is shortened to it.
    early_stopping : bool, default=False
        Hold a ``validation_fraction`` of the samples out, stop when their loss has not fallen by ``tol`` for
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
    classes_ : ndarray of shape (n_classes,)
        The labels, sorted.
    class_count_ : ndarray of shape (n_classes,)
        Weight of the samples of each class, all calls of `partial_fit` included.
    class_prior_ : ndarray of shape (n_classes,)
        The same, over its sum.
    parameters_ : dict of str to ndarray
        Weights (n_in, n_out) and biases by layer: "encoder.0.weights", ..., "decoder.0.weights", ...; the last inputs
        of the first layers are the classes. With "gaussian" also "decoder.log_variance".
    noise_variance_ : float or ndarray of shape (n_features,)
        Variance of the noise, with "gaussian".
    feature_dictionary_ : ndarray of shape (n_units, n_features)
        For each unit of the first layer, the features of length 1 that excite it most.
    image_shape_ : tuple of int or None
        Shape of an image, where samples are images.
    history_ : list of dict
        One row an epoch: "epoch", "seconds", "loss" (the mean over the epoch's updates: the negative bound, with
        ``beta``), with ``early_stopping`` "validation_loss", and what callbacks recorded.
    n_iter_ : int
        Epochs done, all calls of `partial_fit` included.
    n_features_in_ : int
        Features seen in `fit`.
    feature_names_in_ : ndarray of str
        Their names, when X had names that are all strings.

    See Also
    --------
    VariationalAutoencoder : The same without labels.

    References
    ----------
    Sohn, Lee & Yan 2015, "Learning structured output representation using deep conditional generative models" (NIPS
    28); Kingma & Welling 2014 (arXiv:1312.6114); Burda, Grosse & Salakhutdinov 2016 (arXiv:1509.00519), for
    `score_samples`.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from ebm_sklearn import ConditionalVAE
    >>> X, y = load_digits(return_X_y=True)
    >>> cvae = ConditionalVAE(8, hidden_layer_sizes=(64,), n_iter=20, random_state=0).fit(X / 16, y)
    >>> cvae.sample(5, y=3).shape
    (5, 64)
    >>> cvae.reconstruct(X[:2] / 16, y[:2]).shape
    (2, 64)
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = VARIATIONAL_CONSTRAINTS

    def __init__(
        self,
        n_components: int = 8,
        *,
        hidden_layer_sizes: Any = (200,),
        channels: Any = (),
        kernel_size: int = 5,
        activation: str = "relu",
        likelihood: str = "bernoulli",
        noise_variance: Any = "shared",
        beta: float = 1.0,
        n_importance: int = 64,
        encoder: Any = None,
        decoder: Any = None,
        image_shape: Any = None,
        optimizer: Any = "adam",
        learning_rate: Any = 3e-3,
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
        self.likelihood = likelihood
        self.noise_variance = noise_variance
        self.beta = beta
        self.n_importance = n_importance
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

    # ---- learning ----

    def _read_labelled(
        self, X: Any, y: Any, sample_weight: Any, *, reset: bool, classes: Any = None
    ) -> tuple[Samples, np.ndarray]:
        """Check samples and labels; set ``classes_`` when ``reset``, and return the weights of classes too."""
        X = read_rows(self, X, reset=reset)
        labels = read_labels(self, X, y, classes=classes)
        precision = np.float64 if X.dtype == np.float64 else np.float32
        data = TrainingData.from_array(X, sample_weight, precision if reset else self._dtype)
        numbers = labels.numbers
        if data.n_samples < len(numbers):  # samples of weight 0 are left out
            numbers = numbers[np.asarray(sample_weight, np.float64) > 0]
        if reset:
            self.classes_ = labels.classes
            self._architecture()  # refuses what does not fit, before any work
        n_classes = len(labels.classes)
        counts = np.bincount(numbers, weights=data.weights, minlength=n_classes)
        return Samples(data, {LABELS: one_hot(numbers, n_classes, data.dtype)}), counts

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:  # type: ignore[override]
        """Learn from data, forgetting what was learnt before.

        Ctrl-C ends learning within a second, with a `FitInterruptedWarning` and the last parameters in place.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features), or images
            Images are (n, height, width) or (n, height, width, channels). float32 data is learnt in float32, float64
            and integers in float64, bool and uint8 in float32.
        y : array-like of shape (n_samples,)
            Labels of at least two classes, numbers or strings.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of at least 0; a sample of weight 2 counts as if it were there twice.

        Returns
        -------
        ConditionalVAE
            This estimator.

        Raises
        ------
        ValueError
            When X, y, the weights or a parameter are not as described.
        ebm.training.DivergenceError
            When parameters cease to be finite; those of the last good epoch are kept.
        """
        samples, self.class_count_ = self._read_labelled(X, y, sample_weight, reset=True)
        self._fit_samples(samples, {"X": X, "y": y})
        return self

    @available_if(without_early_stopping)
    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(  # type: ignore[override]
        self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None
    ) -> Self:
        """Learn from one pass over a chunk of data, going on exactly where the last call stopped.

        Calls on the same data equal as many epochs of a `fit` with a constant learning rate.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features), or images
            A chunk of any size, as in `fit`.
        y : array-like of shape (n_samples,)
            Its labels.
        classes : array-like of shape (n_classes,), default=None
            All labels that will ever come; in the first call, those of y by default.
        sample_weight : array-like of shape (n_samples,), default=None
            As in `fit`.

        Returns
        -------
        ConditionalVAE
            This estimator.

        Raises
        ------
        ValueError, ebm.training.DivergenceError
            As in `fit`; also when ``classes`` changes, or y has others than came first.
        """
        first = not hasattr(self, "parameters_")
        if not first and classes is not None and not np.array_equal(np.unique(classes), self.classes_):
            raise ValueError(f"classes={classes!r} are not those of the first call, {self.classes_.tolist()}")
        known = classes if first else self.classes_
        samples, counts = self._read_labelled(X, y, sample_weight, reset=first, classes=known)
        self.class_count_ = counts if first else self.class_count_ + counts
        self._fit_more(samples, {"X": X, "y": y})
        return self

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        return tags
