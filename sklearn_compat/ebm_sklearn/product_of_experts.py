"""Products of experts, independent component analysis among them, as a scikit-learn transformer and density model."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any, ClassVar, Self

from sklearn.base import _fit_context
from sklearn.utils._param_validation import Interval, StrOptions

from ebm_sklearn._base import TRAINING_CONSTRAINTS
from ebm_sklearn._product_learning import LearningProduct


class ProductOfExperts(LearningProduct):
    """Product of one-dimensional experts; with as many experts as features, independent component analysis.

    Every expert looks at one projection of a sample, its activation, and its dislike of large activations grows
    slower than a Gaussian's::

        p(x) = exp(-E(x)) / Z,   E(x) = sum_j exponents_[j] phi(y_j),   y = intercept_ + components_ . (x - mean_)
        Student-t   phi(y) = log(1 + y^2 / 2)
        logistic    phi(y) = log(1 + e^y) + log(1 + e^-y)

    A sample must please all experts at once: the product is sharper than each, where a mixture is broader. With
    fewer experts than features, what no expert looks at has a Gaussian distribution, of unit variance after whitening.

    `transform` gives the activations y: with as many experts as features these are the independent sources, and
    `inverse_transform` mixes them again. `score_samples` is the normalised log-density log p(x).

    Parameters
    ----------
    n_experts : int, default=None
        Experts; as many as features by default.
    expert : {"student_t", "logistic"}, default="student_t"
        Both have heavier tails than a Gaussian, so sources with lighter ones (a uniform distribution) are
        not found. "logistic" with exponent 1 is the prior of Infomax.
    learning : {"auto", "ml", "cd", "pcd"}, default="auto"
        Maximum likelihood by L-BFGS on all samples, which needs at most as many experts as features;
        contrastive divergence; or persistent contrastive divergence. "auto" is "ml" where it can be, else "cd".
    exponent : float, default=None
        Exponent of every expert at first: 2 for "student_t" (three degrees of freedom) and 1 for "logistic" by
        default. Above 1/2 for "student_t", above 0 for "logistic".
    learn_exponents : bool, default=False
        Learn the exponents too: how heavy the tails are. Where the best value is a limit (0 for logistic experts
        of Laplace's sources, infinity for any of Gaussian ones) they approach it without an end.
    whiten : bool, default=True
        Learn in coordinates in which features have unit variance and no correlation; X must have full rank.
        False divides all of X by one number only. What is shown and returned is in the units of X either way.
    sampler : {"hamiltonian", "gibbs"}, default="hamiltonian"
        How chains move: Hamiltonian Monte Carlo, or Gibbs sampling of the scales of Student-t experts, which
        mixes faster and costs the cube of the number of features a chain.
    n_moves : int, default=1
        Moves an update, of "cd" and "pcd".
    n_leapfrog : int, default=10
        Leapfrog steps of a Hamiltonian move; 1 is the Metropolis-adjusted Langevin algorithm. While learning their size
        adapts until nine in ten moves are accepted.
    learning_rate : float or callable, default=0.05
        Of "cd" and "pcd": rate of the first update, or a schedule of `ebm.optimizers.schedules`.
    schedule : {"linear", "constant"}, default="linear"
        How a numeric ``learning_rate`` goes on in `fit`: it falls evenly to 0, or stays. `partial_fit` keeps it.
    momentum : float or callable, default=0.5
        Of "cd" and "pcd": share of the last step that is added to the next, or a schedule.
    batch_size : int, default=100
        Samples an update, of "cd" and "pcd".
    n_chains : int, default=None
        Persistent chains of "pcd"; as many as ``batch_size`` by default.
    n_iter : int, default=100
        Passes over the data in `fit`: at most so many iterations of "ml", exactly so many of "cd" and "pcd".
    tol : float, default=1e-5
        "ml" stops when no entry of the gradient of the mean log-likelihood is larger.
    l2 : float, default=0.0
        Weight decay, in whitened coordinates.
    n_jobs : int, default=None
        Threads. None takes all cores that the process may use, but 1 inside a joblib worker; -1 takes all,
        -2 all but one. Results do not depend on it.
    callbacks : list, default=None
        Listeners of `ebm.training`: `Progress`, `EarlyStopping`, `Checkpoint`, or your own.
    verbose : int, default=0
        1 shows a progress bar.
    random_state : int, RandomState instance or None, default=None
        Seeds weights, order of the samples, chains and the estimate of log Z.

    Attributes
    ----------
    components_ : ndarray of shape (n_experts, n_features)
        What each expert looks at: the unmixing matrix of independent component analysis.
    intercept_ : ndarray of shape (n_experts,)
        Added to the activations.
    exponents_ : ndarray of shape (n_experts,)
        How much each expert counts.
    mean_ : ndarray of shape (n_features,)
        Weighted mean of the data of `fit`, or of the first `partial_fit`.
    whitening_ : ndarray of shape (n_features, n_features)
        K of the whitened coordinates ``(x - mean_) K``, from the same data.
    mixing_ : ndarray of shape (n_features, n_experts)
        Pseudo-inverse of ``components_``. See the property.
    history_ : list of dict
        One row an iteration: "epoch", "seconds", "log_likelihood" where it is exact, and what callbacks recorded.
    n_iter_ : int
        Iterations done, all calls of `partial_fit` included.
    n_features_in_ : int
        Features seen in `fit`.
    feature_names_in_ : ndarray of str
        Their names, when X had names that are all strings.
    log_partition_ : ebm.sampling.annealing.LogPartition
        log Z with its error and verdict. See the property.

    See Also
    --------
    MixtureOfExperts : Asks one expert at a time.
    sklearn.decomposition.FastICA : Independent components by another criterion, with no density.

    References
    ----------
    Hinton 2002 (doi:10.1162/089976602760128018); Teh, Welling, Osindero & Hinton 2003, "Energy-based models for sparse
    overcomplete representations" (JMLR 4); Bell & Sejnowski 1995 (doi:10.1162/neco.1995.7.6.1129) for the square case.

    Examples
    --------
    >>> import numpy as np
    >>> from ebm_sklearn import ProductOfExperts
    >>> sources = np.random.default_rng(0).laplace(size=(2000, 2))
    >>> X = sources @ np.array([[1.0, 0.5], [-0.3, 2.0]])
    >>> found = ProductOfExperts(random_state=0).fit_transform(X)
    >>> np.abs(np.corrcoef(found.T, sources.T)[:2, 2:]).max(axis=1) > 0.99
    array([ True,  True])
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **{name: kind for name, kind in TRAINING_CONSTRAINTS.items() if name != "device"},
        "n_experts": [Interval(Integral, 1, None, closed="left"), None],
        "expert": [StrOptions({"student_t", "logistic"})],
        "learning": [StrOptions({"auto", "ml", "cd", "pcd"})],
        "exponent": [Interval(Real, 0, None, closed="neither"), None],
        "learn_exponents": ["boolean"],
        "whiten": ["boolean"],
        "sampler": [StrOptions({"hamiltonian", "gibbs"})],
        "n_moves": [Interval(Integral, 1, None, closed="left")],
        "n_leapfrog": [Interval(Integral, 1, None, closed="left")],
        "learning_rate": [Interval(Real, 0, None, closed="neither"), callable],
        "schedule": [StrOptions({"linear", "constant"})],
        "momentum": [Interval(Real, 0, 1, closed="left"), callable],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "n_chains": [Interval(Integral, 1, None, closed="left"), None],
        "tol": [Interval(Real, 0, None, closed="left")],
        "l2": [Interval(Real, 0, None, closed="left")],
    }

    def __init__(
        self,
        n_experts: int | None = None,
        *,
        expert: str = "student_t",
        learning: str = "auto",
        exponent: float | None = None,
        learn_exponents: bool = False,
        whiten: bool = True,
        sampler: str = "hamiltonian",
        n_moves: int = 1,
        n_leapfrog: int = 10,
        learning_rate: Any = 0.05,
        schedule: str = "linear",
        momentum: Any = 0.5,
        batch_size: int = 100,
        n_chains: int | None = None,
        n_iter: int = 100,
        tol: float = 1e-5,
        l2: float = 0.0,
        n_jobs: int | None = None,
        callbacks: Any = None,
        verbose: int = 0,
        random_state: Any = None,
    ) -> None:
        self.n_experts = n_experts
        self.expert = expert
        self.learning = learning
        self.exponent = exponent
        self.learn_exponents = learn_exponents
        self.whiten = whiten
        self.sampler = sampler
        self.n_moves = n_moves
        self.n_leapfrog = n_leapfrog
        self.learning_rate = learning_rate
        self.schedule = schedule
        self.momentum = momentum
        self.batch_size = batch_size
        self.n_chains = n_chains
        self.n_iter = n_iter
        self.tol = tol
        self.l2 = l2
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
        X : array-like of shape (n_samples, n_features)
            At least two samples. float32 data is learnt in float32, any other in float64.
        y : None
            Ignored.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of at least 0; a sample of weight 2 counts as if it were there twice.

        Returns
        -------
        ProductOfExperts
            This estimator.

        Raises
        ------
        ValueError
            When X has not full rank and ``whiten`` or "ml" ask for it; when "ml" is asked for more experts
            than features; when X, the weights or a parameter are not as described.
        ebm.training.DivergenceError
            When parameters cease to be finite; those of the last good epoch are kept.

        Warns
        -----
        sklearn.exceptions.ConvergenceWarning
            When "ml" has not converged after ``n_iter`` iterations.
        """
        self._begin(X, y, sample_weight, self.n_iter, to_the_end=True)
        return self

    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Learn from one pass over a chunk of data, going on exactly where the last call stopped.

        Calls on the same data equal as many iterations of a `fit`, with ``schedule="constant"`` for "cd" and
        "pcd". Mean and whitening are those of the first chunk.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            A chunk; the first must have full rank, as in `fit`.
        y : None
            Ignored.
        sample_weight : array-like of shape (n_samples,), default=None
            As in `fit`.

        Returns
        -------
        ProductOfExperts
            This estimator.

        Raises
        ------
        ValueError, ebm.training.DivergenceError
            As in `fit`.
        """
        if not hasattr(self, "components_"):
            self._begin(X, y, sample_weight, 1, to_the_end=False)
        else:
            self._go_on(X, y, sample_weight)
        return self
