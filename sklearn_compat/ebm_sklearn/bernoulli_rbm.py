"""scikit-learn's `BernoulliRBM`, on our kernels: swap the import and nothing else.

Same initial weights, same updates (persistent chains, batches in the data's order, no centring, momentum or
decay), same stochastic pseudo-likelihood. Two differences: random numbers come from our streams, and where a
batch has other than ``batch_size`` rows, data and chains are each averaged over their own number
(scikit-learn divides both by the rows, so that `partial_fit` in chunks of another size learns wrong means).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin, _fit_context
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import check_is_fitted, validate_data

from ebm.boltzmann.learning import ContrastiveLearner
from ebm.boltzmann.rbm import RBM as Model
from ebm.boltzmann.rule import Rule
from ebm.data import TrainingData
from ebm.random import Draw, Random, Stream
from ebm.training import DivergenceError, Run, train
from ebm_sklearn._base import warn_if_interrupted
from ebm_sklearn._input import BLOCK_ROWS, blocks, by_blocks, dense
from ebm_sklearn._jobs import limited, threads

DTYPES = (np.float64, np.float32)


class BernoulliRBM(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Drop-in twin of :class:`sklearn.neural_network.BernoulliRBM`, several times faster.

    Stochastic maximum likelihood, also known as persistent contrastive divergence. For new work take `RBM`,
    which learns better and whose `score_samples` is a likelihood.

    Parameters
    ----------
    n_components : int, default=256
        Binary hidden units.
    learning_rate : float, default=0.1
        Rate of the updates.
    batch_size : int, default=10
        Samples an update, and persistent chains.
    n_iter : int, default=10
        Passes over the data in `fit`.
    verbose : int, default=0
        Above 0, `fit` prints a line with the pseudo-likelihood after every pass.
    random_state : int, RandomState instance or None, default=None
        Seeds weights, Gibbs sampling, and the corruption of samples that are scored.

    Attributes
    ----------
    intercept_hidden_ : ndarray of shape (n_components,)
        Biases of the hidden units.
    intercept_visible_ : ndarray of shape (n_features,)
        Biases of the visible units.
    components_ : ndarray of shape (n_components, n_features)
        Weights.
    h_samples_ : ndarray of shape (batch_size, n_components)
        Hidden states of the persistent chains.
    n_features_in_ : int
        Features seen in `fit`.
    feature_names_in_ : ndarray of str
        Their names, when X had names that are all strings.

    See Also
    --------
    RBM : Centred gradient, momentum, decay, schedules, callbacks, likelihoods, samples.

    References
    ----------
    Tieleman 2008 (doi:10.1145/1390156.1390290).

    Examples
    --------
    >>> import numpy as np
    >>> from ebm_sklearn import BernoulliRBM
    >>> X = np.array([[0, 0, 0], [0, 1, 1], [1, 0, 1], [1, 1, 1]])
    >>> BernoulliRBM(n_components=2).fit(X)
    BernoulliRBM(n_components=2)
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "learning_rate": [Interval(Real, 0, None, closed="neither")],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "n_iter": [Interval(Integral, 0, None, closed="left")],
        "verbose": ["verbose"],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        n_components: int = 256,
        *,
        learning_rate: float = 0.1,
        batch_size: int = 10,
        n_iter: int = 10,
        verbose: int = 0,
        random_state: Any = None,
    ) -> None:
        self.n_components = n_components
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.n_iter = n_iter
        self.verbose = verbose
        self.random_state = random_state

    # ---- learning ----

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any = None) -> Self:
        """Fit the model to the data X.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training data, with values in [0, 1].
        y : None
            Ignored.

        Returns
        -------
        BernoulliRBM
            The fitted model.

        Raises
        ------
        ebm.training.DivergenceError
            When parameters cease to be finite; those of the last good pass are kept.
        """
        X = validate_data(self, X, accept_sparse="csr", dtype=DTYPES)
        rng = check_random_state(self.random_state)
        self._start(X.shape[1], X.dtype, rng)
        with limited(None):
            learner = self._learner(TrainingData.from_array(X), rng, self.batch_size, self.n_iter)
            lines = [_Lines(self, learner, lambda: self.score_samples(X).mean())] if self.verbose else []
            try:
                run = train(learner, self.n_iter, callbacks=lines)
            finally:
                self._take(learner)
        warn_if_interrupted(run)
        return self

    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X: Any, y: Any = None) -> Self:
        """Fit the model to a chunk of data, taken as one batch whatever its size.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training data, with values in [0, 1]. The first chunk decides on float32 or float64.
        y : None
            Ignored.

        Returns
        -------
        BernoulliRBM
            The fitted model.
        """
        first = not hasattr(self, "components_")
        dtype = DTYPES if first else self.components_.dtype
        X = validate_data(self, X, accept_sparse="csr", dtype=dtype, reset=first)
        if not hasattr(self, "random_state_"):
            self.random_state_ = check_random_state(self.random_state)
        if first:
            self._start(X.shape[1], X.dtype, self.random_state_)
        self._fit(X, self.random_state_)
        return self

    def _fit(self, v_pos: Any, rng: np.random.RandomState) -> None:
        """One update, with ``v_pos`` as the batch."""
        with limited(None):
            learner = self._learner(TrainingData.from_array(v_pos), rng, v_pos.shape[0], 1)
            learner.begin_epoch(0)
            learner.update(0, learner.n_batches)
        if not learner.is_sound():
            raise DivergenceError(1, [])
        self._take(learner)

    def _start(self, n_features: int, dtype: Any, rng: np.random.RandomState) -> None:
        self.components_ = np.asarray(rng.normal(0, 0.01, (self.n_components, n_features)), order="F", dtype=dtype)
        self.intercept_hidden_ = np.zeros(self.n_components, dtype)
        self.intercept_visible_ = np.zeros(n_features, dtype)
        self.h_samples_ = np.zeros((self.batch_size, self.n_components), dtype)

    def _learner(
        self, data: TrainingData, rng: np.random.RandomState, batch_size: int, n_epochs: int
    ) -> ContrastiveLearner:
        rule = Rule(
            batch_size=batch_size,
            n_chains=len(self.h_samples_),
            learning_rate=float(self.learning_rate),
            momentum=0.0,
            l2=0.0,
            centered=False,
            shuffle=False,
        )
        seed = Random(_seed(rng))
        learner = ContrastiveLearner(self._model(), data, rule, seed, n_epochs=n_epochs, n_threads=threads(None))
        learner.chains = self.h_samples_
        return learner

    def _take(self, learner: ContrastiveLearner) -> None:
        model = learner.model
        self.components_ = np.asarray(model.weights.T, order="F")
        self.intercept_hidden_, self.intercept_visible_ = model.hidden_bias, model.visible_bias
        self.h_samples_ = learner.chains

    # ---- use ----

    def _model(self) -> Model:
        return Model(self.components_.T, self.intercept_visible_, self.intercept_hidden_)

    def _apply(self, function: Callable[[Model, np.ndarray], np.ndarray], rows: Any) -> np.ndarray:
        """Apply to dense rows in the model's dtype; a single row as 1-D array gives a single result."""
        single = np.ndim(rows) == 1 and not hasattr(rows, "tocsr")
        rows = dense(np.asarray(rows)[None] if single else rows, self.components_.dtype)
        with limited(None):
            result = function(self._model(), rows)
        return result[0] if single else result

    def transform(self, X: Any) -> np.ndarray:
        """Compute the hidden units' probabilities, P(h=1 | v=X).

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_components)
        """
        check_is_fitted(self)
        X = validate_data(self, X, accept_sparse="csr", reset=False, dtype=DTYPES)
        return self._mean_hiddens(X)

    def _mean_hiddens(self, v: Any) -> np.ndarray:
        """P(h=1 | v)."""
        if hasattr(v, "tocsr"):  # in blocks, or the whole would become dense
            with limited(None):
                return by_blocks(self._model().hidden_mean, v.tocsr(), self.components_.dtype)
        return self._apply(Model.hidden_mean, v)

    def _sample_hiddens(self, v: Any, rng: np.random.RandomState) -> np.ndarray:
        """Sample from P(h | v), boolean."""
        draw = Draw(_seed(rng), Stream.HIDDEN)
        return self._apply(lambda model, rows: model.sample_hidden(rows, draw), v) > 0

    def _sample_visibles(self, h: Any, rng: np.random.RandomState) -> np.ndarray:
        """Sample from P(v | h), boolean."""
        draw = Draw(_seed(rng), Stream.VISIBLE)
        return self._apply(lambda model, rows: model.sample_visible(rows, draw), h) > 0

    def _free_energy(self, v: Any) -> np.ndarray:
        """F(v) = -log sum_h exp(-E(v, h))."""
        return self._apply(Model.free_energy, v)

    def gibbs(self, v: Any) -> np.ndarray:
        """Perform one Gibbs sampling step.

        Parameters
        ----------
        v : ndarray of shape (n_samples, n_features)
            Values of the visible layer to start from.

        Returns
        -------
        ndarray of bool, shape (n_samples, n_features)
            Values of the visible layer after one Gibbs step.
        """
        check_is_fitted(self)
        if not hasattr(self, "random_state_"):
            self.random_state_ = check_random_state(self.random_state)
        h = self._sample_hiddens(v, self.random_state_)
        return self._sample_visibles(h, self.random_state_)

    def score_samples(self, X: Any) -> np.ndarray:
        """Compute the pseudo-likelihood of X by one randomly flipped feature a sample; not deterministic.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Values of the visible layer. Must be all-boolean (not checked).

        Returns
        -------
        ndarray of shape (n_samples,)
            ``n_features`` times the log-probability of that feature given the others.
        """
        check_is_fitted(self)
        v = validate_data(self, X, accept_sparse="csr", reset=False)
        unit = check_random_state(self.random_state).randint(0, v.shape[1], v.shape[0])
        scores = []
        for top, block in zip(range(0, v.shape[0], BLOCK_ROWS), blocks(v), strict=True):
            whole = dense(block, self.components_.dtype)
            flipped, where = whole.copy(), (np.arange(len(whole)), unit[top : top + BLOCK_ROWS])
            flipped[where] = 1 - flipped[where]
            rise = self._free_energy(flipped) - self._free_energy(whole)
            scores.append(-v.shape[1] * np.logaddexp(0, -rise))
        return np.concatenate(scores)

    # ---- what scikit-learn asks ----

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "components_")

    @property
    def _n_features_out(self) -> int:
        return len(self.components_)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def _seed(rng: np.random.RandomState) -> int:
    return int(rng.randint(0, 2**63, dtype=np.int64))


class _Lines:
    """Prints a line after every pass, as scikit-learn does."""

    def __init__(self, estimator: BernoulliRBM, learner: ContrastiveLearner, report: Callable[[], float]) -> None:
        self.estimator, self.learner, self.report, self.begin = estimator, learner, report, time.time()

    def on_epoch_end(self, run: Run) -> None:
        self.estimator._take(self.learner)
        likelihood, end = self.report(), time.time()
        print(
            f"[{type(self.estimator).__name__}] Iteration {run.epoch + 1}, "
            f"pseudo-likelihood = {likelihood:.2f}, time = {end - self.begin:.2f}s"
        )
        self.begin = end
