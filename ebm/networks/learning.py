"""Learning by gradients: mini-batches, an objective, an optimiser; an update is recorded once and replayed.

An update is

    load the batch | values and gradients by the objective | clip | step of the optimiser | clock

all of it loops over arrays that stay where they are. On the CPU they are recorded and replayed by threads that meet
(see ``ebm.kernels.program``), on a GPU captured in a CUDA graph; both read what changes from arrays: the epoch's order,
the table of rates, and a clock with the number of the update and that of the batch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any
from weakref import proxy

import numpy as np

from ebm.data import TrainingData
from ebm.device import Device, get_device
from ebm.kernels.batch import load_dense, load_lists
from ebm.kernels.threads import replayable
from ebm.kernels.totals import add_total, tick
from ebm.networks.context import Context
from ebm.networks.objective import Batch, Objective
from ebm.networks.parameters import FlatParameters
from ebm.optimizers.clipping import Clipping
from ebm.optimizers.optimizer import Optimizer
from ebm.random import Random, Stream

LARGEST = 1e6  # a parameter of such a size is of no use
ROWS_AT_ONCE = 1024  # when values of many samples are asked for


class NetworkLearner:
    """Mini-batch descent on an objective; satisfies the training loop's protocol `Learner`.

    Parameters
    ----------
    parameters : dict of str to ndarray
        Where learning starts, on the CPU.
    objective : Objective
    data : TrainingData
    optimizer : Optimizer
    random : Random
        Seeds order and noise.
    n_epochs : int
        Epochs of the whole fit, for the schedules.
    batch_size : int, default=128
    extra : dict of str to ndarray of shape (n_samples, m), optional
        What else belongs to the samples.
    clipping : Clipping, optional
        What holds gradients within bounds.
    device : str or Device, default="cpu"

    Attributes
    ----------
    n_batches : int
        Mini-batches in an epoch.
    updates_done : int

    Raises
    ------
    ValueError
        When something does not fit.
    """

    def __init__(
        self,
        parameters: Mapping[str, np.ndarray],
        objective: Objective,
        data: TrainingData,
        optimizer: Optimizer,
        random: Random,
        *,
        n_epochs: int,
        batch_size: int = 128,
        extra: Mapping[str, np.ndarray] | None = None,
        clipping: Clipping | None = None,
        device: str | Device = "cpu",
    ) -> None:
        if batch_size < 1:
            raise ValueError(f"batch_size must be at least 1, got {batch_size!r}")
        self._data, self._objective, self._optimizer, self._random = data, objective, optimizer, random
        self._device, self._clipping, self._n_epochs = get_device(device), clipping, n_epochs
        self._size = min(batch_size, data.n_samples)
        _check_extra(extra or {}, data.n_samples)
        self.n_batches = -(-data.n_samples // self._size)
        self.updates_done, self._batch = 0, 0
        self._updates: dict[int, Callable[..., None]] = {}  # by the number of rows
        with self._device.active():
            self._place(parameters, extra or {})

    def _place(self, parameters: Mapping[str, np.ndarray], extra: Mapping[str, np.ndarray]) -> None:
        """Put all that learning reads and writes on the device."""
        device, data, dtype = self._device, self._data, self._data.dtype
        still = set(self._objective.statistics)
        self._weights = FlatParameters({k: v for k, v in parameters.items() if k not in still}, device=device)
        if self._weights.dtype != dtype:
            raise ValueError(f"parameters are {self._weights.dtype}, but the data is {dtype}; give both alike")
        self._gradient = self._weights.like()
        self._statistics = {name: device.upload(parameters[name]) for name in sorted(still)}
        self._slots = self._optimizer.slots(self._weights.vector.size, dtype, device)
        self._table = device.upload(self._optimizer.rates(np.zeros(self.n_batches)), dtype)
        self._clip_slots = self._clipping.slots(self._weights.vector.size, dtype, device) if self._clipping else []
        self._clock = device.zeros(2, np.uint32)
        self._scale, self._loss = device.upload(np.ones(1, dtype)), device.zeros((1, 2), dtype)
        self._order = device.zeros(data.n_samples, np.int64)
        self._shares = device.zeros((data.n_samples, 1), dtype)  # in the order of the epoch
        self._in_order = device.upload(np.arange(data.n_samples))
        names = ("dense",) if data.dense.shape[0] else ("starts", "indices", "values")
        self._samples = [device.upload(getattr(data, name)) for name in names]
        self._extra = {name: device.upload(array, dtype) for name, array in extra.items()}

    # ---- what the loop asks ----

    def begin_epoch(self, epoch: int) -> None:
        """Shuffle the samples and take the rates of an epoch (0 is the first)."""
        n, device = self._data.n_samples, self._device
        order = self._random.permutation(n, epoch)
        first, all_updates = epoch * self.n_batches, max(self._n_epochs * self.n_batches, 1)
        progress = np.minimum((first + np.arange(self.n_batches)) / all_updates, 1.0)
        with device.active():
            device.write(self._order, order)
            device.write(self._shares, self._shares_of(order)[:, None])
            device.write(self._table, self._optimizer.rates(progress, self.updates_done).astype(self._table.dtype))
            device.write(self._loss, np.zeros((1, 2), self._data.dtype))
        self._set_clock(0)

    def _shares_of(self, order: np.ndarray) -> np.ndarray:
        weights = self._data.weights[order]
        totals = np.add.reduceat(weights, np.arange(0, order.size, self._size))
        return weights / np.repeat(totals, self._size)[: order.size]

    def update(self, first: int, last: int) -> None:
        """Do the updates of mini-batches [first, last) of this epoch."""
        if first != self._batch:
            self._set_clock(first)
        whole = self._data.n_samples // self._size  # full batches; a shorter one may follow
        with self._device.active():
            if first < min(last, whole):
                self._update_of(self._size)(min(last, whole) - first)
            if last > max(first, whole):
                self._update_of(self._data.n_samples - whole * self._size)(1)
        self._device.synchronize()
        self._batch, self.updates_done = last, self.updates_done + last - first

    def _update_of(self, rows: int) -> Callable[..., None]:
        if rows not in self._updates:
            options: dict[str, Any] = {"training": True, "random": self._random, "clock": self._clock, "reuse": True}
            context = Context(self._device, **options)
            this = proxy(self)  # a learner that holds itself would keep its arrays until Python looks for circles
            self._updates[rows] = self._device.capture(partial(NetworkLearner._update, this, rows, context))
        return self._updates[rows]

    def _update(self, rows: int, context: Context) -> None:
        """Do one update from a batch of ``rows`` samples: loops and products alone."""
        context.rewind()
        batch = self._load(rows, context)
        values = self._objective.gradient(self._named(), batch, self._gradient.views, context)
        add_total(values, batch.weights, self._loss)
        if self._clipping is not None:
            with replayable(self._clipping):
                self._clipping.clip(self._gradient.vector, self._scale, self._clip_slots)
        with replayable(self._optimizer):
            self._optimizer.step(
                self._weights.vector, self._gradient.vector, self._slots, self._table, self._clock,
                self._weights.n_decayed, self._scale,
            )  # fmt: skip
        tick(self._clock)

    def _load(self, rows: int, context: Context) -> Batch:
        dtype = self._data.dtype
        x = context.empty((rows, self._data.n_visible), dtype)
        load: Any = load_dense if len(self._samples) == 1 else load_lists
        load(*self._samples, self._order, self._clock, self._size, x)
        weights = context.empty((rows, 1), dtype)
        load_dense(self._shares, self._in_order, self._clock, self._size, weights)
        extra = {}
        for name, array in self._extra.items():
            extra[name] = context.empty((rows, array.shape[1]), dtype)
            load_dense(array, self._order, self._clock, self._size, extra[name])
        return Batch(x, weights.reshape(rows), extra)

    def _named(self) -> dict[str, Any]:
        return {**self._weights.views, **self._statistics}

    def _set_clock(self, batch: int) -> None:
        self._device.write(self._clock, np.array([self.updates_done % 2**32, batch], np.uint32))
        self._batch = batch

    def is_sound(self) -> bool:
        """Tell whether every parameter is a finite number of believable size."""
        parts = [self._weights.vector, *self._statistics.values()]
        with self._device.active():
            return all(bool((abs(part) < LARGEST).all()) for part in parts)  # False for NaN

    def state(self) -> dict[str, np.ndarray]:
        """Copy all that exact resumption needs, to the CPU: parameters by name, the optimiser's motion, the clock."""
        download = self._device.download
        state = {**self.parameters, "updates_done": np.array([self.updates_done], np.int64)}
        return state | {name: download(slot) for name, slot in self._motion.items()}

    @property
    def _motion(self) -> dict[str, Any]:
        """The optimiser's arrays, under names that tell whose they are."""
        return {f"{type(self._optimizer).__name__} motion {i}": slot for i, slot in enumerate(self._slots)}

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Go on from a ``state`` of a learner of the same shapes, on whatever device.

        Raises
        ------
        ValueError
            When a shape differs, naming it, or the state is that of another optimiser.
        """
        own = self.state()
        if others := [name for name in state if " motion " in name and name not in own]:
            kind, mine = others[0].partition(" ")[0], type(self._optimizer).__name__
            raise ValueError(
                f"learning went on with {kind} so far, and cannot go on with {mine}: fit anew to change it"
            )
        for name, array in own.items():
            if name not in state or state[name].shape != array.shape:
                found = state[name].shape if name in state else "nothing"
                raise ValueError(f"the state of {name} has shape {array.shape} here, and {found} was given")
        with self._device.active():
            self._weights.write({name: state[name] for name in self._weights.views})
            for name, array in self._statistics.items():
                self._device.write(array, state[name])
            for name, slot in self._motion.items():
                self._device.write(slot, state[name])
        self.updates_done = int(state["updates_done"][0])
        self._set_clock(self._batch)

    # ---- what it has learnt ----

    @property
    def parameters(self) -> dict[str, np.ndarray]:
        """The parameters as they stand, copies on the CPU."""
        still = {name: self._device.download(array) for name, array in self._statistics.items()}
        return {**self._weights.download(), **still}

    @property
    def mean_loss(self) -> float:
        """Mean of the loss over the epoch's updates, each before its step."""
        return float(self._device.download(self._loss).sum()) / max(self._batch, 1)

    def loss_of(self, data: TrainingData, extra: Mapping[str, np.ndarray] | None = None) -> float:
        """Return the weighted mean loss of other samples, as the parameters stand; its noise is the same every time."""
        found, device = np.empty(data.n_samples), self._device
        with device.active():
            for block, top in enumerate(range(0, data.n_samples, ROWS_AT_ONCE)):
                rows = np.arange(top, min(top + ROWS_AT_ONCE, data.n_samples))
                clock = device.upload(np.array([block, 0], np.uint32))
                context = Context(device, random=self._random.child(Stream.VALIDATION), clock=clock)
                more = {name: device.upload(array[rows], data.dtype) for name, array in (extra or {}).items()}
                batch = Batch(device.upload(data.rows(rows)), device.zeros(rows.size, data.dtype), more)
                found[rows] = device.download(self._objective.values(self._named(), batch, context))
        return float(data.weights @ found / data.weights.sum())


def _check_extra(extra: Mapping[str, np.ndarray], n: int) -> None:
    """Refuse what belongs to other samples: loops would read beyond its end."""
    for name, array in extra.items():
        if array.ndim != 2 or len(array) != n:
            raise ValueError(f"{name} has shape {array.shape}, but {n} samples need ({n}, m)")
