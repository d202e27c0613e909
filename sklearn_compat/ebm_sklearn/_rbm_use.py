"""What a fitted restricted Boltzmann machine can do: features, likelihoods, samples."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_array, check_is_fitted

from ebm.boltzmann.enumeration import fewest_states
from ebm.boltzmann.likelihood import bridge_log_partition, log_partition, reverse_log_partition
from ebm.boltzmann.rbm import RBM as Model
from ebm.boltzmann.unit_types import as_unit
from ebm.boltzmann.units import Unit
from ebm.random import Random, Stream
from ebm.sampling.annealing import LogPartition
from ebm.sampling.gibbs import gibbs
from ebm_sklearn._base import TrainedEstimator
from ebm_sklearn._density import DensityWithPartition
from ebm_sklearn._input import by_blocks, dense, read_samples
from ebm_sklearn._random import at_least_one, draw_random, random_for_sample
from ebm_sklearn._rbm_files import restored, saved


class FittedRBM(ClassNamePrefixFeaturesOutMixin, TransformerMixin, DensityWithPartition, TrainedEstimator):
    """Methods of a fitted RBM; the subclass learns ``components_``, both intercepts and ``mean_``."""

    components_: np.ndarray
    intercept_hidden_: np.ndarray
    intercept_visible_: np.ndarray
    mean_: np.ndarray
    chains_: np.ndarray
    noise_variance_: np.ndarray
    visible: str | Unit
    hidden: str | Unit
    binarize: float | None
    random_state: Any
    _seed: int  # of the fit: the estimate of log Z draws under a seed of its own, drawn from this one
    _weight_seen: float  # sum of the weights behind mean_

    def _units(self) -> tuple[Unit, Unit]:
        return as_unit(self.visible, "visible"), as_unit(self.hidden, "hidden")

    def _model(self) -> Model:
        visible, hidden = self._units()
        if hasattr(self, "noise_variance_"):
            visible = replace(visible, precision=1 / self.noise_variance_)  # type: ignore[type-var]
        return Model(self.components_.T, self.intercept_visible_, self.intercept_hidden_, visible, hidden)

    def _by_rows(self, function: Callable[[np.ndarray], np.ndarray], X: Any) -> np.ndarray:
        X = read_samples(self, X, reset=False, binarize=self.binarize, unit=self._units()[0])
        with self._limited():
            return by_blocks(function, X, self.components_.dtype)

    def transform(self, X: Any) -> np.ndarray:
        """Return the means of the hidden units given the visible ones, E[h | v].

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_components)
            Probabilities where units are binary, in the dtype of `components_`.
        """
        check_is_fitted(self)
        return self._by_rows(self._model().hidden_mean, X)

    def inverse_transform(self, X: Any) -> np.ndarray:
        """Return the means of the visible units given the hidden ones, E[v | h].

        Parameters
        ----------
        X : array-like of shape (n_samples, n_components)
            Hidden states or means, as `transform` returns them.

        Returns
        -------
        ndarray of shape (n_samples, n_features)
            Probabilities where units are binary.

        Raises
        ------
        ValueError
            When X has another number of columns than `transform` returns.
        """
        check_is_fitted(self)
        h = check_array(X, dtype=self.components_.dtype, order="C", input_name="X", estimator=self)
        if h.shape[1] != len(self.components_):
            raise ValueError(
                f"X has {h.shape[1]} columns, but this {type(self).__name__} has {len(self.components_)} components"
            )
        with self._limited():
            return self._model().visible_mean(h)

    def score_samples(self, X: Any) -> np.ndarray:
        """Return the normalised log-likelihood log p(v) of every sample, in nats.

        It needs log Z, which the first call estimates and keeps (see `estimate_log_partition` for cost and trust).

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples of the visible units' values. For binary units and values between 0 and 1 the result is a
            continuation, no likelihood; for real units it is a density.

        Returns
        -------
        ndarray of shape (n_samples,), float64
            Deterministic; higher is likelier.

        Warns
        -----
        UntrustedEstimateWarning
            When the estimate of log Z must not be believed.
        """
        check_is_fitted(self)
        free_energy = self._by_rows(self._model().free_energy, X).astype(np.float64)
        return self._normalised(-free_energy)

    def estimate_log_partition(
        self,
        *,
        n_chains: int = 100,
        n_temperatures: int = 10_000,
        exact: bool | None = None,
        method: str = "ais",
        temperatures: str = "fixed",
        n_gibbs: int = 1000,
    ) -> LogPartition:
        """Estimate log Z anew, and keep it for `score_samples`.

        With up to 2^20 states of one layer it is exact by default and takes seconds at most; else annealing costs a
        million sweeps of Gibbs (100 chains, 10,000 temperatures): some ten seconds for 784 x 256 units on two cores.

        Parameters
        ----------
        n_chains, n_temperatures : int
            Of annealed importance sampling; more temperatures are the cure for an untrusted estimate.
        exact : bool, default=None
            Enumerate the layer with fewer states, or do not; None enumerates up to 2^20.
        method : {"ais", "reverse_ais", "bridge"}, default="ais"
            Annealing from independent units to the model, on average too small; from samples of the model back, on
            average too large; or both ways, ``n_chains`` each, joined by Bennett's ratio: twice the cost, a smaller
            error, and trusted only where both agree. Samples of the model come from Gibbs sampling as in `sample`;
            where that does not reach them, a reverse run is no bound, and a bridge is off.
        temperatures : {"fixed", "adaptive"}, default="fixed"
            Denser towards the model, or placed by a pilot run so that every step adds the same variance to the
            weights.
        n_gibbs : int, default=1000
            Sweeps of Gibbs sampling before a reverse run.

        Returns
        -------
        LogPartition
            A function of the parameters, these arguments and the seed drawn in `fit`.

        Warns
        -----
        UntrustedEstimateWarning
            When the estimate must not be believed.

        Raises
        ------
        ValueError
            When a number is too small, a name is none of those above, or ``exact`` is asked for and both layers have
            more than 2^25 states.
        """
        check_is_fitted(self)
        if method not in ("ais", "reverse_ais", "bridge"):
            raise ValueError(f"method must be 'ais', 'reverse_ais' or 'bridge', got {method!r}")
        if temperatures not in ("fixed", "adaptive"):
            raise ValueError(f"temperatures must be 'fixed' or 'adaptive', got {temperatures!r}")
        at_least_one(n_chains=n_chains, n_gibbs=n_gibbs)
        most = {None: 2**20, True: np.inf, False: 0}[exact]
        model, random = self._model(), Random(self._seed).child(Stream.LOG_PARTITION)
        options: dict[str, Any] = {
            "data_mean": self.mean_,
            "random": random,
            "n_temperatures": n_temperatures,
            "temperatures": temperatures,
        }
        with self._limited():
            if method == "ais" or fewest_states(model) <= most:
                estimate = log_partition(model, n_chains=n_chains, exact_below=most, **options)
            else:
                starts = random.child(Stream.REVERSE_STARTS)
                v = gibbs(model, self._first_hidden(model, n_chains, starts), n_gibbs, starts)[0]
                run = reverse_log_partition if method == "reverse_ais" else partial(bridge_log_partition, exact_below=0)
                estimate = run(model, v, **options)
        self._log_partition = estimate
        return estimate

    def sample(self, n_samples: int = 1, *, y: Any = None, n_gibbs: int = 200, random_state: Any = None) -> np.ndarray:
        """Draw samples from the model by Gibbs sampling.

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
            States of the visible units (zeros and ones, where binary), in the dtype of `components_`.

        Raises
        ------
        ValueError
            When a number is below 1, or y is given.
        """
        random = random_for_sample(self, y, random_state, n_samples=n_samples, n_gibbs=n_gibbs)
        model = self._model()
        with self._limited():
            return gibbs(model, self._first_hidden(model, n_samples, random), n_gibbs, random)[0]

    def _first_hidden(self, model: Model, n: int, random: Random) -> np.ndarray:
        if hasattr(self, "chains_"):
            order = random.permutation(len(self.chains_), 0)
            return self.chains_[order[np.arange(n) % len(order)]]
        bias = model.visible.bias_from_mean(self.mean_).astype(model.dtype)
        v = model.visible.sample(np.tile(bias, (n, 1)), random.at(Stream.CHAINS))
        return model.sample_hidden(v, random.at(Stream.START))

    def gibbs(self, X: Any, *, n_gibbs: int = 1, random_state: Any = None) -> np.ndarray:
        """Move samples by sweeps of Gibbs sampling: h from p(h | v), then v from p(v | h).

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Visible states to start from.
        n_gibbs : int, default=1
            Sweeps.
        random_state : int, RandomState instance or None, default=None
            With None the random numbers go on from call to call, so that repeated calls make a chain.

        Returns
        -------
        ndarray of shape (n_samples, n_features)
            States of the visible units, in the dtype of `components_`.

        Raises
        ------
        ValueError
            When ``n_gibbs`` is below 1.
        """
        check_is_fitted(self)
        at_least_one(n_gibbs=n_gibbs)
        if random_state is None:
            if not hasattr(self, "_gibbs_seed"):
                self._gibbs_seed, self._gibbs_steps = draw_random(self.random_state, "gibbs").seed, 0
            random, first = Random(self._gibbs_seed), self._gibbs_steps
            self._gibbs_steps += n_gibbs
        else:
            random, first = draw_random(random_state, "gibbs"), 0
        X = read_samples(self, X, reset=False, binarize=self.binarize, unit=self._units()[0])
        v, model = dense(X, self.components_.dtype), self._model()
        with self._limited():
            for step in range(first, first + n_gibbs):
                h = model.sample_hidden(v, random.at(Stream.HIDDEN, step))
                v = model.sample_visible(h, random.at(Stream.VISIBLE, step))
        return v

    def _saved(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        return saved(self)

    def _restore(self, arrays: dict[str, np.ndarray], values: dict[str, Any], path: str | os.PathLike[str]) -> None:
        for name, value in restored(arrays, values, path).items():
            setattr(self, name, value)

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
