"""Annealing: it finds ground states that are known, a quench does not, and cuts of known weight."""

from dataclasses import dataclass

import numpy as np
import pytest
from scipy import sparse
from scipy.special import expit

from ebm.boltzmann.ising import IsingLattice
from ebm.boltzmann.ising_exact import ground_state
from ebm.boltzmann.max_cut import edge_list, lattice_graph, max_cut_couplings, max_cut_value
from ebm.boltzmann.spin_glass import gaussian_glass, plus_minus_glass
from ebm.kernels.threads import limit_threads
from ebm.random import Random, Stream
from ebm.sampling.simulated_annealing import geometric, linear, logarithmic, quench, simulated_annealing

SCHEDULES = {"linear": linear(400, 6.0), "geometric": geometric(400, 8.0, 0.2), "logarithmic": logarithmic(400, 5.0)}


@dataclass(frozen=True)
class AnyGraph:
    """Spins on any graph, one after the other: a plain family, with nothing but what ``Tempered`` asks for."""

    couplings: np.ndarray  # dense, symmetric

    @property
    def log_base(self):
        return len(self.couplings) * np.log(2.0)

    def start(self, n_chains, random, *, step=0):
        return np.where(random.uniform((n_chains, len(self.couplings)), Stream.CHAINS, step) < 0.5, -1.0, 1.0)

    def sweep(self, states, betas, random, step, first_chain=0):
        states = states.copy()
        u = random.uniform((len(states), states.shape[1]), Stream.VISIBLE, step, np.float64)
        for i in range(states.shape[1]):
            states[:, i] = np.where(u[:, i] < expit(2 * betas * (states @ self.couplings[i])), 1.0, -1.0)
        return states

    def potential(self, states):
        return -0.5 * np.einsum("ri,ij,rj->r", states, self.couplings, states)


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("make", [gaussian_glass, plus_minus_glass])
def test_ground_states_of_small_glasses_are_found(make, name):
    for seed in range(4):
        glass = make((4, 4), seed)
        state, lowest = ground_state(glass)  # by enumeration: see test_ising
        found = simulated_annealing(glass, 16, SCHEDULES[name], Random(seed))
        assert found.best_energy == pytest.approx(lowest, abs=1e-4)
        assert glass.energy(found.best_state[None])[0] == pytest.approx(lowest, abs=1e-4)
        if make is gaussian_glass:  # unique but for a flip of all
            assert abs(found.best_state @ state.ravel()) == 16


@pytest.mark.parametrize("shape", [(8, 8), (2, 2, 4)], ids=str)
def test_ground_states_of_larger_ones_too(shape):
    for seed in range(3):
        glass = gaussian_glass(shape, seed)
        found = simulated_annealing(glass, 64, geometric(1500, 10.0, 0.1), Random(seed), look_every=50)
        assert found.best_energy == pytest.approx(ground_state(glass)[1], abs=1e-3)


def test_a_quench_stays_in_local_minima():
    glass = gaussian_glass((8, 8), 0)
    lowest = ground_state(glass)[1]
    frozen = simulated_annealing(glass, 64, quench(500), Random(0))
    annealed = simulated_annealing(glass, 64, geometric(500, 10.0, 0.1), Random(0))
    assert np.ptp(frozen.trace[:, -50:], axis=1).max() == 0  # at rest
    assert (frozen.energies > lowest + 0.5).mean() > 0.9
    assert len(np.unique(np.round(frozen.energies, 3))) > 30
    assert annealed.energies.mean() < frozen.energies.mean() - 3
    assert (np.diff(frozen.trace, axis=1) < 1e-4).all()  # downhill all the way


def test_any_family_can_be_annealed_and_cuts_are_maximal():
    rng = np.random.default_rng(3)
    upper = np.triu(rng.integers(0, 2, (12, 12)) * rng.uniform(0.5, 2.0, (12, 12)), 1)
    graph = sparse.csr_array(upper + upper.T)
    every = 2 * (np.arange(2**12)[:, None] >> np.arange(12) & 1) - 1
    family = AnyGraph(max_cut_couplings(graph).toarray())
    found = simulated_annealing(family, 10, linear(60, 3.0), Random(0))
    assert max_cut_value(graph, found.best_state) == pytest.approx(max_cut_value(graph, every).max(), rel=1e-12)
    weight = edge_list(graph)[1].sum()
    np.testing.assert_allclose(max_cut_value(graph, found.states), (weight - found.energies) / 2)


def test_a_cut_of_a_toroidal_grid_is_a_state_of_a_lattice():
    weights = np.random.default_rng(4).choice([-1.0, 1.0], (2, 6, 8))
    lattice, graph = IsingLattice((6, 8), -weights), lattice_graph(weights)
    found = simulated_annealing(lattice, 32, geometric(600, 5.0, 0.2), Random(0))
    assert max_cut_value(graph, found.best_state) == (weights.sum() - ground_state(lattice)[1]) / 2
    np.testing.assert_allclose(max_cut_value(graph, found.states), (weights.sum() - found.energies) / 2)


