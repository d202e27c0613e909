"""Lattices with nothing at zero or one, exact samples of them, and where the chains' loops are chosen."""

import numpy as np

from ebm.boltzmann.ising import IsingLattice
from ebm.boltzmann.ising_exact import enumerate_energies, states_of


def random_lattice(shape, *, seed=0, scale=0.6, dtype=np.float32):
    rng = np.random.default_rng(seed)
    coupling, field = rng.normal(size=(len(shape), *shape)), rng.normal(size=shape)
    return IsingLattice(shape, scale * coupling, scale * field, dtype)


def spins(n_chains, lattice, seed=0):
    return np.random.default_rng(seed).choice([-1, 1], (n_chains, lattice.n_sites)).astype(lattice.dtype)


def probabilities(lattice, beta):
    e = enumerate_energies(lattice)
    weights = np.exp(-beta * (e - e.min()))
    return weights / weights.sum()


def exact_samples(lattice, beta, n, seed=0):
    """Samples of p_beta, shape (n, n_sites), by enumeration."""
    p = probabilities(lattice, beta)
    return states_of(np.random.default_rng(seed).choice(p.size, n, p=p), lattice.n_sites).astype(lattice.dtype)
