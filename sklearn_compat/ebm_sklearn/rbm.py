"""The restricted Boltzmann machine as a scikit-learn transformer and density model."""

from __future__ import annotations

import os
from dataclasses import replace
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin, _fit_context
from sklearn.utils._param_validation import Interval, StrOptions

from ebm.boltzmann.data import TrainingData
from ebm.boltzmann.learners import make_learner
from ebm.boltzmann.learning import initial_model
from ebm.boltzmann.rbm import RBM as Model
from ebm.boltzmann.rule import Rule
from ebm.boltzmann.units import Bernoulli
from ebm.random import Random
from ebm_sklearn._base import TRAINING_CONSTRAINTS, TrainedEstimator
from ebm_sklearn._input import above, data_digest, read_samples
from ebm_sklearn._random import draw_random
from ebm_sklearn._rbm_files import restored, saved
from ebm_sklearn._rbm_use import FittedRBM

PARAMETERS = ("weights", "visible_bias", "hidden_bias")


class RBM(FittedRBM, ClassNamePrefixFeaturesOutMixin, TransformerMixin, TrainedEstimator):
    """Restricted Boltzmann machine with binary units.

    A joint distribution of visible units v (the features) and hidden units h (the components), all in {0, 1}:

        p(v, h) = exp(intercept_visible_ . v + intercept_hidden_ . h + h . components_ . v) / Z

    `transform` gives E[h | v], `inverse_transform` E[v | h], `sample` draws new v, and `score_samples` is the
    normalised log-likelihood log p(v). Values between 0 and 1 (grey pixels) are taken for probabilities.

    Parameters
    ----------
    n_components : int, default=256
        Hidden units.
    learning : {"pcd", "cd", "exact"}, default="pcd"
        Persistent contrastive divergence, contrastive divergence from the data, or the exact gradient by
        enumeration (one layer of at most 25 units).
    n_gibbs : int, default=1
        Sweeps of Gibbs sampling an update, the k of CD-k and PCD-k.
    learning_rate : float or callable, default=0.05
        Rate of the updates, or a schedule of `ebm.optimizers.schedules` such as ``Linear(0.1, 0.0)``: a
        function of progress in [0, 1].
    momentum : float or callable, default=0.5
        Share of the last step that is added to the next, or a schedule.
    batch_size : int, default=100
        Samples an update.
    n_chains : int, default=None
        Persistent chains of "pcd"; as many as ``batch_size`` by default.
    n_iter : int, default=30
        Passes over the data in `fit`.
    l2 : float, default=1e-4
        Weight decay: the gradient loses ``l2 * components_``.
    l1 : float, default=0.0
        Sparsifying decay: the gradient loses ``l1 * sign(components_)``.
    centered : bool, default=True
        Take the gradient about moving averages of the units' means, which learns better and does not depend
        on whether ones or zeros are the background.
    binarize : float, default=None
        Turn features above this threshold into 1 and others into 0, in every method. With None, values
        outside [0, 1] give an `OutOfRangeWarning` and are used as they are.
    device : {"cpu", "cuda", "auto"}, default="cpu"
        Where `fit` runs. "cuda" needs the extra ``numba-ebm[cuda]`` and a GPU, and raises without.
    n_jobs : int, default=None
        Threads. None takes all cores that the process may use, but 1 inside a joblib worker; -1 takes all,
        -2 all but one. Results do not depend on it.
    callbacks : list, default=None
        Listeners of `ebm.training`: `Progress`, `EarlyStopping`, `Checkpoint`, monitors, or your own.
    verbose : int, default=0
        1 shows a progress bar.
    random_state : int, RandomState instance or None, default=None
        Seeds weights, order of the samples, Gibbs sampling and the estimate of log Z.

    Attributes
    ----------
    components_ : ndarray of shape (n_components, n_features_in_)
        Weights.
    intercept_hidden_ : ndarray of shape (n_components,)
        Biases of the hidden units.
    intercept_visible_ : ndarray of shape (n_features_in_,)
        Biases of the visible units.
    mean_ : ndarray of shape (n_features_in_,)
        Weighted mean of the data seen.
    chains_ : ndarray of shape (n_chains, n_components)
        Hidden states of the persistent chains ("fantasy particles"); only for "pcd".
    history_ : list of dict
        One row an epoch: "epoch", "seconds", and what callbacks recorded.
    n_iter_ : int
        Epochs done, all calls of `partial_fit` included.
    n_features_in_ : int
        Features seen in `fit`.
    feature_names_in_ : ndarray of str
        Their names, when X had names that are all strings.
    log_partition_ : ebm.sampling.annealing.LogPartition
        log Z with its error and verdict. See the property.

    See Also
    --------
    BernoulliRBM : scikit-learn's class of that name, faster.

    References
    ----------
    Hinton 2010, "A practical guide to training restricted Boltzmann machines"; Tieleman 2008
    (doi:10.1145/1390156.1390290), PCD; Melchior, Fischer & Wiskott 2016 (JMLR 17:99), centring.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from ebm_sklearn import RBM
    >>> X = load_digits().data / 16
    >>> rbm = RBM(n_components=16, n_iter=5, random_state=0).fit(X)
    >>> rbm.transform(X).shape
    (1797, 16)
    >>> rbm.sample(3).shape
    (3, 64)
    >>> rbm.log_partition_.method
    'exact'
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **TRAINING_CONSTRAINTS,
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "learning": [StrOptions({"pcd", "cd", "exact"})],
        "n_gibbs": [Interval(Integral, 1, None, closed="left")],
        "learning_rate": [Interval(Real, 0, None, closed="neither"), callable],
        "momentum": [Interval(Real, 0, 1, closed="left"), callable],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "n_chains": [Interval(Integral, 1, None, closed="left"), None],
        "l2": [Interval(Real, 0, None, closed="left")],
        "l1": [Interval(Real, 0, None, closed="left")],
        "centered": ["boolean"],
        "binarize": [Interval(Real, None, None, closed="neither"), None],
    }

    def __init__(
        self,
        n_components: int = 256,
        *,
        learning: str = "pcd",
        n_gibbs: int = 1,
        learning_rate: Any = 0.05,
        momentum: Any = 0.5,
        batch_size: int = 100,
        n_chains: int | None = None,
        n_iter: int = 30,
        l2: float = 1e-4,
        l1: float = 0.0,
        centered: bool = True,
        binarize: float | None = None,
        device: Any = "cpu",
        n_jobs: int | None = None,
        callbacks: Any = None,
        verbose: int = 0,
        random_state: Any = None,
    ) -> None:
        self.n_components = n_components
        self.learning = learning
        self.n_gibbs = n_gibbs
        self.learning_rate = learning_rate
        self.momentum = momentum
        self.batch_size = batch_size
        self.n_chains = n_chains
        self.n_iter = n_iter
        self.l2 = l2
        self.l1 = l1
        self.centered = centered
        self.binarize = binarize
        self.device = device
        self.n_jobs = n_jobs
        self.callbacks = callbacks
        self.verbose = verbose
        self.random_state = random_state

    # ---- learning ----

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Learn from data, forgetting what was learnt before.

        Ctrl-C ends learning within a second, with a `FitInterruptedWarning` and the last parameters in place.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples with values in [0, 1], or any that ``binarize`` makes so. float32 data is learnt in
            float32, float64 and integers in float64, bool and uint8 in float32.
        y : None
            Ignored.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of at least 0; a sample of weight 2 counts as if it were there twice.

        Returns
        -------
        RBM
            This estimator.

        Raises
        ------
        ValueError
            When X, the weights or a parameter are not as described.
        ebm.training.DivergenceError
            When parameters cease to be finite; those of the last good epoch are kept.
        """
        data = self._read_training(X, sample_weight, reset=True)
        self._start(data, self.n_iter, {"X": X, "y": y})
        return self

    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Learn from one pass over a chunk of data, going on exactly where the last call stopped.

        Calls on the same data equal as many epochs of `fit`. Weights, momentum, moving averages and chains
        are carried over; the first chunk's means set the visible biases.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            A chunk of any size, as in `fit`.
        y : None
            Ignored.
        sample_weight : array-like of shape (n_samples,), default=None
            As in `fit`.

        Returns
        -------
        RBM
            This estimator.

        Raises
        ------
        ValueError, ebm.training.DivergenceError
            As in `fit`.
        """
        first = not hasattr(self, "components_")
        data = self._read_training(X, sample_weight, reset=first)
        if first:
            self._start(data, 1, {"X": X, "y": y})
        else:
            self._mean_of(data, start=False)
            epochs = (self.n_iter_, self.n_iter_ + 1)
            self._learn(self._model(), data, self._motion, epochs, {"X": X, "y": y})
        return self

    def _start(self, data: TrainingData, n_epochs: int, seen: dict[str, Any]) -> None:
        """Learn from the beginning."""
        self.__dict__.pop("chains_", None)
        self._seed = draw_random(self.random_state).seed
        self._mean_of(data, start=True)
        model = initial_model(data, self.n_components, Random(self._seed))
        model = replace(model, visible_bias=_first_bias(data))
        self._learn(model, data, None, (0, n_epochs), seen)

    def _read_training(self, X: Any, sample_weight: Any, *, reset: bool) -> TrainingData:
        X = read_samples(self, X, reset=reset, warn=self.binarize is None)
        precision = np.float64 if X.dtype == np.float64 else np.float32
        if self.binarize is not None:
            X = above(X, self.binarize)
        return TrainingData.from_array(X, sample_weight, precision if reset else self.components_.dtype)

    def _mean_of(self, data: TrainingData, *, start: bool) -> None:
        before = 0.0 if start else self._weight_seen
        self._weight_seen = before + float(data.weights.sum())
        share = float(data.weights.sum()) / self._weight_seen
        self.mean_ = data.mean if start else (1 - share) * self.mean_ + share * data.mean

    def _learn(
        self, model: Model, data: TrainingData, motion: Any, epochs: tuple[int, int], seen: dict[str, Any]
    ) -> None:
        with self._limited() as n_threads:
            learner = make_learner(
                model,
                data,
                self._rule(),
                Random(self._seed),
                n_epochs=self.n_iter,
                device=self.device,
                n_threads=n_threads,
            )
            if motion is not None:
                learner.restore({**learner.state(), **motion, **self._chain_state()})
            self._train(
                learner,
                epochs[1],
                first_epoch=epochs[0],
                history=self.history_ if epochs[0] else None,
                data=seen,
                fingerprint=lambda: self._fingerprint(data),
            )

    def _rule(self) -> Rule:
        names = ("learning", "n_gibbs", "batch_size", "n_chains", "learning_rate", "momentum", "l2", "l1")
        return Rule(**{name: getattr(self, name) for name in names}, centered=self.centered)

    def _fingerprint(self, data: TrainingData) -> dict[str, Any]:
        seed = {"seed (drawn from random_state)": self._seed}
        return {**self._what_matters(), **seed, "data": data_digest(data)}

    def _fitted_from(self, learner: Any) -> dict[str, Any]:
        state = learner.state()
        weights, visible, hidden = (np.asarray(state.pop(name)) for name in PARAMETERS)
        fitted = {
            "components_": np.ascontiguousarray(weights.T),
            "intercept_visible_": visible,
            "intercept_hidden_": hidden,
            "_log_partition": None,
        }
        if self.learning == "pcd":
            fitted["chains_"] = state.pop("chains")
        return {**fitted, "_motion": state}

    def _chain_state(self) -> dict[str, np.ndarray]:
        return {"chains": self.chains_} if self.learning == "pcd" else {}

    # ---- files, and what scikit-learn asks ----

    def _saved(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        return saved(self)

    def _restore(
        self, arrays: dict[str, np.ndarray], values: dict[str, Any], path: str | os.PathLike[str]
    ) -> None:
        for name, value in restored(arrays, values, path).items():
            setattr(self, name, value)

    @property
    def _n_features_out(self) -> int:
        return len(self.components_)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def _first_bias(data: TrainingData) -> np.ndarray:
    """Log-odds of the data's means with one sample of zeros and one of ones added.

    Or the first, small chunk of `partial_fit` could fix units at 0 or 1 for a long time.
    """
    n = data.weights.sum()
    return Bernoulli().bias_from_mean((n * data.mean + 1) / (n + 2)).astype(data.dtype)
