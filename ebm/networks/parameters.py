"""All parameters of a network in one vector, and views of it by name.

An optimiser then moves everything in one loop, and a norm, a copy or a checkpoint is one array. Each parameter begins
at a multiple of 16 entries, so on a cache line. Those that decay come first.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import prod
from typing import Any

import numpy as np

from ebm.device import Device, get_device
from ebm.kernels.processor import aligned

STEP = 16  # entries: 64 bytes of float32


class FlatParameters:
    """Named arrays as views of one vector.

    Parameters
    ----------
    arrays : dict of ndarray
        By name, on the CPU, all float32 or all float64; copied.
    decayed : collection of str, optional
        Names of those that weight decay shrinks; by default those with two axes or more, weights and not biases.
    device : str or Device, default="cpu"

    Attributes
    ----------
    vector : array of shape (n,)
        On the device; what lies between parameters is zero, and stays so by steps along gradients that are zero there.
    views : dict of arrays
        Each parameter in its shape, C-contiguous, in the vector's memory.
    n_decayed : int
        The first so many entries of the vector hold what decays.
    device : Device

    Raises
    ------
    ValueError
        When there are no arrays, one is empty or of another dtype, or ``decayed`` names one that is not there.
    """

    def __init__(
        self, arrays: Mapping[str, np.ndarray], decayed: Iterable[str] | None = None, device: str | Device = "cpu"
    ) -> None:
        arrays = {name: np.asarray(array) for name, array in arrays.items()}
        shrinking = {name for name, a in arrays.items() if a.ndim >= 2} if decayed is None else set(decayed)
        self.dtype = _common_dtype(arrays)
        if unknown := sorted(shrinking - set(arrays)):
            raise ValueError(f"decayed names {unknown}, but the parameters are {sorted(arrays)}")
        self.device = get_device(device)
        self._places: dict[str, tuple[int, tuple[int, ...]]] = {}
        self._n, self.n_decayed = 0, 0
        self._place({name: a.shape for name, a in arrays.items() if name in shrinking})
        self.n_decayed = self._n
        self._place({name: a.shape for name, a in arrays.items() if name not in shrinking})
        self._names = tuple(arrays)
        self._allocate()
        self.write(arrays)

    def _place(self, shapes: Mapping[str, tuple[int, ...]]) -> None:
        for name, shape in shapes.items():
            self._places[name] = (self._n, shape)
            self._n += -(-prod(shape) // STEP) * STEP

    def _allocate(self) -> None:
        on_cpu = self.device.xp is np
        self.vector: Any = aligned((self._n,), self.dtype) if on_cpu else self.device.zeros(self._n, self.dtype)
        self.views: dict[str, Any] = {}
        for name in self._names:
            start, shape = self._places[name]
            self.views[name] = self.vector[start : start + prod(shape)].reshape(shape)

    def like(self) -> FlatParameters:
        """Return zeros in the same places: for gradients."""
        made: FlatParameters = object.__new__(FlatParameters)
        made.dtype, made.device = self.dtype, self.device
        made._places, made._names, made._n, made.n_decayed = self._places, self._names, self._n, self.n_decayed
        made._allocate()
        return made

    def download(self) -> dict[str, np.ndarray]:
        """Copy all parameters to the CPU, by name."""
        vector = self.device.download(self.vector)
        found = {}
        for name in self._names:
            start, shape = self._places[name]
            found[name] = vector[start : start + prod(shape)].reshape(shape).copy()
        return found

    def write(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Copy arrays of the CPU over the parameters of these names; the memory stays where it is.

        Raises
        ------
        ValueError
            When there is no such parameter, or it has another shape; nothing is written then.
        """
        for name, array in arrays.items():
            if name not in self.views:
                raise ValueError(f"there is no parameter {name!r}; there are {list(self._names)}")
            if np.shape(array) != self._places[name][1]:
                raise ValueError(f"{name} has shape {np.shape(array)}, but the parameter has {self._places[name][1]}")
        for name, array in arrays.items():
            self.device.write(self.views[name], np.asarray(array))


def _common_dtype(arrays: Mapping[str, np.ndarray]) -> np.dtype:
    if not arrays:
        raise ValueError("there are no parameters; give at least one array")
    dtype = next(iter(arrays.values())).dtype
    for name, array in arrays.items():
        if array.dtype != dtype or array.dtype not in (np.float32, np.float64):
            raise ValueError(f"{name} is {array.dtype}; all parameters must be float32, or all float64")
        if array.size == 0:
            raise ValueError(f"{name} is empty, of shape {array.shape}; a parameter needs entries")
    return dtype
