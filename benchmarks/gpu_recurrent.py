"""LSTM and GRU through 100 frames, forward and back, on a GPU beside torch: ``python -m benchmarks.gpu_recurrent``.

Float32 without TF32, gradients of parameters and frames. Ours is a replayed CUDA graph; torch's are cuDNN's with
autograd, eagerly and in a graph. Writes ``benchmarks/results/gpu-<device>-recurrent.json`` and ``.md`` (see
``gpu_rounds``).
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks import gpu_rounds
from benchmarks.gpu_process import Run
from ebm.device import CudaDevice, Device
from ebm.networks.context import Context
from ebm.networks.packing import Packing
from ebm.random import Random
from ebm.recurrent.cell import Cell
from ebm.recurrent.gru import GRUCell
from ebm.recurrent.lstm import LSTMCell

N_TIMES, N_IN = 100, 64
CELLS: dict[str, Callable[[int], Cell]] = {"LSTM": LSTMCell, "GRU": GRUCell}
CASES = {
    f"{name}, batch {batch}, {units} units": [name, batch, units]
    for name in CELLS
    for units in (128, 256, 512)
    for batch in (32, 128, 512)
}
ABOUT = (
    f"Forward and back through {N_TIMES} frames of {N_IN} inputs, with gradients of parameters and frames; float32 "
    "without TF32, torch's by cuDNN; microseconds, median of rounds."
)
Case = tuple[str, int, int]


def drawn(*shape: int) -> np.ndarray:
    """Return numbers from a normal distribution."""
    return np.random.default_rng(0).standard_normal(shape, np.float32)


def ours(case: Case, device: Device) -> Run:
    """Our passes."""
    name, n, units = case
    cell, up = CELLS[name](units), device.upload
    parameters = {key: up(array) for key, array in cell.initial(N_IN, Random(0), np.float32).items()}
    gradients = {key: device.zeros(array.shape, np.float32) for key, array in parameters.items()}
    x, dy = up(drawn(N_TIMES * n, N_IN)), up(drawn(N_TIMES * n, units))
    context = Context(device, reuse=True, packing=Packing([N_TIMES] * n, device))

    def once() -> None:
        context.rewind()
        _, _, cache = cell.forward(parameters, x, None, context)
        cell.backward(parameters, cache, dy, None, gradients, context)

    replay = device.capture(once)

    def run(times: int) -> None:
        with device.active():
            replay(times)
        device.synchronize()

    return run


def _torch(case: Case) -> tuple[Any, Callable[[], None]]:
    """Return torch, and one pass of it."""
    import torch

    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    name, n, units = case
    layer = getattr(torch.nn, name)(N_IN, units).cuda()
    x, dy = (torch.from_numpy(drawn(N_TIMES, n, width)).cuda() for width in (N_IN, units))
    x.requires_grad_()
    wanted = [x, *layer.parameters()]

    def once() -> None:
        torch.autograd.grad(layer(x)[0], wanted, dy)

    return torch, once


def eager(case: Case) -> Run:
    """torch's passes, launched one by one."""
    torch, once = _torch(case)

    def run(times: int) -> None:
        for _ in range(times):
            once()
        torch.cuda.synchronize()

    return run


def graph(case: Case) -> Run:
    """torch's passes in a CUDA graph."""
    import torch

    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        _, once = _torch(case)
        for _ in range(3):
            once()
    torch.cuda.current_stream().wait_stream(side)
    captured = torch.cuda.CUDAGraph()
    with torch.cuda.graph(captured):
        once()

    def run(times: int) -> None:
        for _ in range(times):
            captured.replay()
        torch.cuda.synchronize()

    run.kept = once  # type: ignore[attr-defined]  # what was captured reads its arrays
    return run


SIDES: dict[str, Callable[..., Run]] = {
    gpu_rounds.OURS: lambda case: ours(case, CudaDevice()),
    "torch, eager": eager,
    "torch, graph": graph,
}


if __name__ == "__main__":
    chosen = gpu_rounds.options(__doc__).parse_args()
    sys.exit(gpu_rounds.run("benchmarks.gpu_recurrent", CASES, ABOUT, chosen, "-recurrent"))
