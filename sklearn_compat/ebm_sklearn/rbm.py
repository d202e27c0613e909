"""The restricted Boltzmann machine as a scikit-learn transformer and density model."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any, ClassVar, Self

from sklearn.base import _fit_context
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions

from ebm.boltzmann.rule import LEARNING
from ebm_sklearn._base import TRAINING_CONSTRAINTS
from ebm_sklearn._rbm_learning import LearningRBM


class RBM(LearningRBM):
    """Restricted Boltzmann machine.

    A joint distribution of visible units v (the features) and hidden units h (the components)::

        p(v, h) = m(v) m(h) exp(intercept_visible_ . v + intercept_hidden_ . h + h . components_ . v) / Z

    where the base measure m depends on the types of the units, and is 1 for binary ones. `transform` gives E[h | v],
    `inverse_transform` E[v | h], `sample` draws new v, and `score_samples` is the normalised log-likelihood log p(v).
    With binary units, values between 0 and 1 (grey pixels) are taken for probabilities.

    Parameters
    ----------
    n_components : int, default=256
        Hidden units.
    visible, hidden : {"bernoulli", "spin", "gaussian", "relu", "noisy_relu"} or unit type, default="bernoulli"
        What features and components are: binary {0, 1}; spins {-1, 1}; real, with normal noise whose means and
        variances are learnt (hidden ones have variance 1); rectified, as a normal distribution cut at 0 or as
        max(0, x + N(0, sigma(x))). Counts and categories take objects of `ebm.boltzmann.unit_types`: ``Binomial(n)``
        for 0 to n, ``Categorical(q)`` for q neighbouring columns of which one is 1.
    learning : {"pcd", "cd", "fpcd", "pt", "exact"}, default="pcd"
        Persistent contrastive divergence, contrastive divergence from the data, persistent chains that fast
        weights drive on, parallel tempering (persistent chains that change places with hotter ones and so cross
        between modes, at ``n_temperatures`` times the cost of "pcd"), or the exact gradient by enumeration (one layer
        of at most 2^25 states).
    n_gibbs : int, default=1
        Sweeps of Gibbs sampling an update, the k of CD-k and PCD-k.
    learning_rate : float or callable, default=0.1
        Rate of the first update, or a schedule of `ebm.optimizers.schedules` such as ``Exponential(0.1,
        0.001)``: a function of progress in [0, 1].
    schedule : {"linear", "constant"}, default="linear"
        How a numeric ``learning_rate`` goes on in `fit`: it falls evenly to 0, without which persistent
        chains leave the likelihood tens of nats below what it can be, or stays. `partial_fit`, which cannot
        know when it ends, keeps it.
    momentum : float or callable, default=0.5
        Share of the last step that is added to the next, or a schedule.
    batch_size : int, default=50
        Samples an update.
    n_chains : int, default=None
        Persistent chains of "pcd", "fpcd" and "pt"; as many as ``batch_size`` by default.
    n_temperatures : int, default=10
        Replicas of each chain of "pt", at inverse temperatures evenly from 0 to 1.
    n_iter : int, default=50
        Passes over the data in `fit`.
    l2 : float, default=1e-3
        Weight decay: the gradient loses ``l2 * components_``.
    l1 : float, default=0.0
        Sparsifying decay: the gradient loses ``l1 * sign(components_)``.
    centered : bool, default=True
        Take the gradient about moving averages of the units' means, which learns better and does not depend
        on whether ones or zeros are the background.
    binarize : float, default=None
        Turn features above this threshold into 1 and others into 0, in every method; for binary visible units.
        With None, values that the visible units cannot have give an `OutOfRangeWarning` and are used as they are.
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
    components_ : ndarray of shape (n_components, n_features)
        Weights, as they stand in p(v, h). (Categorical hidden units have q rows each.) Of real features,
        ``components_ * noise_variance_`` is by how much a hidden unit moves the mean.
    intercept_hidden_ : ndarray of shape (n_components,)
        Biases of the hidden units.
    intercept_visible_ : ndarray of shape (n_features,)
        Biases of the visible units.
    noise_variance_ : ndarray of shape (n_features,)
        Variance of the features given the hidden units; only for "gaussian" and "relu" visible units.
    mean_ : ndarray of shape (n_features,)
        Weighted mean of the data seen.
    chains_ : ndarray of shape (n_chains, n_components)
        Hidden states of the persistent chains ("fantasy particles"); not for "cd" and "exact".
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
    (doi:10.1145/1390156.1390290), PCD; Tieleman & Hinton 2009 (doi:10.1145/1553374.1553506), fast PCD; Desjardins,
    Courville, Bengio, Vincent & Delalleau 2010 (AISTATS), tempering; Melchior, Fischer & Wiskott 2016 (JMLR 17:99),
    centring; Welling, Rosen-Zvi & Hinton 2005, "Exponential family harmoniums".

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
        "visible": [str, HasMethods(["sample", "cumulant"])],
        "hidden": [str, HasMethods(["sample", "cumulant"])],
        "learning": [StrOptions(set(LEARNING))],
        "n_gibbs": [Interval(Integral, 1, None, closed="left")],
        "learning_rate": [Interval(Real, 0, None, closed="neither"), callable],
        "schedule": [StrOptions({"linear", "constant"})],
        "momentum": [Interval(Real, 0, 1, closed="left"), callable],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "n_chains": [Interval(Integral, 1, None, closed="left"), None],
        "n_temperatures": [Interval(Integral, 2, None, closed="left")],
        "l2": [Interval(Real, 0, None, closed="left")],
        "l1": [Interval(Real, 0, None, closed="left")],
        "centered": ["boolean"],
        "binarize": [Interval(Real, None, None, closed="neither"), None],
    }

    def __init__(
        self,
        n_components: int = 256,
        *,
        visible: Any = "bernoulli",
        hidden: Any = "bernoulli",
        learning: str = "pcd",
        n_gibbs: int = 1,
        learning_rate: Any = 0.1,
        schedule: str = "linear",
        momentum: Any = 0.5,
        batch_size: int = 50,
        n_chains: int | None = None,
        n_temperatures: int = 10,
        n_iter: int = 50,
        l2: float = 1e-3,
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
        self.visible = visible
        self.hidden = hidden
        self.learning = learning
        self.n_gibbs = n_gibbs
        self.learning_rate = learning_rate
        self.schedule = schedule
        self.momentum = momentum
        self.batch_size = batch_size
        self.n_chains = n_chains
        self.n_temperatures = n_temperatures
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
            Samples with values that the visible units can have ([0, 1] for binary ones), or any that ``binarize``
            makes so. float32 data is learnt in float32, float64 and integers in float64, bool and uint8 in float32.
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
        self._start(data, self.n_iter, {"X": X, "y": y}, rule=self._rule(to_the_end=True))
        return self

    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Learn from one pass over a chunk of data, going on exactly where the last call stopped.

        Calls on the same data equal as many epochs of a `fit` with ``schedule="constant"``. Weights, momentum,
        moving averages and chains
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
        if not hasattr(self, "components_"):
            data = self._read_training(X, sample_weight, reset=True)
            self._start(data, 1, {"X": X, "y": y}, rule=self._rule())
        else:
            self._go_on(self._read_training(X, sample_weight, reset=False), {"X": X, "y": y})
        return self
