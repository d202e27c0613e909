"""What the tests of convolutional layers share: layers, images, and a pass through them."""

import numpy as np

from ebm.networks.context import Context
from ebm.networks.convolution import Convolution, TransposedConvolution
from ebm.random import Random

# (height, width, channels), layer: channels below, at and above a vector's; strides with and without phases left empty
CASES = [
    ((6, 7, 3), Convolution(5, 3, 1, 1)),
    ((6, 7, 1), Convolution(32, 5, 2, 2)),
    ((7, 5, 32), Convolution(3, (2, 4), (3, 2), (0, 1, 2, 0))),
    ((5, 6, 2), Convolution(1, 1, 2)),
    ((3, 3, 4), Convolution(33, 3)),
    ((5, 5, 3), Convolution(2, (4, 3), 1, "same")),
    ((4, 3, 3), TransposedConvolution(5, 3, 1, 1)),
    ((4, 4, 32), TransposedConvolution(1, 5, 2, 2, 1)),
    ((3, 4, 32), TransposedConvolution(3, 4, 2, 1)),
    ((3, 4, 1), TransposedConvolution(33, (2, 3), (3, 2), (0, 1, 2, 0), (2, 0))),
    ((3, 3, 5), TransposedConvolution(2, 1, 2, 0, 1)),
]
IDS = [f"{type(layer).__name__}-{shape}-{layer.channels}-{layer.kernel_size}" for shape, layer in CASES]


def images(layer, shape, n, dtype, seed=0):
    """Return x, parameters and dy."""
    rng = np.random.default_rng(seed)
    parameters = layer.initial(shape, Random(seed + 1), dtype)
    parameters["bias"] = rng.normal(size=layer.channels).astype(dtype)
    x = rng.normal(size=(n, *shape)).astype(dtype)
    return x, parameters, rng.normal(size=(n, *layer.output_shape(shape))).astype(dtype)


def both_ways(layer, x, parameters, dy, context=None):
    """Return y, dx, dw and db."""
    context = context or Context()
    gradients = {name: context.device.xp.empty_like(array) for name, array in parameters.items()}
    y, cache = layer.forward(parameters, x, context)
    dx = layer.backward(parameters, cache, dy, gradients, context)
    return y, dx, gradients["weights"], gradients["bias"]
