"""The stacked autoencoder: layers learnt one by one, then unrolled and fine-tuned as one network."""

from __future__ import annotations

from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import _fit_context

from ebm.autoencoder.model import Architecture
from ebm.autoencoder.reconstruction import Reconstruction
from ebm.data import TrainingData
from ebm.random import Random
from ebm_sklearn._autoencoder_use import FittedAutoencoder
from ebm_sklearn._images import read_rows
from ebm_sklearn._network_learning import Samples
from ebm_sklearn._random import draw_random
from ebm_sklearn._stacked_learning import STACK_CONSTRAINTS, LearningStack
from ebm_sklearn.autoencoder import first_parameters


class StackedAutoencoder(LearningStack, FittedAutoencoder):
    """Deep autoencoder that learns layer by layer before it learns as a whole.

    Each layer is first an autoencoder of its own: the first reconstructs the samples, the next the codes of the first,
    and so on (`pretrain_iter` epochs each). Then the layers are unrolled, encoders upwards and decoders back down, and
    all of it is fine-tuned to reconstruct the samples (`n_iter` epochs). Noise and sparsity are for the layers alone.

    Parameters
    ----------
    n_components : int, default=32
        Numbers in a code: the last layer.
    hidden_layer_sizes : array-like of int, default=(256,)
        Units of the layers below it, from the data to the code; the decoder mirrors them.
    kind : {"plain", "denoising", "sparse"}, default="denoising"
        How each layer learns alone: by reconstruction, from corrupted input, or with a penalty on mean activations.
    corruption : {"gaussian", "masking", "salt_and_pepper"} or object of `ebm.networks.corruption`, default="masking"
        Noise of "denoising" layers, on whatever they take.
    corruption_level : float, default=None
        Standard deviation of normal noise, 0.3 by default; else the probability with which a feature is hit, 0.5
        ("masking") or 0.25 ("salt_and_pepper") by default.
    sparsity : float, default=0.05
        Mean activation that "sparse" layers want of each unit, in (0, 1); their activations must be "sigmoid".
    sparsity_weight : float, default=10.0
        Weight of that penalty.
    activation : str, default="relu"
        Of hidden layers: "identity", "sigmoid", "tanh", "relu", "leaky_relu", "softplus", "elu".
    code_activation : str, default="identity"
        Of the code.
    loss : {"squared", "bernoulli"}, default="squared"
        Squared error, summed over features; or cross-entropy, for features between 0 and 1. Layers above the first
        reconstruct logistic codes by cross-entropy, others by squared error.
    tied : bool, default=False
        Let the decoder's weights be the encoder's, transposed.
    image_shape : tuple of int, default=None
        (height, width) or (height, width, channels) of rows that are images; images as such tell it themselves.
    pretrain_iter : int, default=20
        Passes over the data for each layer alone; 0 starts the whole at random.
    n_iter : int, default=50
        Passes over the data for fine-tuning; 0 leaves the layers as they are.
    optimizer, learning_rate, schedule, batch_size, l2, clip_norm
        As of `Autoencoder` (but ``batch_size=64``), for every layer and for the whole; a linear schedule falls
        in each anew.
    early_stopping, validation_fraction, n_iter_no_change, tol
        As of `Autoencoder`, in fine-tuning.
    device, n_jobs, callbacks, verbose, random_state
        As of `Autoencoder`. A `Checkpoint` goes on exactly from any epoch, also within the layers.

    Attributes
    ----------
    parameters_ : dict of str to ndarray
        Weights (n_in, n_out) and biases by layer: "encoder.0.weights", "encoder.0.bias", ..., "decoder.0.weights", ...
    layer_losses_ : list of ndarray
        For each layer, the mean loss of each epoch in which it was learnt alone.
    feature_dictionary_ : ndarray of shape (n_units, n_features)
        For each unit of the first layer, the input of length 1 that excites it most.
    image_shape_ : tuple of int or None
        Shape of an image, where samples are images.
    history_ : list of dict
        One row an epoch: "epoch" (counted over layers and fine-tuning), "seconds", then "layer" (from 1) and
        "pretraining_loss", or "loss" and with ``early_stopping`` "validation_loss".
    n_iter_ : int
        Epochs of fine-tuning done.
    n_features_in_ : int
        Features seen in `fit`.
    feature_names_in_ : ndarray of str
        Their names, when X had names that are all strings.

    See Also
    --------
    StackedAutoencoderClassifier : The encoder, fine-tuned to tell classes.

    References
    ----------
    Bengio, Lamblin, Popovici & Larochelle 2007, "Greedy layer-wise training of deep networks"; Vincent, Larochelle,
    Lajoie, Bengio & Manzagol 2010, "Stacked denoising autoencoders" (JMLR 11:3371), section 3.5.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from ebm_sklearn import StackedAutoencoder
    >>> X = load_digits().data / 16
    >>> stack = StackedAutoencoder(8, hidden_layer_sizes=(64, 32), pretrain_iter=5, n_iter=5, random_state=0).fit(X)
    >>> stack.transform(X).shape
    (1797, 8)
    >>> [len(losses) for losses in stack.layer_losses_]
    [5, 5, 5]
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = STACK_CONSTRAINTS

    def __init__(
        self,
        n_components: int = 32,
        *,
        hidden_layer_sizes: Any = (256,),
        kind: str = "denoising",
        corruption: Any = "masking",
        corruption_level: float | None = None,
        sparsity: float = 0.05,
        sparsity_weight: float = 10.0,
        activation: str = "relu",
        code_activation: str = "identity",
        loss: str = "squared",
        tied: bool = False,
        image_shape: Any = None,
        pretrain_iter: int = 20,
        n_iter: int = 50,
        optimizer: Any = "adam",
        learning_rate: Any = 1e-3,
        schedule: str = "constant",
        batch_size: int = 64,
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
        self.kind = kind
        self.corruption = corruption
        self.corruption_level = corruption_level
        self.sparsity = sparsity
        self.sparsity_weight = sparsity_weight
        self.activation = activation
        self.code_activation = code_activation
        self.loss = loss
        self.tied = tied
        self.image_shape = image_shape
        self.pretrain_iter = pretrain_iter
        self.n_iter = n_iter
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.schedule = schedule
        self.batch_size = batch_size
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

    def _architecture(self) -> Architecture:
        return self._stack().network()

    def _objective(self) -> Any:
        return Reconstruction(self._architecture(), self.loss)

    def _first_parameters(self, random: Random, samples: Samples) -> dict[str, np.ndarray]:
        return first_parameters(self._architecture(), random, samples.data, self.loss)

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Learn the layers, then the whole, forgetting what was learnt before.

        Ctrl-C ends learning within a second, with a `FitInterruptedWarning`; layers whose turn had not come are random.

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
        StackedAutoencoder
            This estimator.

        Raises
        ------
        ValueError
            When X, the weights or a parameter are not as described.
        ebm.training.DivergenceError
            When parameters cease to be finite; those of the last good epoch are kept.
        """
        X, given = read_rows(self, X, reset=True), {"X": X, "y": y}
        self._architecture()  # refuses what does not fit, before any work
        samples, held_out = Samples(TrainingData.from_array(X, sample_weight), {}), None
        random = draw_random(self.random_state)
        if self.early_stopping:
            samples, held_out = self._split(samples, random)
        self._fit_stack(samples.data, samples, random, given, pretrain_iter=self.pretrain_iter, held_out=held_out)
        return self
