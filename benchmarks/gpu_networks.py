"""Updates of networks on a GPU beside torch: ``python -m benchmarks.gpu_networks``.

An autoencoder and a variational one under Adam, and convolutions forward and backward, float32 without TF32. Ours is a
replayed CUDA graph; torch is measured eagerly and in a graph. Writes ``benchmarks/results/gpu-<device>-networks.json``
and ``.md`` (see ``gpu_rounds``).
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks import gpu_rounds
from benchmarks.gpu_networks_torch import Eager, Graph
from benchmarks.gpu_process import Run
from benchmarks.peers.networks import (
    CONVOLUTIONS,
    HIDDEN,
    IMAGES,
    N_COMPONENTS,
    N_FEATURES,
    VAE_COMPONENTS,
    VAE_HIDDEN,
)
from ebm.autoencoder.layout import dense_layout
from ebm.autoencoder.reconstruction import Reconstruction
from ebm.autoencoder.variational import Variational
from ebm.autoencoder.variational_layout import variational_layout
from ebm.data import TrainingData
from ebm.device import CudaDevice, Device
from ebm.networks.context import Context
from ebm.networks.convolution import Convolution, TransposedConvolution
from ebm.networks.learning import NetworkLearner
from ebm.optimizers.adam import Adam
from ebm.random import Random

N_SAMPLES = 20_480  # whole batches of either size
AUTOENCODER, VARIATIONAL = "autoencoder 784-256-64-256-784", "VAE 784-200-20-200-784"
KERNEL = {"kernel_size": 5, "stride": 2, "padding": 2}
PAIR = ("convolution 32 -> 64, 14 x 14", "transposed 64 -> 32, 7 x 7")
CASES = {
    **{f"{AUTOENCODER}, batch {batch}": [AUTOENCODER, batch] for batch in (128, 1024)},
    f"{VARIATIONAL}, batch 128": [VARIATIONAL, 128],
    **{f"{name}, batch {IMAGES}": [name, IMAGES] for name in PAIR},
}
ABOUT = (
    "Updates under Adam (torch's is fused), and passes forward and backward through convolutions of 5 x 5 and stride "
    "2; float32 without TF32; microseconds, median of rounds."
)


def grey() -> np.ndarray:
    """Rows in [0, 1], bright in the middle as digits are."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[-1:1:28j, -1:1:28j]
    bright = np.exp(-3.2 * (x**2 + y**2)).ravel().astype(np.float32)
    return bright * rng.random((N_SAMPLES, N_FEATURES), dtype=np.float32)


def learner(name: str, batch: int, device: Device, X: np.ndarray) -> NetworkLearner:
    """Make our learner."""
    if name == VARIATIONAL:
        layout: Any = variational_layout(N_FEATURES, VAE_COMPONENTS, VAE_HIDDEN)
        objective: Any = Variational(layout)
    else:
        layout = dense_layout(N_FEATURES, N_COMPONENTS, HIDDEN, code_activation="relu", output_activation="sigmoid")
        objective = Reconstruction(layout)
    random = Random(0)
    start, options = layout.initial(random, np.float32), {"n_epochs": 1, "batch_size": batch, "device": device}
    return NetworkLearner(start, objective, TrainingData.from_array(X), Adam(1e-3), random, **options)


def passes(name: str, n: int, device: Device) -> Run:
    """Forward and backward passes of one of our convolutions."""
    channels, out, side = CONVOLUTIONS[name]
    layer: Any = Convolution(out, **KERNEL)
    if name.startswith("transposed"):
        layer = TransposedConvolution(out, output_padding=1, **KERNEL)
    shape, rng, up = (side, side, channels), np.random.default_rng(0), device.upload
    first = layer.initial(shape, Random(0), np.float32)
    parameters = {key: up(array) for key, array in first.items()}
    gradients = {key: device.zeros(array.shape, np.float32) for key, array in first.items()}
    x = up(rng.standard_normal((n, *shape), np.float32))
    dy = up(rng.standard_normal((n, *layer.output_shape(shape)), np.float32))
    context = Context(device, reuse=True)

    def once() -> None:
        context.rewind()
        _, cache = layer.forward(parameters, x, context)
        layer.backward(parameters, cache, dy, gradients, context)

    replay = device.capture(once)

    def run(n: int) -> None:
        with device.active():
            replay(n)
        device.synchronize()

    return run


def ours(case: tuple[str, int], device: Device) -> Run:
    """Our updates, or passes."""
    name, n = case
    if name in CONVOLUTIONS:
        return passes(name, n, device)
    return gpu_rounds.epochs(learner(name, n, device, grey()), N_SAMPLES // n)


SIDES: dict[str, Callable[..., Run]] = {
    gpu_rounds.OURS: lambda case: ours(case, CudaDevice()),
    "torch, eager": lambda case: Eager(case, grey()).run,
    "torch, graph": lambda case: Graph(case, grey()).run,
}


if __name__ == "__main__":
    sys.exit(
        gpu_rounds.run("benchmarks.gpu_networks", CASES, ABOUT, gpu_rounds.options(__doc__).parse_args(), "-networks")
    )
