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
from ebm.device import Device
from ebm.kernels.batch import load_dense, load_lists
from ebm.networks.context import Context
from ebm.networks.descent import Descent
from ebm.networks.objective import Batch, Objective
from ebm.optimizers.clipping import Clipping
from ebm.optimizers.optimizer import Optimizer
from ebm.random import Random, Stream

ROWS_AT_ONCE = 1024  # when values of many samples are asked for


class NetworkLearner(Descent):
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
        _check_extra(extra or {}, data.n_samples)
        self._data, self._objective = data, objective
        self._size = min(batch_size, data.n_samples)
        self._updates: dict[int, Callable[..., None]] = {}  # by the number of rows
        super().__init__(
            parameters,
            objective.statistics,
            optimizer,
            random,
            n_epochs=n_epochs,
            n_batches=-(-data.n_samples // self._size),
            dtype=data.dtype,
            clipping=clipping,
            device=device,
        )
        with self._device.active():
            self._place_samples(extra or {})

    def _place_samples(self, extra: Mapping[str, np.ndarray]) -> None:
        """Put all samples on the device."""
        device, data, dtype = self._device, self._data, self._dtype
        self._order = device.zeros(data.n_samples, np.int64)
        self._shares = device.zeros((data.n_samples, 1), dtype)  # in the order of the epoch
        self._in_order = device.upload(np.arange(data.n_samples))
        names = ("dense",) if data.dense.shape[0] else ("starts", "indices", "values")
        self._samples = [device.upload(getattr(data, name)) for name in names]
        self._extra = {name: device.upload(array, dtype) for name, array in extra.items()}

    # ---- what the loop asks ----

    def begin_epoch(self, epoch: int) -> None:
        """Shuffle the samples and take the rates of an epoch (0 is the first)."""
        order = self._random.permutation(self._data.n_samples, epoch)
        with self._device.active():
            self._device.write(self._order, order)
            self._device.write(self._shares, self._shares_of(order)[:, None])
        self._begin_epoch(epoch)

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
        self._move(values, batch.weights)

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

    # ---- what it has learnt ----

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
