"""The CPU's loops over lattices: equal to plain loops, to each other, and for any number of threads and pieces."""

import numpy as np
import pytest

from ebm.boltzmann import ising
from ebm.boltzmann.ising import IsingLattice
from ebm.kernels import lattice as kernels
from ebm.kernels.lattice_energy import energies
from ebm.kernels.threads import limit_threads
from ebm.random import Random, Stream
from tests.boltzmann.lattices import random_lattice, spins
from tests.reference import lattice as slow

STREAMS = int(Stream.LATTICE_EVEN), int(Stream.LATTICE_ODD)
RANDOM = Random((5 << 32) + 9)
SHAPES = [(2, 2), (4, 6), (6, 2), (2, 34), (2, 2, 2), (4, 2, 6), (2, 4, 36)]


@pytest.fixture(params=["lines", "chains"])
def loop(request, monkeypatch):
    """Let small lattices go through either loop."""
    monkeypatch.setattr(kernels, "LARGE", 0 if request.param == "lines" else 4096)
    return request.param == "chains"


BACKWARDS = pytest.mark.parametrize("backwards", [False, True], ids=["", "backwards"])


def run(lattice, states, n_sweeps=3, step=7, first_chain=100, beta=None, backwards=False):
    beta = np.linspace(0.4, 1.3, states.shape[0]) if beta is None else beta
    betas = np.broadcast_to(beta, (n_sweeps, states.shape[0]))
    if not backwards:
        return lattice.sweeps(states, betas, RANDOM, step, first_chain)
    for k in range(n_sweeps):
        states = lattice.reversed_sweep(states, betas[k], RANDOM, step + k, first_chain)
    return states


@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@BACKWARDS
def test_sweeps_are_those_of_plain_loops(loop, shape, dtype, backwards):
    lattice = random_lattice(shape, dtype=dtype)
    n_chains = 2 * shape[-1] if loop else 3  # where there are enough of them, they are swept side by side
    before, betas = spins(n_chains, lattice), np.linspace(0.4, 1.3, n_chains)
    after = run(lattice, before, n_sweeps=2, beta=betas, backwards=backwards)
    for chain in range(3):
        s = before[chain].reshape(shape).copy()
        for k in range(2):
            place = RANDOM.seed, 7 + k, 100 + chain, STREAMS
            slow.sweep(s, lattice.coupling, lattice.field, betas[chain], *place, backwards)
        np.testing.assert_array_equal(after[chain].reshape(shape), s)
    assert after.dtype == dtype


@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
@pytest.mark.parametrize("shape", [(4, 6), (4, 34), (4, 2, 6)], ids=str)
@BACKWARDS
def test_uniform_lattices_too(monkeypatch, shape, dtype, backwards):
    monkeypatch.setattr(ising, "LARGE", 0)  # the table of probabilities, whatever the size
    lattice = IsingLattice(shape, 0.45, -0.2, dtype)
    before = spins(3, lattice)
    after = run(lattice, before, n_sweeps=2, backwards=backwards)
    for chain, beta in enumerate(np.linspace(0.4, 1.3, 3)):
        s = before[chain].reshape(shape).copy()
        for k in range(2):
            slow.sweep(s, lattice.coupling, lattice.field, beta, RANDOM.seed, 7 + k, 100 + chain, STREAMS, backwards)
        np.testing.assert_array_equal(after[chain].reshape(shape), s)


@pytest.mark.parametrize("shape", [(6, 8), (4, 2, 10), (2, 62)], ids=str)
def test_both_loops_give_the_same_bits(monkeypatch, shape):
    lattice = random_lattice(shape)
    states = spins(70, lattice)  # more than one block
    side_by_side = run(lattice, states, n_sweeps=20)
    monkeypatch.setattr(kernels, "LARGE", 0)
    np.testing.assert_array_equal(run(lattice, states, n_sweeps=20), side_by_side)


