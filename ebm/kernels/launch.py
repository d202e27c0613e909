"""Launching CUDA loops: the only file that imports numba.cuda.

A loop's globals get ``cuda`` here, its cells' precisions are told to CUDA's compiler, and its binary is kept
in a disk cache whose names carry the hash of all kernel sources. Launches go to CuPy's current stream.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
from numba import cuda

from ebm.kernels.block import BLOCK
from ebm.kernels.jit import PRECISIONS, SOURCES, cuda_part, on_gpu, simulated

SIMULATED = simulated()
MOST_BLOCKS = 2048  # more than fill any GPU; the stride does the rest
TINY = (2, 4)  # blocks and threads in the simulator, so that strides are tested

if SIMULATED:
    from numba.cuda.cudadrv.devicearray import FakeCUDAArray
else:
    from numba.cuda.core.errors import NumbaPerformanceWarning
    from numba.cuda.dispatcher import CUDACache, CUDACacheImpl
    from numba.cuda.extending import overload

    class _HashedNames(CUDACacheImpl):
        def get_filename_base(self, fullname: str, abiflags: str) -> str:
            return f"{super().get_filename_base(fullname, abiflags)}.{SOURCES}"

    class _PackageCache(CUDACache):
        _impl_class = _HashedNames


_told: set[int] = set()


def _tell_precisions() -> None:
    """Register the cells' precisions with CUDA's compiler too: numba.extending reaches the CPU's only."""
    for name, chooser, inline in PRECISIONS:
        if not SIMULATED and id(name) not in _told:
            overload(name, inline=inline)(chooser)
            _told.add(id(name))


def prepare(function: Callable) -> Callable:
    """Put ``cuda``, and the compiled parts that it calls, into a loop's globals."""
    _tell_precisions()
    scope = function.__globals__
    scope["cuda"] = cuda
    for name in function.__code__.co_names:
        value = scope.get(name)
        if isinstance(value, cuda_part):
            scope[name] = value.compiled(lambda f: cuda.jit(device=True)(prepare(f)))
    return function


def compiled(function: Callable) -> Any:
    """Make a kernel of a CUDA loop; it compiles at its first launch, or comes from the disk."""
    kernel = cuda.jit(prepare(function))
    if not SIMULATED:
        kernel._cache = _PackageCache(function)
    return kernel


@lru_cache(maxsize=64)
def _stream_at(pointer: int) -> Any:
    return cuda.external_stream(pointer)  # one object a pointer: numba keeps launch configurations by it


@lru_cache(maxsize=1024)
def _configured(kernel: Any, blocks: int, block: int, pointer: int) -> Any:
    """Bind a kernel to a grid and a stream; numba warns of small grids here, and a small batch is one."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NumbaPerformanceWarning)
        return kernel[blocks, block, _stream_at(pointer)]


def launch(kernel: Any, threads: int, arguments: tuple[Any, ...], block: int | None = None) -> None:
    """Run a kernel over ``threads`` work items on CuPy's current stream (or in the simulator)."""
    if SIMULATED:
        kernel[TINY[0], block or TINY[1]](*(_simulated(a) for a in arguments))
        return
    block = block or BLOCK
    blocks = max(1, min(-(-threads // block), MOST_BLOCKS))
    pointer = sys.modules["cupy"].cuda.get_current_stream().ptr
    _configured(kernel, blocks, block, pointer)(*(_there(a) for a in arguments))


def _there(argument: Any) -> Any:
    """Hand over CuPy's array without making streams wait, which would break a capture: all work is on one."""
    return cuda.as_cuda_array(argument, sync=False) if on_gpu(argument) else argument


def _simulated(argument: Any) -> Any:
    """Hand an array to the simulator as memory already there: it would copy, and lose what aliases."""
    return FakeCUDAArray(argument.view(np.ndarray)) if isinstance(argument, np.ndarray) else argument
