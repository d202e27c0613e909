"""Learning a product of experts: by maximum likelihood where Z is known, else by contrastive divergence.

The gradient of the mean log-likelihood is the data's mean of -dE/d theta less the model's. With at most as many experts
as features the model's is -d log Z / d theta, exact: with as many experts as features, this is independent component
analysis. With more it is taken from chains: moved a little from the data (CD), or kept from update to update (PCD).
An exponent above ``least`` is learnt as log(alpha - least), so every product on the way can be normalised.

Sources: Bell & Sejnowski 1995 (doi:10.1162/neco.1995.7.6.1129) and Cardoso 1997 (doi:10.1109/97.566704), ICA as
maximum likelihood; Hinton 2002 (doi:10.1162/089976602760128018), contrastive divergence; Osindero, Welling & Hinton
2006 (doi:10.1162/089976606775093936), appendix, for Hamiltonian chains whose steps adapt to nine in ten accepted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ebm.boltzmann.experts import Expert
from ebm.boltzmann.learning import check_state
from ebm.boltzmann.product_of_experts import NAMES, ProductOfExperts
from ebm.boltzmann.rule import Epochs, Rule, sound
from ebm.boltzmann.scale_mixture import scale_mixture_sweep
from ebm.boltzmann.unmixing import InverseHessian
from ebm.data import TrainingData
from ebm.kernels.box_muller import normals
from ebm.optimizers.lbfgs import LBFGS
from ebm.random import Random, Stream
from ebm.sampling.hamiltonian import hamiltonian_move

ADAPTATION = 1.02  # factor of a step after an update, up or down
LARGEST_EXPONENT = 1e4  # beyond, an expert is a Gaussian, and only its product with W^2 matters


def initial_product(
    data: TrainingData, n_experts: int, expert: Expert, exponent: float, random: Random
) -> ProductOfExperts:
    """Random directions of length 1, orthogonal where there are no more experts than features; no biases.

    Meant for whitened data.
    """
    n = data.n_visible
    weights = random.normal((n, n_experts), Stream.WEIGHTS, dtype=np.float64)
    if n_experts <= n:
        q, r = np.linalg.qr(weights)
        weights = q * np.sign(np.diag(r))
    else:
        weights /= np.linalg.norm(weights, axis=0)
    kind = data.dtype.type
    return ProductOfExperts(weights.astype(kind), np.zeros(n_experts, kind), np.full(n_experts, exponent, kind), expert)


@dataclass(frozen=True)
class Moves:
    """How chains move.

    Parameters
    ----------
    sampler : {"hamiltonian", "gibbs"}
        Hamiltonian moves, or Gibbs sampling of the scales of Student-t experts.
    n_leapfrog : int
        Leapfrog steps of a Hamiltonian move; 1 is MALA.
    target : float
        Share of Hamiltonian moves to be accepted, to which steps adapt while learning.

    Raises
    ------
    ValueError
        Names the parameter, its value and what would be right.
    """

    sampler: str = "hamiltonian"
    n_leapfrog: int = 10
    target: float = 0.9

    def __post_init__(self) -> None:
        """Check every value."""
        if self.sampler not in ("hamiltonian", "gibbs"):
            raise ValueError(f"sampler must be 'hamiltonian' or 'gibbs', got {self.sampler!r}")
        if self.n_leapfrog < 1:
            raise ValueError(f"n_leapfrog must be at least 1, got {self.n_leapfrog!r}")
        if not 0 < self.target < 1:
            raise ValueError(f"target must lie in (0, 1), got {self.target!r}")

    def __call__(
        self, model: ProductOfExperts, x: np.ndarray, n_moves: int, random: Random, first_step: int, step_size: float
    ) -> tuple[np.ndarray, float]:
        """Return x after ``n_moves`` moves and the share that was accepted."""
        share = 0.0
        for step in range(first_step, first_step + n_moves):
            if self.sampler == "gibbs":
                x, accepted = scale_mixture_sweep(model, x, random, step), np.ones(1)
            else:
                x, accepted = hamiltonian_move(model, x, step_size, self.n_leapfrog, random, step)
            share += float(accepted.mean()) / n_moves
        return x, share


def first_step_size(model: ProductOfExperts) -> float:
    """Return half of the largest stable leapfrog step."""
    return 1.0 / max(float(np.sqrt(model.stiffness)), 1e-6)


def _exponents(free: np.ndarray, expert: Expert) -> np.ndarray:
    return expert.least_exponent + np.exp(np.minimum(free, np.log(LARGEST_EXPONENT)))


def _free(exponents: np.ndarray, expert: Expert) -> np.ndarray:
    if not (exponents > expert.least_exponent).all():
        raise ValueError(
            f"exponents of {expert.name} experts must be above {expert.least_exponent}, "
            f"the least is {float(exponents.min()):.4g}"
        )
    return np.log(np.asarray(exponents, np.float64) - expert.least_exponent)


def _check(model: ProductOfExperts, data: TrainingData) -> None:
    if model.n_features != data.n_visible or model.dtype != data.dtype:
        raise ValueError(
            f"model of {model.n_features} features in {model.dtype} does not fit "
            f"data of {data.n_visible} columns in {data.dtype}"
        )


class MaximumLikelihoodLearner:
    """L-BFGS on the exact log-likelihood; an update is one step on all samples.

    Parameters
    ----------
    model : ProductOfExperts
        Where learning starts; at most as many experts as features.
    data : TrainingData
    l2 : float
        Half of it times the sum of squared weights is taken off the log-likelihood.
    learn_exponents : bool

    Raises
    ------
    ValueError
        When the model has more experts than features, cannot be normalised or does not fit the data.
    """

    n_batches = 1

    def __init__(
        self, model: ProductOfExperts, data: TrainingData, *, l2: float = 0.0, learn_exponents: bool = True
    ) -> None:
        _check(model, data)
        _ = model.log_partition  # refuses what has none
        self._start, self._l2, self._learn = model, l2, learn_exponents
        self._x = data.rows(np.arange(data.n_samples))
        self._share = (data.weights / data.weights.sum()).astype(data.dtype)
        first = [model.weights.ravel(), model.bias, _free(model.exponents, model.expert)]
        square = model.n_experts == model.n_features
        guide = self._inverse_hessian if square else None
        self._search = LBFGS(self._objective, np.concatenate(first).astype(np.float64), inverse_hessian=guide)

    def _model(self, theta: np.ndarray, dtype: Any = None) -> ProductOfExperts:
        start, (n, m) = self._start, self._start.weights.shape
        weights, bias, free = np.split(theta, [n * m, n * m + m])
        exponents = _exponents(free, start.expert) if self._learn else start.exponents
        parts = weights.reshape(n, m), bias, exponents
        weights, bias, exponents = (part.astype(dtype or start.dtype) for part in parts)
        return ProductOfExperts(weights, bias, exponents, start.expert)

    def _objective(self, theta: np.ndarray) -> tuple[float, np.ndarray]:
        """Return the penalised mean negative log-likelihood and its gradient."""
        exact, rounded = self._model(theta, np.float64), self._model(theta)
        if not exact.is_normalisable:
            return np.inf, np.zeros_like(theta)
        energy, ours = rounded.mean_energy(self._x, self._share, exponents=self._learn)
        weights, theirs = exact.weights, exact.log_partition_gradient()
        down = {name: theirs[name] - ours[name] for name in NAMES}
        down["weights"] = down["weights"] + self._l2 * weights
        down["exponents"] = down["exponents"] * (exact.exponents - exact.expert.least_exponent) * self._learn
        value = energy + exact.log_partition + 0.5 * self._l2 * float((weights**2).sum())
        return value, np.concatenate([down[name].ravel() for name in NAMES]).astype(np.float64)

    def _inverse_hessian(self, theta: np.ndarray) -> InverseHessian:
        return InverseHessian(self._model(theta, np.float64), self._x, self._share)

    def begin_epoch(self, epoch: int) -> None:
        """Nothing changes from epoch to epoch."""

    def update(self, first: int, last: int) -> None:
        """Go ``last - first`` steps."""
        for _ in range(first, last):
            self._search.step()

    @property
    def objective(self) -> float:
        """Mean log-likelihood of the samples, less the penalty, in nats: it never falls."""
        return -self._search.value

    @property
    def log_likelihood(self) -> float:
        """Mean log-likelihood of the samples, in nats."""
        weights = self._search.x[: self._start.weights.size]
        return self.objective + 0.5 * self._l2 * float(weights @ weights)

    @property
    def gradient_size(self) -> float:
        """Largest entry of the gradient."""
        return float(np.abs(self._search.gradient).max())

    @property
    def stuck(self) -> bool:
        """Whether no further step is found."""
        return self._search.stuck

    @property
    def model(self) -> ProductOfExperts:
        """The model as it stands, a copy."""
        return self._model(self._search.x)

    def is_sound(self) -> bool:
        """Tell whether every parameter is a finite number of believable size."""
        return sound(self._search.x)

    def state(self) -> dict[str, np.ndarray]:
        """Copy all that exact resumption needs."""
        return self._search.state()

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Go on from a ``state`` of a learner of the same shapes; ValueError when one differs."""
        check_state(state, self.state())
        self._search.restore(state)


