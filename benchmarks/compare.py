"""Updates of an RBM of 784 x 500 units on MNIST digits: ours beside scikit-learn, torch and jax.

Each library runs in its own process. In every round ours and a peer take turns; a row shows the median of the rounds'
ratios. Rounds in which other processes computed are left out.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import report
from benchmarks.cases import BATCHES, N_HIDDEN, N_VISIBLE, ROWS, Case, Row
from benchmarks.clock import Timing
from benchmarks.peers import PEERS
from benchmarks.workers import Worker, start_python, thread_words

HEADER = (
    "update", "batch", "ours, ms", "updates/s", "plain gradient, ms",
    "peer", "peer, ms", "updates/s", "peer / ours", "min-max", "floor", "goal", "rounds",
)  # fmt: skip


@dataclass(frozen=True)
class Effort:
    """Rounds a row, and seconds each of its timings takes."""

    rounds: int = 9
    seconds: float = 0.25


def start_file(path: Path, threads: int, quick: bool) -> dict[str, float]:
    """Let our process train, and return the densities of the digits and of the chains at each stage."""
    process = start_python(["-m", "benchmarks.start", str(path), *(["2"] if quick else [])], threads)
    answer, _ = process.communicate()
    if process.returncode:
        raise RuntimeError(f"benchmarks.start ended with code {process.returncode}")
    return json.loads(answer)


def clean_or_all(rounds: list[list[Timing]]) -> list[list[Timing]]:
    """Return the rounds that nothing disturbed; all of them when there are fewer than two."""
    clean = [timings for timings in rounds if all(timing.clean for timing in timings)]
    return clean if len(clean) >= 2 else rounds


def measure(workers: dict[str, Worker], row: Row, batch: int, effort: Effort) -> dict[str, Any]:
    """Time one row: centred and plain ours, and the peer, in turns."""
    contestants: list[tuple[Worker, Case]] = [
        (workers["ours"], row.case(batch, centered=True)),
        (workers[row.peer], row.case(batch, centered=False)),
        (workers["ours"], row.case(batch, centered=False)),
    ]
    for worker, case in contestants:  # whatever a first call compiles must not decide how long a timing is
        worker.updates_in(case, effort.seconds)
    counts = [worker.updates_in(case, effort.seconds) for worker, case in contestants]
    rounds = [
        [worker.time(case, n) for (worker, case), n in zip(contestants, counts, strict=True)]
        for _ in range(effort.rounds)
    ]
    kept = clean_or_all(rounds)
    ours, peer, plain = ([timing.seconds / n for timing in timings] for *timings, n in zip(*kept, counts, strict=True))
    ratios = [b / a for a, b in zip(ours, peer, strict=True)]
    plain_ratios = [b / a for a, b in zip(plain, peer, strict=True)]
    return {
        "update": row.title, "batch": batch, "peer": row.peer,
        "ours": median(ours), "plain": median(plain), "peer_time": median(peer),
        "ratio": median(ratios), "ratio_min": min(ratios), "ratio_max": max(ratios),
        "ratio_plain": median(plain_ratios),
        "floor": row.floor(batch), "goal": row.goal, "rounds": effort.rounds, "rounds_kept": len(kept),
        "disturbed": sum(not all(t.clean for t in timings) for timings in rounds),
    }  # fmt: skip


def cells(result: dict[str, Any]) -> list[str]:
    """Return one line of the table."""
    first = [result["update"], str(result["batch"])]
    if "missing" in result:
        return [*first, *[""] * 3, result["peer"], *["not installed"] * 2, f"({result['missing']})", *[""] * 4]
    times = [result[name] for name in ("ours", "plain", "peer_time")]
    ours, plain, peer = (f"{1e3 * time:.3f}" for time in times)
    star = "*" if result["rounds_kept"] + result["disturbed"] > result["rounds"] else ""
    return [
        *first, ours, f"{1 / times[0]:.0f}", plain, result["peer"], peer, f"{1 / times[2]:.0f}",
        f"{result['ratio']:.2f} (plain {result['ratio_plain']:.2f})",
        f"{result['ratio_min']:.2f}-{result['ratio_max']:.2f}",
        *("" if result[name] is None else f"{result[name]:g}" for name in ("floor", "goal")),
        f"{result['rounds_kept']} of {result['rounds']}{star}",
    ]  # fmt: skip


def chosen(only: list[str]) -> list[tuple[Row, int]]:
    """Return the rows and batch sizes of which a part of ``title/batch/peer`` is named."""
    pairs = [(row, batch) for row in ROWS for batch in BATCHES]
    names = {pair: f"{pair[0].title}/{pair[1]}/{pair[0].peer}".lower() for pair in pairs}
    return [pair for pair in pairs if not only or any(part.lower() in names[pair] for part in only)]


def run(pairs: list[tuple[Row, int]], start: Path, threads: int, effort: Effort) -> tuple[list, dict]:
    """Start the libraries, time every row, printing as it goes, and return the results and the versions."""
    results, versions = [], {}
    with ExitStack() as stack:
        names = ["ours", *dict.fromkeys(row.peer for row, _ in pairs)]
        workers = {name: stack.enter_context(Worker(name, start, threads)) for name in names}
        for name, worker in workers.items():
            versions |= worker.versions or {name: "not installed"}
        for row, batch in pairs:
            if workers[row.peer].missing:
                told = {"update": row.title, "batch": batch, "peer": row.peer, "missing": PEERS[row.peer].install}
            else:
                told = measure(workers, row, batch, effort)
            results.append(told)
            print("  ".join(filter(None, cells(results[-1]))), flush=True)
    return results, versions


def text(facts: dict[str, Any], results: list[dict[str, Any]]) -> str:
    """Return the whole report."""
    disturbed, rounds = (sum(result.get(name, 0) for result in results) for name in ("disturbed", "rounds"))
    notes = [
        f"# Updates of an RBM of {N_VISIBLE} x {N_HIDDEN} units",
        report.in_words(facts),
        report.table(HEADER, map(cells, results)),
        "Ours is the centred gradient, our default, which the others have not; beside it the plain gradient, as they "
        f"compute it. Other processes disturbed {disturbed} of {rounds} rounds, which are left out (*: kept, for want "
        "of better ones).",
    ]
    return "\n\n".join(notes)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.compare", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="two short rounds, to see that all works; writes nothing")
    parser.add_argument("--only", nargs="+", default=[], metavar="PART", help='rows with a part of "PCD-1/100/torch"')
    parser.add_argument("--threads", type=int, default=2, help="threads of each library (default 2)")
    parser.add_argument("--rounds", type=int, default=Effort.rounds)
    parser.add_argument("--seconds", type=float, default=Effort.seconds, help="seconds a timing")
    parser.add_argument("--output", type=Path, help=f"folder for the result (default {report.RESULTS.name}/ here)")
    return parser.parse_args()


def main() -> None:
    options = parse()
    pairs = chosen(options.only)
    effort = Effort(2, 0.05) if options.quick else Effort(options.rounds, options.seconds)
    threads = thread_words(options.threads)
    print(f"{len(pairs)} rows, {effort.rounds} rounds each; every library with {threads}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        start = Path(folder) / "start.npz"
        densities = start_file(start, options.threads, options.quick)
        results, versions = run(pairs, start, options.threads, effort)
    shown = ", ".join(f"{name} {density:.3f}" for name, density in densities.items())
    facts = report.machine() | versions | {"threads": threads, "share of units that are on": shown}
    full = text(facts, results)
    print(f"\n{full}")
    if not options.quick or options.output:
        data = {"facts": facts, "densities": densities, "effort": asdict(effort), "results": results}
        print("\nwritten:", report.write(full, data, folder=options.output or report.RESULTS))


if __name__ == "__main__":
    main()
