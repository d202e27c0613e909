"""Gibbs sweeps of a 512 x 512 Ising lattice: ours beside thrml (JAX).

Each library runs in its own process on the same cores. In every round the two take turns; a row shows the median of the
rounds' ratios. Rounds in which other processes computed are left out.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from benchmarks import report
from benchmarks.clock import Patience, Timing, timed
from benchmarks.compare import clean_or_all
from benchmarks.workers import start_python, thread_words

INSTALL = "pip install thrml==0.1.4"
PIECE = 50  # sweeps in one call of thrml's: their number is part of what JAX compiles
HEADER = (
    "couplings", "chains", "ours, ms a sweep", "M spins/s", "thrml, ms a sweep", "M spins/s", "thrml / ours", "min-max",
    "floor", "goal", "rounds",
)  # fmt: skip


@dataclass(frozen=True)
class Row:
    couplings: str
    chains: int
    floor: float | None = None  # of thrml's time over ours, on 2 cores
    goal: float | None = None


ROWS = {
    "general": Row("normal, one an edge", 1, 12, 25),
    "uniform": Row("all alike", 1),
    "chains": Row("normal, one an edge", 16),
}


def couplings(name: str, side: int) -> np.ndarray:
    """Couplings (2, side, side) along both axes, the same for both libraries."""
    if name == "uniform":
        return np.full((2, side, side), 0.4, np.float32)
    return (0.3 * np.random.default_rng(0).standard_normal((2, side, side))).astype(np.float32)


class Ours:
    packages = ("numba", "numpy")

    def __init__(self, name: str, side: int) -> None:
        from ebm.boltzmann.ising import IsingLattice
        from ebm.random import Random

        self.lattice, self.random, self.done = IsingLattice((side, side), couplings(name, side)), Random(0), 0
        self.chains = ROWS[name].chains
        self.states = self.lattice.start(self.chains, self.random)

    def run(self, sweeps: int) -> None:
        self.states = self.lattice.sample(
            self.chains, sweeps, random=self.random, start=self.states, first_step=self.done
        )
        self.done += sweeps


class Thrml:
    packages = ("thrml", "jax", "jaxlib")

    def __init__(self, name: str, side: int) -> None:
        import jax
        import jax.numpy as jnp
        from thrml import Block, SamplingSchedule, SpinNode, sample_states
        from thrml.models import IsingEBM, IsingSamplingProgram, hinton_init

        self.jax, self.key = jax, jax.random.key(0)
        chains, numbers = ROWS[name].chains, np.arange(side**2).reshape(side, side)
        pairs = np.concatenate([np.stack([numbers, np.roll(numbers, -1, a)], -1).reshape(-1, 2) for a in range(2)])
        nodes = [SpinNode() for _ in range(side**2)]
        edges = [(nodes[i], nodes[j]) for i, j in pairs]
        weights = jnp.asarray(couplings(name, side).ravel())
        model = IsingEBM(nodes, edges, jnp.zeros(side**2), weights, jnp.array(1.0))
        colour = np.indices((side, side)).sum(axis=0).ravel() % 2
        blocks = [Block([nodes[i] for i in np.flatnonzero(colour == c)]) for c in range(2)]
        program, schedule = IsingSamplingProgram(model, blocks, clamped_blocks=[]), SamplingSchedule(PIECE, 1, 1)
        self.start = hinton_init(self.key, model, blocks, (chains,) if chains > 1 else ())

        def sweeps(key: Any, start: Any) -> Any:
            return sample_states(key, program, schedule, start, [], [Block(nodes[:8])])

        many = jax.vmap(sweeps)
        self.call = jax.jit(sweeps if chains == 1 else lambda key, start: many(jax.random.split(key, chains), start))

    def run(self, sweeps: int) -> None:
        for _ in range(sweeps // PIECE):
            self.key, now = self.jax.random.split(self.key)
            self.jax.block_until_ready(self.call(now, self.start))


LIBRARIES = {"ours": Ours, "thrml": Thrml}


def work(library: str, side: int) -> None:
    """Answer requests, a line of JSON each: {"row", "sweeps", "wait"} -> seconds and what others computed."""
    lines = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what a library prints must not come between the answers
    made: dict[str, Any] = {}
    patience = Patience()
    try:
        versions = {name: version(name) for name in LIBRARIES[library].packages}
        __import__("ebm" if library == "ours" else library)
    except ModuleNotFoundError as missing:  # as is PackageNotFoundError
        print(json.dumps({"missing": str(missing)}), file=lines)
        return
    print(json.dumps({"versions": versions}), file=lines)
    for line in sys.stdin:
        request = json.loads(line)
        name = request["row"]
        if name not in made:
            made = {name: LIBRARIES[library](name, side)}  # one at a time: thrml's graphs are large
        if request["wait"]:
            patience.settle()
        print(json.dumps(timed(lambda: made[name].run(request["sweeps"])).asdict()), file=lines)  # noqa: B023


class Process:
    """A library's process."""

    def __init__(self, library: str, side: int, threads: int) -> None:
        arguments = ["-m", "benchmarks.ising_thrml", "--work", library, "--side", str(side)]
        self.process = start_python(arguments, threads, stdin=subprocess.PIPE)
        hello = json.loads(self.process.stdout.readline())
        self.versions, self.missing = hello.get("versions", {}), hello.get("missing")

    def time(self, row: str, sweeps: int, wait: bool = True) -> Timing:
        print(json.dumps({"row": row, "sweeps": sweeps, "wait": wait}), file=self.process.stdin, flush=True)
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{' '.join(self.process.args)} ended with code {self.process.wait()}")
        return Timing(**json.loads(line))

    def sweeps_in(self, row: str, seconds: float) -> int:
        """Return about how many sweeps fill this time, whole pieces of them; compiles and warms up as well."""
        for _ in range(3):
            took = self.time(row, PIECE, wait=False).seconds
        return PIECE * max(1, round(seconds / took))

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait(timeout=30)


