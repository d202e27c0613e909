"""CUDA loops over lattices in the simulator: the spins of the CPU's, bit for bit."""

import numpy as np
import pytest

from ebm.boltzmann.ising import IsingLattice
from ebm.random import Random
from ebm.sampling.simulated_annealing import linear, simulated_annealing
from tests.boltzmann.lattices import random_lattice, spins


def on(device, lattice):
    return IsingLattice(lattice.shape, lattice.coupling, lattice.field, lattice.dtype, device)


@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
@pytest.mark.parametrize("shape", [(2, 2), (4, 6), (2, 4, 2)], ids=str)
def test_sweeps_and_energies_equal_the_cpu(device, shape, dtype):
    lattice = random_lattice(shape, dtype=dtype)
    states, betas = spins(3, lattice), np.random.default_rng(0).uniform(0.3, 2, (2, 3))
    there = on(device, lattice)
    swept = there.sweeps(device.upload(states), betas, Random((7 << 32) + 1), 5, 40)
    expected = lattice.sweeps(states, betas, Random((7 << 32) + 1), 5, 40)
    np.testing.assert_array_equal(device.download(swept), expected)
    back = there.reversed_sweep(swept, betas[0], Random((7 << 32) + 1), 7, 40)
    np.testing.assert_array_equal(
        device.download(back), lattice.reversed_sweep(expected, betas[0], Random((7 << 32) + 1), 7, 40)
    )
    np.testing.assert_allclose(there.potential(swept), lattice.potential(expected), atol=1e-5)


def test_annealing_on_the_device(device):
    lattice = random_lattice((2, 4))
    there = simulated_annealing(on(device, lattice), 3, linear(4, 2.0), Random(1), look_every=2)
    here = simulated_annealing(lattice, 3, linear(4, 2.0), Random(1), look_every=2)
    np.testing.assert_array_equal(device.download(there.states), here.states)
    np.testing.assert_allclose(there.trace, here.trace, atol=1e-5)


def test_chains_and_their_measures(device):
    lattice = random_lattice((2, 4))
    there = on(device, lattice).measure(3, 2, every=2, beta=0.7, random=2)
    here = lattice.measure(3, 2, every=2, beta=0.7, random=2)
    np.testing.assert_array_equal(device.download(there.states), here.states)
    np.testing.assert_allclose(there.energy, here.energy, atol=1e-5)
    np.testing.assert_allclose(there.magnetization, here.magnetization)


def test_states_of_the_other_device_are_refused(device):
    lattice = on(device, random_lattice((2, 4)))
    with pytest.raises(ValueError, match=r"on the lattice's device \(cuda\)"):
        lattice.energy(np.ones((1, 8), np.float32))
