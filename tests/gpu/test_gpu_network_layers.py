"""Layers and corruption on a real GPU: as the CPU's, and drawn anew by every replay of a captured graph."""

import numpy as np
import pytest

from ebm.networks.corruption import GaussianNoise, Masking, SaltAndPepper
from ebm.networks.dropout import Dropout
from tests.cuda_simulator.test_network_layers import (  # noqa: F401  (the same tests, on the GPU)
    test_a_network_of_them_learns_as_on_the_cpu,
    test_a_pyramid_of_a_device_comes_back,
    test_a_second_gradient_of_a_pass_is_added,
    test_corruption_equals_the_cpus,
    test_embeddings_equal_the_cpus,
    test_tokens_on_a_device_can_be_checked,
)
from tests.networks.layer_cases import CASES, Case, outcomes


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_layers_equal_the_cpus(device, case, dtype):
    here = outcomes(case, dtype, case.context(step=3))
    there = outcomes(case, dtype, case.context(step=3, device=device), device.upload)
    eps = np.finfo(dtype).eps
    for name, array in there.items():
        exact = here[name]
        close = {"rtol": 64 * eps, "atol": 64 * eps * max(1, np.abs(exact).max())}
        np.testing.assert_allclose(device.download(array), exact, err_msg=name, **close)


@pytest.mark.parametrize("kind", [GaussianNoise(0.5), Masking(0.3), SaltAndPepper(0.4)], ids=repr)
def test_replays_of_a_graph_draw_anew(device, kind):
    case = Case("", Dropout(0.4), (33,), 20, True)
    context, x = case.context(device=device, reuse=True), device.upload(case.x(np.float32))
    found = []

    def update():
        context.rewind()
        out = context.empty(x.shape, np.float32)
        kind.apply(x, out, context)
        found[:] = [out, case.layer.forward({}, out, context)[0]]

    replay = device.capture(update)
    for step in range(4):
        device.write(context.clock, np.array([step, 0], np.uint32))
        replay()
        plain = case.context(step)
        exact = np.empty((20, 33), np.float32)
        kind.apply(case.x(np.float32), exact, plain)
        dropped, _ = case.layer.forward({}, exact, plain)
        for array, right in zip(found, (exact, dropped), strict=True):
            np.testing.assert_allclose(device.download(array), right, rtol=0, atol=1e-5)
