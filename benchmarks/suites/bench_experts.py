"""Products and mixtures of experts: fits beside scikit-learn's FastICA and GaussianMixture, and the parts of a move."""

from __future__ import annotations

import warnings

import numpy as np


def sources(n: int, d: int, dtype: str) -> np.ndarray:
    """Return mixed sources with heavy tails."""
    rng = np.random.default_rng(0)
    return (rng.laplace(size=(n, d)) @ rng.normal(size=(d, d)).T).astype(dtype)


class Unmixing:
    """Independent component analysis until each has converged; the criteria differ, the task does not."""

    params = (["ProductOfExperts", "FastICA"], ["2000x8", "20000x32"])
    param_names = ("estimator", "data")

    def setup(self, estimator: str, data: str) -> None:
        self.X = sources(*map(int, data.split("x")), "float64")
        self.fit(estimator)

    def fit(self, estimator: str):
        if estimator == "FastICA":
            from sklearn.decomposition import FastICA

            return FastICA(whiten="unit-variance", random_state=0).fit(self.X)
        from ebm_sklearn import ProductOfExperts

        return ProductOfExperts(expert="logistic", tol=1e-4, random_state=0).fit(self.X)

    def time_fit(self, estimator: str, data: str) -> None:
        self.fit(estimator)


class Mixing:
    """Thirty steps of expectation-maximisation for 10 Gaussians over 10 features."""

    params = (["MixtureOfExperts", "GaussianMixture"], ["full", "diag", "spherical"], ["float32", "float64"])
    param_names = ("estimator", "covariance_type", "dtype")

    def setup(self, estimator: str, covariance_type: str, dtype: str) -> None:
        self.X = sources(10_000, 10, dtype)
        self.time_fit(estimator, covariance_type, dtype)

    def time_fit(self, estimator: str, covariance_type: str, dtype: str) -> None:
        alike = {"covariance_type": covariance_type, "tol": 0, "random_state": 0}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # neither converges
            if estimator == "GaussianMixture":
                from sklearn.mixture import GaussianMixture

                GaussianMixture(10, max_iter=30, init_params="k-means++", **alike).fit(self.X)
            else:
                from ebm_sklearn import MixtureOfExperts

                MixtureOfExperts(10, n_iter=30, **alike).fit(self.X)


class Moves:
    """One move of 200 chains over 60 features with 120 experts, and one update of contrastive divergence."""

    params = (["hamiltonian", "gibbs"], ["float32", "float64"])
    param_names = ("sampler", "dtype")

    def setup(self, sampler: str, dtype: str) -> None:
        from ebm.boltzmann.experts import StudentT
        from ebm.boltzmann.product_learning import ContrastiveExpertLearner, Moves, initial_product
        from ebm.boltzmann.rule import Rule
        from ebm.data import TrainingData
        from ebm.random import Random

        data = TrainingData.from_array(np.random.default_rng(0).normal(size=(200, 60)).astype(dtype))
        model, moves = initial_product(data, 120, StudentT(), 1.5, Random(0)), Moves(sampler)
        self.move = lambda: moves(model, data.dense, 1, Random(0), 0, 0.05)
        self.learner = ContrastiveExpertLearner(
            model, data, Rule(learning="cd", batch_size=200), Random(0), n_epochs=1, moves=moves
        )
        self.learner.begin_epoch(0)
        self.move()

    def time_move(self, sampler: str, dtype: str) -> None:
        self.move()

    def time_update(self, sampler: str, dtype: str) -> None:
        self.learner.update(0, 1)


class Kernels:
    """Energies and slopes of 512 x 500 activations, and as many normal numbers, beside NumPy."""

    params = (["ours", "numpy"], ["float32", "float64"])
    param_names = ("peer", "dtype")

    def setup(self, peer: str, dtype: str) -> None:
        from ebm.kernels.box_muller import normals
        from ebm.kernels.experts import STUDENT_T, expert_energies
        from ebm.random import Random, Stream

        y = np.random.default_rng(0).normal(size=(512, 500)).astype(dtype)
        alpha, rng, draw = np.ones(500, dtype), np.random.default_rng(0), Random(0).at(Stream.EXPERT_MOMENTUM)
        if peer == "ours":
            self.energies = lambda: expert_energies(y, alpha, STUDENT_T)
            self.normals = lambda: normals(512, 500, draw, y)
        else:
            self.energies = lambda: (np.log1p(y * y / 2) @ alpha, alpha * y / (1 + y * y / 2))
            self.normals = lambda: rng.standard_normal((512, 500), dtype)
        self.energies(), self.normals()

    def time_energies(self, peer: str, dtype: str) -> None:
        self.energies()

    def time_normals(self, peer: str, dtype: str) -> None:
        self.normals()
