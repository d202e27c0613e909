"""Lattices on a GPU: the simulator's tests, and a large one."""

import numpy as np

from ebm.boltzmann.ising import IsingLattice
from ebm.boltzmann.ising_exact import onsager_energy
from ebm.sampling.diagnostics import mean_with_error
from tests.cuda_simulator.test_lattice import (  # noqa: F401  (the same tests, on the GPU)
    test_annealing_on_the_device,
    test_chains_and_their_measures,
    test_states_of_the_other_device_are_refused,
    test_sweeps_and_energies_equal_the_cpu,
)


def test_a_large_lattice_has_onsagers_energy(device):
    measured = IsingLattice((256, 256), device=device).measure(4, 60, beta=0.35, random=2, every=2)
    mean = mean_with_error(measured.energy[:, 20:] / 256**2)
    assert abs(mean.mean - onsager_energy(0.35)) < max(4 * mean.error, 1e-3)
    assert np.isfinite(measured.magnetization).all()
