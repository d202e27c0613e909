"""A recurrent network from sequence to sequence, with attention."""

from __future__ import annotations

from typing import Any, ClassVar

from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin

from ebm_sklearn._seq2seq_learning import SEQ2SEQ_CONSTRAINTS
from ebm_sklearn._seq2seq_use import UsedSeq2Seq


class Seq2Seq(ClassNamePrefixFeaturesOutMixin, TransformerMixin, UsedSeq2Seq):
    r"""Recurrent network from sequences to sequences of tokens: translation, transcription, rewriting.

    An encoder reads the source, in both directions, into a vector h_j for every frame. A decoder says the target, token
    by token, and learns

    .. math:: p(y_1 \dots y_T, \text{stop} \mid x) = \prod_{t=1}^{T+1} p(y_t \mid y_1 \dots y_{t-1}, x).

    Before each step it looks at the source: with its state s it weighs all frames,

    .. math:: e_{tj} = v^\top \tanh(W s_{t-1} + V h_j), \quad
        \alpha_t = \operatorname{softmax}(e_t), \quad c_t = \sum_j \alpha_{tj} h_j,

    and goes on from token, state and context c_t. `attention_weights` gives the weights, and `AttentionDisplay` draws
    them. Without attention all that the decoder knows of the source are its first states. Targets are strings (then a
    token is a character), or lists or arrays of strings (words) or of integers, and are said as they were given.

    Parameters
    ----------
    cell : {"lstm", "gru", "tanh", ...} or Cell, default="lstm"
        What the layers are of; a cell of `ebm.recurrent` brings its own number of units. With attention an LSTM.
    units : int, default=64
        Width of a layer, in each direction.
    n_layers : int, default=1
        Layers above one another, of the encoder and of the decoder, whose lowest one attends.
    bidirectional : bool, default=True
        Whether the encoder reads in both directions.
    attention : bool, default=True
        Whether the decoder looks at the source.
    attention_size : int, default=None
        Length of v. None takes ``units``.
    embedding_size : int, default=32
        Width of the vector that is learnt for each token, of source and target.
    dropout : float, default=0.0
        Share of a layer's outputs that do not reach the next, or the logits, while it learns.
    source : {"auto", "tokens", "frames"}, default="auto"
        What X holds. "auto": strings, and lists or arrays (length,) of integers in a list, are tokens; all else is
        frames of real numbers.
    source_vocabulary, target_vocabulary : str, list of tokens or Vocabulary, default=None
        All tokens that may occur; by default those that `fit` sees. Give it where some may be in test data only: an
        unknown token is an error.
    beam_width : int, default=1
        Prefixes that `predict` goes on with side by side; 1 takes the likeliest token at every step.
    length_penalty : float, default=0.0
        With a beam, targets are compared by log p / T^penalty, T tokens with the stop: 0 finds the likeliest target, 1
        the likeliest per token, which is longer.
    max_length : int, default=None
        Tokens after which `predict` cuts a target off, with a warning. None takes twice the longest target of `fit`.
    optimizer : {"adam", "adamw", "sgd", "rmsprop"} or optimizer, default="adam"
        An optimiser of `ebm.optimizers`, such as ``SGD(0.1, momentum=0.9)``, brings its own rate and decay.
    learning_rate : float or callable, default=3e-3
        Or a schedule of `ebm.optimizers.schedules`.
    schedule : {"constant", "linear"}, default="constant"
        Whether a numeric learning rate stays in `fit`, or falls evenly to 0.
    batch_size : int, default=64
        Pairs an update.
    n_iter : int, default=20
        Passes over the data in `fit`.
    l2 : float, default=0.0
        Weight decay: the gradient of weights, not of biases, gains ``l2`` times the weights.
    clip_norm : float, default=1.0
        Longest gradient; a longer one is shortened to it. None leaves all as they are.
    early_stopping : bool, default=False
        Hold ``validation_fraction`` of the samples out, stop when their loss has not fallen by ``tol`` for
        ``n_iter_no_change`` epochs, and keep the best epoch's parameters.
    validation_fraction : float, default=0.1
    n_iter_no_change : int, default=10
    tol : float, default=1e-4
    device : {"cpu", "cuda", "auto"}, default="cpu"
        Where `fit` runs. Targets are said, and scored, on the CPU.
    n_jobs : int, default=None
        Threads. None takes all cores that the process may use, but 1 inside a joblib worker. Results do not depend on
        it.
    callbacks : list, default=None
        Listeners of `ebm.training`: `Progress`, `EarlyStopping`, `Checkpoint`, or your own.
    verbose : int, default=0
        1 shows a progress bar.
    random_state : int, RandomState instance or None, default=None
        Seeds first weights, the order of the samples, and dropout.

    Attributes
    ----------
    source_vocabulary_ : Vocabulary or None
        The sources' tokens; None where they are frames.
    target_vocabulary_ : Vocabulary
        The targets' tokens. Number ``len(target_vocabulary_)`` is the start where it is read, the stop where it is
        predicted.
    parameters_ : dict of str to ndarray
        "encoder.0.weights", the sources' embedding, "encoder.1.forward.input_weights", ... of its layers;
        "first_states.l.k.weights", ... that make the decoder's first state k of layer l; "decoder.embedding.weights",
        "decoder.attention.query_weights" (W), ".key_weights" (V), ".energy_weights" (v), ... of the layer that attends,
        "decoder.cells.0.input_weights", ... of those above it, "decoder.output.weights" and "decoder.output.bias".
    architecture_ : dict
        What shapes the network.
    longest_ : int
        Tokens of the longest target of `fit`.
    history_ : list of dict
        One row an epoch: "epoch", "seconds", "loss" (in nats per token, the mean over the epoch's updates), with
        ``early_stopping`` "validation_loss", and what callbacks recorded.
    n_iter_ : int
        Epochs done, all calls of `partial_fit` included.
    n_features_in_ : int
        Features of a source's frame; 1 for tokens.
    feature_names_in_ : ndarray of str
        Names of the frames' features, when X had names that are all strings.

    Warns
    -----
    UnendedSequenceWarning
        When a target of `predict` did not end within ``max_length``.

    See Also
    --------
    SequenceGenerator : Sequences of vectors, or of nothing.
    AttentionDisplay : Draws what `attention_weights` gives.

    References
    ----------
    Sutskever, Vinyals & Le 2014, "Sequence to sequence learning with neural networks" (arXiv:1409.3215); Bahdanau, Cho
    & Bengio 2015, "Neural machine translation by jointly learning to align and translate" (arXiv:1409.0473), eqs. 4 to
    6. (Their decoder has a gated recurrent unit, and an output layer of more depth.)

    Examples
    --------
    >>> from ebm_sklearn import Seq2Seq
    >>> X, y = ["ab", "abc", "ca", "bca"], ["ba", "cba", "ac", "acb"]
    >>> model = Seq2Seq(units=16, embedding_size=8, n_iter=100, random_state=0).fit(X, y)
    >>> model.predict(["ab", "bca"])
    array(['ba', 'acb'], dtype=object)
    >>> model.attention_weights(["bca"])[0].shape
    (3, 3)
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = SEQ2SEQ_CONSTRAINTS

    def __init__(
        self,
        cell: Any = "lstm",
        units: int = 64,
        *,
        n_layers: int = 1,
        bidirectional: bool = True,
        attention: bool = True,
        attention_size: int | None = None,
        embedding_size: int = 32,
        dropout: float = 0.0,
        source: str = "auto",
        source_vocabulary: Any = None,
        target_vocabulary: Any = None,
        beam_width: int = 1,
        length_penalty: float = 0.0,
        max_length: int | None = None,
        optimizer: Any = "adam",
        learning_rate: Any = 3e-3,
        schedule: str = "constant",
        batch_size: int = 64,
        n_iter: int = 20,
        l2: float = 0.0,
        clip_norm: float | None = 1.0,
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
        self.bidirectional = bidirectional
        self.attention = attention
        self.attention_size = attention_size
        self.embedding_size = embedding_size
        self.dropout = dropout
        self.source = source
        self.source_vocabulary = source_vocabulary
        self.target_vocabulary = target_vocabulary
        self.beam_width = beam_width
        self.length_penalty = length_penalty
        self.max_length = max_length
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
