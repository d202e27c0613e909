"""One pool of Python threads for every CPU loop: rows are shared out, and the caller works too.

Python threads rather than numba's own: its OpenMP layer hangs in a forked child, its workqueue layer aborts under
concurrent callers, and ``prange`` doubles the time to compile. Cores release the GIL.

``over_rows`` gives each thread a range of rows. ``gang`` starts one core on several threads *at once*; they meet at a
spin barrier between phases, which costs a microsecond where waking a thread costs a hundred.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import numpy as np

from ebm.kernels.barrier import ABANDONED, WORDS

SMALL = 100_000  # elements (about 150 us of work) that a thread must get: waking one costs about 95 us


def permitted_cores() -> int:
    """Count the cores this process may use: NUMBA_NUM_THREADS, OMP_NUM_THREADS, then the affinity mask."""
    for name in ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS"):  # joblib sets the second in its worker processes
        value = os.environ.get(name, "").split(",")[0].strip()
        if value.isdigit() and int(value) > 0:
            return int(value)
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class _Local(threading.local):
    limit: int | None = None
    recorder: Callable[..., None] | None = None
    n_recorded: int = 0


_lock = threading.RLock()  # guards the pool
_gang_lock = threading.Lock()  # one gang at a time: two that each hold half of the pool would wait for ever
_pools: dict[int, ThreadPoolExecutor] = {}
_local = _Local()


def n_threads() -> int:
    """Threads that a loop started from here may use: the limit, one in a joblib worker, or all permitted."""
    return _local.limit or (1 if in_joblib_worker() else permitted_cores())


def in_joblib_worker() -> bool:
    """Tell whether joblib runs this, in a process or a thread of its own: the siblings have the other cores."""
    parallel = sys.modules.get("joblib.parallel")  # where nobody has imported joblib there is no worker
    return parallel is not None and bool(getattr(parallel.get_active_backend()[0], "nesting_level", 0))


@contextmanager
def limit_threads(n: int | None) -> Iterator[int]:
    """Let loops started in this block, by this thread, use ``n`` threads (None: leave as it is)."""
    before = _local.limit
    _local.limit = before if n is None else n
    try:
        yield n_threads()
    finally:
        _local.limit = before


@contextmanager
def recording(recorder: Callable[[Any, tuple[Any, ...], int, int], None]) -> Iterator[None]:
    """Tell ``recorder`` of every loop that ``over_rows`` runs in this block, in this thread, as it does."""
    if _local.recorder is not None:
        raise RuntimeError("loops are being recorded already")
    _local.recorder = recorder
    try:
        yield
    finally:
        _local.recorder = None


@contextmanager
def replayable(what: Any) -> Iterator[None]:
    """Refuse a block that runs no loop while loops are recorded: what it did would be left out of every replay.

    Raises
    ------
    TypeError
        When it runs none, naming ``what`` it belongs to.
    """
    before = _local.n_recorded
    yield
    if _local.recorder is not None and _local.n_recorded == before:
        raise TypeError(f"{what!r} works without loops of ebm.kernels, so that replayed updates would leave it out")


def _pool(workers: int) -> ThreadPoolExecutor:
    with _lock:
        largest = max(_pools, default=0)
        if largest < workers:  # the smaller pool ends when its last caller lets go of it
            _pools.clear()
            _pools[workers] = ThreadPoolExecutor(workers, thread_name_prefix="ebm")
            largest = workers
        return _pools[largest]


def _submit(workers: int, core: Callable[..., Any], call: tuple[Any, ...]) -> Future:
    with _lock:  # until the work is handed over: a pool that _before_fork has taken out gets no more
        return _pool(workers).submit(core, *call)


def _before_fork() -> None:
    """Let the pool's threads end, after the work they have; the next loop starts others.

    None is lost in the child then, and Python >= 3.12, which counts the process's threads, has nothing to warn of.
    """
    with _lock:
        pools = list(_pools.values())
        _pools.clear()
    for pool in pools:
        pool.shutdown(wait=True)


def _after_fork() -> None:
    global _lock, _gang_lock
    _lock, _gang_lock = threading.RLock(), threading.Lock()
    _pools.clear()  # the parent's threads do not exist in the child


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_child=_after_fork)


def edges(n: int, parts: int) -> list[int]:
    """Borders that share n items over parts as evenly as can be."""
    return [n * i // parts for i in range(parts + 1)]


def _finish(waiting: list[Future]) -> None:
    """Wait for all, also through an interrupt: their buffers must not be left while a thread still writes."""
    interrupt: BaseException | None = None
    for future in waiting:
        while not future.done():
            try:
                future.exception()
            except KeyboardInterrupt as raised:
                interrupt = raised
    if interrupt is not None:
        raise interrupt
    for future in waiting:
        future.result()


def _together(
    core: Callable[..., Any], calls: list[tuple[Any, ...]], abandon: Callable[[], None] = lambda: None
) -> None:
    """Run core(*call) for every call, the first in this thread, and wait for all of them whatever happens."""
    waiting: list[Future] = []
    try:
        for call in calls[1:]:
            waiting.append(_submit(len(calls) - 1, core, call))
            waiting[-1].add_done_callback(lambda done: abandon() if done.exception() else None)
        core(*calls[0])
    except BaseException:
        abandon()
        raise
    finally:
        _finish(waiting)


def over_rows(core: Callable[..., Any], arguments: tuple[Any, ...], n_rows: int, work: int) -> None:
    """Run ``core(*arguments, first, last)`` over [0, n_rows); ``work``, in elements, decides on threads."""
    if n_rows == 0:
        return
    if _local.recorder is not None:
        _local.recorder(core, arguments, n_rows, work)
        _local.n_recorded += 1
    parts = max(1, min(n_threads(), n_rows, work // SMALL))
    border = edges(n_rows, parts)
    _together(core, [(*arguments, border[i], border[i + 1]) for i in range(parts)])


def gang(core: Callable[..., Any], arguments: tuple[Any, ...], parts: int) -> None:
    """Run ``core(*arguments, part, parts, barrier)`` for every part, all at once; the barrier is for ``meet``."""
    barrier = np.zeros(WORDS, np.int64)
    calls = [(*arguments, part, parts, barrier) for part in range(parts)]
    if parts == 1:
        core(*calls[0])
        return

    def abandon() -> None:
        barrier[ABANDONED] = 1  # a part could not start: the others end (``all_here``) instead of waiting for ever

    with _gang_lock:
        _together(core, calls, abandon)