class ContrastiveExpertLearner:
    """Contrastive divergence, plain or persistent.

    Parameters
    ----------
    model : ProductOfExperts
        Where learning starts.
    data : TrainingData
    rule : Rule
        ``learning`` "cd" or "pcd"; ``n_gibbs`` are the moves of an update; centring and L1 are not used.
    random : Random
    n_epochs : int
        Epochs of the whole fit, for the schedules.
    moves : Moves
    learn_exponents : bool

    Raises
    ------
    ValueError
        When the model does not fit the data, or sampler and experts do not fit.
    """

    def __init__(
        self,
        model: ProductOfExperts,
        data: TrainingData,
        rule: Rule,
        random: Random,
        *,
        n_epochs: int,
        moves: Moves,
        learn_exponents: bool = True,
    ) -> None:
        _check(model, data)
        if rule.learning not in ("cd", "pcd"):
            raise ValueError(f"learning must be 'cd' or 'pcd', got {rule.learning!r}")
        if moves.sampler == "gibbs" and model.expert.name != "student_t":
            raise ValueError(f"sampler='gibbs' takes Student-t experts, got {model.expert.name!r}")
        self.epochs = Epochs(data, rule, random, n_epochs)
        self.n_batches, self.moves_done, self.accepted = self.epochs.n_batches, 0, 1.0
        self._data, self._rule, self._random, self._moves, self._learn = data, rule, random, moves, learn_exponents
        self._expert, self._fixed = model.expert, model.exponents
        free = _free(model.exponents, model.expert).astype(data.dtype)
        self._parameters = {"weights": model.weights.copy(), "bias": model.bias.copy(), "exponents": free}
        self._velocity = {name: np.zeros_like(part) for name, part in self._parameters.items()}
        self._step_size = first_step_size(model)
        self.chains = np.zeros((0, data.n_visible), data.dtype)
        if rule.learning == "pcd":
            self.chains = normals(rule.chains, data.n_visible, random.at(Stream.CHAINS), model.weights)

    @property
    def model(self) -> ProductOfExperts:
        """The model as it stands, a copy."""
        weights, bias, free = (self._parameters[name].copy() for name in NAMES)
        exponents = _exponents(free, self._expert).astype(weights.dtype) if self._learn else self._fixed
        return ProductOfExperts(weights, bias, exponents, self._expert)

    def begin_epoch(self, epoch: int) -> None:
        """Shuffle the samples and take the rates of an epoch (0 is the first)."""
        self._order = self.epochs.order(epoch)
        self._shares, self._schedule = self.epochs.shares(self._order), self.epochs.schedule(epoch)

    def update(self, first: int, last: int) -> None:
        """Do the updates of mini-batches [first, last) of this epoch."""
        for batch in range(first, last):
            rows = slice(batch * self._rule.batch_size, (batch + 1) * self._rule.batch_size)
            self._learn_from(self._data.rows(self._order[rows]), self._shares[rows], *self._schedule[batch])

    def _learn_from(self, x: np.ndarray, share: np.ndarray, rate: Any, momentum: Any) -> None:
        model, persistent = self.model, self._rule.learning == "pcd"
        start = self.chains if persistent else x
        moved = self._move(model, start)
        if persistent:
            self.chains, equal = moved, np.full(len(moved), 1 / len(moved), model.dtype)
        _, positive = model.mean_energy(x, share, exponents=self._learn)
        _, negative = model.mean_energy(moved, equal if persistent else share, exponents=self._learn)
        gradient = {name: positive[name] - negative[name] for name in NAMES}
        gradient["weights"] -= model.dtype.type(self._rule.l2) * model.weights
        gradient["exponents"] *= model.exponents - model.dtype.type(self._expert.least_exponent)
        for name in NAMES:
            velocity = self._velocity[name]
            velocity[:] = momentum * velocity + rate * gradient[name]
            self._parameters[name] += velocity

    def _move(self, model: ProductOfExperts, x: np.ndarray) -> np.ndarray:
        n_moves = self._rule.n_gibbs
        moved, self.accepted = self._moves(model, x, n_moves, self._random, self.moves_done, self._step_size)
        self.moves_done += n_moves
        if self._moves.sampler == "hamiltonian":
            self._step_size *= ADAPTATION if self.accepted > self._moves.target else 1 / ADAPTATION
        return moved

    def is_sound(self) -> bool:
        """Tell whether every parameter is a finite number of believable size."""
        return all(sound(part) for part in self._parameters.values())

    def state(self) -> dict[str, np.ndarray]:
        """Copy all that exact resumption needs."""
        velocities = {f"{name}_velocity": part.copy() for name, part in self._velocity.items()}
        return {
            **{name: part.copy() for name, part in self._parameters.items()},
            **velocities,
            "chains": self.chains.copy(),
            "step_size": np.array([self._step_size]),
            "moves_done": np.array([self.moves_done], np.int64),
        }

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Go on from a ``state`` of a learner of the same shapes; ValueError when one differs."""
        check_state(state, self.state())
        for name in NAMES:
            self._parameters[name][:] = state[name]
            self._velocity[name][:] = state[f"{name}_velocity"]
        self.chains = state["chains"].copy()
        self._step_size, self.moves_done = float(state["step_size"][0]), int(state["moves_done"][0])
