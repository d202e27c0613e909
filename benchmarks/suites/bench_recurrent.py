"""Recurrent layers forward and backward, a stream's step, and fits of sequence estimators, beside torch's layers."""

from __future__ import annotations

import numpy as np


class Steps:
    """100 frames of 64 inputs through 128 units, forward and backward."""

    params = (["LSTM", "GRU"], [1, 32, 128], ["ours", "torch"])
    param_names = ("cell", "batch", "library")

    def setup(self, cell: str, batch: int, library: str) -> None:
        from benchmarks.peers.recurrent import SIDES

        if library == "torch":
            try:
                import torch  # noqa: F401
            except ModuleNotFoundError as missing:
                raise NotImplementedError("torch is not installed") from missing
        self.side = SIDES[library](f"{cell}, batch {batch}, 128 units")
        self.side.run(2)

    def time_forward_and_backward(self, cell: str, batch: int, library: str) -> None:
        self.side.run(1)


class Cells:
    """What other cells take: 32 sequences of 100 frames."""

    params = ("ours, peepholes", "ours, SCRN")
    param_names = ("cell",)

    def setup(self, cell: str) -> None:
        from benchmarks.peers.recurrent import SIDES

        self.side = SIDES[cell]("LSTM, batch 32, 128 units")
        self.side.run(2)

    def time_forward_and_backward(self, cell: str) -> None:
        self.side.run(1)


class Stream:
    """One frame through an LSTM of 128 units."""

    def setup(self) -> None:
        from benchmarks.peers.recurrent import SIDES

        self.side = SIDES["ours"]("LSTM frame by frame, 128 units")
        self.side.run(2)

    def time_step(self) -> None:
        self.side.run(1)


class Fit:
    """Five passes over 300 ragged sequences of 12 features."""

    def setup(self) -> None:
        from ebm_sklearn import RNNClassifier

        rng = np.random.default_rng(0)
        self.X = [rng.standard_normal((length, 12)).astype(np.float32) for length in rng.integers(7, 30, size=300)]
        self.y = np.array([int(x[0, 0] > 0) for x in self.X])
        self.model = RNNClassifier(n_iter=5, random_state=0)
        self.model.fit(self.X, self.y)

    def time_ragged(self) -> None:
        self.model.fit(self.X, self.y)
