"""Recurrent layers forward and backward through time: ours and torch's.

A case is "CELL, batch B, H units" (100 frames of 64 inputs; gradients of all weights, none of the input), the same with
"ragged" in front (lengths 10 to 100, others in every batch), or "CELL frame by frame, H units" (batch 1, forward only).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np

T, INPUTS = 100, 64
UNITS, BATCHES = (64, 128, 256), (1, 32, 128)


def steps(cell: str) -> list[str]:
    """Return the cases of one cell."""
    return [f"{cell}, batch {batch}, {units} units" for batch in BATCHES for units in UNITS]


def streams(cell: str) -> list[str]:
    """Return the cases of one cell that goes frame by frame."""
    return [f"{cell} frame by frame, {units} units" for units in UNITS]


def _read(case: str) -> tuple[str, int, int]:
    words = case.replace(",", "").split()
    units = int(words[words.index("units") - 1])
    return (
        next(w for w in words if w in ("LSTM", "GRU")),
        int(words[words.index("batch") + 1]) if "batch" in words else 1,
        units,
    )


def _lengths(batch: int) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.integers(10, T + 1, batch) for _ in range(8)]


class Ours:
    """Our cell, as it stands within a network's update."""

    package = "numba"

    def __init__(self, case: str) -> None:
        name, batch, units = _read(case)
        self.units, self.rng = units, np.random.default_rng(0)
        self.cell = self.make(name, units)
        from ebm.random import Random

        self.parameters = self.cell.initial(INPUTS, Random(0), np.float32)
        self.gradients = {k: np.empty_like(v) for k, v in self.parameters.items()}
        if "frame" in case:
            self.run = self.frame_by_frame()
        elif "ragged" in case:
            self.run = self.ragged(_lengths(batch))
        else:
            self.run = self.alike(batch)

    def make(self, name: str, units: int) -> Any:
        """Return the cell."""
        from ebm.recurrent.gru import GRUCell
        from ebm.recurrent.lstm import LSTMCell

        return (LSTMCell if name == "LSTM" else GRUCell)(units)

    def arrays(self, n: int) -> tuple[np.ndarray, np.ndarray]:
        """Return frames and the gradient from above."""
        width = self.cell.output_size
        return tuple(self.rng.standard_normal((n, m)).astype(np.float32) for m in (INPUTS, width))

    def both_ways(self, x: np.ndarray, dy: np.ndarray, context: Any) -> None:
        """Go forward and back."""
        context.rewind()
        _, _, cache = self.cell.forward(self.parameters, x, None, context)
        self.cell.backward(self.parameters, cache, dy, None, self.gradients, context, wants_input=False)

    def alike(self, batch: int) -> Callable[[int], None]:
        """Sequences of one length: recorded and replayed."""
        from ebm.networks.context import Context
        from ebm.networks.packing import Packing

        x, dy = self.arrays(T * batch)
        context = Context(packing=Packing([T] * batch), reuse=True)
        return context.device.capture(lambda: self.both_ways(x, dy, context))

    def ragged(self, lengths: list[np.ndarray]) -> Callable[[int], None]:
        """Other lengths in every batch."""
        from ebm.networks.context import Context
        from ebm.networks.packing import Packing

        context = Context(reuse=True, resize=True)
        batches = [(n, *self.arrays(n.sum())) for n in lengths]

        def run(n: int) -> None:
            for k in range(n):
                of, x, dy = batches[k % len(batches)]
                with context.packed(Packing(of)):
                    self.both_ways(x, dy, context)

        return run

    def frame_by_frame(self) -> Callable[[int], None]:
        """Through a stream."""
        from ebm.networks.sequential import Sequential
        from ebm.recurrent.layer import Recurrent
        from ebm.recurrent.streaming import FrameStream

        named = {f"0.{k}": v for k, v in self.parameters.items()}
        stream, (x, _) = FrameStream(Sequential([Recurrent(self.cell)]), named, INPUTS), self.arrays(1)

        def run(n: int) -> None:
            for _ in range(n):
                stream.step(x[0])

        return run


class Peepholes(Ours):
    """Our LSTM with peepholes."""

    def make(self, name: str, units: int) -> Any:
        """Return the cell."""
        from ebm.recurrent.peephole import PeepholeLSTMCell

        return PeepholeLSTMCell(units)


class SCRN(Ours):
    """Our structurally constrained network, with two fifths of context units, as in its paper's 100 + 40."""

    def make(self, name: str, units: int) -> Any:
        """Return the cell."""
        from ebm.recurrent.scrn import SCRNCell

        return SCRNCell(units, 2 * units // 5)


class Torch:
    """torch's layers, with autograd."""

    package = "torch"

    def __init__(self, case: str) -> None:
        import torch

        torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
        torch.manual_seed(0)
        self.torch = torch
        name, batch, units = _read(case)
        self.layer = getattr(torch.nn, name)(INPUTS, units)
        self.case, self.batch, self.units = case, batch, units
        if "frame" in case:
            self.run = self.frame_by_frame(getattr(torch.nn, f"{name}Cell")(INPUTS, units))
        elif "ragged" in case:
            self.run = self.ragged(_lengths(batch))
        else:
            self.run = self.alike()

    def alike(self) -> Callable[[int], None]:
        """Sequences of one length."""
        x, dy = (self.torch.randn(T, self.batch, m) for m in (INPUTS, self.units))

        def run(n: int) -> None:
            for _ in range(n):
                self.layer.zero_grad()
                y, _ = self.layer(x)
                y.backward(dy)

        return run

    def ragged(self, lengths: list[np.ndarray]) -> Callable[[int], None]:
        """Packed sequences."""
        from torch.nn.utils.rnn import pack_padded_sequence

        torch = self.torch
        batches = []
        for of in lengths:
            ranked = torch.tensor(np.sort(of)[::-1].copy())
            frames = (torch.randn(T, self.batch, INPUTS), ranked, torch.randn(int(of.sum()), self.units))
            batches.append(frames)

        def run(n: int) -> None:
            for k in range(n):
                x, of, dy = batches[k % len(batches)]
                self.layer.zero_grad()
                y, _ = self.layer(pack_padded_sequence(x[: of[0]], of))
                y.data.backward(dy)

        return run

    def frame_by_frame(self, cell: Any) -> Callable[[int], None]:
        """Through the cell, which is faster here than the layer."""
        x, state = self.torch.randn(1, INPUTS), None

        def run(n: int) -> None:
            nonlocal state
            with self.torch.no_grad():
                for _ in range(n):
                    state = cell(x, state)

        return run


SIDES = {"ours": Ours, "torch": Torch, "ours, peepholes": Peepholes, "ours, SCRN": SCRN}
