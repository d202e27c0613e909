"""What a fitted product of experts can do: activations, densities, samples; and its file."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_array, check_is_fitted, validate_data
from threadpoolctl import threadpool_limits

from ebm.boltzmann.experts import EXPERTS
from ebm.boltzmann.product_annealing import log_partition
from ebm.boltzmann.product_learning import Moves, first_step_size
from ebm.boltzmann.product_of_experts import ProductOfExperts as Model
from ebm.kernels.box_muller import normals
from ebm.random import Random, Stream
from ebm.sampling.annealing import LogPartition
from ebm.storage import ModelFileError
from ebm_sklearn._base import TrainedEstimator
from ebm_sklearn._density import DensityWithPartition
from ebm_sklearn._files import MOTION, saved_log_partition, take_array, take_log_partition, take_seed
from ebm_sklearn._random import random_for_sample


def one_blas_thread() -> Any:
    """Hold BLAS to one thread: chains' products are too small for its pool, which costs more than it gives."""
    return threadpool_limits(limits=1, user_api="blas")


class FittedProduct(ClassNamePrefixFeaturesOutMixin, TransformerMixin, DensityWithPartition, TrainedEstimator):
    """Methods of a fitted product of experts."""

    components_: np.ndarray
    intercept_: np.ndarray
    exponents_: np.ndarray
    mean_: np.ndarray
    whitening_: np.ndarray
    n_experts: int | None
    expert: str
    sampler: str
    n_leapfrog: int
    schedule: str
    learning_rate: Any
    random_state: Any
    _weights: np.ndarray  # in whitened coordinates
    _motion: dict[str, np.ndarray]
    _learning: str
    _seed: int

    def _model(self) -> Model:
        return Model(self._weights, self.intercept_, self.exponents_, EXPERTS[self.expert])

    def _rows(self, X: Any) -> np.ndarray:
        check_is_fitted(self)
        X = validate_data(self, X, dtype=[np.float64, np.float32], reset=False)
        return X - self.mean_

    def transform(self, X: Any) -> np.ndarray:
        """Return the activations ``y = intercept_ + components_ . (x - mean_)``.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_experts)
            In the dtype of `components_`.
        """
        return (self._rows(X) @ self.components_.T + self.intercept_).astype(self.components_.dtype)

    def inverse_transform(self, X: Any) -> np.ndarray:
        """Return the samples with these activations, ``mean_ + mixing_ . (y - intercept_)``.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_experts)
            Activations.

        Returns
        -------
        ndarray of shape (n_samples, n_features)
            Exact with as many experts as features; with fewer, the sample at the least distance from the mean;
            with more, that whose activations come nearest.

        Raises
        ------
        ValueError
            When X has not ``n_experts`` columns.
        """
        check_is_fitted(self)
        y = check_array(X, dtype=self.components_.dtype, input_name="X", estimator=self)
        if y.shape[1] != len(self.components_):
            raise ValueError(
                f"X has {y.shape[1]} columns, but this {type(self).__name__} has {len(self.components_)} experts"
            )
        return ((y - self.intercept_) @ self.mixing_.T + self.mean_).astype(self.components_.dtype)

    @property
    def mixing_(self) -> np.ndarray:
        """Pseudo-inverse of ``components_``, shape (n_features, n_experts)."""
        check_is_fitted(self)
        return np.linalg.pinv(self.components_.astype(np.float64)).astype(self.components_.dtype)

    def energy(self, X: Any) -> np.ndarray:
        """Return E(x), of which p(x) is exp(-E(x)) / Z: no density, and lower is likelier.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,)
            In the dtype of `components_`.
        """
        z = (self._rows(X) @ self.whitening_).astype(self.components_.dtype)
        with self._limited():
            return self._model().energy(np.ascontiguousarray(z))

    def score_samples(self, X: Any) -> np.ndarray:
        """Return the normalised log-density log p(x) of every sample, in nats, in the units of X.

        Exact with at most as many experts as features. With more, log Z is estimated by the first call and kept
        (see `estimate_log_partition`).

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

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
            When the product has come to be one that cannot be normalised.
        """
        return self._normalised(-self.energy(X).astype(np.float64))

    def estimate_log_partition(
        self, *, n_chains: int = 100, n_temperatures: int = 1000, n_leapfrog: int = 5
    ) -> LogPartition:
        """Find log Z of exp(-E(x)) over x in the units of X anew, and keep it for `score_samples`.

        In closed form with at most as many experts as features; with more, by annealed importance sampling.

        Parameters
        ----------
        n_chains, n_temperatures, n_leapfrog : int
            More temperatures are the cure for an untrusted estimate.

        Returns
        -------
        LogPartition
            A function of the parameters, these numbers and the seed drawn in `fit`. Annealing starts from a
            Gaussian, whose tails are lighter than those of few Student-t experts with few degrees of freedom:
            then log Z can come out too small by more than its error says.

        Warns
        -----
        UntrustedEstimateWarning
            When the estimate must not be believed.

        Raises
        ------
        ValueError
            When a number is too small, or the product cannot be normalised.
        """
        check_is_fitted(self)
        with self._limited(), one_blas_thread():
            found = log_partition(
                self._model(),
                Random(self._seed).child(Stream.LOG_PARTITION),
                n_chains=n_chains,
                n_temperatures=n_temperatures,
                n_leapfrog=n_leapfrog,
            )
        volume = float(np.linalg.slogdet(self.whitening_)[1])
        self._log_partition = replace(found, value=found.value - volume)
        return self._log_partition

    def sample(self, n_samples: int = 1, *, y: Any = None, n_moves: int = 200, random_state: Any = None) -> np.ndarray:
        """Draw samples: exact ones with at most as many experts as features, else ends of Markov chains.

        Parameters
        ----------
        n_samples : int, default=1
        y : None
            The model has no conditions.
        n_moves : int, default=200
            Moves of each chain, which starts at a Gaussian with the data's mean and covariance. Not used where
            samples are exact.
        random_state : int, RandomState instance or None, default=None
            None takes the estimator's own; where that is an integer, every call gives the same samples.

        Returns
        -------
        ndarray of shape (n_samples, n_features)
            In the dtype of `components_`.

        Raises
        ------
        ValueError
            When a number is below 1, or y is given.
        """
        random = random_for_sample(self, y, random_state, n_samples=n_samples, n_moves=n_moves)
        model = self._model()
        with self._limited(), one_blas_thread():
            if model.is_exact:
                z = model.sample(n_samples, random)
            else:
                z = normals(n_samples, model.n_features, random.at(Stream.CHAINS), self._weights)
                moves = Moves(self.sampler, self.n_leapfrog)
                z, _ = moves(model, z, n_moves, random, 0, first_step_size(model))
        return (np.linalg.solve(self.whitening_.T, z.T).T + self.mean_).astype(model.dtype)

    # ---- files ----

    def _saved(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        names = ("components_", "intercept_", "exponents_", "mean_", "whitening_")
        arrays = {name: getattr(self, name) for name in names}
        arrays["weights"] = self._weights
        arrays |= {MOTION + name: array for name, array in self._motion.items()}
        log_weights, log_z = saved_log_partition(self._log_partition)
        return {**arrays, **log_weights}, {"seed": self._seed, "learning": self._learning, **log_z}

    def _restore(self, arrays: dict[str, np.ndarray], values: dict[str, Any], path: str | os.PathLike[str]) -> None:
        components = arrays.get("components_")
        if components is None or components.ndim != 2 or 0 in components.shape:
            raise ModelFileError(f"{path} lacks a matrix 'components_'")
        (m, n), dtype = components.shape, components.dtype
        if dtype not in (np.float32, np.float64):
            raise ModelFileError(f"{path}: components_ is {dtype}, not float32 or float64")
        needed: dict[str, tuple[tuple[int, ...], Any]] = {
            "components_": ((m, n), dtype),
            "intercept_": ((m,), dtype),
            "exponents_": ((m,), dtype),
            "mean_": ((n,), np.float64),
            "whitening_": ((n, n), np.float64),
            "weights": ((n, m), dtype),
        }
        found = {name: take_array(arrays, name, *kind, path) for name, kind in needed.items()}
        self._weights = found.pop("weights")
        for name, array in found.items():
            setattr(self, name, array)
        motion = {name: array for name, array in arrays.items() if name.startswith(MOTION)}
        self._motion = {
            name.removeprefix(MOTION): take_array(arrays, name, array.shape, array.dtype, path)
            for name, array in motion.items()
        }
        self.n_features_in_ = n
        self._restore_values(arrays, values, path)

    def _restore_values(
        self, arrays: dict[str, np.ndarray], values: dict[str, Any], path: str | os.PathLike[str]
    ) -> None:
        seed, learning = take_seed(values, path), values.get("learning")
        if learning not in ("ml", "cd", "pcd"):
            raise ModelFileError(f"{path}: it was learnt by {learning!r}, which is unknown")
        if not (self.exponents_ > 0).all():
            raise ModelFileError(f"{path}: exponents_ must be above 0")
        self._seed, self._learning, self._log_partition = seed, learning, take_log_partition(arrays, values, path)

    # ---- what scikit-learn asks ----

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "components_")

    @property
    def _n_features_out(self) -> int:
        return len(self.components_)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
