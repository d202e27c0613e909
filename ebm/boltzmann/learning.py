"""Learning an RBM by contrastive divergence, plain or persistent: what the training loop is given.

The updates themselves, many in one call, are ``ebm.kernels.contrastive`` on the CPU and
``ebm.boltzmann.device_learning`` on the GPU; here stands what a fit carries from epoch to epoch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from scipy.special import expit

from ebm.boltzmann.rbm import RBM
from ebm.boltzmann.rule import Epochs, Rule, sound
from ebm.boltzmann.units import Bernoulli, Unit
from ebm.data import TrainingData, deviations
from ebm.kernels.contrastive import contrastive_updates
from ebm.kernels.learning_state import (
    NEAR,
    UNIT_BLOCK,
    Chains,
    Columns,
    Motion,
    Plan,
    Rows,
    Samples,
    Scratch,
    Weights,
    places,
)
from ebm.kernels.linear import pack, unpack
from ebm.kernels.processor import aligned, leading
from ebm.kernels.threads import gang, n_threads
from ebm.random import Random, Stream

WORK_A_THREAD = 100_000  # weights times eighths of rows that an update must have for each thread, or meeting costs more


def initial_model(
    data: TrainingData,
    n_hidden: int,
    random: Random,
    *,
    mean: np.ndarray | None = None,
    visible: Unit | None = None,
    hidden: Unit | None = None,
    weight_scale: float = 0.01,
) -> RBM:
    """Small normal weights, zero hidden biases, and visible biases that give the data's means (log-odds, where binary).

    ``n_hidden`` are columns, ``mean`` another mean to give. Visible units with a precision get the data's variances.

    Source: Hinton 2010, "A practical guide to training restricted Boltzmann machines", section 8.1.
    """
    visible, hidden = visible or Bernoulli(), hidden or Bernoulli()
    weights = weight_scale * random.normal((data.n_visible, n_hidden), Stream.WEIGHTS, dtype=np.float64)
    if hasattr(visible, "precision"):
        scale = deviations(data).astype(np.float64)
        visible = replace(visible, precision=(1 / scale**2).astype(data.dtype))  # type: ignore[type-var]
        weights /= scale[:, None]
    bias = visible.bias_from_mean(data.mean if mean is None else mean)
    w, b, c = (part.astype(data.dtype) for part in (weights, bias, np.zeros(n_hidden)))
    return RBM(w, b, c, visible, hidden)


class ContrastiveLearner:
    """Contrastive divergence on the CPU: a fused loop over many updates, on threads.

    Parameters
    ----------
    model : RBM
        Where learning starts; binary units.
    data : TrainingData
    rule : Rule
        With ``learning`` "pcd" or "cd".
    random : Random
    n_epochs : int
        Epochs of the whole fit, for the schedules.
    n_threads : int, optional
        Threads; those permitted to this process by default.

    Raises
    ------
    ValueError
        When the model does not fit the data.
    """

    def __init__(
        self,
        model: RBM,
        data: TrainingData,
        rule: Rule,
        random: Random,
        *,
        n_epochs: int,
        n_threads: int | None = None,
    ) -> None:
        check_fit(model, data)
        self.epochs = Epochs(data, rule, random, n_epochs)
        self.n_batches, self.sweeps_done = self.epochs.n_batches, 0
        self._data, self._rule, self._random, self._seed = data, rule, random, np.uint64(random.seed)
        self._threads = n_threads
        self._weights = _packed(model)
        self._motion = _motion(model, data, rule, self._weights)
        self._plan = _plan(rule, data.dtype)
        rows = min(rule.batch_size, data.n_samples)
        self._places = places(self._parts(), self._weights)
        self._buffers = _buffers(model, rule, rows, len(self._places), self._weights.up.shape)
        self.chains = first_chains(rule.chains, model.n_hidden, random)

    def _parts(self) -> int:
        rows = 2 * self._rule.batch_size + self._rule.chains * (2 * self._rule.n_gibbs + 1)
        work = self._data.n_visible * self._weights.down.shape[1] * max(rows // 8, 8)
        return max(1, min(self._threads or n_threads(), work // WORK_A_THREAD))

    def begin_epoch(self, epoch: int) -> None:
        """Shuffle the samples and take the rates of an epoch (0 is the first)."""
        order, data = self.epochs.order(epoch), self._data
        self._samples = Samples(data.dense, data.starts, data.indices, data.values, order, self.epochs.shares(order))
        self._schedule = self.epochs.schedule(epoch)

    def update(self, first: int, last: int) -> None:
        """Do the updates of mini-batches [first, last) of this epoch."""
        start = np.uint64(self.sweeps_done - first * self._rule.n_gibbs)
        state = (self._weights, self._motion, self._samples, *self._buffers, self._plan, self._schedule)
        gang(contrastive_updates, (*state, self._places, start, self._seed, first, last), len(self._places))
        self.sweeps_done += (last - first) * self._rule.n_gibbs

    @property
    def model(self) -> RBM:
        """The model as it stands, a copy."""
        w, n_visible, n_hidden = self._weights, self._data.n_visible, self._weights.down.shape[1]
        biases = w.visible_bias[:n_visible].copy(), w.hidden_bias[:n_hidden].copy()
        return RBM(unpack(w.up, n_hidden), *biases)

    @property
    def chains(self) -> np.ndarray:
        """Hidden states of the chains, (n_chains, n_hidden); a copy. Set them to start elsewhere."""
        return self._buffers[1].states[:, : self._weights.down.shape[1]].copy()

    @chains.setter
    def chains(self, states: np.ndarray) -> None:
        self._buffers[1].states[:, : self._weights.down.shape[1]] = states

    def is_sound(self) -> bool:
        """Tell whether every parameter is a finite number of believable size (see ``sound``)."""
        return all(sound(part) for part in (self._weights.up, *self._weights[2:]))

    def state(self) -> dict[str, np.ndarray]:
        """Copy all that exact resumption needs."""
        model, m = self.model, self._motion
        n_visible, n_hidden = model.n_visible, model.n_hidden
        return {
            "weights": model.weights,
            "visible_bias": model.visible_bias,
            "hidden_bias": model.hidden_bias,
            "weights_velocity": unpack(m.up, n_hidden),
            "visible_bias_velocity": m.visible_bias[:n_visible].copy(),
            "hidden_bias_velocity": m.hidden_bias[:n_hidden].copy(),
            "visible_offset": m.visible_offset[:n_visible].copy(),
            "hidden_offset": m.hidden_offset[:n_hidden].copy(),
            "chains": self.chains,
            "sweeps_done": np.array([self.sweeps_done], np.int64),
        }

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Go on from a ``state`` of a learner of the same shapes.

        Raises
        ------
        ValueError
            When a shape differs, naming it.
        """
        check_state(state, self.state())
        m, w = self._motion, self._weights
        w.up[:], w.down[:] = pack(state["weights"]), pack(np.ascontiguousarray(state["weights"].T))
        m.up[:] = pack(state["weights_velocity"])
        kept = {
            "visible_bias": w.visible_bias,
            "visible_bias_velocity": m.visible_bias,
            "visible_offset": m.visible_offset,
            "hidden_bias": w.hidden_bias,
            "hidden_bias_velocity": m.hidden_bias,
            "hidden_offset": m.hidden_offset,
        }
        for name, part in kept.items():
            part[: state[name].size] = state[name]
        self.chains = state["chains"]
        self.sweeps_done = int(state["sweeps_done"][0])


