"""Layers with inputs that fit them, and one pass of each: for the laws that hold for all, on either device."""

from dataclasses import dataclass

import numpy as np

from ebm.networks.activation import NAMES, Activation
from ebm.networks.context import Context
from ebm.networks.dropout import Dropout
from ebm.networks.embedding import Embedding
from ebm.networks.normalisation import BatchNormalisation, LayerNormalisation
from ebm.networks.pyramid import PyramidDown, PyramidUp
from ebm.networks.shape import Flatten, Reshape
from ebm.random import Random

SEED = Random((7 << 32) + 3)


@dataclass(frozen=True)
class Case:
    name: str
    layer: object
    shape: tuple  # of one sample
    n: int = 5
    training: bool = False

    def parameters(self, dtype, seed=1):
        """Return parameters that are all different, and positive where they are statistics or scales."""
        rng, found = np.random.default_rng(seed), self.layer.initial(self.shape, SEED, dtype)
        return {name: (0.2 + np.abs(rng.normal(size=a.shape))).astype(dtype) for name, a in found.items()}

    def x(self, dtype, seed=0):
        return (2 * np.random.default_rng(seed).normal(size=(self.n, *self.shape)) + 0.3).astype(dtype)

    def changes(self, dtype, seed=2):
        """Return a change of x, and one of y."""
        rng, out = np.random.default_rng(seed), self.layer.output_shape(self.shape)
        return tuple(rng.normal(size=(self.n, *shape)).astype(dtype) for shape in (self.shape, out))

    def context(self, step=0, device="cpu", **options):
        found = Context(device, training=self.training, random=SEED, **options)
        found.device.write(found.clock, np.array([step, 0], np.uint32))
        return found


CASES = [
    Case("batch, rows", BatchNormalisation(), (3,), 70, True),
    Case("batch, images", BatchNormalisation(momentum=0.3), (3, 5, 2), 5, True),
    Case("batch, prediction", BatchNormalisation(), (3,), 70),
    Case("layer, rows", LayerNormalisation(), (7,), 70),
    Case("layer, images", LayerNormalisation(epsilon=1e-3), (2, 3, 4)),
    Case("dropout", Dropout(0.4), (2, 3, 3), training=True),
    Case("dropout, prediction", Dropout(0.4), (7,)),
    Case("reshape", Reshape((3, 4)), (2, 6)),
    Case("flatten", Flatten(), (2, 3, 2)),
    *(Case(name, Activation(name), (2, 5)) for name in NAMES),
    Case("down", PyramidDown(), (5, 8, 2), 2),
    Case("down, small", PyramidDown(), (2, 1, 3), 2),
    Case("up", PyramidUp(), (3, 2, 2), 2),
    Case("up, odd", PyramidUp((5, 7)), (3, 4, 1), 2),
    Case("up, small", PyramidUp((2, 1)), (1, 1, 2), 2),
]
EMBEDDING = Embedding(9, 5)


def outcomes(case, dtype, context, upload=lambda a: a):
    """One pass: y, dx, the change of y along dx, gradients and parameters after it, as one dict of arrays."""
    parameters = {name: upload(a) for name, a in case.parameters(dtype).items()}
    gradients = {name: upload(np.full_like(a, 9)) for name, a in case.parameters(dtype).items()}
    x, (dx, dy) = upload(case.x(dtype)), map(upload, case.changes(dtype))
    y, cache = case.layer.forward(parameters, x, context)
    found = {"y": y, "dx": case.layer.backward(parameters, cache, dy, gradients, context)}
    found["jvp"] = case.layer.jvp(parameters, cache, dx, context)
    moved = {name: a for name, a in gradients.items() if name not in case.layer.statistics}
    return found | {f"d {name}": a for name, a in moved.items()} | parameters
