"""Sweeps of lattices: chains that start at the target stay there, and the tests would notice if they did not."""

import numpy as np
import pytest

from ebm.boltzmann import ising
from ebm.boltzmann.ising import IsingLattice
from ebm.kernels import lattice as kernels
from ebm.kernels.lattice import Clock, heat_bath
from ebm.random import Random, Stream
from tests.boltzmann.lattices import exact_samples, probabilities, random_lattice
from tests.boltzmann.models import p_value

N_CHAINS = 20_000
BETA = 0.8
SHAPES = [(2, 4), (4, 4), (2, 2, 2), (2, 2, 4)]


def numbers(states, chosen):
    return (states[:, chosen] > 0) @ (1 << np.arange(len(chosen)))


def stays(lattice, sweeps, n_sweeps, beta=BETA, seed=0):
    """p-value of 'after so many sweeps, chains that started at the target are still there', by eight of the sites."""
    states = exact_samples(lattice, beta, N_CHAINS, seed)
    states = sweeps(states, np.full((n_sweeps, N_CHAINS), beta), Random(seed), 1)
    chosen = np.random.default_rng(seed).permutation(lattice.n_sites)[:8]
    cells = (np.arange(2**lattice.n_sites)[:, None] >> chosen & 1) @ (1 << np.arange(8))
    wanted = np.bincount(cells, probabilities(lattice, beta))
    return p_value(np.bincount(numbers(states, chosen), minlength=256), wanted)


@pytest.mark.parametrize("n_sweeps", [1, 5, 20])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_the_target_is_stationary(shape, n_sweeps):
    lattice = random_lattice(shape, seed=1)
    assert stays(lattice, lattice.sweeps, n_sweeps) > 1e-3


@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_also_line_by_line(monkeypatch, shape, dtype):
    monkeypatch.setattr(kernels, "LARGE", 0)
    lattice = random_lattice(shape, seed=2, dtype=dtype)
    assert stays(lattice, lattice.sweeps, 5) > 1e-3


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_also_by_the_table_of_a_uniform_lattice(monkeypatch, shape):
    monkeypatch.setattr(ising, "LARGE", 0)
    lattice = IsingLattice(shape, 0.3, -0.15)
    assert stays(lattice, lattice.sweeps, 5) > 1e-3


def test_every_chain_has_its_own_temperature():
    lattice, betas = random_lattice((2, 4), seed=1), np.array([0.5, 1.4])
    starts = [exact_samples(lattice, beta, N_CHAINS, seed) for seed, beta in enumerate(betas)]
    states = np.stack(starts, axis=1).reshape(-1, 8)  # one and the other in turn
    states = lattice.sweeps(states, np.tile(betas, (5, N_CHAINS)), Random(0), 1)
    for k, beta in enumerate(betas):
        counts = np.bincount(numbers(states[k::2], np.arange(8)), minlength=256)
        assert p_value(counts, probabilities(lattice, beta)) > 1e-3
        assert p_value(counts, probabilities(lattice, betas[1 - k])) < 1e-9


# Broken samplers


def both_at_once(lattice):
    """Broken: a site is drawn from the old spins of all its neighbours."""
    even = np.indices(lattice.shape).sum(axis=0).ravel() % 2 == 0
    swapped = heat_of_odd_first(lattice)

    def sweeps(states, betas, random, step):
        for k, row in enumerate(betas):
            first = lattice.sweep(states, row, random, step + k)  # its even sites saw the old odd ones
            second = swapped(states, row[None], random, step + k)  # its odd sites saw the old even ones
            states = np.where(even, first, second)
        return states

    return sweeps


def heat_of_odd_first(lattice):
    """Sound: odd sites first, then even ones (a lattice turned by one site)."""
    d = len(lattice.shape)
    turned = IsingLattice(lattice.shape, np.roll(lattice.coupling, 1, d), np.roll(lattice.field, 1, d - 1))

    def sweeps(states, betas, random, step):
        shaped = np.roll(states.reshape(-1, *lattice.shape), 1, d)
        shaped = turned.sweeps(shaped, betas, Random(random.seed + 1), step).reshape(shaped.shape)
        return np.roll(shaped, -1, d).reshape(states.shape)

    return sweeps


def forgotten_field(lattice):
    """Broken: fields do not act."""
    return IsingLattice(lattice.shape, lattice.coupling, 0.0).sweeps


def squared_beta(lattice):
    """Broken: beta enters twice."""
    return lambda states, betas, random, step: lattice.sweeps(states, betas**2, random, step)


def changed(lattice, *, odd_stream=Stream.LATTICE_ODD, **tables):
    """The loops with other tables, or with another stream for the odd sites."""

    def sweeps(states, betas, random, step):
        words = (np.uint64(word) for word in (step, Stream.LATTICE_EVEN, odd_stream, random.seed))
        twice = (2 * betas).astype(np.float32)
        return heat_bath(lattice._tables._replace(**tables), states.copy(), twice, None, Clock(np.int64(0), *words))

    return sweeps


def one_noise(lattice):
    """Broken: both colours take the same uniforms."""
    return changed(lattice, odd_stream=Stream.LATTICE_EVEN)


def no_border(lattice):
    """Broken: at the border the last neighbour's place is taken by the first site of the other colour."""
    sites = lattice._tables.sites.copy()
    sites[:, -1, lattice.shape[-1] // 2 - 1 :: lattice.shape[-1] // 2] = 0
    return changed(lattice, sites=sites)


def one_direction(lattice):
    """Broken: the coupling to the site below is taken to be that to the site above."""
    couplings = lattice._tables.couplings.copy()
    couplings[:, 0::2] = couplings[:, 1::2]
    return changed(lattice, couplings=couplings)


def test_what_the_broken_ones_are_made_of_is_sound():
    lattice = random_lattice((4, 4), seed=1)
    assert stays(lattice, changed(lattice), 5) > 1e-3
    assert stays(lattice, heat_of_odd_first(lattice), 5) > 1e-3


@pytest.mark.parametrize("n_sweeps", [1, 5, 20])
@pytest.mark.parametrize("broken", [both_at_once, forgotten_field, squared_beta, one_noise, no_border, one_direction])
def test_a_broken_sampler_is_caught(broken, n_sweeps):
    lattice = random_lattice((4, 4), seed=1)
    assert stays(lattice, broken(lattice), n_sweeps) < 1e-9


def test_a_wrong_line_at_the_border_is_caught_line_by_line(monkeypatch):
    """Broken: lines are not joined around the torus."""
    monkeypatch.setattr(kernels, "LARGE", 0)
    lattice = random_lattice((4, 4), seed=1)
    lines = lattice._tables.lines.copy()
    lines[0, 0] = 1
    assert stays(lattice, changed(lattice), 5) > 1e-3
    assert stays(lattice, changed(lattice, lines=lines), 5) < 1e-9
