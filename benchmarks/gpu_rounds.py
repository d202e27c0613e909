"""Contenders on a GPU beside one another: in every round all take turns, and medians are shown.

After each case its line is printed and the result is written, so what fails later hides nothing. A contender that fails
or exceeds its time is told of in its place.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import statistics
import sys
import time
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from benchmarks import report
from benchmarks.gpu_process import Contender, Run
from ebm.device import CudaDevice

SECONDS_A_ROUND = 0.05
MAKE_LIMIT, TIME_LIMIT = 150.0, 30.0  # seconds, for a case to be made and for a timing
OURS = "ours, graph"
PACKAGES = ("numba", "numba-cuda", "numpy", "cupy-cuda13x", "nvmath-python", "torch")


def epochs(learner: Any, full: int) -> Run:
    """Return updates of a learner's first epoch, of its ``full`` whole batches, again and again."""
    learner.begin_epoch(0)

    def run(n: int) -> None:
        while n > 0:
            learner.update(0, min(n, full))
            n -= full

    return run


def versions() -> dict[str, str]:
    """Return what ran."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found


def measure(contenders: Sequence[Contender], case: Any, rounds: int, end: float = float("inf")) -> dict[str, Any]:
    """Return the median microseconds of an update for each contender, the rounds' range, and what failed.

    Parameters
    ----------
    contenders : sequence of Contender
    case : object that JSON can hold
    rounds : int
    end : float
        When all must be over, by ``time.monotonic()``.
    """

    def limit(most: float) -> float:
        return min(most, end - time.monotonic())

    for one in contenders:
        one.begin(case)
    for one in contenders:
        one.answer(limit(MAKE_LIMIT))
    counts: dict[str, int] = {}
    for one in contenders:
        took = one.seconds(20, limit(TIME_LIMIT))
        counts[one.name] = max(5, int(20 * SECONDS_A_ROUND / took)) if took else 0
    times: dict[str, list[float]] = {one.name: [] for one in contenders}
    for _ in range(rounds):
        for one in contenders:
            took = one.seconds(counts[one.name], limit(TIME_LIMIT))
            if took is not None:
                times[one.name].append(1e6 * took / counts[one.name])
    sound = {one.name: times[one.name] for one in contenders if one.fault is None and times[one.name]}
    return {
        "us": {name: statistics.median(found) for name, found in sound.items()},
        "range": {name: [min(found), max(found)] for name, found in sound.items()},
        "failed": {one.name: one.fault for one in contenders if one.fault is not None},
    }


def table(names: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> str:
    """Return a Markdown table of the medians, and of the others' times over ours."""
    peers = [name for name in names if name != OURS]
    lines = []
    for row in rows:
        us = row["us"]
        cells = [f"{us[name]:.1f}" if name in us else "failed" for name in names]
        ratios = [f"{us[peer] / us[OURS]:.2f}" if peer in us and OURS in us else "–" for peer in peers]
        lines.append([row["case"], *cells, *ratios])
    return report.table(["µs an update", *names, *(f"{peer} / ours" for peer in peers)], lines)


def write(place: Path, about: str, names: Sequence[str], result: Mapping[str, Any]) -> None:
    """Write the result as it stands: place.json and place.md."""
    place.parent.mkdir(parents=True, exist_ok=True)
    place.with_suffix(".json").write_text(json.dumps(result, indent=1) + "\n")
    faults = [f"- {row['case']}, {name}: {fault}" for row in result["rows"] for name, fault in row["failed"].items()]
    parts = [f"# {result['facts']['device']}", about, table(names, result["rows"])]
    parts += ["Failed:\n\n" + "\n".join(faults)] if faults else []
    text = "\n\n".join([*parts, report.in_words(result["facts"])])
    place.with_suffix(".md").write_text(text + "\n")


def options(doc: str | None) -> argparse.ArgumentParser:
    """Return the command line that the benchmarks share."""
    parser = argparse.ArgumentParser(description=doc)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--seconds", type=float, default=240.0, help="for all; cases that would begin later are left")
    parser.add_argument("--output", type=Path, default=report.RESULTS, help="folder for the result")
    return parser


def run(module: str, cases: Mapping[str, Any], about: str, chosen: argparse.Namespace, kind: str = "") -> int:
    """Measure every case by the ``SIDES`` of a module; 1 where anything failed."""
    device = CudaDevice().xp.cuda.runtime.getDeviceProperties(0)["name"].decode()
    facts = {"device": device, **versions(), **report.machine(), "rounds": chosen.rounds}
    print(facts, flush=True)
    place = chosen.output / f"gpu-{device.replace(' ', '-')}{kind}"
    names = list(import_module(module).SIDES)
    contenders, rows = [Contender(module, name) for name in names], []
    end = time.monotonic() + chosen.seconds
    try:
        for title, case in cases.items():
            if time.monotonic() > end:
                rows.append({"case": title, "us": {}, "range": {}, "failed": dict.fromkeys(names, "no time was left")})
            else:
                rows.append({"case": title, **measure(contenders, case, chosen.rounds, end)})
            print(json.dumps(rows[-1]), flush=True)
            write(place, about, names, {"facts": facts, "rows": rows})
    finally:
        for one in contenders:
            one.close()
    print(f"{table(names, rows)}\nwritten: {place}.md", file=sys.stdout, flush=True)
    return int(any(row["failed"] for row in rows))
