"""A classifier whose layers have learnt to reconstruct before they learn to tell classes."""

from __future__ import annotations

from numbers import Real
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
from sklearn.base import _fit_context
from sklearn.utils._param_validation import StrOptions

from ebm.autoencoder.classification import LABELS
from ebm.data import TrainingData
from ebm.random import Random
from ebm_sklearn._images import read_rows
from ebm_sklearn._labels import class_weighted, read_labels
from ebm_sklearn._network_learning import Samples
from ebm_sklearn._random import draw_random
from ebm_sklearn._stacked_classifier_use import FittedStackClassifier
from ebm_sklearn._stacked_learning import STACK_CONSTRAINTS


class _Given(NamedTuple):
    """What there is to learn from: all samples for the layers, those with labels for the network."""

    data: TrainingData
    labelled: Samples
    classes: np.ndarray


class StackedAutoencoderClassifier(FittedStackClassifier):
    """Network that classifies, its layers first learnt as autoencoders one on the other.

    Each layer learns to reconstruct what the layers below make of the samples, with or without labels
    (`pretrain_iter` epochs each). Then a softmax is put on the code, and the encoder learns with it to tell the
    classes of labelled samples (`n_iter` epochs)::

        p(y | x) = softmax(code(x) W + b)

    With few labels and many samples the layers' features are a better start than random ones. `transform` gives codes.

    Parameters
    ----------
    n_components : int, default=256
        Numbers in a code: the last layer.
    hidden_layer_sizes : array-like of int, default=(256,)
        Units of the layers below it, from the data to the code.
    pretrain : bool, default=True
        Learn layers first; False starts at random.
    kind : {"plain", "denoising", "sparse"}, default="denoising"
        How each layer learns alone: by reconstruction, from corrupted input, or with a penalty on mean activations.
    corruption : {"gaussian", "masking", "salt_and_pepper"} or object of `ebm.networks.corruption`, default="masking"
        Noise of "denoising" layers, on whatever they take. Masking is best where features tell of one another, as
        pixels of pictures of 14x14 or more do; it takes too much from small ones (8x8).
    corruption_level : float, default=None
        Standard deviation of normal noise, 0.3 by default; else the probability with which a feature is hit, 0.5
        ("masking") or 0.25 ("salt_and_pepper") by default.
    sparsity : float, default=0.05
        Mean activation that "sparse" layers want of each unit, in (0, 1); their activations must be "sigmoid".
    sparsity_weight : float, default=10.0
        Weight of that penalty.
    activation : str, default="relu"
        Of hidden layers: "identity", "sigmoid", "tanh", "relu", "leaky_relu", "softplus", "elu".
    code_activation : str, default="relu"
        Of the code.
    loss : {"squared", "bernoulli"}, default="squared"
        By which the first layer reconstructs: squared error, summed over features; or cross-entropy, for features
        between 0 and 1. Further layers reconstruct logistic codes by cross-entropy, others by squared error.
    tied : bool, default=False
        Let the layers' decoders have the encoders' weights, transposed.
    class_weight : dict, "balanced" or None, default=None
        Factors of the samples' weights by class; "balanced" makes all classes weigh the same. Layers learn without.
    unlabeled : label, default=None
        What samples without a label have for y; -1 in scikit-learn's convention. They are for the layers alone. With
        None every sample has a label.
    image_shape : tuple of int, default=None
        (height, width) or (height, width, channels) of rows that are images; images as such tell it themselves.
    pretrain_iter : int, default=30
        Passes over the data for each layer alone.
    n_iter : int, default=50
        Passes over the labelled data.
    optimizer, learning_rate, schedule, batch_size, l2, clip_norm
        As of `Autoencoder` (but ``learning_rate=3e-3`` and ``batch_size=50``), for every layer and for the whole; a
        linear schedule falls in each anew.
    early_stopping, validation_fraction, n_iter_no_change, tol
        As of `Autoencoder`, of the labelled samples; those held out are still seen, without labels, by the layers.
    device, n_jobs, callbacks, verbose, random_state
        As of `Autoencoder`. A `Checkpoint` goes on exactly from any epoch, also within the layers.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels, sorted.
    parameters_ : dict of str to ndarray
        "encoder.0.weights" (n_in, n_out), "encoder.0.bias", ..., "head.weights" (n_components, n_classes), "head.bias".
    layer_losses_ : list of ndarray
        For each layer, the mean loss of each epoch in which it was learnt alone.
    feature_dictionary_ : ndarray of shape (n_units, n_features)
        For each unit of the first layer, the input of length 1 that excites it most.
    image_shape_ : tuple of int or None
        Shape of an image, where samples are images.
    history_ : list of dict
        One row an epoch: "epoch" (counted over layers and fine-tuning), "seconds", then "layer" (from 1) and
        "pretraining_loss", or "loss" (the cross-entropy) and with ``early_stopping`` "validation_loss".
    n_iter_ : int
        Epochs of fine-tuning done.
    n_features_in_ : int
        Features seen in `fit`.
    feature_names_in_ : ndarray of str
        Their names, when X had names that are all strings.

    References
    ----------
    Bengio, Lamblin, Popovici & Larochelle 2007, "Greedy layer-wise training of deep networks"; Vincent, Larochelle,
    Lajoie, Bengio & Manzagol 2010, "Stacked denoising autoencoders" (JMLR 11:3371), section 3.5.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from ebm_sklearn import StackedAutoencoderClassifier
    >>> X, y = load_digits(return_X_y=True)
    >>> y_some = y.copy()
    >>> y_some[200:] = -1
    >>> stack = StackedAutoencoderClassifier(corruption="gaussian", unlabeled=-1, random_state=0)
    >>> stack = stack.fit(X[:1200] / 16, y_some[:1200])
    >>> bool(stack.score(X[1200:] / 16, y[1200:]) > 0.83)
    True
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **STACK_CONSTRAINTS,
        "pretrain": ["boolean"],
        "class_weight": [dict, StrOptions({"balanced"}), None],
        "unlabeled": [Real, str, "boolean", None],
    }

    def __init__(
        self,
        n_components: int = 256,
        *,
        hidden_layer_sizes: Any = (256,),
        pretrain: bool = True,
        kind: str = "denoising",
        corruption: Any = "masking",
        corruption_level: float | None = None,
        sparsity: float = 0.05,
        sparsity_weight: float = 10.0,
        activation: str = "relu",
        code_activation: str = "relu",
        loss: str = "squared",
        tied: bool = False,
        class_weight: Any = None,
        unlabeled: Any = None,
        image_shape: Any = None,
        pretrain_iter: int = 30,
        n_iter: int = 50,
        optimizer: Any = "adam",
        learning_rate: Any = 3e-3,
        schedule: str = "constant",
        batch_size: int = 50,
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
        self.pretrain = pretrain
        self.kind = kind
        self.corruption = corruption
        self.corruption_level = corruption_level
        self.sparsity = sparsity
        self.sparsity_weight = sparsity_weight
        self.activation = activation
        self.code_activation = code_activation
        self.loss = loss
        self.tied = tied
        self.class_weight = class_weight
        self.unlabeled = unlabeled
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

    def _first_parameters(self, random: Random, samples: Samples) -> dict[str, np.ndarray]:
        return self._objective().initial(random, samples.data.dtype)

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Learn the layers from all samples, then the classes of those with labels.

        Ctrl-C ends learning within a second, with a `FitInterruptedWarning`; layers whose turn had not come are random.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features), or images
            Images are (n, height, width) or (n, height, width, channels). float32 data is learnt in float32, float64
            and integers in float64, bool and uint8 in float32.
        y : array-like of shape (n_samples,)
            Labels of at least two classes, numbers or strings; ``unlabeled`` where there is none.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of at least 0; a sample of weight 2 counts as if it were there twice.

        Returns
        -------
        StackedAutoencoderClassifier
            This estimator.

        Raises
        ------
        ValueError
            When X, y, the weights or a parameter are not as described.
        ebm.training.DivergenceError
            When parameters cease to be finite; those of the last good epoch are kept.
        """
        given, seen = self._read(X, y, sample_weight), {"X": X, "y": y}
        self.classes_ = given.classes
        random, labelled, held_out = draw_random(self.random_state), given.labelled, None
        if self.early_stopping:
            labelled, held_out = self._split(labelled, random)
        epochs = self.pretrain_iter if self.pretrain else 0
        self._fit_stack(given.data, labelled, random, seen, pretrain_iter=epochs, held_out=held_out)
        return self

    def _read(self, X: Any, y: Any, sample_weight: Any) -> _Given:
        X = read_rows(self, X, reset=True)
        self._stack().network()  # refuses what does not fit, before any work
        labels = read_labels(self, X, y, unlabeled=self.unlabeled)
        data = TrainingData.from_array(X, sample_weight)
        weights = class_weighted(labels, self.class_weight, sample_weight)
        weights = np.ones(len(labels.numbers)) if weights is None else np.asarray(weights, np.float64)
        known = np.flatnonzero((labels.numbers >= 0) & (weights > 0))
        if not known.size:
            raise ValueError("sample_weight is zero for every sample that has a label: one must be above 0")
        one_hot = np.eye(len(labels.classes), dtype=data.dtype)[labels.numbers[known]]
        chosen = TrainingData.from_array(X[known], weights[known], data.dtype)
        return _Given(data, Samples(chosen, {LABELS: one_hot}), labels.classes)
