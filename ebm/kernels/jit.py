"""The decorators of a kernel file: ``cell``, ``by_precision``, ``inner``, ``core`` and ``cuda_loop``.

A **cell** is a scalar function, pasted into the loops of both devices; a **core** is a serial CPU loop over a
range of rows that releases the GIL, an **inner** a part of one; a **cuda_loop** is a grid-stride loop. Numba's disk cache is keyed by the
file a function stands in, and knows nothing of cells that it imports, so here the names of the cache's files
carry a hash of every source in this folder: after an upgrade or an edit nothing old can be found.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
import numpy as np
from numba import types
from numba.core.caching import CompileResultCacheImpl, FunctionCache
from numba.extending import overload

FAST = {"contract", "nsz", "arcp"}  # as fast as all flags together, and NaN keeps its meaning


def _hash_of_sources(folder: Path) -> str:
    digest = hashlib.sha256(numba.__version__.encode())
    for path in sorted(folder.glob("*.py")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:12]


SOURCES = _hash_of_sources(Path(__file__).parent)


class _HashedNames(CompileResultCacheImpl):
    def get_filename_base(self, fullname: str, abiflags: str) -> str:
        return f"{super().get_filename_base(fullname, abiflags)}.{SOURCES}"


class _PackageCache(FunctionCache):
    _impl_class = _HashedNames


def cell(function: Callable) -> Any:
    """Compile a scalar function so that it is pasted into its caller and keeps the caller's flags."""
    return numba.njit(inline="always", error_model="numpy", fastmath=FAST)(function)


def core(function: Callable) -> Any:
    """Compile a serial CPU loop that releases the GIL and is kept in the disk cache."""
    dispatcher = numba.njit(nogil=True, error_model="numpy", fastmath=FAST, no_cfunc_wrapper=True)(function)
    dispatcher._cache = _PackageCache(function)
    return dispatcher


def inner(function: Callable) -> Any:
    """Compile a part of a core, called from cores alone: without the wrappers that Python would need."""
    return numba.njit(error_model="numpy", fastmath=FAST, no_cpython_wrapper=True, no_cfunc_wrapper=True)(function)


def summing(function: Callable) -> Any:
    """Compile an ``inner`` whose sums may be reordered to vectorise (alike for any number of threads)."""
    flags = FAST | {"reassoc"}
    return numba.njit(error_model="numpy", fastmath=flags, no_cpython_wrapper=True, no_cfunc_wrapper=True)(function)


PRECISIONS: list[tuple[Callable, Callable]] = []  # (name, chooser): the launcher tells CUDA's compiler of them


def by_precision(single: Any, double: Any) -> Callable:
    """Join two cells of one argument under one name: ``single`` for float32, ``double`` for float64."""

    def choose(x: Any) -> Any:  # in the CUDA simulator, which runs plain Python
        return single.py_func(x) if isinstance(x, np.float32) else double.py_func(x)

    def chooser(x):  # type: ignore[no-untyped-def]  # numba compares this signature with the lambda's
        if str(x) == "float32":
            return lambda x: single(x)
        return lambda x: double(x)

    overload(choose, inline="always")(chooser)
    PRECISIONS.append((choose, chooser))
    return choose


class cuda_loop:  # noqa: N801  (a decorator, named like the others)
    """A grid-stride CUDA loop; numba.cuda is imported, and the loop compiled, at its first launch."""

    registry: list[cuda_loop] = []

    def __init__(self, function: Callable) -> None:
        self.py_func, self.__doc__ = function, function.__doc__
        self._kernel: Any = None
        cuda_loop.registry.append(self)

    def __call__(self, threads: int, *arguments: Any) -> None:
        """Launch over ``threads`` work items on the stream that the device holds current."""
        from ebm.kernels.launch import compiled, launch

        if self._kernel is None:
            self._kernel = compiled(self.py_func)
        launch(self._kernel, threads, arguments)


def on_gpu(array: Any) -> bool:
    """Tell CuPy's arrays (and the simulator's) by the mark on their type, without importing CuPy."""
    return hasattr(type(array), "__cuda_array_interface__")


def float_type(dtype: Any) -> types.Float:
    """Return numba's type of a NumPy dtype (float32 or float64)."""
    return types.float32 if np.dtype(dtype) == np.float32 else types.float64
