"""What a fitted Boltzmann machine can do: features, likelihoods, samples."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted
from threadpoolctl import threadpool_limits

from ebm.boltzmann.boltzmann_machine import BoltzmannMachine as Model
from ebm.boltzmann.graph import Graph
from ebm.boltzmann.graph_enumeration import log_sums, n_enumerated
from ebm.boltzmann.graph_likelihood import log_partition
from ebm.boltzmann.graph_posterior import hidden_mean, posterior_states
from ebm.random import Random, Stream
from ebm.sampling.annealing import LogPartition
from ebm_sklearn._base import TrainedEstimator
from ebm_sklearn._density import DensityWithPartition
from ebm_sklearn._graph_files import parameters_without_graph, restored, saved
from ebm_sklearn._input import by_blocks, by_numbered_blocks, dense, read_samples
from ebm_sklearn._random import at_least_one, draw_random, random_for_sample

AFTER_FIT = 0x9E3779B97F4A7C15  # any constant: seeds that differ give unrelated numbers
BURN_IN = 10  # sweeps of hidden units that are joined to each other, where `gibbs` starts from visible ones


class FittedBoltzmannMachine(ClassNamePrefixFeaturesOutMixin, TransformerMixin, DensityWithPartition, TrainedEstimator):
    """Methods of a fitted machine; the subclass learns ``coupling_``, ``intercept_`` and ``mean_``."""

    coupling_: Any
    intercept_: np.ndarray
    graph_: Graph
    mean_: np.ndarray
    chains_: np.ndarray
    binarize: float | None
    random_state: Any
    _beta: float
    _seed: int  # of the fit
    _weight_seen: float  # sum of the weights behind mean_
    _motion: dict[str, np.ndarray]

    def _model(self) -> Model:
        weights = self.graph_.weights(self.coupling_)
        return Model(self.graph_, weights, self.intercept_, self.n_features_in_, self._beta)

    @contextmanager
    def _limited(self) -> Iterator[int | None]:
        """Hold the kernels to ``n_jobs``, and products of small matrices to one thread."""
        with super()._limited() as n_threads, threadpool_limits(1, "blas"):
            yield n_threads

    def _after_fit(self) -> Random:
        """Random numbers that learning has not used: parameters depend on those that it has."""
        return Random(self._seed ^ AFTER_FIT)

    def _by_rows(
        self, function: Callable[..., np.ndarray], X: Any, apply: Callable[..., np.ndarray] = by_blocks
    ) -> Any:
        X = read_samples(self, X, reset=False, binarize=self.binarize)
        with self._limited():
            return apply(function, X, self.intercept_.dtype)

    def transform(self, X: Any) -> np.ndarray:
        """Return the means of the hidden units given the visible ones.

        Without hidden units it is the mean of each unit given all the others. Exact, unless more than 12 hidden units
        would have to be enumerated: then an average over 100 sweeps of Gibbs sampling with the visible units held,
        which depends on the seed drawn in `fit`.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_hidden), or (n_samples, n_features) without hidden units
            Probabilities, in the dtype of `intercept_`.
        """
        check_is_fitted(self)
        model, random = self._model(), self._after_fit()
        if model.n_hidden:
            return self._by_rows(lambda v, row: hidden_mean(model, v, random, row), X, by_numbered_blocks)
        return self._by_rows(model.conditional_mean, X)

    def energy(self, X: Any) -> np.ndarray:
        """Return the energy of every sample; with hidden units the free energy, in which they are summed out.

        Either way p(v) is proportional to exp(-energy / temperature).

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,), float64

        Raises
        ------
        ValueError
            When more than 25 hidden units would have to be enumerated.
        """
        check_is_fitted(self)
        model = self._model()
        return self._by_rows(lambda v: -log_sums(model, model.visible, v) / model.beta, X)

    def score_samples(self, X: Any) -> np.ndarray:
        """Return the normalised log-likelihood log p(v) of every sample, in nats.

        It needs log Z, which the first call computes and keeps (see `estimate_log_partition` for cost and trust).

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Binary samples. For values between 0 and 1 the result is a continuation, no likelihood.

        Returns
        -------
        ndarray of shape (n_samples,), float64
            Deterministic; higher is likelier.

        Warns
        -----
        UntrustedEstimateWarning
            When the estimate of log Z must not be believed.

        Raises
        ------
        ValueError
            When more than 25 hidden units would have to be enumerated.
        """
        check_is_fitted(self)
        return self._normalised(-self._beta * self.energy(X))

    def estimate_log_partition(
        self, *, n_chains: int = 100, n_temperatures: int = 2000, exact: bool | None = None
    ) -> LogPartition:
        """Compute log Z anew, and keep it for `score_samples`.

        With up to 20 units beside those of one colour it is exact by default; else annealing costs ``n_chains`` times
        ``n_temperatures`` sweeps.

        Parameters
        ----------
        n_chains, n_temperatures : int
            Of annealed importance sampling; more temperatures are the cure for an untrusted estimate.
        exact : bool, default=None
            Enumerate, or do not; None enumerates up to 20 units.

        Returns
        -------
        LogPartition
            A function of the parameters, these numbers and the seed drawn in `fit`.

        Warns
        -----
        UntrustedEstimateWarning
            When the estimate must not be believed.

        Raises
        ------
        ValueError
            When a number is too small, or ``exact`` is asked for and more than 25 units would be enumerated.
        """
        check_is_fitted(self)
        model = self._model()
        most = {None: 2**20, True: 2 ** n_enumerated(model), False: 0}[exact]
        with self._limited():
            estimate = log_partition(
                model,
                means=self._means(),
                random=Random(self._seed).child(Stream.LOG_PARTITION),
                n_chains=n_chains,
                n_temperatures=n_temperatures,
                exact_below=most,
            )
        self._log_partition = estimate
        return estimate

    def _means(self) -> np.ndarray:
        """Means of the units: the data's, and for hidden ones the chains' (or a half)."""
        means = np.full(self.intercept_.size, 0.5)
        if hasattr(self, "chains_"):
            means = self.chains_.mean(axis=0, dtype=np.float64)
        means[: self.n_features_in_] = self.mean_
        return means

    def sample(self, n_samples: int = 1, *, y: Any = None, n_gibbs: int = 200, random_state: Any = None) -> np.ndarray:
        """Draw samples from the model by colour-block Gibbs sampling.

        Chains start at the persistent chains of "pcd" (each serves several samples where there are too few),
        or else at independent units with the data's means, and run ``n_gibbs`` sweeps.

        Parameters
        ----------
        n_samples : int, default=1
        y : None
            The model has no conditions.
        n_gibbs : int, default=200
            Sweeps. A model with separate modes needs more than can be paid: look at `chains_` too.
        random_state : int, RandomState instance or None, default=None
            None takes the estimator's own; where that is an integer, every call gives the same samples.

        Returns
        -------
        ndarray of shape (n_samples, n_features)
            Zeros and ones, in the dtype of `intercept_`.

        Raises
        ------
        ValueError
            When a number is below 1, or y is given.
        """
        random = random_for_sample(self, y, random_state, n_samples=n_samples, n_gibbs=n_gibbs)
        model = self._model()
        if hasattr(self, "chains_"):
            order = random.permutation(len(self.chains_), 0)
            states = self.chains_[order[np.arange(n_samples) % len(order)]]
        else:
            u = random.uniform((n_samples, model.n_units), Stream.GRAPH_CHAINS)
            states = (u < self._means()).astype(model.dtype)
        with self._limited():
            return model.gibbs(states, n_gibbs, random)[:, model.visible_units]

    def gibbs(self, X: Any, *, n_gibbs: int = 1, clamped: Any = None, random_state: Any = None) -> np.ndarray:
        """Move samples by sweeps of colour-block Gibbs sampling, all features or those that are not clamped.

        Hidden units are first drawn given the visible ones.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Visible states to start from.
        n_gibbs : int, default=1
            Sweeps.
        clamped : bool array-like of shape (n_features,), default=None
            Features that stay as they are; after many sweeps the others have their distribution given these: a
            picture is completed.
        random_state : int, RandomState instance or None, default=None
            None takes the estimator's own; where that is an integer, every call draws the same.

        Returns
        -------
        ndarray of shape (n_samples, n_features)
            In the dtype of `intercept_`.

        Raises
        ------
        ValueError
            When ``n_gibbs`` is below 1, or ``clamped`` is no mask of the features.
        """
        check_is_fitted(self)
        at_least_one(n_gibbs=n_gibbs)
        held = _mask(clamped, self.n_features_in_)
        random = draw_random(self.random_state if random_state is None else random_state, "gibbs")
        X, model = read_samples(self, X, reset=False, binarize=self.binarize), self._model()
        v = dense(X, model.dtype)
        with self._limited():
            states = posterior_states(model, v, random, BURN_IN)
            held = np.append(held, np.zeros(model.n_hidden, bool))
            return model.gibbs(states, n_gibbs, random, clamped=held if held.any() else None)[:, model.visible_units]

    def _saved(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        return saved(self)

    def _saved_parameters(self) -> dict[str, Any]:
        return parameters_without_graph(self)

    def _restore(self, arrays: dict[str, np.ndarray], values: dict[str, Any], path: str | os.PathLike[str]) -> None:
        for name, value in restored(arrays, values, path).items():
            setattr(self, name, value)

    # ---- what scikit-learn asks ----

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "coupling_")

    @property
    def _n_features_out(self) -> int:
        return self.intercept_.size - self.n_features_in_ or self.n_features_in_

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def _mask(clamped: Any, n: int) -> np.ndarray:
    if clamped is None:
        return np.zeros(n, bool)
    mask = np.asarray(clamped)
    if mask.shape != (n,) or mask.dtype != bool:
        raise ValueError(f"clamped must be a bool mask of shape ({n},), one a feature; got {mask.dtype}{mask.shape}")
    return mask
