"""A recurrent network that makes sequences of tokens, of vectors or by itself."""

from __future__ import annotations

from typing import Any, ClassVar

from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin

from ebm_sklearn._generator_learning import GENERATOR_CONSTRAINTS
from ebm_sklearn._generator_use import UsedGenerator


class SequenceGenerator(ClassNamePrefixFeaturesOutMixin, TransformerMixin, UsedGenerator):
    r"""Recurrent network that makes sequences of tokens: texts, captions, melodies.

    It learns the probability of each token given those before it, and of the stop:

    .. math:: p(y_1 \dots y_T, \text{stop} \mid v) = \prod_{t=1}^{T+1} p(y_t \mid y_1 \dots y_{t-1}, v).

    There are two ways to fit it.

    - ``fit(sequences)``: a language model. Each sequence begins with a start and ends with a stop.
    - ``fit(vectors, sequences)``: one to many. The network's first states are made of each sample's vector, so
      sequences are of the vectors: a caption of an image. `predict` gives the likeliest tokens for new vectors.

    Sequences are strings (then a token is a character), or lists or arrays of strings (words) or of integers. What is
    made comes as it was given: strings, or lists of tokens. `sample` draws sequences, `score_samples` gives their exact
    log-probabilities, and `score` is minus the bits per symbol, for which `GridSearchCV` searches well.

    Parameters
    ----------
    cell : {"lstm", "lstm_peephole", "gru", "tanh", "relu", "deep_transition"} or Cell, default="lstm"
        How the state goes from token to token: by its name, or a cell of `ebm.recurrent` with its own width.
    units : int, default=128
        Width of a layer.
    n_layers : int, default=1
        Layers above one another.
    embedding_size : int, default=32
        Width of the vector that is learnt for each token.
    dropout : float, default=0.0
        Share of a layer's outputs that do not reach the next, or the logits, while it learns.
    hidden_layer_sizes : array-like of int, default=()
        Units of rectified layers between vectors and first states.
    vocabulary : str, list of tokens or Vocabulary, default=None
        All tokens that may occur; by default those that `fit` sees. Give it where some may be in test data only: an
        unknown token is an error.
    max_length : int, default=None
        Tokens after which made sequences are cut off, with a warning. None takes twice the longest sequence of `fit`.
    optimizer : {"adam", "adamw", "sgd", "rmsprop"} or optimizer, default="adam"
        An optimiser of `ebm.optimizers`, such as ``SGD(0.1, momentum=0.9)``, brings its own rate and decay.
    learning_rate : float or callable, default=3e-3
        Or a schedule of `ebm.optimizers.schedules`.
    schedule : {"constant", "linear"}, default="constant"
        Whether a numeric learning rate stays in `fit`, or falls evenly to 0.
    batch_size : int, default=32
        Sequences an update.
    n_iter : int, default=50
        Passes over the data in `fit`.
    l2 : float, default=0.0
        Weight decay: the gradient of weights, not of biases, gains ``l2`` times the weights.
    clip_norm : float, default=1.0
        Longest gradient; a longer one is shortened to it. None leaves all as they are.
    truncation : int, tuple of (int, int) or None, default=None
        How far gradients go back through time, for long sequences. k: from each token's loss through k tokens before
        it, in each recurrent layer. (k1, k2) with k1 <= k2: after every k1 tokens of a batch there is an update, whose
        losses go back through the last k2; states go on from chunk to chunk (not with vectors). None: to the first
        token.
    early_stopping : bool, default=False
        Hold ``validation_fraction`` of the samples out, stop when their loss has not fallen by ``tol`` for
        ``n_iter_no_change`` epochs, and keep the best epoch's parameters.
    validation_fraction : float, default=0.1
    n_iter_no_change : int, default=10
    tol : float, default=1e-4
    device : {"cpu", "cuda", "auto"}, default="cpu"
        Where `fit` runs. Sequences are made, and scored, on the CPU.
    n_jobs : int, default=None
        Threads. None takes all cores that the process may use, but 1 inside a joblib worker. Results do not depend on
        it.
    callbacks : list, default=None
        Listeners of `ebm.training`: `Progress`, `EarlyStopping`, `Checkpoint`, or your own.
    verbose : int, default=0
        1 shows a progress bar.
    random_state : int, RandomState instance or None, default=None
        Seeds first weights, the order of the samples, dropout, and samples.

    Attributes
    ----------
    vocabulary_ : Vocabulary
        The tokens. Number ``len(vocabulary_)`` is the start where it is read, the stop where it is predicted.
    parameters_ : dict of str to ndarray
        "embedding.weights" (n_tokens + 1, embedding_size); "cells.0.input_weights", ... of each layer;
        "output.weights" (units, n_tokens + 1), "output.bias"; for vectors "first_states.0.0.weights", ... of the layers
        that make the state k of layer l, "first_states.l.k.", and "first_states.hidden.0.weights", ... before them.
    architecture_ : dict
        What shapes the network.
    longest_ : int
        Tokens of the longest sequence of `fit`.
    history_ : list of dict
        One row an epoch: "epoch", "seconds", "loss" (in nats per symbol, the mean over the epoch's updates), with
        ``early_stopping`` "validation_loss", and what callbacks recorded.
    n_iter_ : int
        Epochs done, all calls of `partial_fit` included.
    n_features_in_ : int
        Features of the vectors; 1 where there are none.
    feature_names_in_ : ndarray of str
        Names of the vectors' features, when X had names that are all strings.

    Warns
    -----
    UnendedSequenceWarning
        When a made sequence did not end within ``max_length``.

    References
    ----------
    Graves 2013, "Generating sequences with recurrent neural networks" (arXiv:1308.0850); Vinyals, Toshev, Bengio &
    Erhan 2015, "Show and tell" (arXiv:1411.4555), for sequences of vectors.

    Examples
    --------
    >>> import numpy as np
    >>> from ebm_sklearn import SequenceGenerator
    >>> vectors, captions = np.eye(3), ["one", "two", "three"]
    >>> generator = SequenceGenerator(units=16, n_iter=200, random_state=0).fit(vectors, captions)
    >>> generator.predict(vectors)
    array(['one', 'two', 'three'], dtype=object)
    >>> generator.sample(X=vectors[2:]).shape
    (1,)
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = GENERATOR_CONSTRAINTS

    def __init__(
        self,
        cell: Any = "lstm",
        units: int = 128,
        *,
        n_layers: int = 1,
        embedding_size: int = 32,
        dropout: float = 0.0,
        hidden_layer_sizes: Any = (),
        vocabulary: Any = None,
        max_length: int | None = None,
        optimizer: Any = "adam",
        learning_rate: Any = 3e-3,
        schedule: str = "constant",
        batch_size: int = 32,
        n_iter: int = 50,
        l2: float = 0.0,
        clip_norm: float | None = 1.0,
        truncation: Any = None,
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
        self.cell = cell
        self.units = units
        self.n_layers = n_layers
        self.embedding_size = embedding_size
        self.dropout = dropout
        self.hidden_layer_sizes = hidden_layer_sizes
        self.vocabulary = vocabulary
        self.max_length = max_length
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.schedule = schedule
        self.batch_size = batch_size
        self.n_iter = n_iter
        self.l2 = l2
        self.clip_norm = clip_norm
        self.truncation = truncation
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol
        self.device = device
        self.n_jobs = n_jobs
        self.callbacks = callbacks
        self.verbose = verbose
        self.random_state = random_state