def test_what_is_told_of_a_run_is_what_happened():
    glass = gaussian_glass((4, 6), 1)
    schedule = linear(25, 4.0, 0.5)
    every = simulated_annealing(glass, 5, schedule, Random(2))
    assert every.trace.shape == (5, 25)
    np.testing.assert_array_equal(every.betas, schedule)
    np.testing.assert_array_equal(every.trace[:, -1], glass.potential(every.last_states))
    np.testing.assert_array_equal(
        every.energies, np.minimum(every.trace.min(axis=1), glass.potential(glass.start(5, Random(2))))
    )
    np.testing.assert_array_equal(glass.potential(every.states), every.energies)
    assert every.best_energy == every.energies[every.best_chain]
    seldom = simulated_annealing(glass, 5, schedule, Random(2), look_every=10)
    np.testing.assert_array_equal(seldom.sweeps, [10, 20, 25])
    np.testing.assert_array_equal(seldom.trace, every.trace[:, [9, 19, 24]])
    np.testing.assert_array_equal(seldom.last_states, every.last_states)
    first = simulated_annealing(glass, 5, schedule[:10], Random(2))
    rest = simulated_annealing(glass, 5, schedule[10:], Random(2), start=first.last_states, first_step=10)
    np.testing.assert_array_equal(rest.last_states, every.last_states)


def test_one_call_a_sweep_is_the_same_as_many_sweeps_a_call():
    class OneAtATime:
        def __init__(self, lattice):
            self.start, self.sweep, self.potential = lattice.start, lattice.sweep, lattice.potential

    glass = gaussian_glass((4, 6), 1)
    slow = simulated_annealing(OneAtATime(glass), 5, linear(25, 4.0), Random(2), look_every=7)
    fast = simulated_annealing(glass, 5, linear(25, 4.0), Random(2), look_every=7)
    np.testing.assert_array_equal(slow.trace, fast.trace)


def test_threads_change_nothing():
    glass = gaussian_glass((40, 70), 1)
    found = []
    for threads in (1, 2):
        with limit_threads(threads):
            found.append(simulated_annealing(glass, 3, linear(60, 4.0), Random(2), look_every=30))
    np.testing.assert_array_equal(found[0].trace, found[1].trace)
    np.testing.assert_array_equal(found[0].last_states, found[1].last_states)


def test_schedules_begin_and_end_where_they_say():
    np.testing.assert_allclose(linear(5, 2.0), [0, 0.5, 1, 1.5, 2])
    np.testing.assert_allclose(1 / geometric(3, 4.0, 1.0), [1, 0.5, 0.25])
    temperature = 1 / logarithmic(9, 2.0)
    np.testing.assert_allclose(temperature * np.log(1 + np.arange(1, 10)), np.log(10) / 2)
    assert np.isinf(quench(3)).all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: linear(0, 1.0), "n_sweeps must be at least 1, got 0"),
        (lambda: linear(5, 1.0, 2.0), r"0 <= first <= last, got first = 2\.0 and last = 1\.0"),
        (lambda: geometric(5, 1.0, 0.0), r"0 < first <= last, got first = 0\.0"),
        (lambda: logarithmic(5, -1.0), r"last = -1\.0"),
        (lambda: anneal(schedule=[]), "schedule must be a row of betas"),
        (lambda: anneal(schedule=[1.0, -1.0]), "each 0 or larger"),
        (lambda: anneal(schedule=[[1.0]]), "schedule must be a row"),
        (lambda: anneal(n_chains=0), "n_chains must be at least 1, got 0"),
        (lambda: anneal(look_every=0), "look_every must be at least 1, got 0"),
        (lambda: anneal(start=np.ones((3, 16), np.float32)), "n_chains = 2 rows, got 3"),
        (lambda: edge_list(np.ones((2, 3))), r"square and symmetric, got one of shape \(2, 3\)"),
        (lambda: edge_list(np.triu(np.ones((3, 3)))), "symmetric"),
        (lambda: edge_list(([[0.0, 1.0]], 1.0)), "edges must be integers"),
        (lambda: edge_list(([[0, 1]], [1.0, 2.0])), r"weights of shape \(2,\)"),
        (lambda: edge_list(([[0, 1]], np.nan)), "finite, got nan"),
        (lambda: max_cut_value(([[0, 5]], 1.0), np.ones(5)), "vertices are 0 to 5, but spins has 5"),
    ],
)
def test_what_does_not_fit_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def anneal(**arguments):
    given = {"family": IsingLattice((4, 4)), "n_chains": 2, "schedule": [1.0], "random": Random(0)} | arguments
    return simulated_annealing(**given)


def test_edges_given_as_pairs():
    graph = ([[0, 1], [1, 2], [0, 1]], [1.0, 2.0, 0.5])
    np.testing.assert_array_equal(max_cut_value(graph, [[1, -1, -1], [0, 1, 0]]), [1.5, 3.5])
    edges, couplings = max_cut_couplings(graph)
    np.testing.assert_array_equal(couplings, [-1.0, -2.0, -0.5])
    np.testing.assert_array_equal(edges, graph[0])
