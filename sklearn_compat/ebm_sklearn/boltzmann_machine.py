"""The Boltzmann machine on any graph as a scikit-learn transformer and density model."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any, ClassVar, Self

from sklearn.base import _fit_context
from sklearn.utils._param_validation import Interval, StrOptions

from ebm_sklearn._base import TRAINING_CONSTRAINTS
from ebm_sklearn._graph_learning import LearningBoltzmannMachine

SHARED = {name: rule for name, rule in TRAINING_CONSTRAINTS.items() if name != "device"}


class BoltzmannMachine(LearningBoltzmannMachine):
    """Boltzmann machine with binary units, joined in any way.

    A joint distribution of units s in {0, 1}, of which the features are the first and hidden units follow::

        p(s) = exp(-E(s) / temperature) / Z,   E(s) = -intercept_ . s - s . coupling_ . s / 2

    `transform` gives the means of the hidden units, `sample` draws new v, `score_samples` is the normalised
    log-likelihood log p(v). Values between 0 and 1 (grey pixels) are taken for probabilities.

    Parameters
    ----------
    n_hidden : int, default=0
        Hidden units.
    graph : {None, "full", "restricted", "grid"}, {array-like, sparse matrix} or array of edges, default=None
        Which units are joined: "full" (or None) all pairs; "restricted" features with hidden units only;
        "grid" features that are pixels of a square picture with their four neighbours, and hidden units with every
        feature; a symmetric adjacency matrix of shape (n_units, n_units), whose non-zero entries count; or pairs of
        units, integers of shape (n_edges, 2).
    learning : {"pcd", "exact", "pseudo_likelihood"}, default="pcd"
        Persistent chains of colour-block Gibbs sampling; the exact gradient by enumeration (at most 25 units beside
        those of one colour); or the pseudo-likelihood by L-BFGS-B, of machines without hidden units.
    n_gibbs : int, default=5
        Sweeps of Gibbs sampling an update ("pcd").
    learning_rate : float or callable, default=0.1
        Rate of the first update, or a schedule of `ebm.optimizers.schedules`. Not for "pseudo_likelihood".
    schedule : {"linear", "constant"}, default="linear"
        How a numeric ``learning_rate`` goes on in `fit`: it falls evenly to 0, or stays. `partial_fit`, which
        cannot know when it ends, keeps it.
    momentum : float or callable, default=0.9
        Share of the last step that is added to the next, or a schedule.
    batch_size : int, default=100
        Samples an update. Without hidden units the means of all data serve every update, and an epoch has as
        many updates as it has batches.
    n_chains : int, default=None
        Persistent chains of "pcd"; as many as ``batch_size`` by default.
    n_iter : int, default=50
        Passes over the data in `fit`; for "pseudo_likelihood" each is at most 20 iterations of L-BFGS-B.
    l2 : float, default=0.0
        Weight decay: the objective loses ``l2 / 2`` times the squares of the weights.
    l1 : float, default=0.0
        The objective loses ``l1`` times the weights' sizes. With "pseudo_likelihood" weights become exactly 0.
    centered : bool, default=True
        Take the gradient about moving averages of the units' means, which learns better.
    temperature : float, default=1.0
        T, in `fit` and afterwards. It scales the whole energy, intercepts included.
    binarize : float, default=None
        Turn features above this threshold into 1 and others into 0, in every method. With None, values
        outside [0, 1] give an `OutOfRangeWarning` and are used as they are.
    n_jobs : int, default=None
        Threads. None takes all cores that the process may use, but 1 inside a joblib worker; -1 takes all,
        -2 all but one. Results do not depend on it.
    callbacks : list, default=None
        Listeners of `ebm.training`: `Progress`, `EarlyStopping`, `Checkpoint`, or your own.
    verbose : int, default=0
        1 shows a progress bar.
    random_state : int, RandomState instance or None, default=None
        Seeds weights, order of the samples, Gibbs sampling and the estimate of log Z.

    Attributes
    ----------
    coupling_ : ndarray or csr_array of shape (n_units, n_units)
        Weights, symmetric with a zero diagonal; sparse where fewer than a tenth of the pairs are joined.
    intercept_ : ndarray of shape (n_units,)
        Biases, of the features first.
    graph_ : ebm.boltzmann.graph.Graph
        Which units are joined.
    mean_ : ndarray of shape (n_features,)
        Weighted mean of the data seen.
    chains_ : ndarray of shape (n_chains, n_units)
        States of the persistent chains ("fantasy particles"); only for "pcd".
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
    RBM : the restricted machine, learnt much faster.

    References
    ----------
    Ackley, Hinton & Sejnowski 1985 (doi:10.1207/s15516709cog0901_7); Montavon & Mueller 2012
    (doi:10.1007/978-3-642-35289-8_33), centring; Besag 1975 (doi:10.2307/2987782), pseudo-likelihood.

    Examples
    --------
    >>> import numpy as np
    >>> from ebm_sklearn import BoltzmannMachine
    >>> rng = np.random.default_rng(0)
    >>> X = rng.integers(0, 2, (500, 1)) ^ (rng.random((500, 6)) < 0.1)
    >>> machine = BoltzmannMachine(learning="exact", random_state=0).fit(X)
    >>> machine.coupling_.shape
    (6, 6)
    >>> machine.log_partition_.method
    'exact'
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **SHARED,
        "n_hidden": [Interval(Integral, 0, None, closed="left")],
        "graph": [StrOptions({"full", "restricted", "grid"}), "array-like", "sparse matrix", None],
        "learning": [StrOptions({"pcd", "exact", "pseudo_likelihood"})],
        "n_gibbs": [Interval(Integral, 1, None, closed="left")],
        "learning_rate": [Interval(Real, 0, None, closed="neither"), callable],
        "schedule": [StrOptions({"linear", "constant"})],
        "momentum": [Interval(Real, 0, 1, closed="left"), callable],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "n_chains": [Interval(Integral, 1, None, closed="left"), None],
        "l2": [Interval(Real, 0, None, closed="left")],
        "l1": [Interval(Real, 0, None, closed="left")],
        "centered": ["boolean"],
        "temperature": [Interval(Real, 0, None, closed="neither")],
        "binarize": [Interval(Real, None, None, closed="neither"), None],
    }

    def __init__(
        self,
        n_hidden: int = 0,
        *,
        graph: Any = None,
        learning: str = "pcd",
        n_gibbs: int = 5,
        learning_rate: Any = 0.1,
        schedule: str = "linear",
        momentum: Any = 0.9,
        batch_size: int = 100,
        n_chains: int | None = None,
        n_iter: int = 50,
        l2: float = 0.0,
        l1: float = 0.0,
        centered: bool = True,
        temperature: float = 1.0,
        binarize: float | None = None,
        n_jobs: int | None = None,
        callbacks: Any = None,
        verbose: int = 0,
        random_state: Any = None,
    ) -> None:
        self.n_hidden = n_hidden
        self.graph = graph
        self.learning = learning
        self.n_gibbs = n_gibbs
        self.learning_rate = learning_rate
        self.schedule = schedule
        self.momentum = momentum
        self.batch_size = batch_size
        self.n_chains = n_chains
        self.n_iter = n_iter
        self.l2 = l2
        self.l1 = l1
        self.centered = centered
        self.temperature = temperature
        self.binarize = binarize
        self.n_jobs = n_jobs
        self.callbacks = callbacks
        self.verbose = verbose
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Learn from data, forgetting what was learnt before.

        Ctrl-C ends learning after the running update, with a `FitInterruptedWarning` and the last parameters in
        place.

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
        BoltzmannMachine
            This estimator.

        Raises
        ------
        ValueError
            When X, the weights, the graph or a parameter are not as described, or there are too many states to
            enumerate for "exact".
        ebm.training.DivergenceError
            When parameters cease to be finite; those of the last good epoch are kept.
        """
        data = self._read_training(X, sample_weight, reset=True)
        self._start(data, self.n_iter, {"X": X, "y": y}, to_the_end=True)
        return self

    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Learn from one pass over a chunk of data, going on exactly where the last call stopped.

        Calls on the same data equal as many epochs of a `fit` with ``schedule="constant"``.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            A chunk of any size, as in `fit`. "pseudo_likelihood" climbs that of the last chunk only.
        y : None
            Ignored.
        sample_weight : array-like of shape (n_samples,), default=None
            As in `fit`.

        Returns
        -------
        BoltzmannMachine
            This estimator.

        Raises
        ------
        ValueError, ebm.training.DivergenceError
            As in `fit`.
        """
        if not hasattr(self, "coupling_"):
            data = self._read_training(X, sample_weight, reset=True)
            self._start(data, 1, {"X": X, "y": y})
        else:
            self._go_on(self._read_training(X, sample_weight, reset=False), {"X": X, "y": y})
        return self
