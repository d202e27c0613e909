"""Descent on an objective, whatever the samples are: parameters, gradient, optimiser, clock, and all that is resumed.

A learner adds how a mini-batch is loaded. Its update, loops and products alone, is recorded or captured, so everything
here stands in arrays that stay where they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ebm.device import Device, get_device
from ebm.kernels.threads import replayable
from ebm.kernels.totals import add_total, tick
from ebm.networks.parameters import FlatParameters
from ebm.optimizers.clipping import Clipping
from ebm.optimizers.optimizer import Optimizer
from ebm.random import Random

LARGEST = 1e6  # a parameter of such a size is of no use


class Descent:
    """What learners of networks share.

    Parameters
    ----------
    parameters : dict of str to ndarray
        Where learning starts, on the CPU.
    statistics : tuple of str
        Names of those that no gradient moves.
    optimizer : Optimizer
    random : Random
        Seeds order and noise.
    n_epochs : int
        Epochs of the whole fit, for the schedules.
    n_batches : int
        Updates in an epoch; where epochs differ, the most of any.
    dtype : dtype
        float32 or float64: the data's.
    clipping : Clipping, optional
        What holds gradients within bounds.
    device : str or Device, default="cpu"

    Attributes
    ----------
    n_batches : int
        Updates of this epoch.
    updates_done : int

    Raises
    ------
    ValueError
        When parameters are of another dtype.
    """

    def __init__(
        self,
        parameters: Mapping[str, np.ndarray],
        statistics: tuple[str, ...],
        optimizer: Optimizer,
        random: Random,
        *,
        n_epochs: int,
        n_batches: int,
        dtype: Any,
        clipping: Clipping | None = None,
        device: str | Device = "cpu",
    ) -> None:
        self._optimizer, self._random, self._clipping, self._n_epochs = optimizer, random, clipping, n_epochs
        self._device, self._dtype, self.n_batches = get_device(device), np.dtype(dtype), n_batches
        self.updates_done, self._batch = 0, 0
        with self._device.active():
            self._place_parameters(parameters, set(statistics))

    def _place_parameters(self, parameters: Mapping[str, np.ndarray], still: set[str]) -> None:
        """Put what moves, and what moves it, on the device."""
        device, dtype = self._device, self._dtype
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

    # ---- an epoch, and a step ----

    def _begin_epoch(self, epoch: int) -> None:
        """Take the rates of an epoch (0 is the first), and forget the losses of the one before."""
        first, all_updates = epoch * self.n_batches, max(self._n_epochs * self.n_batches, 1)
        progress = np.minimum((first + np.arange(self.n_batches)) / all_updates, 1.0)
        rates = np.zeros(self._table.shape, self._dtype)
        rates[: self.n_batches] = self._optimizer.rates(progress, self.updates_done)
        with self._device.active():
            self._device.write(self._table, rates)
            self._device.write(self._loss, np.zeros((1, 2), self._dtype))
        self._set_clock(0)

    def _move(self, values: Any, weights: Any) -> None:
        """Note the losses of a batch, with their weights, and go a step along the gradient: loops alone."""
        add_total(values, weights, self._loss)
        if self._clipping is not None:
            with replayable(self._clipping):
                self._clipping.clip(self._gradient.vector, self._scale, self._clip_slots)
        with replayable(self._optimizer):
            self._optimizer.step(
                self._weights.vector, self._gradient.vector, self._slots, self._table, self._clock,
                self._weights.n_decayed, self._scale,
            )  # fmt: skip
        tick(self._clock)

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
