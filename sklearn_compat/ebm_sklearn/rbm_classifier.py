"""The classification restricted Boltzmann machine as a scikit-learn classifier, transformer and density model."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import _fit_context
from sklearn.utils._param_validation import Interval, StrOptions

from ebm_sklearn._base import TRAINING_CONSTRAINTS
from ebm_sklearn._rbm_classifier_learning import LearningRBMClassifier


class RBMClassifier(LearningRBMClassifier):
    """Restricted Boltzmann machine that classifies, and draws samples of a class.

    A joint distribution of binary visible units v (the features), hidden units h (the components) and a class y::

        p(v, y, h) = exp(b . v + c . h + d_y + h . (components_ v) + label_weights_[y] . h) / Z

    `predict_proba` is p(y | v), exact. `transform` gives E[h | v], `sample` draws new v, of a given class or of any,
    and `score_samples` is log p(v). Values between 0 and 1 (grey pixels) are taken for probabilities.

    Parameters
    ----------
    n_components : int, default=256
        Hidden units.
    objective : {"hybrid", "discriminative", "generative"}, default="hybrid"
        What grows: the mean of log p(y | v) ("discriminative"), of log p(v, y) ("generative"), or of log p(y | v) +
        ``generative_weight`` log p(v, y), in which the second part regularises the first. With "discriminative" p(v)
        is not learnt, and samples and `score_samples` say nothing about the data.
    generative_weight : float, default=0.01
        Weight of log p(v, y) in "hybrid"; log p(v) is of the order of the number of features, so it is small.
    learning : {"pcd", "cd", "exact"}, default="pcd"
        Where the model's part of the generative gradient comes from: persistent chains of (v, y, h), chains from the
        data, or enumeration (one layer of at most 25 units).
    n_gibbs : int, default=1
        Sweeps of Gibbs sampling an update, the k of CD-k and PCD-k.
    learning_rate : float, callable or None, default=None
        Rate of the first update, or a schedule of `ebm.optimizers.schedules` such as ``Linear(0.5, 0.0)``. None is 2,
        or so much less that ``learning_rate`` times the weight of the generative part is 0.05.
    schedule : {"linear", "constant"}, default="linear"
        How a numeric ``learning_rate`` goes on in `fit`: it falls evenly to 0, or stays. `partial_fit`, which cannot
        know when it ends, keeps it.
    momentum : float or callable, default=0.9
        Share of the last step that is added to the next, or a schedule.
    batch_size : int, default=50
        Samples an update.
    n_chains : int, default=None
        Persistent chains of "pcd"; as many as ``batch_size`` by default.
    n_iter : int, default=50
        Passes over the data in `fit`.
    l2 : float, default=1e-4
        Weight decay: the gradient loses ``l2`` times the weights of features and classes.
    l1 : float, default=0.0
        Sparsifying decay, by the signs of these weights.
    centered : bool, default=True
        Take the gradient, decay included, about moving averages of the units' means.
    class_weight : dict, "balanced" or None, default=None
        Factors of the samples' weights by class; "balanced" makes all classes weigh the same (not in `partial_fit`).
    unlabeled : label, default=None
        What samples without a label have for y; -1 in scikit-learn's convention. They add ``generative_weight`` log
        p(v). With None every sample has a label.
    binarize : float, default=None
        Turn features above this threshold into 1 and others into 0, in every method. With None, values
        outside [0, 1] give an `OutOfRangeWarning` and are used as they are.
    device : {"cpu", "cuda", "auto"}, default="cpu"
        Where `fit` runs. "cuda" needs the extra ``numba-ebm[cuda]`` and a GPU, and raises without.
    n_jobs : int, default=None
        Threads. None takes all cores that the process may use, but 1 inside a joblib worker; -1 takes all,
        -2 all but one. Results do not depend on it.
    callbacks : list, default=None
        Listeners of `ebm.training`: `Progress`, `EarlyStopping`, `Checkpoint`, `ClassificationMonitor`, other
        monitors, or your own.
    verbose : int, default=0
        1 shows a progress bar.
    random_state : int, RandomState instance or None, default=None
        Seeds weights, order of the samples, Gibbs sampling and the estimate of log Z.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels, sorted.
    components_ : ndarray of shape (n_components, n_features)
        Weights of the features.
    label_weights_ : ndarray of shape (n_classes, n_components)
        Weights of the classes.
    intercept_hidden_ : ndarray of shape (n_components,)
        Biases c of the hidden units.
    intercept_visible_ : ndarray of shape (n_features,)
        Biases b of the visible units.
    intercept_label_ : ndarray of shape (n_classes,)
        Biases d of the classes.
    mean_ : ndarray of shape (n_features,)
        Weighted mean of the data seen.
    class_mean_ : ndarray of shape (n_classes, n_features)
        The same of every class.
    chains_ : ndarray of shape (n_chains, n_components)
        Hidden states of the persistent chains; only for "pcd" with a generative part.
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
    RBM : The same without classes, faster to learn.

    References
    ----------
    Larochelle & Bengio 2008 (doi:10.1145/1390156.1390224); Larochelle, Mandel, Pascanu & Bengio 2012 (JMLR 13:643);
    Melchior, Fischer & Wiskott 2016 (JMLR 17:99), centring.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from ebm_sklearn import RBMClassifier
    >>> X, y = load_digits(return_X_y=True)
    >>> classifier = RBMClassifier(n_components=64, n_iter=20, random_state=0).fit(X[:1000] / 16, y[:1000])
    >>> bool(classifier.score(X[1000:] / 16, y[1000:]) > 0.9)
    True
    >>> classifier.sample(5, y=3).shape
    (5, 64)
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **TRAINING_CONSTRAINTS,
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "objective": [StrOptions({"hybrid", "discriminative", "generative"})],
        "generative_weight": [Interval(Real, 0, None, closed="neither")],
        "learning": [StrOptions({"pcd", "cd", "exact"})],
        "n_gibbs": [Interval(Integral, 1, None, closed="left")],
        "learning_rate": [Interval(Real, 0, None, closed="neither"), callable, None],
        "schedule": [StrOptions({"linear", "constant"})],
        "momentum": [Interval(Real, 0, 1, closed="left"), callable],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "n_chains": [Interval(Integral, 1, None, closed="left"), None],
        "l2": [Interval(Real, 0, None, closed="left")],
        "l1": [Interval(Real, 0, None, closed="left")],
        "centered": ["boolean"],
        "class_weight": [dict, StrOptions({"balanced"}), None],
        "unlabeled": [Real, str, "boolean", None],
        "binarize": [Interval(Real, None, None, closed="neither"), None],
    }

    def __init__(
        self,
        n_components: int = 256,
        *,
        objective: str = "hybrid",
        generative_weight: float = 0.01,
        learning: str = "pcd",
        n_gibbs: int = 1,
        learning_rate: Any = None,
        schedule: str = "linear",
        momentum: Any = 0.9,
        batch_size: int = 50,
        n_chains: int | None = None,
        n_iter: int = 50,
        l2: float = 1e-4,
        l1: float = 0.0,
        centered: bool = True,
        class_weight: Any = None,
        unlabeled: Any = None,
        binarize: float | None = None,
        device: Any = "cpu",
        n_jobs: int | None = None,
        callbacks: Any = None,
        verbose: int = 0,
        random_state: Any = None,
    ) -> None:
        self.n_components = n_components
        self.objective = objective
        self.generative_weight = generative_weight
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
        self.class_weight = class_weight
        self.unlabeled = unlabeled
        self.binarize = binarize
        self.device = device
        self.n_jobs = n_jobs
        self.callbacks = callbacks
        self.verbose = verbose
        self.random_state = random_state

    # ---- learning ----

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Learn from data, forgetting what was learnt before.

        Ctrl-C ends learning within a second, with a `FitInterruptedWarning` and the last parameters in place.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples with values in [0, 1], or any that ``binarize`` makes so. float32 data is learnt in
            float32, float64 and integers in float64, bool and uint8 in float32.
        y : array-like of shape (n_samples,)
            Labels of at least two classes, numbers or strings; ``unlabeled`` where there is none.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of at least 0; a sample of weight 2 counts as if it were there twice.

        Returns
        -------
        RBMClassifier
            This estimator.

        Raises
        ------
        ValueError
            When X, y, the weights or a parameter are not as described.
        ebm.training.DivergenceError
            When parameters cease to be finite; those of the last good epoch are kept.
        """
        given = self._read(X, y, sample_weight, reset=True)
        self._start(given, self.n_iter, {"X": X, "y": y}, rule=self._rule(to_the_end=True))
        return self

    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> Self:
        """Learn from one pass over a chunk of data, going on exactly where the last call stopped.

        Calls on the same data equal as many epochs of a `fit` with ``schedule="constant"``. Weights, momentum,
        moving averages and chains are carried over; the first chunk's means set the first biases.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            A chunk of any size, as in `fit`.
        y : array-like of shape (n_samples,)
            Its labels.
        classes : array-like of shape (n_classes,), default=None
            All labels that will ever come; needed in the first call.
        sample_weight : array-like of shape (n_samples,), default=None
            As in `fit`.

        Returns
        -------
        RBMClassifier
            This estimator.

        Raises
        ------
        ValueError, ebm.training.DivergenceError
            As in `fit`; also when ``classes`` is missing or changes, or y has others.
        """
        first = not hasattr(self, "classes_")
        if self.class_weight == "balanced":
            raise ValueError("class_weight='balanced' cannot be known in partial_fit: give a dict, or sample_weight")
        if first and classes is None:
            raise ValueError("classes must be given in the first call of partial_fit: all labels that will come")
        if not first and classes is not None and not np.array_equal(np.unique(classes), self.classes_):
            raise ValueError(f"classes={classes!r} are not those of the first call, {self.classes_.tolist()}")
        known = classes if first else self.classes_
        given = self._read(X, y, sample_weight, reset=first, classes=known)
        if first:
            self._start(given, 1, {"X": X, "y": y}, rule=self._rule())
        else:
            self._go_on(given, {"X": X, "y": y})
        return self
