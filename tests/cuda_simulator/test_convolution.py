"""Convolutional layers on the simulated GPU equal those of the CPU."""

import numpy as np
import pytest

from ebm.networks.context import Context
from ebm.networks.convolution import Convolution, TransposedConvolution
from tests.networks.convolutions import both_ways, images

CASES = [
    ((5, 4, 3), Convolution(2, 3, 2, 1, "relu")),
    ((4, 5, 2), Convolution(3, (2, 3), (1, 2), (0, 1, 2, 0))),
    ((3, 2, 3), TransposedConvolution(2, 3, 2, 1, 1, "tanh")),
    ((3, 3, 2), TransposedConvolution(1, (2, 1), (1, 2), 0, (0, 1))),
]


def there(device, arrays):
    return {name: device.upload(array) for name, array in arrays.items()}


@pytest.mark.parametrize(("shape", "layer"), CASES, ids=str)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_layers_equal_the_cpu(device, shape, layer, dtype):
    x, parameters, dy = images(layer, shape, 2, dtype)
    expected = both_ways(layer, x, parameters, dy)
    found = both_ways(layer, device.upload(x), there(device, parameters), device.upload(dy), Context(device))
    for a, b in zip(found, expected, strict=True):
        assert a.dtype == dtype
        np.testing.assert_allclose(device.download(a), b, rtol=0, atol=100 * np.finfo(dtype).eps)


@pytest.mark.parametrize(
    "layer", [Convolution(2, 2, activation="tanh"), TransposedConvolution(2, 2, activation="relu")]
)
def test_gradients_add_up_and_derivatives_equal_the_cpu(device, layer):
    x, parameters, dy = images(layer, (3, 3, 1), 2, np.float64)
    results = []
    for context in (Context(), Context(device)):
        place = (lambda a: a) if context.device.name == "cpu" else device.upload
        weights = {name: place(a) for name, a in parameters.items()}
        gradients = {name: place(np.empty_like(a)) for name, a in parameters.items()}
        for scale in (1.0, 0.5):
            _, cache = layer.forward(weights, place(scale * x), context)
            layer.backward(weights, cache, place(dy), gradients, context, wants_input=False)
        along = layer.jvp(weights, cache, place(x[::-1].copy()), context)
        results.append([device.download(a) for a in (gradients["weights"], gradients["bias"], along)])
    for a, b in zip(*results, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-13)
