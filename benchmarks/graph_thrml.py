"""Updates of spins a second on a random graph of degree 8, by colour-block Gibbs sampling: ours beside thrml.

Each library has its own process, the same number of threads on the same cores, the same couplings and colours, in
float32; they take turns. Compiling and building are outside the clock (thrml takes minutes to build 100,000 units).
"""

from __future__ import annotations

import argparse
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import report
from benchmarks.clock import Timing
from benchmarks.graph_worker import DEGREE, SWEEPS
from benchmarks.workers import Worker, start_python, thread_words

HEADER = ("chains", "ours, M updates/s", "thrml, M updates/s", "ours / thrml", "least-most", "floor", "rounds")
FLOORS = {1: 8.0, 32: 8.0}
INSTALL = "pip install thrml"


class GraphWorker(Worker):
    """A process of ``benchmarks.graph_worker``."""

    def __init__(self, peer: str, n_units: int, threads: int) -> None:
        arguments = ["-m", "benchmarks.graph_worker", peer, str(n_units)]
        self.process = start_python(arguments, threads, stdin=-1)
        hello = self._read()
        self.versions, self.missing = hello.get("versions", {}), hello.get("missing")

    def calls(self, chains: int, calls: int, wait: bool = True) -> Timing:
        """Time so many calls of ``SWEEPS[chains]`` sweeps."""
        return Timing(**self._ask(chains=chains, calls=calls, wait=wait))


@dataclass(frozen=True)
class Effort:
    rounds: int
    seconds: float
    n_units: int


def calls_in(worker: GraphWorker, chains: int, seconds: float) -> int:
    """Return how many calls fill this time; the first compiles."""
    worker.calls(chains, 1, wait=False)
    return max(1, round(seconds / worker.calls(chains, 1, wait=False).seconds))


def rates(worker: GraphWorker, chains: int, calls: int, effort: Effort) -> tuple[float, bool]:
    """Return millions of updates a second, and whether nothing disturbed the timing."""
    timing = worker.calls(chains, calls)
    return effort.n_units * chains * SWEEPS[chains] * calls / timing.seconds / 1e6, timing.clean


def measure(workers: list[GraphWorker], chains: int, effort: Effort) -> dict[str, Any]:
    """Time one number of chains, in turns."""
    counts = [calls_in(worker, chains, effort.seconds) for worker in workers]
    rounds = [
        [rates(worker, chains, n, effort) for worker, n in zip(workers, counts, strict=True)]
        for _ in range(effort.rounds)
    ]
    clean = [one for one in rounds if all(undisturbed for _, undisturbed in one)]
    kept = clean if len(clean) >= 2 else rounds
    columns = list(zip(*[[rate for rate, _ in one] for one in kept], strict=True))
    return {"chains": chains, "rates": columns, "rounds": len(rounds), "rounds_kept": len(kept), "clean": len(clean)}


def cells(result: dict[str, Any]) -> list[str]:
    """Return one line of the table."""
    ours, *peer = result["rates"]
    star = "" if result["clean"] == result["rounds_kept"] else "*"
    first, last = [str(result["chains"]), f"{median(ours):.0f}"], f"{result['rounds_kept']} of {result['rounds']}{star}"
    floor = f"{FLOORS[result['chains']]:g}"
    if not peer:
        return [*first, "not installed", f"({INSTALL})", "", floor, last]
    ratios = [a / b for a, b in zip(ours, peer[0], strict=True)]
    spread = f"{min(ratios):.1f}-{max(ratios):.1f}"
    return [*first, f"{median(peer[0]):.1f}", f"{median(ratios):.1f}", spread, floor, last]


def text(facts: dict[str, Any], results: list[dict[str, Any]], effort: Effort) -> str:
    """Return the whole report."""
    notes = [
        f"# Colour-block Gibbs sampling on a random graph of {effort.n_units} units of degree {DEGREE}",
        report.in_words(facts),
        report.table(HEADER, map(cells, results)),
        "An update is one unit of one chain drawn anew. Medians over rounds; rounds that other processes disturbed are "
        "left out (*: kept, for want of better ones).",
    ]
    return "\n\n".join(notes)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.graph_thrml", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="two short rounds of a small graph; writes nothing")
    parser.add_argument("--units", type=int, default=100_000)
    parser.add_argument("--threads", type=int, default=2, help="threads of each library (default 2)")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=2.0, help="seconds a timing")
    parser.add_argument("--output", type=Path, help=f"folder for the result (default {report.RESULTS.name}/ here)")
    return parser.parse_args()


def main() -> None:
    options = parse()
    effort = Effort(options.rounds, options.seconds, options.units)
    if options.quick:
        effort = Effort(2, 0.05, 2000)
    with ExitStack() as stack:
        workers = [stack.enter_context(GraphWorker(n, effort.n_units, options.threads)) for n in ("ours", "thrml")]
        versions = {}
        for name, worker in zip(("ours", "thrml"), workers, strict=True):
            versions |= worker.versions or {name: "not installed"}
        present = [worker for worker in workers if not worker.missing]
        if workers[1].missing:
            print(f"thrml cannot be compared with: {workers[1].missing} is not installed ({INSTALL})", flush=True)
        results = []
        for chains in SWEEPS:
            results.append(measure(present, chains, effort))
            print("  ".join(filter(None, cells(results[-1]))), flush=True)
    facts = report.machine() | versions | {"threads": thread_words(options.threads)}
    full = text(facts, results, effort)
    print(f"\n{full}")
    if not options.quick or options.output:
        data = {"facts": facts, "effort": vars(effort), "results": results}
        print("\nwritten:", report.write(full, data, "graph-thrml", folder=options.output or report.RESULTS))


if __name__ == "__main__":
    main()
