"""A recurrent network that tells the class of a sequence."""

from __future__ import annotations

from typing import Any, ClassVar

from ebm_sklearn._recurrent_classes import CLASS_CONSTRAINTS, RecurrentClassification
from ebm_sklearn._recurrent_learning import POOLING_CONSTRAINTS, RECURRENT_CONSTRAINTS


class RNNClassifier(RecurrentClassification):
    """Recurrent network that reads a sequence and tells its class: many to one.

    A cell takes the frames in turn and keeps a state; what it puts out at the end goes into a softmax::

        h_t = cell(x_t, h_{t-1}),    p(y | x_1 ... x_T) = softmax(h_T W + b)

    Sequences may have any lengths, in any order; nothing is padded. Put a `SequenceScaler` before it: features that
    vary by about 1 are learnt best. `transform` gives h_T as features of whole sequences, `step` takes frames one by
    one as they come in.

    Parameters
    ----------
    cell : {"lstm", "lstm_peephole", "gru", "gru_before", "tanh", "relu", "deep_transition"} or Cell, default="lstm"
        How the state goes from frame to frame: by its name, or a cell of `ebm.recurrent` with its own width, such as
        ``SCRNCell(64, 32)``.
    units : int, default=64
        Width of the state of a cell by name.
    n_layers : int, default=1
        Recurrent layers, each reading what the one below puts out.
    bidirectional : bool, default=False
        Whether every layer reads sequences from both ends, with weights of their own for each direction.
    dropout : float, default=0.0
        Rate in [0, 1) of what is dropped between recurrent layers in training.
    recurrent_dropout : float, default=0.0
        Rate in [0, 1) of what cells do not see of the state before, the same units at all frames of a sequence (a cell
        that is given has its own).
    hidden_layer_sizes : array-like of int, default=()
        Units of dense layers between the recurrent ones and the answer, for each sequence.
    activation : str, default="relu"
        Of these: "identity", "sigmoid", "tanh", "relu", "leaky_relu", "softplus", "elu".
    pooling : {"last", "mean"}, default="last"
        What is read of a whole sequence: the output at its last frame (of a direction that reads backwards: at the
        first, which it reads last), or the mean over all frames.
    class_weight : dict, "balanced" or None, default=None
        Factors of the sequences' weights by class; "balanced" makes all classes weigh the same.
    optimizer : {"adam", "adamw", "sgd", "rmsprop"} or optimizer, default="adam"
        An optimiser of `ebm.optimizers`, such as ``SGD(0.1, momentum=0.9)``, brings its own rate and decay.
    learning_rate : float or callable, default=1e-2
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
        Longest gradient; a longer one is shortened to it. None lets gradients be.
    truncation : int or None, default=None
        How many frames before the one whose output it reaches a gradient goes back through time, in each recurrent
        layer: with k, and pooling="last", the last k + 1 frames of a sequence are learnt from. None goes back to the
        first.
    early_stopping : bool, default=False
        Hold ``validation_fraction`` of the sequences out, stop when their loss has not fallen by ``tol`` for
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
        Seeds first weights, the order of the sequences, and what is dropped.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels, sorted.
    parameters_ : dict of str to ndarray
        Weights by layer: "body.0.input_weights" (n_in, gates units), "body.0.recurrent_weights" (units, gates units),
        "body.0.bias", ..., "head.0.weights", "head.0.bias".
    architecture_ : dict
        What shapes the network, as it was in `fit`: setting parameters afterwards changes nothing of it.
    history_ : list of dict
        One row an epoch: "epoch", "seconds", "loss" (the mean over the epoch's updates), with ``early_stopping``
        "validation_loss", and what callbacks recorded.
    n_iter_ : int
        Epochs done, all calls of `partial_fit` included.
    n_features_in_ : int
        Features of a frame.
    feature_names_in_ : ndarray of str
        Their names, when X had names that are all strings.

    See Also
    --------
    SequenceLabeler : A class for every frame.
    RNNRegressor : Values in place of classes.

    References
    ----------
    Elman 1990 (doi:10.1207/s15516709cog1402_1); Hochreiter & Schmidhuber 1997 (doi:10.1162/neco.1997.9.8.1735); Cho et
    al. 2014 (arXiv:1406.1078); Schuster & Paliwal 1997 (doi:10.1109/78.650093); Pascanu, Mikolov & Bengio 2013
    (arXiv:1211.5063), for ``clip_norm``.

    Examples
    --------
    >>> import numpy as np
    >>> from ebm_sklearn import RNNClassifier
    >>> rng = np.random.default_rng(0)
    >>> X = [rng.normal(size=(length, 2)) for length in rng.integers(3, 9, size=60)]
    >>> y = np.array(["down", "up"])[[int(x[0, 0] > 0) for x in X]]  # the first frame tells
    >>> rnn = RNNClassifier(cell="gru", units=16, random_state=0).fit(X, y)
    >>> rnn.score(X, y)
    1.0
    >>> rnn.transform(X).shape
    (60, 16)
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **RECURRENT_CONSTRAINTS,
        **POOLING_CONSTRAINTS,
        **CLASS_CONSTRAINTS,
    }
    ALIGNED: ClassVar[bool] = False

    def __init__(
        self,
        *,
        cell: Any = "lstm",
        units: int = 64,
        n_layers: int = 1,
        bidirectional: bool = False,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        hidden_layer_sizes: Any = (),
        activation: str = "relu",
        pooling: str = "last",
        class_weight: Any = None,
        optimizer: Any = "adam",
        learning_rate: Any = 1e-2,
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
        self.bidirectional = bidirectional
        self.dropout = dropout
        self.recurrent_dropout = recurrent_dropout
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.pooling = pooling
        self.class_weight = class_weight
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
