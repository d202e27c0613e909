"""The other end of ``benchmarks.worker``: starts a library's process with a fixed number of threads, and asks it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any

from benchmarks.cases import Case
from benchmarks.clock import Timing

ROOT = Path(__file__).parents[1]
VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


def thread_environment(threads: int) -> dict[str, str]:
    """Return the variables that hold every library to a number of threads (JAX goes by the cores it may use)."""
    return {name: str(threads) for name in VARIABLES}


def thread_words(threads: int) -> str:
    """Return ``thread_environment`` in a line."""
    return " ".join(f"{name}={n}" for name, n in thread_environment(threads).items())


def environment(threads: int) -> dict[str, str]:
    """Return this process's environment with ``thread_environment``, and the project on the path."""
    path = os.pathsep.join([str(ROOT), str(ROOT / "sklearn_compat"), os.environ.get("PYTHONPATH", "")])
    return os.environ | thread_environment(threads) | {"PYTHONPATH": path}


def cores(threads: int) -> list[int]:
    """Return so many cores that this process may use, different physical ones where it has them."""
    allowed = sorted(os.sched_getaffinity(0))
    physical = {_physical(core): core for core in reversed(allowed)}
    return (sorted(physical.values()) + [core for core in allowed if core not in physical.values()])[:threads]


def _physical(core: int) -> str:
    siblings = Path(f"/sys/devices/system/cpu/cpu{core}/topology/thread_siblings_list")
    return siblings.read_text() if siblings.exists() else str(core)


def start_python(arguments: list[str], threads: int, **options: Any) -> subprocess.Popen:
    """Start Python with these arguments on so many cores and threads."""
    place = cores(threads) if hasattr(os, "sched_setaffinity") else None
    process = subprocess.Popen(
        [sys.executable, *arguments], env=environment(threads), stdout=subprocess.PIPE, text=True, **options
    )
    if place:
        os.sched_setaffinity(process.pid, place)  # before it has imported anything
    return process


class Worker:
    """One library's process; use it in a ``with`` block.

    Attributes
    ----------
    versions : dict of str
        Packages and their versions, empty when the library is missing.
    missing : str or None
        What could not be imported.
    """

    def __init__(self, peer: str, start: str | Path, threads: int) -> None:
        arguments = ["-m", "benchmarks.worker", peer, str(start)]
        self.process = start_python(arguments, threads, stdin=subprocess.PIPE)
        hello = self._read()
        self.versions, self.missing = hello.get("versions", {}), hello.get("missing")

    def _read(self) -> dict[str, Any]:
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{' '.join(self.process.args)} ended with code {self.process.wait()}")
        return json.loads(line)

    def _ask(self, **request: Any) -> dict[str, Any]:
        print(json.dumps(request), file=self.process.stdin, flush=True)
        return self._read()

    def time(self, case: Case, updates: int, wait: bool = True) -> Timing:
        """Time so many updates of a case, with ``wait`` once the machine is quiet (see ``clock.Patience``)."""
        return Timing(**self._ask(do="time", case=asdict(case), updates=updates, wait=wait))

    def updates_in(self, case: Case, seconds: float) -> int:
        """Return about how many updates of a case fill this time; compiles and warms up as well."""
        updates = 1
        while (took := self.time(case, updates, wait=False).seconds) < seconds / 4:
            updates = max(updates + 1, min(10 * updates, int(updates * seconds / 2 / took)))
        return max(1, round(updates * seconds / took))

    def save(self, case: Case, path: str | Path) -> None:
        """Let it write a case's parameters to an .npz file: arr_0 (weights), arr_1, arr_2 (visible, hidden bias)."""
        self._ask(do="save", case=asdict(case), path=str(path))

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, kind: type | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self.process.stdin.close()
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
