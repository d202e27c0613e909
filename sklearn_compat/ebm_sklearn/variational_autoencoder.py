"""The variational autoencoder as a scikit-learn transformer and density model."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from sklearn.utils.validation import check_is_fitted

from ebm_sklearn._random import random_for_sample
from ebm_sklearn._variational_learning import VARIATIONAL_CONSTRAINTS, LearningVariational


class VariationalAutoencoder(LearningVariational):
    """Variational autoencoder: a decoder that makes data from normal noise, and an encoder that tells which noise.

    Data come from codes z ~ N(0, I) by a network, p(x | z); another network gives the mean and the variance of
    q(z | x), a normal distribution with a diagonal covariance that stands for the posterior. Both are learnt together
    by the gradient of a bound (with ``beta=1``)::

        log p(x)  >=  E log p(x | z) - beta KL(q(z | x) || N(0, I)),      z ~ q(z | x)

    `transform` gives the means of q, `inverse_transform` and `reconstruct` the means of p(x | z), `sample` new data,
    and `score_samples` a tighter bound on log p(x), importance-weighted. Scale features to [0, 1], which "bernoulli"
    needs, or standardise them: far from 0 or of large variance they are learnt slowly.

    Parameters
    ----------
    n_components : int, default=16
        Numbers in a code.
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
        The encoder ends with 2 k outputs, means and log-variances; the decoder takes k numbers, and its last layer has
        the identity as its activation: logits, or means.
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
    parameters_ : dict of str to ndarray
        Weights (n_in, n_out) and biases by layer: "encoder.0.weights", ..., "decoder.0.weights", ...; with "gaussian"
        also "decoder.log_variance".
    noise_variance_ : float or ndarray of shape (n_features,)
        Variance of the noise, with "gaussian".
    feature_dictionary_ : ndarray of shape (n_units, n_features)
        For each unit of the first layer, the input of length 1 that excites it most.
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
    ConditionalVAE : The same with labels, which makes samples of a class.

    References
    ----------
    Kingma & Welling 2014, "Auto-encoding variational Bayes" (arXiv:1312.6114); Burda, Grosse & Salakhutdinov 2016,
    "Importance weighted autoencoders" (arXiv:1509.00519), for `score_samples`; Higgins et al. 2017, "beta-VAE".

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from ebm_sklearn import VariationalAutoencoder
    >>> X = load_digits().data / 16
    >>> vae = VariationalAutoencoder(8, hidden_layer_sizes=(64,), n_iter=20, random_state=0).fit(X)
    >>> vae.transform(X).shape
    (1797, 8)
    >>> vae.sample(5).shape
    (5, 64)
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = VARIATIONAL_CONSTRAINTS

    def __init__(
        self,
        n_components: int = 16,
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

    def posterior(self, X: Any) -> tuple[np.ndarray, np.ndarray]:
        """Return means and log-variances of q(z | x).

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features), or images as in `fit`

        Returns
        -------
        mean : ndarray of shape (n_samples, n_components)
            What `transform` returns.
        log_variance : ndarray of shape (n_samples, n_components)
            About 0 in all samples where a component says nothing of them.
        """
        check_is_fitted(self)
        both = self._by_rows(self._halves(self._model().posterior), X)
        k = self._n_features_out
        return both[:, :k].copy(), both[:, k:].copy()

    def score_samples(self, X: Any) -> np.ndarray:
        """Return the importance-weighted bound on log p(x) of samples, in nats: higher is likelier.

        It is the log of the mean of p(x | z) p(z) / q(z | x) over ``n_importance`` codes z drawn from q(z | x), and on
        average at most log p(x). The draws depend on the fit's seed and on the sample, so the same sample always
        has the same score. With "bernoulli" and values between 0 and 1, log p(x | z) is minus the cross-entropy.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features), or images as in `fit`

        Returns
        -------
        ndarray of shape (n_samples,)
            float64.
        """
        check_is_fitted(self)
        model, random = self._model(), self._bound_random()
        return self._by_rows(lambda rows: model.importance_bound(rows, self.n_importance, random), X)

    def sample(self, n_samples: int = 1, *, y: Any = None, means: bool = True, random_state: Any = None) -> np.ndarray:
        """Return new samples: codes from N(0, I), decoded.

        Parameters
        ----------
        n_samples : int, default=1
        y : None
            The model has no conditions.
        means : bool, default=True
            Return the means of p(x | z), which are what pictures of samples usually show; False draws x from
            p(x | z), so from the density that `score_samples` bounds.
        random_state : int, RandomState instance or None, default=None
            None takes the estimator's own; where that is an integer, every call gives the same samples.

        Returns
        -------
        ndarray of shape (n_samples, n_features), or of images as `fit` was given

        Raises
        ------
        ValueError
            When ``n_samples`` is below 1, or y is given.
        """
        random = random_for_sample(self, y, random_state, n_samples=n_samples)
        with self._limited():
            return self._as_given(self._model().sample(n_samples, random, means=means))
