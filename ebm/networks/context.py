"""A pass through a network: where its arrays are made, what multiplies, and where its noise stands."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from ebm.device import Device, get_device
from ebm.kernels.frames import copy_rows
from ebm.kernels.processor import aligned
from ebm.networks.packing import Packing
from ebm.random import Random, Stream

NUMBER = 8  # bits of a stream's name: the rest counts the layers that draw from it


@dataclass(frozen=True)
class Noise:
    """Where a kernel finds its random numbers: at (column, row of the batch, step clock[0], stream) under the seed.

    Attributes
    ----------
    seed : int
        64 bits.
    stream : int
    clock : array of uint32 on the device
        Its first number is the step; a replayed update reads it anew.
    """

    seed: int
    stream: int
    clock: Any


class Memory:
    """States of recurrent layers, from pass to pass.

    Attributes
    ----------
    layers : list of tuple of arrays of shape (n, size)
        As layers ask for them.
    """

    def __init__(self) -> None:
        self.layers: list[tuple[Any, ...]] = []

    def forget(self) -> None:
        """Let all states be zero."""
        for states in self.layers:
            for state in states:
                state[...] = 0


class Context:
    """What a pass through a network needs beside parameters.

    Parameters
    ----------
    device : str or Device, default="cpu"
    training : bool, default=False
        Whether layers drop out, and take a batch's own statistics.
    random : Random, optional
        Seeds the noise; Random(0) by default.
    clock : array of uint32 on the device, optional
        clock[0] is the number of the update, by which noise is told apart; zeros by default.
    reuse : bool, default=False
        Hand out the same arrays again after every `rewind`: for updates that are recorded or captured. What a pass
        returned is then overwritten by the next.
    resize : bool, default=False
        With ``reuse``: passes may ask for other shapes than the first did, and get the same memory where it suffices.
    packing : Packing, optional
        How the rows of sequences stand, for layers that go through time.
    remembers : bool, default=False
        Recurrent layers begin a pass with the states that ended the one before (see `remembered`).
    memory : Memory, optional
        The states that are remembered, where several contexts share them; with it ``remembers`` is True.
    holds : bool, default=False
        Passes begin with remembered states, and leave them as they are.
    truncation : int, optional
        Recurrent layers take what reaches their output at a frame back to this many frames before it, and no further
        (see `ebm.recurrent.through_time`); to the first one by default.
    constant : bool, default=False
        Parameters stay as they are, and so do the copies that products read (see `kept`).

    Attributes
    ----------
    device : Device
    training : bool
    clock : array of uint32
    packing : Packing or None
        As it is now, see `packed`.
    """

    def __init__(
        self,
        device: str | Device = "cpu",
        *,
        training: bool = False,
        random: Random | None = None,
        clock: Any = None,
        reuse: bool = False,
        resize: bool = False,
        packing: Packing | None = None,
        remembers: bool = False,
        memory: Memory | None = None,
        holds: bool = False,
        truncation: int | None = None,
        constant: bool = False,
    ) -> None:
        self.device, self.training = get_device(device), training
        self.clock = self.device.zeros(2, np.uint32) if clock is None else clock
        self._random, self._reuse, self._resize, self.packing = random or Random(0), reuse, resize, packing
        self._memory = Memory() if memory is None and remembers else memory
        self._holds, self.truncation, self._constant, self._aside = holds, truncation, constant, False
        self._arrays: list[Any] = []
        self._kept: dict[tuple[int, str], tuple[Any, Any]] = {}
        self.rewind()

    def rewind(self) -> None:
        """Begin another pass."""
        self._next, self._n_noises, self._n_remembered = 0, 0, 0
        self._written: set[int] = set()

    def empty(self, shape: tuple[int, ...], dtype: Any) -> Any:
        """Return an array of this shape, C-contiguous, with any contents (the CPU's stand on cache lines)."""
        if self._aside:
            return self._made(shape, dtype)
        if self._resize:
            return self._at_least(shape, np.dtype(dtype))
        if self._reuse and self._next < len(self._arrays):
            found = self._arrays[self._next]
            if found.shape != tuple(shape) or found.dtype != dtype:
                raise RuntimeError(f"a pass asks for {np.dtype(dtype)}{shape} where the first asked for {found.shape}")
        else:
            found = self._made(shape, dtype)
            if self._reuse:
                self._arrays.append(found)
        self._next += 1
        return found

    def _made(self, shape: tuple[int, ...], dtype: Any) -> Any:
        return aligned(tuple(shape), dtype) if self.device.xp is np else self.device.xp.empty(shape, dtype)

    def _at_least(self, shape: tuple[int, ...], dtype: np.dtype) -> Any:
        """Return the beginning of this request's memory, which grows by half where it is too small."""
        size, place = prod(shape) * dtype.itemsize, self._next
        self._next += 1
        if place == len(self._arrays):
            self._arrays.append(self._made((max(size, 64),), np.uint8))
        elif self._arrays[place].size < size:
            self._arrays[place] = self._made((size + size // 2,), np.uint8)
        return self._arrays[place][:size].view(dtype).reshape(shape)

    @contextmanager
    def packed(self, packing: Packing | None) -> Iterator[None]:
        """Let rows stand as ``packing`` says in this block."""
        before, self.packing = self.packing, packing
        try:
            yield
        finally:
            self.packing = before

    def noise(self, stream: Stream) -> Noise:
        """Return where the next noise of this pass stands; every call of a pass has a stream of its own."""
        self._n_noises += 1
        return Noise(self._random.seed, int(stream) | self._n_noises << NUMBER, self.clock)

    def adds(self, gradient: Any) -> bool:
        """Tell whether this pass has written a gradient already, and note that it now has.

        (Gradients are told apart by their memory, so keep to the same arrays for a pass.)
        """
        place = gradient.data.ptr if hasattr(gradient.data, "ptr") else gradient.ctypes.data
        before = place in self._written
        self._written.add(place)
        return before

    def remembered(self, n: int, sizes: tuple[int, ...], dtype: Any) -> tuple[Any, ...] | None:
        """Return the states (n, size) of this pass's next recurrent layer, which it reads and writes; None for zeros.

        They begin as zeros. Later passes may have fewer sequences, the first of those before; ValueError for more.
        """
        if self._memory is None:
            return None
        layers = self._memory.layers
        if self._n_remembered == len(layers):
            layers.append(tuple(self.device.zeros((n, size), dtype) for size in sizes))
        held = layers[self._n_remembered][0].shape[0]
        if n > held:
            raise ValueError(f"the packing has {n} sequences, but states of {held} are remembered")
        self._n_remembered += 1
        return tuple(self._held(state[:n]) for state in layers[self._n_remembered - 1])

    def _held(self, state: Any) -> Any:
        if not self._holds:
            return state
        copy = self.empty(state.shape, state.dtype)
        copy_rows(state, copy)
        return copy

    @property
    def remembers(self) -> bool:
        """Whether recurrent layers begin with the states that ended the pass before."""
        return self._memory is not None

    def forget(self) -> None:
        """Let the next pass begin with states of zero."""
        if self._memory is not None:
            self._memory.forget()

    def repeated(self, times: int) -> Iterator[int]:
        """Count to ``times``; every round after the first is given the arrays of the first one anew."""
        begin = self._next
        for number in range(times):
            self._next = begin
            yield number

    def kept(self, array: Any, kind: str, make: Callable[[], Any]) -> Any:
        """Return what ``make`` makes of a parameter; where parameters are constant, what it made in the first pass."""
        if not self._constant:
            return make()
        place = (id(array), kind)
        if place not in self._kept:
            self._aside = True  # later passes do not ask for this array
            self._kept[place] = (array, make())  # with the parameter, so that no other takes its number
            self._aside = False
        return self._kept[place][1]