def measure(processes: dict[str, Process], name: str, side: int, rounds: int, seconds: float) -> dict[str, Any]:
    """Time one row, in turns."""
    row, present = ROWS[name], [library for library, process in processes.items() if not process.missing]
    counts = {library: processes[library].sweeps_in(name, seconds) for library in present}
    timings = [[processes[library].time(name, counts[library]) for library in present] for _ in range(rounds)]
    kept = clean_or_all(timings)
    result: dict[str, Any] = {
        "row": name, "chains": row.chains, "rounds": rounds, "rounds_kept": len(kept), "spins": side**2 * row.chains,
        "disturbed": sum(not all(timing.clean for timing in both) for both in timings),
    }  # fmt: skip
    for i, library in enumerate(present):
        result[library] = [both[i].seconds / counts[library] for both in kept]
    return result


def cells(result: dict[str, Any]) -> list[str]:
    """Return one line of the table."""
    row = ROWS[result["row"]]
    line = [row.couplings, str(row.chains)]
    for library in LIBRARIES:
        if library in result:
            time = median(result[library])
            line += [f"{1e3 * time:.3f}", f"{result['spins'] / time / 1e6:.0f}"]
        else:
            line += ["not installed", f"({INSTALL})"]
    ratios = [b / a for a, b in zip(result["ours"], result.get("thrml", []), strict=False)]
    line += [f"{median(ratios):.1f}", f"{min(ratios):.1f}-{max(ratios):.1f}"] if ratios else ["", ""]
    line += ["" if bound is None else f"{bound:g}" for bound in (row.floor, row.goal)]
    star = "*" if result["rounds_kept"] + result["disturbed"] > result["rounds"] else ""
    return [*line, f"{result['rounds_kept']} of {result['rounds']}{star}"]


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ising_thrml", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="two short rounds, to see that all works; writes nothing")
    parser.add_argument("--only", nargs="+", choices=list(ROWS), default=list(ROWS))
    parser.add_argument("--side", type=int, default=512)
    parser.add_argument("--threads", type=int, default=2, help="threads of each library (default 2)")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=0.5, help="seconds a timing")
    parser.add_argument("--output", type=Path, help=f"folder for the result (default {report.RESULTS.name}/ here)")
    parser.add_argument("--work", choices=list(LIBRARIES), help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> None:
    options = parse()
    if options.work:
        work(options.work, options.side)
        return
    rounds, seconds = (2, 0.05) if options.quick else (options.rounds, options.seconds)
    processes = {library: Process(library, options.side, options.threads) for library in LIBRARIES}
    if processes["thrml"].missing:
        print(f"thrml is not installed ({processes['thrml'].missing}): {INSTALL}", flush=True)
    versions: dict[str, str] = {}
    for library, process in processes.items():
        versions |= process.versions or {library: "not installed"}
    results = []
    for name in options.only:
        results.append(measure(processes, name, options.side, rounds, seconds))
        print("  ".join(filter(None, cells(results[-1]))), flush=True)
    for process in processes.values():
        process.close()
    facts = report.machine() | versions | {"threads": thread_words(options.threads)}
    disturbed, total = (sum(result[name] for result in results) for name in ("disturbed", "rounds"))
    full = "\n\n".join([
        f"# Sweeps of an Ising lattice of {options.side} x {options.side} spins",
        report.in_words(facts),
        report.table(HEADER, map(cells, results)),
        "float32, at beta = 1 throughout, without fields. Other processes disturbed "
        f"{disturbed} of {total} rounds, which are left out (*: kept, for want of better ones).",
    ])  # fmt: skip
    print(f"\n{full}")
    if not options.quick or options.output:
        folder = options.output or report.RESULTS
        print("\nwritten:", report.write(full, {"facts": facts, "results": results}, "ising", folder))


if __name__ == "__main__":
    main()
