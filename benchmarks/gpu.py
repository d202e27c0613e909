"""One update of an RBM of 784 x 500 binary units on a GPU, beside torch: ``python -m benchmarks.gpu``.

Ours is a replayed CUDA graph, and launches one by one; torch is measured eagerly and in a graph, float32 without TF32,
no autograd. ``--parts`` times the parts of our update instead. Writes ``benchmarks/results/gpu-<device>.json`` and
``.md`` (see ``gpu_rounds``).
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable

import numpy as np

from benchmarks import gpu_rounds, gpu_torch
from benchmarks.gpu_process import Run
from ebm.boltzmann.device_learning import DeviceLearner
from ebm.boltzmann.learning import initial_model
from ebm.boltzmann.rule import Rule
from ebm.data import TrainingData
from ebm.device import CudaDevice, Device, repeated
from ebm.random import Random, Stream

N_SAMPLES, N_VISIBLE, N_HIDDEN = 20_000, 784, 500
BATCHES = (128, 512)
CASES = {
    f"{learning.upper()}-{k}, batch {batch}": [learning, k, batch]
    for learning, k in (("pcd", 1), ("cd", 1), ("cd", 10))
    for batch in BATCHES
}
ABOUT = f"RBM of {N_VISIBLE} x {N_HIDDEN}, float32 without TF32; microseconds an update, median of rounds."


class Eager(CudaDevice):
    """Our launches one by one, to see what the graph saves."""

    def capture(self, function: Callable[[], None]) -> Callable[..., None]:
        """Return the function itself, as often as told."""
        return repeated(function)


def digits() -> np.ndarray:
    """Binary rows about as dense as MNIST's digits (14 % ones, in the middle), without needing them."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[-1:1:28j, -1:1:28j]
    chance = 0.62 * np.exp(-3.2 * (x**2 + y**2)).ravel()
    return rng.random((N_SAMPLES, N_VISIBLE), dtype=np.float32) < chance


def learner(X: np.ndarray, learning: str, k: int, batch: int, device: Device) -> DeviceLearner:
    """Make our learner, ready for its first update."""
    random = Random(1)
    data = TrainingData.from_array(X)
    rule = Rule(learning=learning, n_gibbs=k, batch_size=batch, learning_rate=1e-3)
    return DeviceLearner(initial_model(data, N_HIDDEN, random), data, rule, random, n_epochs=1, device=device)


def ours(case: tuple[str, int, int], device: Device) -> Run:
    """Our updates."""
    learning, k, batch = case
    return gpu_rounds.epochs(learner(digits(), learning, k, batch, device), N_SAMPLES // batch)


SIDES: dict[str, Callable[..., Run]] = {
    gpu_rounds.OURS: lambda case: ours(case, CudaDevice()),
    "ours, eager": lambda case: ours(case, Eager()),
    "torch, eager": lambda case: gpu_torch.eager(digits(), *case, N_HIDDEN),
    "torch, graph": lambda case: gpu_torch.graph(digits(), *case, N_HIDDEN),
}


def parts(X: np.ndarray, batch: int, device: CudaDevice) -> dict[str, float]:
    """Time the parts of our PCD-1 update, each many times in a graph, in microseconds."""
    made = learner(X, "pcd", 1, batch, device)
    made.begin_epoch(0)
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


def main() -> int:
    """Run every case, or time the parts."""
    parser = gpu_rounds.options(__doc__)
    parser.add_argument("--parts", action="store_true", help="time the parts of our update instead")
    chosen = parser.parse_args()
    if not chosen.parts:
        return gpu_rounds.run("benchmarks.gpu", CASES, ABOUT, chosen)
    device, X = CudaDevice(), digits()
    for batch in BATCHES:
        for piece, us in parts(X, batch, device).items():
            print(f"batch {batch:4d}  {piece:20s} {us:8.2f} us", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
