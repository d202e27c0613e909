"""One update of an RBM of 784 x 500 binary units on a GPU, beside torch: ``python -m benchmarks.gpu``.

Ours is a replayed CUDA graph; torch is measured eagerly and in a graph, float32 without TF32, no autograd.
Rounds of the contenders are interleaved, each ends with a synchronisation, and medians are shown. ``--parts``
times the parts of our update instead. Writes ``benchmarks/results/gpu-<device>.json`` and ``.md``. What fails
is printed with its traceback, and the rest goes on.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import statistics
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import gpu_torch
from ebm.boltzmann.device_learning import DeviceLearner
from ebm.boltzmann.learning import initial_model
from ebm.boltzmann.rule import Rule
from ebm.data import TrainingData
from ebm.device import CudaDevice, Device
from ebm.random import Random, Stream

N_SAMPLES, N_VISIBLE, N_HIDDEN = 20_000, 784, 500
CASES = [("pcd", 1), ("cd", 1), ("cd", 10)]
BATCHES = (128, 512)
SECONDS_A_ROUND = 0.05
RESULTS = Path(__file__).parent / "results"
Run = Callable[[int], None]  # do so many updates, and wait for them


class Eager(CudaDevice):
    """Our launches one by one, to see what the graph saves."""

    def capture(self, function: Callable[[], None]) -> Callable[[], None]:
        """Return the function itself."""
        return Device.capture(self, function)


def digits() -> np.ndarray:
    """Binary rows as dense as MNIST's digits (19 % ones, in the middle), without needing them."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[-1:1:28j, -1:1:28j]
    chance = 0.62 * np.exp(-3.2 * (x**2 + y**2)).ravel()
    return rng.random((N_SAMPLES, N_VISIBLE), dtype=np.float32) < chance


def learner(X: np.ndarray, learning: str, k: int, batch: int, device: Device) -> DeviceLearner:
    """Make our learner, ready for its first update."""
    random = Random(1)
    data = TrainingData.from_array(X)
    rule = Rule(learning=learning, n_gibbs=k, batch_size=batch, learning_rate=1e-3)
    made = DeviceLearner(initial_model(data, N_HIDDEN, random), data, rule, random, n_epochs=1, device=device)
    made.begin_epoch(0)
    return made


def ours(X: np.ndarray, learning: str, k: int, batch: int, device: Device) -> Run:
    """Our updates."""
    made = learner(X, learning, k, batch, device)
    full = N_SAMPLES // batch

    def run(n: int) -> None:
        while n > 0:
            made.update(0, min(n, full))
            n -= full

    return run


def contenders(X: np.ndarray, learning: str, k: int, batch: int) -> dict[str, Callable[[], Run]]:
    """Name what is compared, and how each is made."""
    settings = (X, learning, k, batch)
    return {
        "ours, graph": lambda: ours(*settings, CudaDevice()),
        "ours, eager": lambda: ours(*settings, Eager()),
        "torch, eager": lambda: gpu_torch.eager(*settings, N_HIDDEN),
        "torch, graph": lambda: gpu_torch.graph(*settings, N_HIDDEN),
    }


def seconds(run: Run, n: int) -> float:
    """Time n updates."""
    start = time.perf_counter()
    run(n)
    return time.perf_counter() - start


def compare(X: np.ndarray, learning: str, k: int, batch: int, rounds: int) -> dict[str, Any]:
    """Return the median microseconds of an update for each contender; None for one that failed."""
    runs, counts, faults = {}, {}, {}
    for name, make in contenders(X, learning, k, batch).items():
        try:
            run = make()
            seconds(run, 20)  # compiles, captures, warms up
            counts[name] = max(5, int(SECONDS_A_ROUND / (seconds(run, 20) / 20)))
            runs[name] = run
        except Exception as error:
            traceback.print_exc()
            faults[name] = f"{type(error).__name__}: {error}"
    times: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            times[name].append(1e6 * seconds(run, counts[name]) / counts[name])
    medians = {name: statistics.median(found) for name, found in times.items()}
    spread = {name: [min(found), max(found)] for name, found in times.items()}
    return {
        "case": f"{learning.upper()}-{k}",
        "batch": batch,
        "us": medians,
        "range": spread,
        "failed": faults,
    }


