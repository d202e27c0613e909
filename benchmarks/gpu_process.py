"""A contender on the GPU in a process of its own: what fails or hangs there ends with it, and no library meets another.

A module offers ``SIDES``: by name, a function of a case that returns ``run(n)``: do so many updates, and wait for them.
"""

from __future__ import annotations

import contextlib
import faulthandler
import json
import os
import queue
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable
from importlib import import_module
from typing import Any

from benchmarks.workers import ROOT

Run = Callable[[int], None]
WARM_UP = 20  # updates, after whatever is compiled and captured


class Contender:
    """One side of a module; ``fault`` tells why it has nothing more to say on a case, None while all is well.

    After a fault the next case gets a new process; one that did not answer in time is not asked again.

    Parameters
    ----------
    module : str
    name : str
        In the module's ``SIDES``.
    """

    def __init__(self, module: str, name: str) -> None:
        self.name, self._hung = name, False
        self.fault: str | None = None
        self._command = [sys.executable, "-m", "benchmarks.gpu_process", module, name]
        self._process: Any = None

    def begin(self, case: Any) -> None:
        """Let it make a case and warm up; `answer` waits for it."""
        self.fault = "it hung in a case before" if self._hung else None
        if self.fault is None and self._process is None:
            self._start()
        self._ask({"make": case})

    def _start(self) -> None:
        path = os.pathsep.join([str(ROOT), str(ROOT / "sklearn_compat"), os.environ.get("PYTHONPATH", "")])
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        self._process = subprocess.Popen(self._command, env=os.environ | {"PYTHONPATH": path}, cwd=ROOT, **pipes)
        self._lines: queue.Queue[str] = queue.Queue()
        threading.Thread(target=_read, args=(self._process.stdout, self._lines), daemon=True).start()

    def seconds(self, n: int, limit: float) -> float | None:
        """Time so many updates; None where that failed."""
        self._ask({"time": n})
        return self.answer(limit).get("seconds")

    def answer(self, limit: float) -> dict[str, Any]:
        """Wait for an answer, so many seconds at most; empty where there is none."""
        if self.fault is not None:
            return {}
        try:
            line = self._lines.get(timeout=max(limit, 0))
        except queue.Empty:
            self._hung = True
            return self._end(f"no answer in {max(limit, 0):.0f} s")
        if not line:
            return self._end(f"its process ended with code {self._process.wait()}")
        found = json.loads(line)
        return self._end(found["fault"]) if "fault" in found else found

    def _ask(self, request: dict[str, Any]) -> None:
        if self.fault is None:
            with contextlib.suppress(OSError):  # it has ended, which the answer will tell
                print(json.dumps(request), file=self._process.stdin, flush=True)

    def _end(self, fault: str) -> dict[str, Any]:
        """Stop the process: a GPU's errors stay with the process that made them."""
        self.fault = fault
        self.close()
        return {}

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            with contextlib.suppress(OSError):  # what it was asked last is still in the pipe
                self._process.stdin.close()
            self._process = None


def _read(pipe: Any, lines: queue.Queue[str]) -> None:
    with pipe:
        for line in pipe:
            lines.put(line)
    lines.put("")


def serve(sides: dict[str, Callable[[Any], Run]], name: str) -> None:
    """Answer requests until the input ends."""
    lines = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    faulthandler.enable()
    run: Any = None
    for line in sys.stdin:
        request, answer = json.loads(line), {}
        try:
            if "make" in request:
                run = None  # the last case's memory goes before
                run = sides[name](request["make"])
                run(WARM_UP)
            else:
                run(2)
                start = time.perf_counter()
                run(request["time"])
                answer["seconds"] = time.perf_counter() - start
        except Exception as error:
            traceback.print_exc()
            answer["fault"] = f"{type(error).__name__}: {error}"
        print(json.dumps(answer), file=lines)


if __name__ == "__main__":
    serve(import_module(sys.argv[1]).SIDES, sys.argv[2])
