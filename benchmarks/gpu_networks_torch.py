"""torch's updates of networks on a GPU, eagerly and in a CUDA graph: float32 without TF32, Adam in one pass."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from benchmarks.peers.networks import Torch


class Eager(Torch):
    """Launches one by one, as one writes it.

    Parameters
    ----------
    case : (str, int)
        A case of ``peers.networks``, and the number of rows in a batch.
    X : ndarray of shape (n_samples, n_features)
        Samples; whole batches of them.
    """

    place = "cuda"
    adam: ClassVar = {"fused": True}

    def __init__(self, case: tuple[str, int], X: np.ndarray) -> None:
        import torch

        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
        torch.backends.cudnn.benchmark = True  # convolutions by the fastest of cuDNN's ways
        torch.manual_seed(0)
        name, self.batch = case
        self._X = X
        super().__init__(name)

    def _samples(self) -> np.ndarray:
        return self._X

    def run(self, n: int) -> None:
        """Do so many updates, and wait for them."""
        super().run(n)
        self.torch.cuda.synchronize()


class Graph(Eager):
    """The whole update, with the choice of its samples, in one CUDA graph."""

    adam: ClassVar = {"fused": True, "capturable": True}

    def __init__(self, case: tuple[str, int], X: np.ndarray) -> None:
        import torch

        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            super().__init__(case, X)
            for _ in range(3):
                self.once()
        torch.cuda.current_stream().wait_stream(side)
        captured = torch.cuda.CUDAGraph()
        with torch.cuda.graph(captured):
            self.once()
        self._update, self.once = self.once, captured.replay  # what it was captured from keeps its arrays

    def _network(self, case: str) -> Any:
        x = self.torch.from_numpy(self._samples()).to(self.place)
        order = self.torch.randperm(len(x), device=self.place).view(-1, self.batch)
        counter = self.torch.zeros(1, dtype=self.torch.int64, device=self.place)
        step = self._vae() if case.startswith("VAE") else self._autoencoder()

        def once() -> None:
            step(x.index_select(0, order.index_select(0, counter).view(-1)))
            counter.add_(1).remainder_(len(order))

        return once
