"""Learning a Boltzmann machine on a graph: what the training loop is given.

    d log p(v) / d W_ij = beta (<s_i s_j>_{v clamped} - <s_i s_j>_free),   d / d b_i = beta (<s_i>_v - <s_i>_free)

on the graph's edges only. The free expectations come from enumeration ("exact") or from persistent chains of colour-
block Gibbs sampling ("pcd"). The clamped ones are exact where hidden units are not joined to each other, else
enumerated or sampled with the visible units held. Without hidden units they are the data's own, once for all updates.

The centred gradient (Montavon & Mueller 2012, doi:10.1007/978-3-642-35289-8_33) has the energy of s - mu:
dW_ij loses mu_i db_j + mu_j db_i, then db_i loses sum_j dW_ij mu_j. It learns better, and the same.

Source: Ackley, Hinton & Sejnowski 1985 (doi:10.1207/s15516709cog0901_7), eq. 8; persistent chains, Neal 1992
(doi:10.1016/0004-3702(92)90065-6) and Tieleman 2008 (doi:10.1145/1390156.1390290).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from scipy.special import expit

from ebm.boltzmann import graph_pseudo_likelihood
from ebm.boltzmann.boltzmann_machine import BoltzmannMachine
from ebm.boltzmann.graph import Graph
from ebm.boltzmann.graph_enumeration import Moments, expectations, split, weighted_moments
from ebm.boltzmann.graph_posterior import independent_means, posterior_states
from ebm.boltzmann.learning import check_state
from ebm.boltzmann.rule import Epochs, Rule, sound
from ebm.boltzmann.units import Bernoulli
from ebm.data import TrainingData
from ebm.random import Random, Stream

CLAMPED_SWEEPS = 10  # for hidden units that are joined to each other, from fair coins
ITERATIONS = 20  # of L-BFGS-B in an epoch of pseudo-likelihood
ROWS = 8192  # samples made dense at a time
NAMES = ("weights", "bias")


def initial_model(
    data: TrainingData, graph: Graph, random: Random, *, n_visible: int | None = None, beta: float = 1.0
) -> BoltzmannMachine:
    """Visible units that have the data's means; weights zero, or small and normal where there are hidden units."""
    n_visible = graph.n_units if n_visible is None else n_visible
    scale = 0.1 if n_visible < graph.n_units else 0.0
    weights = scale / beta * random.normal((1, graph.n_edges), Stream.WEIGHTS, dtype=np.float64)[0]
    n = data.weights.sum()  # one sample of zeros and one of ones are added, or a constant column would be fixed
    bias = np.zeros(graph.n_units)
    bias[:n_visible] = Bernoulli().bias_from_mean((n * data.mean + 1) / (n + 2)) / beta
    return BoltzmannMachine(graph, weights.astype(data.dtype), bias.astype(data.dtype), n_visible, beta)


def clamped_moments(
    model: BoltzmannMachine, v: np.ndarray, share: np.ndarray, *, random: Random | None = None, step: int = 0
) -> Moments:
    """<s_i> and <s_i s_j> with the visible units held at rows of v, averaged with weights ``share``.

    Exact, unless ``random`` is given and hidden units are joined: then from ``CLAMPED_SWEEPS`` sweeps of Gibbs, at
    steps from ``step`` on.
    """
    if model.hidden_are_independent:
        states = independent_means(model, v)
    elif random is None:
        return expectations(model, model.visible, v, share)
    else:
        states = posterior_states(model, v, random, CLAMPED_SWEEPS, first_step=step)
    return weighted_moments(states, share, model.graph.edges)


def data_moments(model: BoltzmannMachine, data: TrainingData) -> Moments:
    """<v_i> and <v_i v_j> of the data, for a machine without hidden units."""
    share = data.weights / data.weights.sum()
    mean, pairs = np.zeros(model.n_units), np.zeros(model.graph.n_edges)
    for top in range(0, data.n_samples, ROWS):
        rows = np.arange(top, min(top + ROWS, data.n_samples))
        part = weighted_moments(data.rows(rows).astype(np.float64), share[rows], model.graph.edges)
        mean, pairs = mean + part.mean, pairs + part.pairs
    return Moments(mean, pairs)


