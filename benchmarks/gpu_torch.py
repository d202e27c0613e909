"""torch's update of the RBM on a GPU, eagerly and in a CUDA graph: no autograd, in place where it helps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

RATE, MOMENTUM, L2 = 1e-3, 0.5, 1e-4


class Model:
    """Parameters, momenta, chains and data on the GPU; ``update`` is one mini-batch."""

    def __init__(self, X: np.ndarray, learning: str, k: int, batch: int, n_hidden: int) -> None:
        import torch

        torch.backends.cuda.matmul.allow_tf32 = False
        torch.manual_seed(0)
        self.torch, self.learning, self.k, self.batch = torch, learning, k, batch
        n = X.shape[1]
        place: dict[str, Any] = {"device": "cuda", "dtype": torch.float32}
        self.X = torch.from_numpy(np.ascontiguousarray(X, np.uint8)).cuda()
        p = self.X.float().mean(0).clamp(0.001, 0.999)
        self.W = 0.01 * torch.randn(n, n_hidden, **place)
        self.b, self.c = (p / (1 - p)).log(), torch.zeros(n_hidden, **place)
        self.velocities = [torch.zeros_like(part) for part in (self.W, self.b, self.c)]
        self.h = (torch.rand(batch, n_hidden, **place) < 0.5).float()
        self.n_batches = X.shape[0] // batch
        self.order = torch.randperm(X.shape[0], device="cuda")[: self.n_batches * batch].view(self.n_batches, batch)
        self.counter = torch.zeros(1, dtype=torch.int64, device="cuda")

    def hidden(self, v: Any) -> Any:
        """p(h = 1 | v)."""
        return self.torch.addmm(self.c, v, self.W).sigmoid_()

    def sample_visible(self, h: Any) -> Any:
        """Draw v given h."""
        return self.torch.bernoulli(self.torch.addmm(self.b, h, self.W.T).sigmoid_())

    def update(self, rows: Any) -> None:
        """Learn from the samples of these numbers."""
        torch = self.torch
        v = self.X.index_select(0, rows).float()
        ph = self.hidden(v)
        h = self.h if self.learning == "pcd" else torch.bernoulli(ph)
        for sweep in range(self.k):
            vk = self.sample_visible(h)
            pk = self.hidden(vk)
            if self.learning == "pcd" or sweep + 1 < self.k:
                h = torch.bernoulli(pk)
        if self.learning == "pcd":
            self.h.copy_(h)
        share = RATE / self.batch
        mW, mb, mc = self.velocities
        mW.mul_(MOMENTUM).addmm_(v.T, ph, alpha=share).addmm_(vk.T, pk, alpha=-share).add_(self.W, alpha=-RATE * L2)
        mb.mul_(MOMENTUM).add_(v.sum(0) - vk.sum(0), alpha=share)
        mc.mul_(MOMENTUM).add_(ph.sum(0) - pk.sum(0), alpha=share)
        for part, velocity in zip((self.W, self.b, self.c), self.velocities, strict=True):
            part.add_(velocity)

    def counted_update(self) -> None:
        """Do the update of the batch at which the counter on the GPU stands, and move it on."""
        self.update(self.order.index_select(0, self.counter).view(-1))
        self.counter.add_(1).remainder_(self.n_batches)


def eager(X: np.ndarray, learning: str, k: int, batch: int, n_hidden: int) -> Callable[[int], None]:
    """Launches one by one."""
    model = Model(X, learning, k, batch, n_hidden)

    def run(n: int) -> None:
        with model.torch.no_grad():
            for i in range(n):
                model.update(model.order[i % model.n_batches])
        model.torch.cuda.synchronize()

    return run


def graph(X: np.ndarray, learning: str, k: int, batch: int, n_hidden: int) -> Callable[[int], None]:
    """The whole update, with the choice of its samples, in one CUDA graph."""
    model = Model(X, learning, k, batch, n_hidden)
    torch = model.torch
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.no_grad(), torch.cuda.stream(side):
        for _ in range(3):
            model.counted_update()
    torch.cuda.current_stream().wait_stream(side)
    captured = torch.cuda.CUDAGraph()
    with torch.no_grad(), torch.cuda.graph(captured):
        model.counted_update()

    def run(n: int) -> None:
        for _ in range(n):
            captured.replay()
        torch.cuda.synchronize()

    return run
