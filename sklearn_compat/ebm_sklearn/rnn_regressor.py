"""A recurrent network that tells values of a sequence."""

from __future__ import annotations

from typing import Any, ClassVar

from ebm_sklearn._recurrent_learning import POOLING_CONSTRAINTS, RECURRENT_CONSTRAINTS
from ebm_sklearn._recurrent_values import RecurrentRegression


class RNNRegressor(RecurrentRegression):
    """Recurrent network that reads a sequence and tells one value or several: many to one.

    ::

        h_t = cell(x_t, h_{t-1}),    y = h_T W + b

    It learns to make the squared error small, from the mean of the targets on. Scale features and targets so that they
    vary by about 1. `transform` gives h_T as features of whole sequences, `step` takes frames one by one as they come
    in.

    Parameters
    ----------
    cell, units, n_layers, bidirectional, dropout, recurrent_dropout, hidden_layer_sizes, activation, pooling
        The network, as of `RNNClassifier`.
    optimizer, learning_rate, schedule, batch_size, n_iter, l2, clip_norm, truncation
        How it learns, as of `RNNClassifier`.
    early_stopping, validation_fraction, n_iter_no_change, tol
        When it stops, as there.
    device, n_jobs, callbacks, verbose, random_state
        As there.

    Attributes
    ----------
    parameters_, architecture_, history_, n_iter_, n_features_in_, feature_names_in_
        As of `RNNClassifier`.

    See Also
    --------
    SequenceRegressor : Values for every frame.
    RNNClassifier : Classes in place of values.

    Examples
    --------
    >>> import numpy as np
    >>> from ebm_sklearn import RNNRegressor
    >>> rng = np.random.default_rng(0)
    >>> X = [rng.uniform(size=(length, 1)) for length in rng.integers(3, 9, size=200)]
    >>> y = [x.sum() for x in X]
    >>> rnn = RNNRegressor(units=16, random_state=0).fit(X, y)
    >>> bool(rnn.score(X, y) > 0.98)
    True
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {**RECURRENT_CONSTRAINTS, **POOLING_CONSTRAINTS}
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