def check_width(model: RBM, data: TrainingData) -> None:
    """Refuse a model whose number of visible units or dtype does not fit the data."""
    if model.n_visible != data.n_visible or model.dtype != data.dtype:
        raise ValueError(
            f"model of {model.n_visible} visible units in {model.dtype} does not fit "
            f"data of {data.n_visible} columns in {data.dtype}"
        )


def check_fit(model: RBM, data: TrainingData) -> None:
    """Refuse a model that does not fit the data, or whose units are not binary."""
    check_width(model, data)
    if (model.visible.name, model.hidden.name) != ("bernoulli", "bernoulli"):
        raise ValueError(f"this learner takes binary units, got {model.visible.name} and {model.hidden.name}")


def check_state(state: Mapping[str, np.ndarray], own: dict[str, np.ndarray]) -> None:
    """Refuse a state whose names or shapes differ from the learner's own."""
    for name, array in own.items():
        found = state[name].shape if name in state else "nothing"
        if found != array.shape:
            raise ValueError(f"state has {found} for {name!r}, this learner needs shape {array.shape}")


def first_chains(n_chains: int, n_hidden: int, random: Random) -> np.ndarray:
    """Draw fair hidden states for persistent chains to start from."""
    return random.uniform((n_chains, n_hidden), Stream.CHAINS, dtype=np.float64) < 0.5


