"""Recording the loops of an update, and replaying them without Python between.

An update of a small network is some thirty loops of microseconds each; Python's calls, and waking a thread for each,
would cost more than they do. So the first update runs as usual and is recorded: what ``over_rows`` is given is kept as
an address and a record of its arguments (``trampoline``). From then on threads start together once for many updates, go
through the list side by side, each on its share of every loop's rows, and meet at a spin barrier after each. It is the
CPU's counterpart of a CUDA graph, with a graph's rule: whatever changes from update to update is read from arrays, and
arrays stay where they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numba import types
from numba.extending import intrinsic

from ebm.kernels.barrier import all_here, meet
from ebm.kernels.jit import core
from ebm.kernels.threads import SMALL, gang, n_threads, recording
from ebm.kernels.trampoline import Call


class Program:
    """Loops in the order in which they were recorded.

    Calling it with a number replays the whole list so many times. Threads are as many as at the call, if the work is
    worth them; results do not depend on their number.
    """

    def __init__(self) -> None:
        self._calls: list[Call] = []
        self._rows: list[int] = []
        self._work = 0
        self._tables: tuple[np.ndarray, ...] | None = None

    def add(self, loop: Any, arguments: tuple[Any, ...], n_rows: int, work: int) -> None:
        """Note a loop over ``n_rows`` rows, with its arguments as they are."""
        self._calls.append(Call(loop, (*arguments, 0, 0)))
        self._rows.append(n_rows)
        self._work += work

    def __len__(self) -> int:
        """Count the loops."""
        return len(self._rows)

    def __call__(self, times: int = 1) -> None:
        """Replay the list ``times`` times.

        Raises
        ------
        RuntimeError
            When a loop fails, which compiled loops do for want of memory alone.
        """
        if times < 1 or not self._calls:
            return
        if self._tables is None:
            self._tables = (
                np.array([call.address for call in self._calls], np.int64),
                np.array([call.record.ctypes.data for call in self._calls], np.int64),
                np.array(self._rows, np.int64),
            )
        parts = max(1, min(n_threads(), times * self._work // SMALL, 2 * self._work // SMALL))
        failed = np.zeros(1, np.int64)
        gang(_replay, (*self._tables, times, failed), parts)
        if failed[0]:
            raise RuntimeError("a compiled loop failed, perhaps for want of memory")


@contextmanager
def recorded() -> Iterator[Program]:
    """Record the loops that run in this block, in this thread."""
    program = Program()
    with recording(program.add):
        yield program


class Captured:
    """A function of loops alone: it runs as it is the first time and is recorded, and replayed from then on."""

    def __init__(self, function: Callable[[], None]) -> None:
        self._function = function
        self._program: Program | None = None

    def __call__(self, times: int = 1) -> None:
        """Do what the function does, ``times`` times."""
        if times and self._program is None:
            with recorded() as program:
                self._function()
            self._program, times = program, times - 1
        if self._program is not None:
            self._program(times)


@intrinsic
def _call(typingctx: Any, address: Any, record: Any, first: Any, last: Any) -> Any:
    """Call a trampoline; its status back, 0 where all went well."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        from llvmlite import ir

        word = ir.IntType(64)
        kind = ir.FunctionType(ir.IntType(32), [word, word, word])
        return builder.call(builder.inttoptr(args[0], kind.as_pointer()), list(args[1:]))

    return types.int32(types.int64, types.int64, types.int64, types.int64), generate


@core(allocates=False)
def _replay(
    addresses: Any, records: Any, rows: Any, times: Any, failed: Any, part: Any, parts: Any, barrier: Any
) -> None:
    if not all_here(barrier, parts):
        return
    for _ in range(times):
        for k in range(addresses.size):
            first, last = rows[k] * part // parts, rows[k] * (part + 1) // parts
            if first < last and _call(addresses[k], records[k], first, last) != 0:
                failed[0] = 1
            meet(barrier, parts)
