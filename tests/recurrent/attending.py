"""A cell that attends, on ragged sources and targets, for the tests."""

import numpy as np

from ebm.networks.context import Context
from ebm.networks.packing import Packing
from ebm.random import Random
from ebm.recurrent.attention import AttentionCell
from ebm.recurrent.lstm import LSTMCell

SOURCES, TARGETS = np.array([3, 5, 1, 4]), np.array([2, 1, 4, 3])
UNITS, WIDTH, N_IN, N_SOURCE = 4, 5, 3, 6


class Case:
    """Arrays of one pass, one sequence after the other."""

    def __init__(self, dtype=np.float64, sources=SOURCES, targets=TARGETS, seed=0):
        rng = np.random.default_rng(seed)
        self.cell = AttentionCell(LSTMCell(UNITS), WIDTH)
        self.parameters = self.cell.initial(N_IN, N_SOURCE, Random(1), dtype)
        self.parameters = {k: (a + 0.3 * rng.normal(size=a.shape)).astype(dtype) for k, a in self.parameters.items()}
        self.sources, self.targets, n = sources, targets, len(sources)
        self.frames = rng.normal(size=(sources.sum(), N_SOURCE)).astype(dtype)
        self.x = rng.normal(size=(targets.sum(), N_IN)).astype(dtype)
        self.states = tuple(rng.normal(size=(n, UNITS)).astype(dtype) for _ in range(2))
        self.dy = rng.normal(size=(targets.sum(), N_SOURCE + UNITS)).astype(dtype)
        self.d_states = tuple(rng.normal(size=(n, UNITS)).astype(dtype) for _ in range(2))

    def forward(self, context=None):
        context = context or Context()
        device, sources, targets = context.device, Packing(self.sources, context.device), None
        targets = Packing(self.targets, device)
        parameters = {name: device.upload(array) for name, array in self.parameters.items()}
        states = tuple(map(device.upload, self.states))
        source = self.cell.look_at(parameters, sources.pack(self.frames), sources, context)
        with context.packed(targets):
            y, finals, cache = self.cell.forward(parameters, targets.pack(self.x), source, states, context)
        return y, finals, cache, (parameters, sources, targets)

    def outputs(self):
        """y in the order of the targets, and the last states."""
        y, finals, cache, (_, _, targets) = self.forward()
        return targets.unpack(y), finals, cache.matrices(Context())

    def backward(self, context=None):
        """Gradients by name: of parameters, x, frames and states."""
        context = context or Context()
        device = context.device
        _, _, cache, (parameters, sources, targets) = self.forward(context)
        gradients = {name: device.upload(np.full_like(array, np.nan)) for name, array in self.parameters.items()}
        back = self.cell.backward(
            parameters, cache, targets.pack(self.dy), tuple(map(device.upload, self.d_states)), gradients,
            context, source_packing=sources,
        )  # fmt: skip
        found = {name: device.download(array) for name, array in gradients.items()}
        found["x"] = targets.unpack(device.download(back.dx))
        found["frames"] = sources.unpack(device.download(back.d_source))
        return found | {f"state {k}": device.download(array) for k, array in enumerate(back.d_states)}

    def loss(self):
        """What the gradients are of."""
        y, finals, _ = self.outputs()
        return float((y * self.dy).sum() + sum((s * d).sum() for s, d in zip(finals, self.d_states, strict=True)))

    def arrays(self):
        """What the loss depends on, by the names of the gradients."""
        states = {f"state {k}": array for k, array in enumerate(self.states)}
        return {**self.parameters, "x": self.x, "frames": self.frames, **states}