def gradient(model: BoltzmannMachine, clamped: Moments, free: Moments) -> dict[str, np.ndarray]:
    """Gradient of the mean log-likelihood: "weights" (n_edges,) and "bias" (n_units,), float64."""
    return {
        "weights": model.beta * (clamped.pairs - free.pairs),
        "bias": model.beta * (clamped.mean - free.mean),
    }


def exact_gradient(model: BoltzmannMachine, v: np.ndarray, share: np.ndarray) -> dict[str, np.ndarray]:
    """Gradient of sum_r share_r log p(v_r), by enumeration; errors as of ``graph_enumeration.log_sums``."""
    return gradient(model, clamped_moments(model, v, share), expectations(model))


def centre(change: dict[str, np.ndarray], graph: Graph, mu: np.ndarray) -> dict[str, np.ndarray]:
    """Turn a gradient into the centred one with offsets mu (n_units,)."""
    (i, j), bias = graph.edges.T, change["bias"]
    weights = change["weights"] - mu[i] * bias[j] - mu[j] * bias[i]
    ends, shares = np.concatenate([i, j]), np.concatenate([weights * mu[j], weights * mu[i]])
    return {"weights": weights, "bias": bias - np.bincount(ends, weights=shares, minlength=graph.n_units)}


def check_fit(model: BoltzmannMachine, data: TrainingData) -> None:
    """Refuse a model whose visible units or dtype do not fit the data."""
    if model.n_visible != data.n_visible or model.dtype != data.dtype:
        raise ValueError(
            f"model of {model.n_visible} visible units in {model.dtype} does not fit "
            f"data of {data.n_visible} columns in {data.dtype}"
        )


