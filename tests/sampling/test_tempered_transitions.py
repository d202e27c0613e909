"""Tempered transitions leave the model as it is; without the reject, or with the wrong way down, they do not."""

import numpy as np
import pytest

from ebm.random import Random
from ebm.sampling.tempered_transitions import TemperedTransitions
from tests.boltzmann.models import p_value
from tests.sampling.families import LatticeFamily, MachineFamily, exact, lattice, numbers, probabilities, rbm, sparse

BETAS = np.array([0.2, 0.6, 1.0])
N = 20_000
FAMILIES = {
    "rbm": lambda: rbm(3, 2, scale=1.8, seed=1),
    "rbm float32": lambda: rbm(3, 2, scale=1.8, seed=1, dtype=np.float32),
    "sparse": sparse,
    "sparse float32": lambda: sparse().astype(np.float32),
    "lattice": lattice,
    "lattice float64": lambda: lattice(dtype=np.float64),
}


def stationarity(family, n_moves, kind=TemperedTransitions, n=N):
    start = exact(family, 1.0, n, np.random.default_rng(0))
    chains = kind(family, BETAS, n, Random(3), states=start)
    states = chains.run(n_moves)
    counts = np.bincount(numbers(family, states), minlength=len(family.states))
    return p_value(counts, probabilities(family, 1.0)), chains.acceptance_rate


@pytest.mark.parametrize("n_moves", [1, 4])
@pytest.mark.parametrize("name", FAMILIES)
def test_the_model_is_stationary(name, n_moves):
    p, rate = stationarity(FAMILIES[name](), n_moves)
    assert p > 1e-3
    assert 0.1 < rate < 0.95


class NeverRejects(TemperedTransitions):
    """Broken: whatever comes down is taken."""

    def _proposal(self, x):
        x, log_a = super()._proposal(x)
        return x, np.full_like(log_a, np.inf)


class WrongSign(TemperedTransitions):
    """Broken: the ratio upside down."""

    def _proposal(self, x):
        x, log_a = super()._proposal(x)
        return x, -log_a


class ForgetsTheWayUp(TemperedTransitions):
    """Broken: only the way down is weighed."""

    def _proposal(self, x):
        start = x
        x, log_a = super()._proposal(x)
        return x, log_a - np.diff(self.betas)[-1] * self.family.potential(start)


class BetaTwice(TemperedTransitions):
    """Broken: sweeps at beta squared."""

    def _swept(self, x, beta, back=False):
        return super()._swept(x, beta**2, back)


@pytest.mark.parametrize("broken", [NeverRejects, WrongSign, ForgetsTheWayUp, BetaTwice])
@pytest.mark.parametrize("name", ["rbm", "sparse", "lattice"])
def test_broken_twins_are_caught(broken, name):
    assert stationarity(FAMILIES[name](), 4, broken)[0] < 1e-9


class UpTwice:
    """Broken: the way down visits colours in the order of the way up."""

    def reversed_sweep(self, *arguments):
        return self.sweep(*arguments)


class SparseUpTwice(UpTwice, MachineFamily):
    pass


class LatticeUpTwice(UpTwice, LatticeFamily):
    pass


STRONG = {
    "sparse": lambda kind=MachineFamily: sparse(kind, 3.0),
    "lattice": lambda kind=LatticeFamily: lattice(scale=0.9, kind=kind),
}


@pytest.mark.parametrize(("name", "twin"), [("sparse", SparseUpTwice), ("lattice", LatticeUpTwice)])
def test_a_way_down_in_the_order_of_the_way_up_is_caught(name, twin):
    assert stationarity(STRONG[name](), 4, n=5 * N)[0] > 1e-3
    assert stationarity(STRONG[name](twin), 4, n=5 * N)[0] < 1e-6


def reversal_gap(family, beta=0.7, n=5 * N):
    """How far pairs of a sweep, and pairs of a reversed one turned round, are apart, in standard deviations."""
    betas, n_states = np.full(n, beta), len(family.states)
    x = exact(family, beta, n, np.random.default_rng(0))
    forward = numbers(family, x) * n_states + numbers(family, family.sweep(x, betas, Random(1), 0))
    back = numbers(family, family.reversed_sweep(x, betas, Random(2), 0)) * n_states + numbers(family, x)
    counts = np.stack([np.bincount(cells, minlength=n_states**2) for cells in (forward, back)])
    often = counts.sum(axis=0) > 40
    assert often.sum() > 30
    statistic = ((counts[0] - counts[1])[often] ** 2 / counts.sum(axis=0)[often]).sum()
    return (statistic - often.sum()) / np.sqrt(2 * often.sum())


@pytest.mark.parametrize("name", FAMILIES)
def test_the_reversal_is_one(name):
    """p(x) T(x, x') = p(x') T~(x', x)."""
    assert reversal_gap(FAMILIES[name]()) < 4


@pytest.mark.parametrize("twin", [lambda: sparse(SparseUpTwice), lambda: lattice(kind=LatticeUpTwice)])
def test_a_sweep_is_not_its_own_reversal(twin):
    assert reversal_gap(twin()) > 20


def test_a_run_goes_on_exactly():
    family = sparse()
    whole = TemperedTransitions(family, BETAS, 30, Random(5))
    drawn = list(whole.sweeps(7))
    first = TemperedTransitions(family, BETAS, 30, Random(5))
    first.run(3)
    second = TemperedTransitions(family, BETAS, 30, Random(5), states=first.states)
    second.step = first.step
    second.run(4)
    np.testing.assert_array_equal(second.states, whole.states)
    np.testing.assert_array_equal(drawn[-1], whole.states)
    assert second.accepted + first.accepted == whole.accepted


class OneWay:
    def sweep(self, states, betas, random, step, first_chain=0):
        return states


def test_bad_input_is_refused_with_its_name():
    with pytest.raises(TypeError, match="OneWay has no reversed_sweep"):
        TemperedTransitions(OneWay(), BETAS, 2, Random(0))
    family = sparse()
    with pytest.raises(ValueError, match="n_chains must be at least 1, got 0"):
        TemperedTransitions(family, BETAS, 0, Random(0))
    with pytest.raises(ValueError, match="betas must be at least 2 that rise to 1"):
        TemperedTransitions(family, [1.0], 2, Random(0))
    with pytest.raises(ValueError, match="states must have n_chains = 2 rows"):
        TemperedTransitions(family, BETAS, 2, Random(0), states=np.zeros((3, 4)))
    chains = TemperedTransitions(family, BETAS, 2, Random(0))
    assert np.isnan(chains.acceptance_rate)
    with pytest.raises(ValueError, match="n_moves must be at least 1, got 0"):
        chains.run(0)
