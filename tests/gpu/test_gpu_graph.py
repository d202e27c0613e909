"""Colour-block Gibbs sampling on a GPU: slices as large as they are, which the simulator's tests make small."""

import numpy as np
import pytest

from ebm.boltzmann.graph import random_graph
from ebm.boltzmann.graph_device import DeviceChains
from ebm.kernels.colour_gibbs import SLICE
from ebm.random import Random
from tests.boltzmann.graph_models import machine
from tests.cuda_simulator.test_graph import (  # noqa: F401  (the same test, on the GPU)
    test_states_that_do_not_fit_and_arrays_of_two_devices_are_refused,
)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("clamped", [False, True])
@pytest.mark.parametrize("backwards", [False, True])
def test_sweeps_equal_the_cpu(device, dtype, clamped, backwards):
    graph = random_graph(4 * SLICE + 3, 4, seed=0)
    model = machine(graph, dtype=dtype)
    mask = np.arange(graph.n_units) % 7 == 2 if clamped else None
    states, betas = model.random_states(3, Random(0)), np.array([0.5, 1.0, 1.3])
    assert model.laid_out(None)[0].slices[:, 1].max() == SLICE
    chains = DeviceChains(model, states, device, mask)
    options = {"betas": betas, "first_step": 3, "backwards": backwards}
    chains.gibbs(2, Random(7), **options)
    expected = model.gibbs(states, 2, Random(7), clamped=mask, **options)
    np.testing.assert_array_equal(chains.states, expected)
    assert not np.array_equal(expected, states)
