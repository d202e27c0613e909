"""Libraries beside one another, each in its own process with the same number of threads, on the same cores.

A module of ``benchmarks.peers`` offers ``SIDES``: by name, a class with the name of its ``package``, made of a case,
with ``run(n)``: do so many pieces of work. In every round all take turns; a row shows medians and the rounds' ratios.
Rounds in which other processes computed are left out, and so are libraries that are not installed.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

from benchmarks import report
from benchmarks.clock import Patience, Timing, timed
from benchmarks.compare import Effort, clean_or_all
from benchmarks.workers import start_python, thread_words

WARM_UP = 10.0  # seconds


class Process:
    """One library in a process of its own, asked in lines of JSON; use it in a ``with`` block."""

    def __init__(self, module: str, side: str, threads: int) -> None:
        self.process = start_python(["-m", "benchmarks.duel", module, side], threads, stdin=subprocess.PIPE)

    def time(self, case: Any, n: int, wait: bool = True) -> Timing:
        """Time so many pieces of work."""
        print(json.dumps([case, n, wait]), file=self.process.stdin, flush=True)
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"a library's process ended with code {self.process.wait()}")
        return Timing(**json.loads(line))

    def count_in(self, case: Any, seconds: float) -> int:
        """Return about how many pieces of work fill this time; compiles and warms up as well."""
        n = 1
        while (took := self.time(case, n, wait=False).seconds) < seconds / 4:
            n = max(n + 1, min(10 * n, int(n * seconds / 2 / took)))
        return max(1, round(n * seconds / took))

    def __enter__(self) -> Process:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.stdin.close()
        self.process.wait(timeout=10)


def serve(side: Callable[[Any], Any]) -> None:
    """Answer with timings until the input ends."""
    lines = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    made: dict[Any, Any] = {}
    patience = Patience()
    for line in sys.stdin:
        case, n, wait = json.loads(line)
        if case not in made:
            made[case] = side(case)
        if wait:
            patience.settle()
        print(json.dumps(timed(lambda: made[case].run(n)).asdict()), file=lines)  # noqa: B023


def measure(processes: Mapping[str, Process], case: Any, effort: Effort) -> list[dict[str, Any]]:
    """Time all in turns; return a result for each peer of the first."""
    for _ in range(2):  # whatever a first call compiles must not decide how long a timing is
        counts = {side: process.count_in(case, effort.seconds) for side, process in processes.items()}
    rounds = [[process.time(case, counts[side]) for side, process in processes.items()] for _ in range(effort.rounds)]
    kept = clean_or_all(rounds)
    ours, *peers = ([t.seconds / n for t in turns] for *turns, n in zip(*kept, counts.values(), strict=True))
    results = []
    for peer, times in zip(list(processes)[1:], peers, strict=True):
        ratios = [b / a for a, b in zip(ours, times, strict=True)]
        results.append({
            "case": case, "peer": peer, "ours": median(ours), "peer_time": median(times),
            "ratio": median(ratios), "ratio_min": min(ratios), "ratio_max": max(ratios),
            "rounds": effort.rounds, "rounds_kept": len(kept),
        })  # fmt: skip
    return results


def in_cells(result: Mapping[str, Any]) -> list[str]:
    """Return what every table ends with: ratio, its range, and rounds kept."""
    spread = f"{result['ratio_min']:.2f}-{result['ratio_max']:.2f}"
    return [f"{result['ratio']:.2f}", spread, f"{result['rounds_kept']} of {result['rounds']}"]


def run(
    module: str,
    cases: Mapping[Any, Sequence[str]],
    cells: Callable[[dict[str, Any]], list[str]],
    header: Sequence[str],
    *,
    title: str,
    kind: str,
    doc: str | None,
) -> None:
    """Be the command line of a benchmark: time ``cases``, each by the sides that it names, and write a table."""
    options = _parse(doc)
    sides = installed(import_module(module).SIDES)
    cases = {case: [side for side in of_case if side in sides] for case, of_case in cases.items()}
    effort = Effort(2, 0.05) if options.quick else Effort(options.rounds, options.seconds)
    results = []
    with ExitStack() as stack:
        names = dict.fromkeys(side for of_case in cases.values() for side in of_case)
        processes = {side: stack.enter_context(Process(module, side, options.threads)) for side in names}
        if not options.quick:
            _warm_up(processes, next(iter(cases)))
        for case, of_case in cases.items():
            for result in measure({side: processes[side] for side in of_case}, case, effort):
                results.append(result)
                print("  ".join(filter(None, cells(result))), flush=True)
    versions = {package: version(package) for package in dict.fromkeys(sides[side].package for side in names)}
    facts = report.machine() | versions | {"threads": thread_words(options.threads)}
    full = "\n\n".join([f"# {title}", report.in_words(facts), report.table(header, map(cells, results))])
    print(f"\n{full}")
    if not options.quick or options.output:
        data = {"facts": facts, "results": results}
        print("\nwritten:", report.write(full, data, kind, options.output or report.RESULTS))


def _warm_up(processes: Mapping[str, Process], case: Any) -> None:
    """Let all take turns for a while: after libraries have been loaded a machine may be slower for seconds."""
    end = perf_counter() + WARM_UP
    while perf_counter() < end:
        for process in processes.values():
            process.time(case, 100, wait=False)


def installed(sides: Mapping[str, Any]) -> dict[str, Any]:
    """Return the sides whose library is there, and say which is not."""
    missing = sorted({side.package for side in sides.values() if find_spec(side.package) is None})
    for package in missing:
        print(f"{package} is not installed, so nothing is compared with it (pip install {package})")
    return {name: side for name, side in sides.items() if side.package not in missing}


def _parse(doc: str | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog=f"python -m {sys.modules['__main__'].__spec__.name}", description=doc)
    parser.add_argument("--quick", action="store_true", help="two short rounds, to see that all works; writes nothing")
    parser.add_argument("--threads", type=int, default=2, help="threads of each library (default 2)")
    parser.add_argument("--rounds", type=int, default=Effort.rounds)
    parser.add_argument("--seconds", type=float, default=Effort.seconds, help="seconds a timing")
    parser.add_argument("--output", type=Path, help=f"folder for the result (default {report.RESULTS.name}/ here)")
    return parser.parse_args()


if __name__ == "__main__":
    serve(import_module(sys.argv[1]).SIDES[sys.argv[2]])