class GraphLearner:
    """Gradient ascent on the likelihood, exact or by persistent chains.

    Parameters
    ----------
    model : BoltzmannMachine
        Where learning starts.
    data : TrainingData
    rule : Rule
        With ``learning`` "pcd" or "exact". Without hidden units all updates see all data, and ``batch_size`` says only
        how many updates an epoch has.
    random : Random
    n_epochs : int
        Epochs of the whole fit, for the schedules.

    Raises
    ------
    ValueError
        When the model does not fit the data, or is too large to enumerate.
    """

    def __init__(
        self, model: BoltzmannMachine, data: TrainingData, rule: Rule, random: Random, *, n_epochs: int
    ) -> None:
        check_fit(model, data)
        if rule.learning not in ("pcd", "exact"):
            raise ValueError(f"learning must be 'pcd' or 'exact' for a machine on a graph, got {rule.learning!r}")
        if rule.learning == "exact":
            split(model)
        self.epochs = Epochs(data, rule, random, n_epochs)
        self.n_batches, self.sweeps_done, self.updates_done = self.epochs.n_batches, 0, 0
        self._data, self._rule, self._random, self._start = data, rule, random, model
        self._parameters = {name: getattr(model, name).copy() for name in NAMES}
        self._velocity = {name: np.zeros_like(part) for name, part in self._parameters.items()}
        self._of_data = None if model.n_hidden else data_moments(model, data)
        self._mu = expit(model.beta * model.bias.astype(np.float64))
        self._mu[model.visible_units] = data.mean
        self.chains = np.zeros((0, model.n_units), model.dtype)
        if rule.learning == "pcd":
            self.chains = model.random_states(rule.chains, random)

    def begin_epoch(self, epoch: int) -> None:
        """Shuffle the samples and take the rates of an epoch (0 is the first)."""
        self._schedule = self.epochs.schedule(epoch)
        if self._of_data is None:
            self._order = self.epochs.order(epoch)
            self._shares = self.epochs.shares(self._order)

    def update(self, first: int, last: int) -> None:
        """Do the updates of mini-batches [first, last) of this epoch."""
        for batch in range(first, last):
            model = self.model
            clamped, free = self._clamped(model, batch), self._free(model)
            change = gradient(model, clamped, free)
            if self._rule.centered:
                change = centre(change, model.graph, self._mu)
                self._mu += self._rule.offset_rate * (clamped.mean - self._mu)
            self._step(change, *self._schedule[batch])
            self.updates_done += 1

    def _clamped(self, model: BoltzmannMachine, batch: int) -> Moments:
        if self._of_data is not None:
            return self._of_data
        rows = slice(batch * self._rule.batch_size, (batch + 1) * self._rule.batch_size)
        v, share = self._data.rows(self._order[rows]), self._shares[rows].astype(np.float64)
        random = self._random if self._rule.learning == "pcd" else None
        return clamped_moments(model, v, share, random=random, step=self.updates_done * CLAMPED_SWEEPS)

    def _free(self, model: BoltzmannMachine) -> Moments:
        if self._rule.learning == "exact":
            return expectations(model)
        self.chains = model.gibbs(self.chains, self._rule.n_gibbs, self._random, first_step=self.sweeps_done)
        self.sweeps_done += self._rule.n_gibbs
        even = np.full(len(self.chains), 1.0 / len(self.chains))
        return weighted_moments(self.chains, even, model.graph.edges)

    def _step(self, change: dict[str, np.ndarray], rate: np.floating, momentum: np.floating) -> None:
        weights = self._parameters["weights"]
        change["weights"] = change["weights"] - self._rule.l2 * weights - self._rule.l1 * np.sign(weights)
        for name in NAMES:
            velocity = self._velocity[name]
            velocity[:] = momentum * velocity + rate * change[name]
            self._parameters[name] += velocity

    @property
    def model(self) -> BoltzmannMachine:
        """The model as it stands, a copy."""
        weights, bias = (self._parameters[name].copy() for name in NAMES)
        return replace(self._start, weights=weights, bias=bias)

    def is_sound(self) -> bool:
        """Tell whether every parameter is a finite number of believable size (see ``sound``)."""
        return all(sound(part) for part in self._parameters.values())

    def state(self) -> dict[str, np.ndarray]:
        """Copy all that exact resumption needs."""
        return {
            **{name: part.copy() for name, part in self._parameters.items()},
            **{f"{name}_velocity": part.copy() for name, part in self._velocity.items()},
            "offsets": self._mu.copy(),
            "chains": self.chains.copy(),
            "done": np.array([self.sweeps_done, self.updates_done], np.int64),
        }

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Go on from a ``state`` of a learner of the same shapes.

        Raises
        ------
        ValueError
            When a shape differs, naming it.
        """
        check_state(state, self.state())
        for name in NAMES:
            self._parameters[name][:] = state[name]
            self._velocity[name][:] = state[f"{name}_velocity"]
        self._mu[:], self.chains = state["offsets"], np.array(state["chains"], self._start.dtype)
        self.sweeps_done, self.updates_done = map(int, state["done"])


class PseudoLikelihoodLearner:
    """Climbing the pseudo-likelihood of all data: an epoch is up to 20 iterations of L-BFGS-B from where it stands.

    Parameters
    ----------
    model : BoltzmannMachine
        Where learning starts, without hidden units.
    data : TrainingData
    l2, l1 : float
        Penalties, see ``graph_pseudo_likelihood.maximize``.

    Raises
    ------
    ValueError
        When the model does not fit the data, or has hidden units.
    """

    n_batches = 1

    def __init__(self, model: BoltzmannMachine, data: TrainingData, *, l2: float = 0.0, l1: float = 0.0) -> None:
        check_fit(model, data)
        graph_pseudo_likelihood.check_fully_visible(model)
        self.model, self._l2, self._l1 = model, l2, l1
        self._v, self._share = data.rows(np.arange(data.n_samples)), data.weights / data.weights.sum()

    def begin_epoch(self, epoch: int) -> None:
        """Prepare nothing: all data serve every epoch."""

    def update(self, first: int, last: int) -> None:
        """Climb, once for every batch (there is one)."""
        for _ in range(first, last):
            self.model = graph_pseudo_likelihood.maximize(
                self.model, self._v, self._share, l2=self._l2, l1=self._l1, most=ITERATIONS
            )

    def is_sound(self) -> bool:
        """Tell whether every parameter is a finite number of believable size (see ``sound``)."""
        return sound(self.model.weights) and sound(self.model.bias)

    def state(self) -> dict[str, np.ndarray]:
        """Copy the parameters; nothing else is carried from epoch to epoch."""
        return {name: getattr(self.model, name).copy() for name in NAMES}

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Go on from a ``state``; a ValueError names a shape that differs."""
        check_state(state, self.state())
        weights, bias = (np.array(state[name], self.model.dtype) for name in NAMES)
        self.model = replace(self.model, weights=weights, bias=bias)
