"""Contrastive divergence on the GPU: everything stays there, and an update is one replayed CUDA graph.

The mathematics and the random numbers are those of ``ebm.kernels.contrastive``: given the same
probabilities, the states are the same. An update with persistent chains is

    load the batch | k times v ~ p(v | h), h ~ p(h | v) | centre | G = v^T h | W | b, c, mu, lambda

where one product G (see ``ebm.kernels.centring``) gives the gradient of every parameter.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from ebm.boltzmann.learning import check_fit, check_state, first_chains, hidden_offsets
from ebm.boltzmann.rbm import RBM
from ebm.boltzmann.rule import Epochs, Rule, sound
from ebm.data import TrainingData
from ebm.kernels import bernoulli, centring, update
from ebm.random import Random, Stream

if TYPE_CHECKING:
    from ebm.device import Device

ALIGNED = 4  # columns: rows then start where cuBLAS can load four numbers at once


@dataclass(frozen=True)
class _Resident:
    """The arrays of a fit on the device. Vectors hold the visible units first, then the hidden ones."""

    weights: Any  # (n_visible, n_hidden in whole ALIGNED)
    weights_velocity: Any
    biases: Any  # b, c
    bias_velocities: Any
    offsets: Any  # mu, lambda
    visible: Any  # (batch + chains, n_visible + EXTRA in whole ALIGNED): data, then chains
    hidden: Any
    hidden_states: Any  # (chains, n_hidden in whole ALIGNED)
    gradient: Any  # G
    order: Any  # the epoch's samples, int64
    shares: Any
    schedule: Any  # (n_batches, 2)
    rates: Any  # learning rate and momentum of the update that runs
    clock: Any  # uint32: sweeps done, batch


class DeviceLearner:
    """Contrastive divergence on a GPU: the interface of ``ContrastiveLearner``.

    Parameters
    ----------
    model, data, rule, random, n_epochs
        As of :class:`~ebm.boltzmann.learning.ContrastiveLearner`.
    device : Device

    Raises
    ------
    ValueError
        When the model does not fit the data.
    """

    def __init__(
        self, model: RBM, data: TrainingData, rule: Rule, random: Random, *, n_epochs: int, device: Device
    ) -> None:
        check_fit(model, data)
        self.epochs = Epochs(data, rule, random, n_epochs)
        self.n_batches, self.sweeps_done = self.epochs.n_batches, 0
        self._rule, self._random, self._device = rule, random, device
        self._n_visible, self._n_hidden, self._n_samples = model.n_visible, model.n_hidden, data.n_samples
        self._kind = model.dtype.type
        with device.active():
            self._load = _loader(data, device)
            self._on = _allocate(model, data, rule, self.n_batches, device)
        self._replays: dict[int, Callable[[], None]] = {}  # by the number of rows in the batch
        self._batch = 0  # the one at which the device's clock stands
        self.restore(_first_state(model, data, rule, random))

    def begin_epoch(self, epoch: int) -> None:
        """Shuffle the samples and take the rates of an epoch (0 is the first)."""
        order = self.epochs.order(epoch)
        with self._device.active():
            self._device.write(self._on.order, order)
            self._device.write(self._on.shares, self.epochs.shares(order))
            self._device.write(self._on.schedule, self.epochs.schedule(epoch))
        self._set_clock(0)

    def update(self, first: int, last: int) -> None:
        """Do the updates of mini-batches [first, last) of this epoch."""
        if first != self._batch:
            self._set_clock(first)
        with self._device.active():
            for batch in range(first, last):
                rows = min(self._rule.batch_size, self._n_samples - batch * self._rule.batch_size)
                if rows not in self._replays:
                    self._replays[rows] = self._device.capture(partial(self._update, rows))
                self._replays[rows]()
        self._device.synchronize()
        self._batch = last
        self.sweeps_done += (last - first) * self._rule.n_gibbs

    def _set_clock(self, batch: int) -> None:
        with self._device.active():
            self._device.write(self._on.clock, np.array([self.sweeps_done % 2**32, batch], np.uint32))
        self._batch = batch

    def _update(self, rows: int) -> None:
        """Do one update from a batch of ``rows`` samples: launches and products alone, to be captured."""
        on, rule = self._on, self._rule
        persistent = rule.learning == "pcd"
        chains = rule.chains if persistent else rows
        self._load(rows, rule.batch_size, on)
        if not persistent:
            self._hidden_inputs(0, rows)
            self._draw_hidden(0, rows, Stream.START, 0)
        for sweep in range(rule.n_gibbs):
            self._draw_visible(rows, chains, sweep)
            last = sweep + 1 == rule.n_gibbs
            self._hidden_inputs(0 if last and persistent else rows, rows + chains)
            if persistent or not last:
                self._draw_hidden(rows, chains, Stream.HIDDEN, sweep)
        self._move(rows, chains)

    def _hidden_inputs(self, first: int, last: int) -> None:
        """Write v W for rows [first, last)."""
        on, n, m = self._on, self._n_visible, self._n_hidden
        self._device.matmul(on.visible[first:last, :n], on.weights[:, :m], on.hidden[first:last, :m])

    def _draw_hidden(self, first: int, chains: int, stream: Stream, sweep: int) -> None:
        """Draw the chains' hidden states from the pre-activations of rows from ``first`` on."""
        on, draw = self._on, self._random.at(stream, sweep)
        inputs, bias = on.hidden[first : first + chains], on.biases[self._n_visible :]
        bernoulli.on_device(inputs, bias, on.hidden_states[:chains], None, draw, on.clock)

    def _draw_visible(self, first: int, chains: int, sweep: int) -> None:
        """Draw the chains' visible states, rows from ``first`` on."""
        on, n, m = self._on, self._n_visible, self._n_hidden
        states, draw = on.visible[first : first + chains], self._random.at(Stream.VISIBLE, sweep)
        self._device.matmul(on.hidden_states[:chains, :m], on.weights[:, :m].T, states[:, :n])
        bernoulli.on_device(states, on.biases[:n], states, None, draw, on.clock)

    def _move(self, rows: int, chains: int) -> None:
        """Take the gradient from rows of data and of chains, and move every parameter."""
        on, rule, n = self._on, self._rule, self._n_visible
        visible, hidden = on.visible[: rows + chains], on.hidden[: rows + chains]
        share = self._kind(-1.0 / chains)
        centring.centre_rows(
            visible, hidden, on.biases, on.offsets, n, on.shares, on.clock, rule.batch_size, rows, share
        )
        self._device.matmul(visible.T, hidden, on.gradient)
        l2, l1 = self._kind(rule.l2), self._kind(rule.l1)
        update.on_device(on.weights, on.weights_velocity, on.gradient, self._n_hidden, on.rates, l2, l1)
        rate = self._kind(rule.offset_rate if rule.centered else 0.0)
        centring.move_biases(
            on.gradient, on.biases, on.bias_velocities, on.offsets, n, on.rates, rate, on.clock, rule.n_gibbs
        )

    @property
    def model(self) -> RBM:
        """The model as it stands, a copy on the CPU."""
        state = self.state()
        return RBM(state["weights"], state["visible_bias"], state["hidden_bias"])

    def is_sound(self) -> bool:
        """Tell whether every parameter is a finite number of believable size (see ``sound``)."""
        with self._device.active():
            return sound(self._on.weights) and sound(self._on.biases)

    def _places(self) -> dict[str, Any]:
        """Names of the state's parts, and where they stand on the device."""
        on, n, m = self._on, self._n_visible, self._n_hidden
        return {
            "weights": on.weights[:, :m],
            "visible_bias": on.biases[:n],
            "hidden_bias": on.biases[n:],
            "weights_velocity": on.weights_velocity[:, :m],
            "visible_bias_velocity": on.bias_velocities[:n],
            "hidden_bias_velocity": on.bias_velocities[n:],
            "visible_offset": on.offsets[:n],
            "hidden_offset": on.offsets[n:],
            "chains": on.hidden_states[:, :m],
        }

    def state(self) -> dict[str, np.ndarray]:
        """Copy all that exact resumption needs, to the CPU."""
        state = {name: self._device.download(array) for name, array in self._places().items()}
        return state | {"sweeps_done": np.array([self.sweeps_done], np.int64)}

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Go on from a ``state`` of a learner of the same shapes, on whatever device.

        Raises
        ------
        ValueError
            When a shape differs, naming it.
        """
        check_state(state, self.state())
        with self._device.active():
            for name, place in self._places().items():
                self._device.write(place, state[name])
        self.sweeps_done = int(state["sweeps_done"][0])
        self._set_clock(self._batch)


def _first_state(model: RBM, data: TrainingData, rule: Rule, random: Random) -> dict[str, np.ndarray]:
    n, m, dtype = model.n_visible, model.n_hidden, model.dtype
    return {
        "weights": model.weights,
        "visible_bias": model.visible_bias,
        "hidden_bias": model.hidden_bias,
        "weights_velocity": np.zeros((n, m), dtype),
        "visible_bias_velocity": np.zeros(n, dtype),
        "hidden_bias_velocity": np.zeros(m, dtype),
        "visible_offset": data.mean if rule.centered else np.zeros(n, dtype),
        "hidden_offset": hidden_offsets(model) if rule.centered else np.zeros(m, dtype),
        "chains": first_chains(rule.chains, m, random),
        "sweeps_done": np.zeros(1, np.int64),
    }


def _whole(n: int) -> int:
    return -(-n // ALIGNED) * ALIGNED


def _allocate(model: RBM, data: TrainingData, rule: Rule, n_batches: int, device: Device) -> _Resident:
    n, m, dtype = model.n_visible, model.n_hidden, model.dtype
    rows = min(rule.batch_size, data.n_samples) + rule.chains
    wide_n, wide_m = _whole(n + centring.EXTRA), _whole(m + centring.EXTRA)
    zeros = partial(device.zeros, dtype=dtype)
    return _Resident(
        weights=zeros((n, _whole(m))),
        weights_velocity=zeros((n, _whole(m))),
        biases=zeros(n + m),
        bias_velocities=zeros(n + m),
        offsets=zeros(n + m),
        visible=zeros((rows, wide_n)),
        hidden=zeros((rows, wide_m)),
        hidden_states=zeros((rule.chains, _whole(m))),
        gradient=zeros((wide_n, wide_m)),
        order=device.zeros(data.n_samples, np.int64),
        shares=zeros(data.n_samples),
        schedule=zeros((n_batches, 2)),
        rates=zeros(2),
        clock=device.zeros(2, np.uint32),
    )


def _bytes(data: TrainingData) -> np.ndarray:
    """Binary samples as bytes: less than their lists where more than a quarter is ones."""
    dense = np.zeros((data.n_samples, data.n_visible), np.uint8)
    dense[np.repeat(np.arange(data.n_samples), np.diff(data.starts)), data.indices] = 1
    return dense


def _loader(data: TrainingData, device: Device) -> Callable[[int, int, _Resident], None]:
    """Upload the data; return what copies a batch of so many rows into the visible matrix."""
    bits = not data.values.size and 4 * data.indices.size > data.n_samples * data.n_visible
    if data.dense.shape[0] or bits:
        dense = device.upload(_bytes(data) if bits else data.dense)
        return lambda rows, batch, on: centring.load_dense(
            dense, on.order, on.clock, batch, rows, on.schedule, on.rates, on.visible
        )
    starts, indices = device.upload(data.starts), device.upload(data.indices)
    values = device.upload(data.values if data.values.size else np.ones(1, data.dtype))
    return lambda rows, batch, on: centring.load_lists(
        starts, indices, values, bool(data.values.size), on.order, on.clock, batch, rows, data.n_visible,
        on.schedule, on.rates, on.visible,
    )  # fmt: skip
