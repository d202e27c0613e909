"""A recurrent network that tells the class of every frame."""

from __future__ import annotations

from typing import Any, ClassVar

from ebm_sklearn._recurrent_classes import CLASS_CONSTRAINTS, RecurrentClassification
from ebm_sklearn._recurrent_learning import RECURRENT_CONSTRAINTS


class SequenceLabeler(RecurrentClassification):
    """Recurrent network that tells a class for every frame of a sequence: many to many, aligned.

    ::

        h_t = cell(x_t, h_{t-1}),    p(y_t | x_1 ... x_t) = softmax(h_t W + b)

    With ``bidirectional`` a frame's class rests on what comes after it, too. Labels, predictions and probabilities are
    lists with an array for each sequence (or arrays of as many dimensions as X). `transform` gives h_t, `step` takes
    frames one by one as they come in. In `cross_val_predict`, X and y must be object arrays of arrays.

    Parameters
    ----------
    cell, units, n_layers, bidirectional, dropout, recurrent_dropout, hidden_layer_sizes, activation
        The network, as of `RNNClassifier`.
    class_weight : dict, "balanced" or None, default=None
        Factors of the frames' weights by class; "balanced" makes all classes weigh the same.
    optimizer, learning_rate, schedule, batch_size, n_iter, l2, clip_norm
        How it learns, as of `RNNClassifier`.
    truncation : int, tuple of (int, int) or None, default=None
        How far gradients go back through time. k: from each frame's loss through k frames before it, in each recurrent
        layer. (k1, k2) with k1 <= k2, for long sequences: after every k1 frames of a batch there is an update, whose
        losses go back through the last k2 frames; states go on from chunk to chunk (not when ``bidirectional``). None:
        to the first frame.
    early_stopping, validation_fraction, n_iter_no_change, tol
        When it stops, as there.
    device, n_jobs, callbacks, verbose, random_state
        As there.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels, sorted.
    parameters_, architecture_, history_, n_iter_, n_features_in_, feature_names_in_
        As of `RNNClassifier`.

    See Also
    --------
    RNNClassifier : A class for a whole sequence.
    SequenceRegressor : Values in place of classes.

    Examples
    --------
    >>> import numpy as np
    >>> from ebm_sklearn import SequenceLabeler
    >>> rng = np.random.default_rng(0)
    >>> X = [rng.normal(size=(length, 1)) for length in rng.integers(4, 9, size=100)]
    >>> y = [np.concatenate([[0], x[:-1, 0] > 0]).astype(int) for x in X]  # whether the frame before was above 0
    >>> labeler = SequenceLabeler(units=16, random_state=0).fit(X, y)
    >>> bool(labeler.score(X, y) > 0.95)
    True
    >>> [labels.shape for labels in labeler.predict(X[:2])] == [labels.shape for labels in y[:2]]
    True
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {**RECURRENT_CONSTRAINTS, **CLASS_CONSTRAINTS}
    ALIGNED: ClassVar[bool] = True

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
