"""Metropolis: single-site moves of discrete states and Gaussian steps of continuous ones."""

import numpy as np
import pytest
from scipy.stats import norm

from ebm.random import Random
from ebm.sampling.ladder import BetaLadder
from ebm.sampling.metropolis import FlipMetropolis, FlipMoves, RandomWalkMetropolis, TemperedFlips
from ebm.sampling.parallel_tempering import ParallelTempering
from tests.boltzmann.models import p_value
from tests.sampling.families import lattice, numbers, rbm, sparse

N = 20_000


def flips(family, by_change=False, kind=FlipMoves):
    return kind(family.whole_energy, family.values, family.change if by_change else None)


def potts(x):
    """Three units of three values, with a forbidden pair."""
    energy = -1.1 * (x[:, 0] == x[:, 1]) - 0.7 * (x[:, 1] == x[:, 2]) + 0.4 * x[:, 0] - 0.3 * x[:, 2] ** 2 / 2
    return np.where((x[:, 0] == 2) & (x[:, 2] == 0), np.inf, energy)


THREE = np.stack(np.unravel_index(np.arange(27), (3, 3, 3)), axis=1)


def discrete_p_value(moves, all_states, energies, n_sweeps):
    p = np.exp(-energies)
    p /= p.sum()
    start = np.random.default_rng(0).choice(len(p), N, p=p)
    chains = FlipMetropolis(moves, all_states[start].astype(np.float64), Random(1))
    states = chains.run(n_sweeps)
    places = (states[:, None] == all_states[None]).all(axis=2).argmax(axis=1)
    return p_value(np.bincount(places, minlength=len(p)), p)


FAMILIES = {"rbm": lambda: rbm(3, 2), "sparse": sparse, "lattice": lambda: lattice(dtype=np.float64)}


@pytest.mark.parametrize("n_sweeps", [1, 4])
@pytest.mark.parametrize("name", FAMILIES)
def test_models_are_stationary(name, n_sweeps):
    family = FAMILIES[name]()
    assert discrete_p_value(flips(family), family.states, -family.log_f(1.0), n_sweeps) > 1e-3


@pytest.mark.parametrize("n_sweeps", [1, 4])
def test_differences_of_energies_do_as_well(n_sweeps):
    family = sparse()
    assert discrete_p_value(flips(family, True), family.states, -family.log_f(1.0), n_sweeps) > 1e-3


@pytest.mark.parametrize("n_sweeps", [1, 4])
def test_three_values_and_forbidden_states(n_sweeps):
    moves = FlipMoves(potts, values=(0, 1, 2))
    assert discrete_p_value(moves, THREE, potts(THREE), n_sweeps) > 1e-3


def test_energies_and_differences_make_the_same_chain():
    family, start = sparse(), np.zeros((50, 4))
    runs = [FlipMetropolis(flips(family, by_change), start, Random(0)).run(8) for by_change in (False, True)]
    np.testing.assert_array_equal(*runs)


class AlwaysFlips(FlipMoves):
    """Broken: every move is accepted."""

    def _after(self, states, *rest):
        return np.full(len(states), -1e9)


class HalfTheDifference(FlipMoves):
    """Broken: the difference enters at half its size."""

    def _change(self, states, *rest):
        return 0.5 * super()._change(states, *rest)


class WrongSign(FlipMoves):
    """Broken: up and down exchanged."""

    def _change(self, states, *rest):
        return -super()._change(states, *rest)


class TemperatureTwice(FlipMoves):
    """Broken: energies enter doubled."""

    def _after(self, states, rows, sites, new, step):
        now = self.energy(states)
        return now + 2 * (super()._after(states, rows, sites, new, step) - now)


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("broken", [AlwaysFlips, TemperatureTwice])
def test_broken_flips_are_caught(broken, name):
    family = FAMILIES[name]()
    assert discrete_p_value(flips(family, kind=broken), family.states, -family.log_f(1.0), 4) < 1e-9


@pytest.mark.parametrize("broken", [HalfTheDifference, WrongSign])
def test_broken_differences_are_caught(broken):
    family = sparse()
    moves = flips(family, True, broken)
    assert discrete_p_value(moves, family.states, -family.log_f(1.0), 4) < 1e-9


def test_flat_energies_do_not_make_a_chain_periodic():
    """All states alike: after many sweeps the parity of ones must not be that of the start."""
    moves = FlipMoves(lambda x: np.zeros(len(x)))
    states = FlipMetropolis(moves, np.zeros((4000, 4)), Random(0)).run(10)
    assert abs((states.sum(axis=1) % 2).mean() - 0.5) < 0.04


@pytest.mark.parametrize(("name", "n_sites"), [("sparse", 4), ("lattice", 4)])
def test_any_energy_can_be_tempered(name, n_sites):
    """A family made of an energy alone, on the ladder of parallel tempering."""
    model, betas = {"sparse": sparse, "lattice": lambda: lattice((2, 2), np.float64)}[name](), np.array([0.0, 0.4, 1.0])
    family = TemperedFlips(flips(model), n_sites)
    tempering = ParallelTempering(BetaLadder(family, betas), N, Random(2))
    tempering.run(30)
    cells, wanted = 0, np.ones(1)
    for level, beta in enumerate(betas):
        p = np.exp(-beta * model.whole_energy(model.states))
        cells = cells * 16 + numbers(model, tempering.states_at(level))
        wanted = np.outer(wanted, p / p.sum()).ravel()
    assert p_value(np.bincount(cells, minlength=wanted.size), wanted) > 1e-3
    assert family.log_base == pytest.approx(4 * np.log(2))


def mixture(x):
    return np.logaddexp(np.log(0.3) + norm.logpdf(x[:, 0], -1.0, 0.5), np.log(0.7) + norm.logpdf(x[:, 0], 1.0, 0.8))


