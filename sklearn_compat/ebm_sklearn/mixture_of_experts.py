"""Mixtures of Gaussian or Bernoulli components as a scikit-learn density model."""

from __future__ import annotations

import os
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import _fit_context
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted, validate_data

from ebm.boltzmann.mixture import COVARIANCES, BernoulliComponents, GaussianComponents, Mixture
from ebm.boltzmann.mixture_learning import MixtureLearner, best_start
from ebm.boltzmann.units import Bernoulli
from ebm.data import TrainingData
from ebm.storage import ModelFileError
from ebm_sklearn._base import TRAINING_CONSTRAINTS, TrainedEstimator
from ebm_sklearn._convergence import Convergence
from ebm_sklearn._files import take_array
from ebm_sklearn._input import data_digest, warn_outside
from ebm_sklearn._random import draw_random, random_for_sample


class MixtureOfExperts(TrainedEstimator):
    """Mixture of Gaussian or Bernoulli components, learnt by expectation-maximisation.

    A sample comes from one of the components, where in a `ProductOfExperts` it must please all experts at once::

        p(x) = sum_k weights_[k] p_k(x)

    The Gaussian mixture is that of :class:`sklearn.mixture.GaussianMixture`: from the same start both take the same
    steps. That class has more ways to start and to go on; this one has Bernoulli components for binary features,
    sample weights, callbacks, checkpoints and files without pickle. (The gated regression networks that are also called
    mixtures of experts are something else.)

    Parameters
    ----------
    n_components : int, default=1
    component : {"gaussian", "bernoulli"}, default="gaussian"
        Bernoulli components take features in {0, 1}; other values give an `OutOfRangeWarning` outside of [0, 1].
    covariance_type : {"full", "diag", "spherical"}, default="full"
        Of Gaussian components: any covariance, one variance a feature, or one variance.
    n_init : int, default=1
        Starts, each by k-means++ and ten steps; the likeliest goes on.
    n_iter : int, default=100
        Iterations at most.
    tol : float, default=1e-3
        Stop when the mean log-likelihood, in nats, gains less in an iteration. 0 goes on to ``n_iter``.
    reg_covar : float, default=1e-6
        Added to the variances of Gaussian components, lest one collapse onto a single sample. Apart from it
        the likelihood never falls.
    callbacks : list, default=None
        Listeners of `ebm.training`: `Progress`, `EarlyStopping`, `Checkpoint`, or your own.
    verbose : int, default=0
        1 shows a progress bar.
    random_state : int, RandomState instance or None, default=None
        Seeds the starts.

    Attributes
    ----------
    weights_ : ndarray of shape (n_components,)
    means_ : ndarray of shape (n_components, n_features)
        For Bernoulli components the probabilities of ones.
    covariances_ : ndarray
        Only of Gaussian components; of shape (n_components, n_features, n_features) for "full", (n_components,
        n_features) for "diag" and (n_components,) for "spherical".
    converged_ : bool
        Whether the gain fell below ``tol``.
    history_ : list of dict
        One row an iteration: "epoch", "seconds", "log_likelihood", and what callbacks recorded.
    n_iter_ : int
        Iterations done.
    n_features_in_ : int
        Features seen in `fit`.
    feature_names_in_ : ndarray of str
        Their names, when X had names that are all strings.

    See Also
    --------
    ProductOfExperts : Asks all experts at once.
    sklearn.mixture.GaussianMixture : The Gaussian case.

    References
    ----------
    Dempster, Laird & Rubin 1977, "Maximum likelihood from incomplete data via the EM algorithm"; McLachlan & Peel 2000,
    "Finite Mixture Models".

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from ebm_sklearn import MixtureOfExperts
    >>> X = load_digits().data > 7
    >>> mixture = MixtureOfExperts(10, component="bernoulli", random_state=0).fit(X)
    >>> mixture.predict_proba(X).shape
    (1797, 10)
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **{name: kind for name, kind in TRAINING_CONSTRAINTS.items() if name not in ("device", "n_jobs")},
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "component": [StrOptions({"gaussian", "bernoulli"})],
        "covariance_type": [StrOptions(set(COVARIANCES))],
        "n_init": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "reg_covar": [Interval(Real, 0, None, closed="left")],
    }

    weights_: np.ndarray
    means_: np.ndarray
    covariances_: np.ndarray

    def __init__(
        self,
        n_components: int = 1,
        *,
        component: str = "gaussian",
        covariance_type: str = "full",
        n_init: int = 1,
        n_iter: int = 100,
        tol: float = 1e-3,
        reg_covar: float = 1e-6,
        callbacks: Any = None,
        verbose: int = 0,
        random_state: Any = None,
    ) -> None:
        self.n_components = n_components
        self.component = component
        self.covariance_type = covariance_type
        self.n_init = n_init
        self.n_iter = n_iter
        self.tol = tol
        self.reg_covar = reg_covar
        self.callbacks = callbacks
        self.verbose = verbose
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Learn from data, forgetting what was learnt before.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            float32 data is learnt in float32, any other in float64.
        y : None
            Ignored.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of at least 0; a sample of weight 2 counts as if it were there twice.

        Returns
        -------
        MixtureOfExperts
            This estimator.

        Raises
        ------
        ValueError
            When there are more components than samples, a covariance becomes singular, or X, the weights or a
            parameter are not as described.

        Warns
        -----
        sklearn.exceptions.ConvergenceWarning
            When the gain is not below ``tol`` after ``n_iter`` iterations.
        """
        data = TrainingData.from_array(self._read(X, reset=True), sample_weight)
        x, share = data.rows(np.arange(data.n_samples)), data.weights / data.weights.sum()
        random = draw_random(self.random_state)
        kinds = {"component": self.component, "covariance_type": self.covariance_type, "reg_covar": self.reg_covar}
        start = best_start(x, share, self.n_components, random, self.n_init, **kinds)
        watch = Convergence(lambda learner: learner.gain < self.tol)
        memory: dict[str, Any] = {"data": data}
        if self._has_checkpoint():
            drawn = {"seed (drawn from random_state)": random.seed, "data": data_digest(data)}
            memory["fingerprint"] = {**self._what_matters(), **drawn}
        learner = MixtureLearner(start, x, share)
        unless_told = {"converged_": False}
        self._train(learner, self.n_iter, also=unless_told, seen={"X": X, "y": y}, memory=memory, listeners=[watch])
        self.converged_ = watch.reached
        if self.tol > 0:
            watch.warn_unless_reached(self)
        return self

    def _read(self, X: Any, *, reset: bool) -> np.ndarray:
        X = validate_data(self, X, dtype=[np.float64, np.float32], order="C", reset=reset)
        if self.component == "bernoulli":
            warn_outside(X, Bernoulli(), cure="take component='gaussian'")
        return X

    def _fitted_from(self, learner: Any) -> dict[str, Any]:
        return {f"{name}_": array for name, array in learner.state().items()}

    def _model(self) -> Mixture:
        if self.component == "bernoulli":
            return Mixture(self.weights_, BernoulliComponents(self.means_))
        return Mixture(self.weights_, GaussianComponents(self.means_, self.covariances_, reg_covar=self.reg_covar))

    def _rows(self, X: Any) -> np.ndarray:
        check_is_fitted(self)
        return self._read(X, reset=False).astype(self.means_.dtype, copy=False)

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return the responsibilities p(k | x).

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_components), float64
        """
        x = self._rows(X)
        return self._model().responsibilities(x)

    def predict(self, X: Any) -> np.ndarray:
        """Return the likeliest component of every sample.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,), int64
        """
        x = self._rows(X)
        return self._model().log_joint(x).argmax(axis=1)

    def score_samples(self, X: Any) -> np.ndarray:
        """Return the log-density log p(x) of every sample (for Bernoulli components, of its probability), in nats.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,), float64
            Higher is likelier.
        """
        x = self._rows(X)
        return self._model().log_density(x)

    def score(self, X: Any, y: Any = None) -> float:
        """Return the mean of `score_samples`, in nats.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : None
            Ignored.

        Returns
        -------
        float
        """
        return float(np.mean(self.score_samples(X)))

    def bic(self, X: Any) -> float:
        """Return Bayes' information criterion, -2 log-likelihood + n_parameters log n_samples: lower is better.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        float
        """
        values = self.score_samples(X)
        return float(-2 * values.sum() + self._model().n_parameters * np.log(len(values)))

    def aic(self, X: Any) -> float:
        """Return Akaike's information criterion, -2 log-likelihood + 2 n_parameters: lower is better.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        float
        """
        return float(-2 * self.score_samples(X).sum() + 2 * self._model().n_parameters)

    def sample(self, n_samples: int = 1, *, y: Any = None, random_state: Any = None) -> np.ndarray:
        """Draw exact samples.

        Parameters
        ----------
        n_samples : int, default=1
        y : None
            The model has no conditions.
        random_state : int, RandomState instance or None, default=None
            None takes the estimator's own; where that is an integer, every call gives the same samples.

        Returns
        -------
        ndarray of shape (n_samples, n_features)
            In the dtype of `means_`; of all components, in random order.

        Raises
        ------
        ValueError
            When ``n_samples`` is below 1, or y is given.
        """
        random = random_for_sample(self, y, random_state, n_samples=n_samples)
        return self._model().sample(n_samples, random)[0]

    # ---- files ----

    def _saved(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        names = ["weights_", "means_"] + ["covariances_"] * (self.component == "gaussian")
        return {name: getattr(self, name) for name in names}, {"converged": self.converged_}

    def _restore(self, arrays: dict[str, np.ndarray], values: dict[str, Any], path: str | os.PathLike[str]) -> None:
        means = arrays.get("means_")
        if means is None or means.ndim != 2 or 0 in means.shape or means.dtype not in (np.float32, np.float64):
            raise ModelFileError(f"{path} lacks a matrix 'means_' of float32 or float64")
        k, d = means.shape
        needed: dict[str, tuple[int, ...]] = {"means_": (k, d), "weights_": (k,)}
        if self.component == "gaussian":
            needed["covariances_"] = {"full": (k, d, d), "diag": (k, d), "spherical": (k,)}[self.covariance_type]
        for name, shape in needed.items():
            setattr(self, name, take_array(arrays, name, shape, means.dtype, path))
        try:
            self._model().log_joint(self.means_)
        except ValueError as error:
            raise ModelFileError(f"{path}: {error}") from error
        if not isinstance(values.get("converged"), bool):
            raise ModelFileError(f"{path}: whether it converged is {values.get('converged')!r}")
        self.converged_, self.n_features_in_ = values["converged"], d

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "means_")