def parts(X: np.ndarray, batch: int, device: CudaDevice) -> dict[str, float]:
    """Time the parts of our PCD-1 update, each many times in a graph, in microseconds."""
    made = learner(X, "pcd", 1, batch, device)
    repeats = min(50, made.n_batches - 1)  # the clock must stay within the epoch
    on, rule, chains = made._on, made._rule, batch
    pieces: dict[str, Callable[[], None]] = {
        "load the batch": lambda: made._load(batch, rule.batch_size, on),
        "h W^T and draw v": lambda: made._draw_visible(batch, chains, 0),
        "v W of all rows": lambda: made._hidden_inputs(0, 2 * batch),
        "draw h": lambda: made._draw_hidden(batch, chains, Stream.HIDDEN, 0),
        "product G": lambda: device.matmul(on.visible.T, on.hidden, on.gradient),
        "centre, G, W, b, c": lambda: made._move(batch, chains),
    }
    found = {}
    for name, piece in pieces.items():
        made._set_clock(0)

        def many(piece: Callable[[], None] = piece) -> None:
            for _ in range(repeats):
                piece()

        with device.active():
            replay = device.capture(many)
            times = []
            for _ in range(12):
                made._set_clock(0)
                device.synchronize()
                start = time.perf_counter()
                replay()
                device.synchronize()
                times.append(1e6 * (time.perf_counter() - start) / repeats)
        found[name] = statistics.median(times[2:])
    return found


def versions() -> dict[str, str]:
    """Return what ran."""
    names = ("numba-ebm", "numba", "numba-cuda", "numpy", "cupy-cuda13x", "nvmath-python", "torch")
    found = {}
    for name in names:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found | {"python": sys.version.split()[0]}


def table(rows: list[dict[str, Any]]) -> list[str]:
    """Return a Markdown table of the medians, and of torch's time over ours."""
    names = ("ours, graph", "ours, eager", "torch, eager", "torch, graph")
    lines = [f"| update | batch | {' | '.join(names)} | torch eager / ours | torch graph / ours |"]
    lines.append("|" + "---|" * (len(names) + 4))
    for row in rows:
        us = row["us"]
        cells = [f"{us[name]:.1f}" if name in us else "failed" for name in names]
        for peer in ("torch, eager", "torch, graph"):
            both = peer in us and "ours, graph" in us
            cells.append(f"{us[peer] / us['ours, graph']:.2f}" if both else "–")
        lines.append(f"| {row['case']} | {row['batch']} | {' | '.join(cells)} |")
    return lines


def main() -> int:
    """Run every case, print the table, write the results; 1 where anything failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--parts", action="store_true", help="time the parts of our update instead")
    options = parser.parse_args()
    device = CudaDevice()
    name = device.xp.cuda.runtime.getDeviceProperties(0)["name"].decode()
    X = digits()
    print(f"{name}; {X.mean():.3f} of the data are ones; {versions()}", flush=True)
    if options.parts:
        for batch in BATCHES:
            for piece, us in parts(X, batch, device).items():
                print(f"batch {batch:4d}  {piece:20s} {us:8.2f} us", flush=True)
        return 0
    rows = []
    for learning, k in CASES:
        for batch in BATCHES:
            rows.append(compare(X, learning, k, batch, options.rounds))
            print(rows[-1], flush=True)
    lines = table(rows)
    print("\n".join(["Microseconds an update, median:", *lines]))
    RESULTS.mkdir(exist_ok=True)
    place = RESULTS / f"gpu-{name.replace(' ', '-')}"
    result = {"device": name, "versions": versions(), "rounds": options.rounds, "rows": rows}
    place.with_suffix(".json").write_text(json.dumps(result, indent=1) + "\n")
    about = f"RBM of {N_VISIBLE} x {N_HIDDEN}, float32 without TF32; microseconds an update, median of rounds."
    text = [f"# {name}", "", about, "", *lines, "", f"Versions: {versions()}", ""]
    place.with_suffix(".md").write_text("\n".join(text))
    return int(any(row["failed"] for row in rows))


if __name__ == "__main__":
    sys.exit(main())
