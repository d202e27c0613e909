"""Sequences of several lengths through layers: one pass of each, on random parameters."""

from dataclasses import dataclass

import numpy as np

from ebm.networks.context import Context
from ebm.networks.packing import Packing
from ebm.random import Random

SEED = Random((5 << 32) + 1)
LENGTHS = (3, 6, 1, 4, 6)


@dataclass(frozen=True)
class Case:
    """A layer, the width of its frames, and how it is run."""

    name: str
    layer: object
    width: int = 4
    training: bool = False
    lengths: tuple = LENGTHS

    def packing(self):
        return Packing(self.lengths)

    def context(self, step=0, **options):
        found = Context(training=self.training, random=SEED, packing=self.packing(), **options)
        found.clock[0] = step
        return found

    def parameters(self, dtype=np.float64, seed=1):
        rng, first = np.random.default_rng(seed), self.layer.initial((self.width,), SEED, dtype)
        return {name: (a + 0.3 * rng.normal(size=a.shape)).astype(dtype) for name, a in first.items()}

    def x(self, dtype=np.float64, seed=0):
        return np.random.default_rng(seed).normal(size=(sum(self.lengths), self.width)).astype(dtype)

    def dy(self, dtype=np.float64, seed=2):
        y, _ = self.layer.forward(self.parameters(dtype), self.x(dtype), self.context())
        return np.random.default_rng(seed).normal(size=y.shape).astype(dtype)


def outcomes(case, dtype, context, parameters=None):
    """One pass: y, dx and all gradients as copies; gradients begin as something else."""
    parameters = case.parameters(dtype) if parameters is None else parameters
    gradients = {name: np.full_like(a, 9) for name, a in parameters.items()}
    y, cache = case.layer.forward(parameters, case.x(dtype), context)
    dx = case.layer.backward(parameters, cache, case.dy(dtype), gradients, context)
    return {"y": y.copy(), "dx": dx.copy()} | {f"d {name}": a for name, a in gradients.items()}
