"""Convolutional layers on a GPU: the simulator's tests, and the CPU's larger cases."""

import numpy as np
import pytest

from ebm.networks.context import Context
from tests.cuda_simulator.test_convolution import (  # noqa: F401  (the same tests, on the GPU)
    test_gradients_add_up_and_derivatives_equal_the_cpu,
    test_layers_equal_the_cpu,
    there,
)
from tests.networks.convolutions import CASES, IDS, both_ways, images


@pytest.mark.parametrize(("shape", "layer"), CASES, ids=IDS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_larger_layers_equal_the_cpu(device, shape, layer, dtype):
    """Sums of up to a thousand products, in another order."""
    x, parameters, dy = images(layer, shape, 9, dtype)
    expected = both_ways(layer, x, parameters, dy)
    found = both_ways(layer, device.upload(x), there(device, parameters), device.upload(dy), Context(device))
    for a, b in zip(found, expected, strict=True):
        close = 100 * np.finfo(dtype).eps
        np.testing.assert_allclose(device.download(a), b, rtol=close, atol=close * np.abs(b).max())
