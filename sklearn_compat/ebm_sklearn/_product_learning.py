"""How the product of experts learns: from the beginning, or on from where it stands."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import numpy as np
from sklearn.utils.validation import validate_data

from ebm.boltzmann.experts import EXPERTS
from ebm.boltzmann.product_learning import (
    ContrastiveExpertLearner,
    MaximumLikelihoodLearner,
    Moves,
    initial_product,
)
from ebm.boltzmann.product_of_experts import ProductOfExperts as Model
from ebm.boltzmann.rule import Rule
from ebm.boltzmann.whitening import moments, whitening
from ebm.data import TrainingData
from ebm.optimizers.schedules import Linear
from ebm.random import Random
from ebm_sklearn._convergence import Convergence
from ebm_sklearn._input import data_digest
from ebm_sklearn._product_use import FittedProduct, one_blas_thread
from ebm_sklearn._random import draw_random

EXPONENTS = {"student_t": 2.0, "logistic": 1.0}


class LearningProduct(FittedProduct):
    """The work behind `fit` and `partial_fit`; parameters as of `ProductOfExperts`."""

    n_iter: int
    _motion: dict[str, np.ndarray]

    def _read(self, X: Any, sample_weight: Any, *, reset: bool) -> TrainingData:
        X = validate_data(
            self, X, dtype=[np.float64, np.float32], order="C", reset=reset, ensure_min_samples=2 if reset else 1
        )
        return TrainingData.from_array(X, sample_weight, None if reset else self.components_.dtype)

    def _begin(self, X: Any, y: Any, sample_weight: Any, n_epochs: int, *, to_the_end: bool) -> None:
        """Learn from the beginning."""
        data = self._read(X, sample_weight, reset=True)
        n_experts = self.n_experts or data.n_visible
        learning = self._resolved(n_experts, data.n_visible)
        exponent = EXPONENTS[self.expert] if self.exponent is None else self.exponent
        least = EXPERTS[self.expert].least_exponent
        if not exponent > least:
            raise ValueError(f"exponent={exponent} must be above {least} for expert={self.expert!r}")
        place = _coordinates(data, whiten=self.whiten, full_rank=learning == "ml")
        z = _placed(data, *place)
        random = draw_random(self.random_state)
        model = initial_product(z, n_experts, EXPERTS[self.expert], exponent, random)
        rate = self.learning_rate
        if to_the_end and self.schedule == "linear" and not callable(rate):
            rate = Linear(rate, 0.0)
        learner = self._learner(model, z, learning, rate, random)
        watch = self._watch(learning, place[1])
        also = {"_seed": random.seed, "_learning": learning, "mean_": place[0], "whitening_": place[1]}
        self._run(learner, n_epochs, z, random, also, {"X": X, "y": y}, watch)
        if to_the_end and watch:
            watch[0].warn_unless_reached(self)

    def _go_on(self, X: Any, y: Any, sample_weight: Any) -> None:
        """Learn one epoch more."""
        z = _placed(self._read(X, sample_weight, reset=False), self.mean_, self.whitening_)
        random = Random(self._seed)
        learning = self._resolved(len(self.components_), self.n_features_in_)
        learner = self._learner(self._model(), z, learning, self.learning_rate, random)
        learner.restore(self._motion)
        also = {"_seed": self._seed, "_learning": learning, "mean_": self.mean_, "whitening_": self.whitening_}
        watch = self._watch(learning, self.whitening_)
        self._run(learner, self.n_iter_ + 1, z, random, also, {"X": X, "y": y}, watch, past=True)

    def _resolved(self, n_experts: int, n_features: int) -> str:
        if self.learning == "auto":
            return "ml" if n_experts <= n_features else "cd"
        if self.learning == "ml" and n_experts > n_features:
            raise ValueError(
                f"learning='ml' needs n_experts of at most the number of features, {n_features}, where log Z is known; "
                f"got {n_experts}. Take learning='cd' or 'pcd'"
            )
        return self.learning

    def _learner(self, model: Model, data: TrainingData, learning: str, rate: Any, random: Random) -> Any:
        if learning == "ml":
            return MaximumLikelihoodLearner(model, data, l2=self.l2, learn_exponents=self.learn_exponents)
        rule = Rule(
            learning=learning,
            n_gibbs=self.n_moves,
            batch_size=self.batch_size,
            n_chains=self.n_chains,
            learning_rate=rate,
            momentum=self.momentum,
            l2=self.l2,
        )
        return ContrastiveExpertLearner(
            model,
            data,
            rule,
            random,
            n_epochs=self.n_iter,
            moves=Moves(self.sampler, self.n_leapfrog),
            learn_exponents=self.learn_exponents,
        )

    def _watch(self, learning: str, matrix: np.ndarray) -> list[Convergence]:
        if learning != "ml":
            return []
        tol = self.tol
        return [Convergence(lambda learner: learner.stuck or learner.gradient_size <= tol, _log_volume(matrix))]

    def _run(
        self,
        learner: Any,
        n_epochs: int,
        data: TrainingData,
        random: Random,
        also: dict[str, Any],
        seen: dict[str, Any],
        watch: list[Convergence],
        *,
        past: bool = False,
    ) -> None:
        self._place = also["mean_"], also["whitening_"]  # what _fitted_from needs
        memory: dict[str, Any] = {"data": data}
        if self._has_checkpoint():
            drawn = {"seed (drawn from random_state)": random.seed, "data": data_digest(data)}
            memory["fingerprint"] = {**self._what_matters(), **drawn}
            if also["_learning"] != "ml" and (self.schedule == "linear" or callable(self.learning_rate)):
                memory["fingerprint"]["n_iter"] = self.n_iter  # rates that fall reach their end with the last epoch
        with self._limited(), nullcontext() if also["_learning"] == "ml" else one_blas_thread():
            self._train(
                learner,
                n_epochs,
                first_epoch=self.n_iter_ if past else 0,
                history=self.history_ if past else None,
                also=also,
                seen=seen,
                memory=memory,
                listeners=watch,
            )

    def _fitted_from(self, learner: Any) -> dict[str, Any]:
        model, (_, matrix) = learner.model, self._place
        components = (matrix.astype(np.float64) @ model.weights).T
        return {
            "components_": np.ascontiguousarray(components.astype(model.dtype)),
            "intercept_": model.bias,
            "exponents_": model.exponents.copy(),
            "_weights": model.weights,
            "_motion": learner.state(),
            "_log_partition": None,
        }


def _log_volume(matrix: np.ndarray) -> float:
    return float(np.linalg.slogdet(matrix)[1])


def _coordinates(data: TrainingData, *, whiten: bool, full_rank: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and K of the coordinates to learn in, float64."""
    x, share = data.rows(np.arange(data.n_samples)), data.weights / data.weights.sum()
    whitened = whitening(x, share) if whiten or full_rank else None  # refuses X of less than full rank
    if whitened and whiten:
        return whitened
    mean, covariance = moments(x, share)
    scale = float(np.sqrt(np.trace(covariance) / len(mean)))
    return mean, np.eye(len(mean)) / (scale or 1.0)


def _placed(data: TrainingData, mean: np.ndarray, matrix: np.ndarray) -> TrainingData:
    x = data.rows(np.arange(data.n_samples))
    return TrainingData.from_array(((x - mean) @ matrix).astype(data.dtype), data.weights, data.dtype)
