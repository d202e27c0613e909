"""Colour-block Gibbs sampling in the simulator gives the CPU's states."""

import numpy as np
import pytest

from ebm.boltzmann.graph import bipartite
from ebm.boltzmann.graph_device import DeviceChains
from ebm.kernels import colour_gibbs
from ebm.random import Random
from tests.boltzmann.graph_models import RING, machine


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("graph", [RING, bipartite(5, 3)])
@pytest.mark.parametrize("clamped", [None, 2])
@pytest.mark.parametrize("backwards", [False, True])
def test_sweeps_equal_the_cpu(device, dtype, graph, clamped, backwards, monkeypatch):
    monkeypatch.setattr(colour_gibbs, "SLICE", 4)
    monkeypatch.setattr("ebm.boltzmann.graph_layout.SLICE", 4)
    model = machine(graph, dtype=dtype)
    mask = None if clamped is None else np.arange(graph.n_units) == clamped
    graph._layouts.clear()  # made with slices of another size
    states, betas = model.random_states(3, Random(0)), np.array([0.5, 1.0, 1.3])
    chains = DeviceChains(model, states, device, mask)
    chains.gibbs(2, Random(7), betas=betas, first_step=3, backwards=backwards)
    expected = model.gibbs(states, 2, Random(7), betas=betas, first_step=3, clamped=mask, backwards=backwards)
    np.testing.assert_array_equal(chains.states, expected)
    assert not np.array_equal(expected, states)
    graph._layouts.clear()


def test_states_that_do_not_fit_and_arrays_of_two_devices_are_refused(device):
    model = machine()
    with pytest.raises(ValueError, match=r"states must be float64 of shape \(n_chains, 7\), got float32\(2, 7\)"):
        DeviceChains(model, np.zeros((2, 7), np.float32), device)
    layout, couplings = model.laid_out(None)
    states = np.zeros((layout.n_places, 1))
    with pytest.raises(ValueError, match="must stand on the GPU"):
        colour_gibbs.on_device(states, couplings, layout.slices, layout.colours, states, Random(0).at(30), 1)
