"""Parallel tempering of an RBM of 784 x 500 units: ours beside torch, at 16, 32 and 64 temperatures.

Each library runs in its own process with the same number of threads, on the same cores. In every round both take turns;
a row shows the median of the rounds' ratios. Rounds in which other processes computed are left out.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from contextlib import ExitStack
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import report
from benchmarks.clock import Patience, Timing, timed
from benchmarks.compare import Effort, clean_or_all
from benchmarks.peers.tempering import N_HIDDEN, N_VISIBLE, SIDES
from benchmarks.workers import start_python, thread_words

REPLICAS, FLOOR = (16, 32, 64), 3.5
HEADER = (
    "replicas", "ours, ms a sweep", "replica sweeps/s", "peer", "peer, ms", "peer / ours", "min-max", "floor", "rounds",
)  # fmt: skip


class Process:
    """One library in a process of its own, asked in lines of JSON; use it in a ``with`` block."""

    def __init__(self, side: str, threads: int) -> None:
        arguments = ["-m", "benchmarks.tempering_torch", "--serve", side]
        self.process = start_python(arguments, threads, stdin=subprocess.PIPE)

    def time(self, replicas: int, sweeps: int, wait: bool = True) -> Timing:
        """Time so many sweeps."""
        print(json.dumps([replicas, sweeps, wait]), file=self.process.stdin, flush=True)
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"a library's process ended with code {self.process.wait()}")
        return Timing(**json.loads(line))

    def sweeps_in(self, replicas: int, seconds: float) -> int:
        """Return about how many sweeps fill this time; compiles and warms up as well."""
        sweeps = 1
        while (took := self.time(replicas, sweeps, wait=False).seconds) < seconds / 4:
            sweeps = max(sweeps + 1, min(10 * sweeps, int(sweeps * seconds / 2 / took)))
        return max(1, round(sweeps * seconds / took))

    def __enter__(self) -> Process:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.stdin.close()
        self.process.wait(timeout=10)


def serve(side: str) -> None:
    """Answer with timings until the input ends."""
    lines = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    samplers: dict[int, Any] = {}
    patience = Patience()
    for line in sys.stdin:
        replicas, sweeps, wait = json.loads(line)
        if replicas not in samplers:
            samplers[replicas] = SIDES[side](replicas)
        if wait:
            patience.settle()
        print(json.dumps(timed(lambda: samplers[replicas].run(sweeps)).asdict()), file=lines)  # noqa: B023


def measure(processes: dict[str, Process], replicas: int, effort: Effort) -> list[dict[str, Any]]:
    """Time all in turns; return a result for each peer."""
    for _ in range(2):  # whatever a first call compiles must not decide how long a timing is
        counts = {side: process.sweeps_in(replicas, effort.seconds) for side, process in processes.items()}
    rounds = [
        [process.time(replicas, counts[side]) for side, process in processes.items()] for _ in range(effort.rounds)
    ]
    kept = clean_or_all(rounds)
    ours, *peers = ([t.seconds / n for t in turns] for *turns, n in zip(*kept, counts.values(), strict=True))
    results = []
    for peer, times in zip(list(processes)[1:], peers, strict=True):
        ratios = [b / a for a, b in zip(ours, times, strict=True)]
        results.append({
            "replicas": replicas, "peer": peer, "ours": median(ours), "peer_time": median(times),
            "ratio": median(ratios), "ratio_min": min(ratios), "ratio_max": max(ratios),
            "rounds": effort.rounds, "rounds_kept": len(kept),
        })  # fmt: skip
    return results


def cells(result: dict[str, Any]) -> list[str]:
    """Return one line of the table."""
    replicas, ours, peer = (result[name] for name in ("replicas", "ours", "peer_time"))
    return [
        str(replicas), f"{1e3 * ours:.3f}", f"{replicas / ours:.0f}", result["peer"], f"{1e3 * peer:.3f}",
        f"{result['ratio']:.2f}", f"{result['ratio_min']:.2f}-{result['ratio_max']:.2f}",
        f"{FLOOR:g}" if result["peer"] == "torch" else "", f"{result['rounds_kept']} of {result['rounds']}",
    ]  # fmt: skip


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.tempering_torch", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="two short rounds, to see that all works; writes nothing")
    parser.add_argument("--threads", type=int, default=2, help="threads of each library (default 2)")
    parser.add_argument("--rounds", type=int, default=Effort.rounds)
    parser.add_argument("--seconds", type=float, default=Effort.seconds, help="seconds a timing")
    parser.add_argument("--output", type=Path, help=f"folder for the result (default {report.RESULTS.name}/ here)")
    parser.add_argument("--serve", choices=list(SIDES), help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> None:
    options = parse()
    if options.serve:
        serve(options.serve)
        return
    effort = Effort(2, 0.05) if options.quick else Effort(options.rounds, options.seconds)
    with ExitStack() as stack:
        processes = {side: stack.enter_context(Process(side, options.threads)) for side in SIDES}
        results = []
        for replicas in REPLICAS:
            for result in measure(processes, replicas, effort):
                results.append(result)
                print("  ".join(filter(None, cells(result))), flush=True)
    versions = {side.package: version(side.package) for side in SIDES.values()}
    facts = report.machine() | versions | {"threads": thread_words(options.threads)}
    title = f"# Parallel tempering of an RBM of {N_VISIBLE} x {N_HIDDEN} units"
    full = "\n\n".join([title, report.in_words(facts), report.table(HEADER, map(cells, results))])
    print(f"\n{full}")
    if not options.quick or options.output:
        data = {"facts": facts, "results": results}
        print("\nwritten:", report.write(full, data, "tempering", options.output or report.RESULTS))


if __name__ == "__main__":
    main()