def mixture_p_value(kind, n_moves):
    rng = np.random.default_rng(0)
    left = rng.random(N) < 0.3
    start = np.where(left, rng.normal(-1.0, 0.5, N), rng.normal(1.0, 0.8, N))
    chains = kind(mixture, start[:, None], Random(4), scale=0.9)
    edges = np.linspace(-3, 4, 40)
    cdf = 0.3 * norm.cdf(edges, -1.0, 0.5) + 0.7 * norm.cdf(edges, 1.0, 0.8)
    p = np.diff(np.concatenate([[0.0], cdf, [1.0]]))
    return p_value(np.bincount(np.digitize(chains.run(n_moves)[:, 0], edges), minlength=p.size), p)


class AlwaysMoves(RandomWalkMetropolis):
    """Broken: every step is taken."""

    def _density(self, states):
        return np.zeros(len(super()._density(states)))


class HalfTheDensity(RandomWalkMetropolis):
    """Broken: the root of the ratio."""

    def _density(self, states):
        return 0.5 * super()._density(states)


@pytest.mark.parametrize("n_moves", [1, 6])
def test_a_mixture_is_stationary(n_moves):
    assert mixture_p_value(RandomWalkMetropolis, n_moves) > 1e-3


@pytest.mark.parametrize("broken", [AlwaysMoves, HalfTheDensity])
def test_broken_steps_are_caught(broken):
    assert mixture_p_value(broken, 6) < 1e-9


@pytest.mark.parametrize(("n", "target"), [(1, 0.44), (5, 0.234)])
def test_steps_are_adapted_and_then_fixed(n, target):
    widths = np.linspace(0.5, 2, n)
    chains = RandomWalkMetropolis(
        lambda x: -0.5 * ((x / widths) ** 2).sum(axis=1), np.zeros((100, n)), Random(0), scale=30.0
    )
    chains.adapt(400)
    scale = chains.scale.copy()
    assert chains.attempts == 0
    draws = np.stack(list(chains.sweeps(600)))
    assert chains.scale == scale
    assert chains.acceptance_rate == pytest.approx(target, abs=0.03)
    np.testing.assert_allclose(draws[100:].std(axis=(0, 1)), widths, rtol=0.1)


def test_a_run_goes_on_exactly():
    whole = RandomWalkMetropolis(mixture, np.zeros((5, 1)), Random(3))
    whole.run(9)
    first = RandomWalkMetropolis(mixture, np.zeros((5, 1)), Random(3))
    second = RandomWalkMetropolis(mixture, first.run(4), Random(3))
    second.step = first.step
    np.testing.assert_array_equal(second.run(5), whole.states)
    moves = FlipMoves(potts, values=(0, 1, 2))
    flips = FlipMetropolis(moves, np.zeros((5, 3)), Random(3))
    half = FlipMetropolis(moves, np.zeros((5, 3)), Random(3))
    rest = FlipMetropolis(moves, half.run(2), Random(3))
    rest.step = half.step
    np.testing.assert_array_equal(rest.run(3), flips.run(5))


def test_bad_input_is_refused_with_its_name():
    with pytest.raises(ValueError, match="log_density returned NaN at step 0, for row 1"):
        RandomWalkMetropolis(lambda x: np.array([0.0, np.nan]), np.zeros((2, 1)), Random(0))
    chains = RandomWalkMetropolis(lambda x: np.log(1 - x[:, 0]), np.zeros((200, 1)), Random(0), scale=5.0)
    with (
        pytest.raises(ValueError, match="log_density returned NaN at step"),
        pytest.warns(RuntimeWarning, match="invalid value"),
    ):
        chains.run(50)
    with pytest.raises(ValueError, match="plus infinity at step 0"):
        RandomWalkMetropolis(lambda x: np.full(2, np.inf), np.zeros((2, 1)), Random(0))
    with pytest.raises(ValueError, match="start where the log-density is finite"):
        RandomWalkMetropolis(lambda x: np.full(2, -np.inf), np.zeros((2, 1)), Random(0))
    with pytest.raises(ValueError, match=r"one number for each of 2 rows, got shape \(2, 1\)"):
        RandomWalkMetropolis(lambda x: x, np.zeros((2, 1)), Random(0))
    with pytest.raises(ValueError, match="scale must be positive"):
        RandomWalkMetropolis(mixture, np.zeros((2, 1)), Random(0), scale=0.0)
    with pytest.raises(ValueError, match="states must be finite"):
        RandomWalkMetropolis(mixture, np.full((2, 1), np.nan), Random(0))
    with pytest.raises(ValueError, match="target within"):
        RandomWalkMetropolis(mixture, np.zeros((2, 1)), Random(0)).adapt(5, target=1.0)
    with pytest.raises(ValueError, match="values must be at least two different numbers"):
        FlipMoves(potts, values=(0, 0))
    with pytest.raises(ValueError, match=r"states must consist of the values \(0, 1, 2\)"):
        FlipMetropolis(FlipMoves(potts, values=(0, 1, 2)), np.full((1, 3), 0.5), Random(0))
    with pytest.raises(ValueError, match="start where the energy is finite"):
        FlipMetropolis(FlipMoves(potts, values=(0, 1, 2)), np.array([[2.0, 0.0, 0.0]]), Random(0))
    with pytest.raises(ValueError, match="n_sweeps must be at least 1, got 0"):
        FlipMetropolis(FlipMoves(potts, values=(0, 1, 2)), np.zeros((1, 3)), Random(0)).run(0)
    with pytest.raises(ValueError, match="energy must return 27 finite numbers"):
        TemperedFlips(FlipMoves(potts, values=(0, 1, 2)), 3).potential(THREE)