@pytest.mark.parametrize(
    ("shape", "n_chains", "uniform"),
    [
        ((130, 66), 1, False),
        ((130, 66), 1, True),
        ((130, 66), 5, False),
        ((6, 4), 700, False),
        ((20, 30, 20), 1, False),
    ],
    ids=str,
)
def test_threads_and_pieces_change_nothing(shape, n_chains, uniform):
    lattice = IsingLattice(shape, 0.44, 0.1) if uniform else random_lattice(shape)
    states = spins(n_chains, lattice)
    with limit_threads(1):
        whole = run(lattice, states, n_sweeps=40)
    with limit_threads(2):
        np.testing.assert_array_equal(run(lattice, states, n_sweeps=40), whole)
    half = run(lattice, states, n_sweeps=15)
    np.testing.assert_array_equal(run(lattice, half, n_sweeps=25, step=22), whole)
    some = run(
        lattice,
        states[n_chains // 2 :],
        40,
        first_chain=100 + n_chains // 2,
        beta=np.linspace(0.4, 1.3, n_chains)[n_chains // 2 :],
    )
    np.testing.assert_array_equal(some, whole[n_chains // 2 :])


@pytest.mark.parametrize("threads", [2, 3])
def test_threads_that_share_a_chain_meet(monkeypatch, threads):
    """Small enough that a thread which did not wait for the others would read old spins."""
    monkeypatch.setattr(kernels, "SHARED", 1)
    monkeypatch.setattr(kernels, "SMALL", 1)
    lattice = random_lattice((8, 6))
    with limit_threads(1):
        alone = run(lattice, spins(1, lattice), n_sweeps=3000)
    with limit_threads(threads):
        np.testing.assert_array_equal(run(lattice, spins(1, lattice), n_sweeps=3000), alone)


def test_a_schedule_is_followed_sweep_by_sweep():
    lattice = random_lattice((4, 6))
    states = spins(10, lattice)
    betas = np.random.default_rng(1).uniform(0.2, 2.0, (5, 10))
    together = lattice.sweeps(states, betas, RANDOM, 3)
    for k in range(5):
        states = lattice.sweep(states, betas[k], RANDOM, 3 + k)
    np.testing.assert_array_equal(states, together)


def test_states_given_are_left_as_they_are():
    lattice = random_lattice((4, 6))
    states = spins(3, lattice)
    copy = states.copy()
    run(lattice, states)
    np.testing.assert_array_equal(states, copy)


@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_energies_are_those_of_plain_loops(shape, dtype):
    lattice = random_lattice(shape, dtype=dtype)
    states = spins(4, lattice)
    expected = [slow.energy(s.reshape(shape), lattice.coupling, lattice.field) for s in states]
    parts = lattice.coupling.reshape(len(shape), -1), lattice.field.ravel(), kernels.sides_of(shape)
    np.testing.assert_allclose(energies(states, *parts), expected, rtol=0, atol=200 * np.finfo(dtype).eps)


def test_energies_do_not_depend_on_threads():
    lattice = random_lattice((60, 70))
    states = spins(90, lattice)
    with limit_threads(1):
        alone = lattice.energy(states)
    with limit_threads(2):
        np.testing.assert_array_equal(lattice.energy(states), alone)


def test_loops_are_compiled_once_for_a_precision(monkeypatch):
    """Read-only arrays, such as broadcasts, would each be a type of their own."""
    monkeypatch.setattr(ising, "LARGE", 0)
    for lattice in (random_lattice((4, 6)), IsingLattice((4, 6), 0.3), random_lattice((2, 4, 2))):
        for n_chains in (1, 30):
            lattice.energy(lattice.sample(n_chains, 2, random=0))
    frozen = np.ones((2, 4, 6), np.float32)
    frozen.flags.writeable = False
    lattice = IsingLattice((4, 6), frozen)
    lattice.energy(lattice.sample(1, 1, random=0, start=frozen[:1], first_step=1))
    lattice.energy(frozen)
    for core in (kernels.sweep_lines, kernels.sweep_chains, energies.__globals__["_cpu"]):
        assert len([s for s in core.signatures if "float32" in str(s)]) == 1
    assert lattice.coupling is not frozen