def hidden_offsets(model: RBM) -> np.ndarray:
    """sigma(c), where the moving average of the hidden means starts (SciPy's: a kernel would be compiled for it)."""
    return expit(model.hidden_bias)


def _packed(model: RBM) -> Weights:
    up, down = pack(model.weights), pack(np.ascontiguousarray(model.weights.T))
    width = up.shape[2]
    biases = aligned((down.shape[0] * width,), model.dtype), aligned((up.shape[0] * width,), model.dtype)
    biases[0][: model.n_visible], biases[1][: model.n_hidden] = model.visible_bias, model.hidden_bias
    return Weights(up, down, *biases)


def _motion(model: RBM, data: TrainingData, rule: Rule, weights: Weights) -> Motion:
    motion = Motion(*(aligned(part.shape, model.dtype) for part in (weights.up, *weights[2:], *weights[2:])))
    if rule.centered:
        motion.visible_offset[: model.n_visible] = data.mean
        motion.hidden_offset[: model.n_hidden] = hidden_offsets(model)
    return motion


def _plan(rule: Rule, dtype: Any) -> Plan:
    kind = np.dtype(dtype).type
    rate = kind(rule.offset_rate if rule.centered else 0.0)
    persistent = rule.learning == "pcd"
    return Plan(rule.batch_size, rule.chains, rule.n_gibbs, persistent, rate, rate, kind(rule.l2), kind(rule.l1))


def _buffers(
    model: RBM, rule: Rule, batch: int, parts: int, packed: tuple[int, ...]
) -> tuple[Rows, Chains, Columns, Scratch]:
    n_visible, n_hidden, dtype = model.n_visible, model.n_hidden, model.dtype
    n_rows, longest = batch + rule.chains, leading(max(n_visible, n_hidden), dtype)
    panels, _, width = packed
    rows = Rows(
        visible=aligned((n_rows, leading(n_visible, dtype)), dtype),
        hidden=aligned((n_rows, leading(n_hidden, dtype)), dtype),
        ones=np.zeros((n_rows, n_visible), np.int32),
        counts=np.zeros(n_rows, np.int64),
        factors=aligned((3, n_rows), dtype),
    )
    chains = Chains(
        states=aligned((rule.chains, leading(n_hidden, dtype)), dtype),
        ones=np.zeros((rule.chains, n_hidden), np.int32),
        counts=np.zeros(rule.chains, np.int64),
    )
    n_runs = -(-n_rows // NEAR)
    columns = Columns(
        ones=np.zeros((n_runs, n_visible, NEAR), np.int16),
        lengths=np.zeros((n_runs, n_visible), np.int64),
        counts=np.zeros(n_visible, np.int64),
        hidden_sum=aligned((panels * width,), dtype),
    )
    scratch = Scratch(
        noise=aligned((parts, longest), dtype),
        tiles=aligned((parts, UNIT_BLOCK, width), dtype),
        sums=aligned((parts, 2, longest), dtype),
    )
    return rows, chains, columns, scratch
