"""A spin barrier: threads that started together meet between the phases of an update.

Waking a sleeping thread costs about a hundred microseconds, an update of ten digits not much more. A waiting thread
reads one word until the last to arrive raises it, and offers its core to others when that takes long.
"""

from __future__ import annotations

import ctypes
import sys
from typing import Any

import llvmlite.binding as llvm
from numba import types
from numba.extending import intrinsic

from ebm.kernels.jit import inner

ARRIVED, ROUND, ABANDONED, WORDS = 0, 8, 16, 24  # int64 each, a cache line apart
PATIENCE = 4000  # reads, about 10 us, before the core is offered to other threads


def _register_yield() -> None:
    """Give the operating system's 'let another thread run' a name that compiled code can call."""
    library = ctypes.WinDLL("kernel32") if sys.platform == "win32" else ctypes.CDLL(None)  # type: ignore[attr-defined]
    function = library.SwitchToThread if sys.platform == "win32" else library.sched_yield
    address = ctypes.cast(function, ctypes.c_void_p).value
    llvm.add_symbol("ebm_yield", address)


_register_yield()
_yield = types.ExternalFunction("ebm_yield", types.int32())


def _element(context: Any, builder: Any, signature: Any, args: Any) -> Any:
    data = context.make_array(signature.args[0])(context, builder, args[0]).data
    return builder.gep(data, [args[1]])


@intrinsic
def atomic_add(typingctx: Any, array: Any, i: Any, amount: Any) -> Any:
    """array[i] += amount, at once for all threads; the old value back."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.atomic_rmw("add", _element(context, builder, signature, args), args[2], "acq_rel")

    return types.int64(array, types.intp, types.int64), generate


@intrinsic
def atomic_read(typingctx: Any, array: Any, i: Any) -> Any:
    """Read array[i] and see all that was written before it was."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.load_atomic(_element(context, builder, signature, args), "acquire", 8)

    return types.int64(array, types.intp), generate


@inner
def all_here(barrier: Any, parts: Any) -> Any:
    """Meet for the first time; False where a thread could not start, and nothing may be touched."""
    meet(barrier, parts)
    return parts == 1 or atomic_read(barrier, ABANDONED) == 0


@inner
def meet(barrier: Any, parts: Any) -> None:
    """Wait until all ``parts`` threads are here (or the gang was abandoned because one could not start)."""
    if parts == 1:
        return
    turn = atomic_read(barrier, ROUND)
    if atomic_add(barrier, ARRIVED, 1) == parts - 1:
        atomic_add(barrier, ARRIVED, -parts)
        atomic_add(barrier, ROUND, 1)
        return
    reads = 0
    while atomic_read(barrier, ROUND) == turn and atomic_read(barrier, ABANDONED) == 0:
        reads += 1
        if reads > PATIENCE:
            _yield()
