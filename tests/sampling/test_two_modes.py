"""A model of two modes: Gibbs stays in one for 100,000 sweeps, tempering visits both with their exact weights."""

import numpy as np
import pytest

from ebm.boltzmann.annealing import RBMPath
from ebm.boltzmann.tempered_rbm import TemperedRBM
from ebm.random import Random
from ebm.sampling.ladder import BetaLadder
from ebm.sampling.observers import Trace, observe
from ebm.sampling.parallel_tempering import ParallelTempering
from ebm.sampling.simulated_tempering import SimulatedTempering
from ebm.sampling.tempered_transitions import TemperedTransitions
from tests.sampling.families import on, two_modes

MODEL, SHARE = two_modes()
FAMILY = TemperedRBM(MODEL, np.zeros(10, np.float32))
BETAS = np.array([0.0, 0.17, 0.26, 0.32, 0.38, 0.45, 0.56, 1.0])


def up(states):
    return on(FAMILY.visible(states))


def both_modes(n_chains):
    """As many chains in the one mode as in the other."""
    return np.repeat(np.array([[0.0], [1.0]], np.float32), n_chains // 2, axis=0) * np.ones((1, 20), np.float32)


def assert_right(mean, error):
    assert error < 0.02
    assert abs(mean - SHARE) < 4 * error


def test_the_modes_have_unequal_weights():
    assert 0.6 < SHARE < 0.8


def test_gibbs_stays_in_its_mode_for_100_000_sweeps():
    """Annealing from beta = 1 to beta = 1 is Gibbs sampling, in compiled code."""
    path = RBMPath(MODEL, MODEL.visible_bias)
    v = FAMILY.visible(both_modes(8))
    start = on(v)
    for sweeps in range(0, 100_000, 500):
        v, _ = path.anneal(v, np.ones(501), Random(1), sweeps)
        np.testing.assert_array_equal(on(v), start)


def test_parallel_tempering_visits_both():
    tempering = ParallelTempering(BetaLadder(FAMILY, np.linspace(0, 1, 8)), 16, Random(0))
    tempering.adapt(1500)
    tempering.run(200)
    trace = Trace(up)
    observe(tempering.sweeps(1500, every=2), trace)
    found = trace.mean()
    assert found.effective_samples > 500
    assert_right(found.mean, found.error)
    assert tempering.statistics.round_trips > 1000


def test_simulated_tempering_visits_both():
    chains = SimulatedTempering(FAMILY, BETAS, 100, Random(1))
    chains.adapt(400)
    ups, visits = np.zeros(100), np.zeros(100)
    for states in chains.sweeps(600):
        ups[chains.at_model] += up(states)
        visits[chains.at_model] += 1
    mean = ups.sum() / visits.sum()
    error = np.sqrt(((ups - mean * visits) ** 2).sum()) / visits.sum()  # of a ratio; chains are independent
    assert_right(mean, error)


def test_tempered_transitions_visit_both():
    chains = TemperedTransitions(FAMILY, np.linspace(0, 1, 25), 100, Random(2), states=both_modes(100))
    chains.run(20)
    trace = Trace(up)
    observe(chains.sweeps(60), trace)
    found = trace.mean()
    assert trace.autocorrelation_time() < 15
    assert_right(found.mean, found.error)


@pytest.mark.slow
def test_the_three_agree_over_long_runs():
    """The same with errors three times as small."""
    tempering = ParallelTempering(BetaLadder(FAMILY, BETAS), 64, Random(5))
    tempering.run(1000)
    trace = Trace(up)
    observe(tempering.sweeps(4000, every=2), trace)
    found = trace.mean()
    assert found.error < 0.004
    assert abs(found.mean - SHARE) < 4 * found.error
    chains = TemperedTransitions(FAMILY, np.linspace(0, 1, 40), 400, Random(6), states=both_modes(400))
    chains.run(40)
    trace = Trace(up)
    observe(chains.sweeps(200), trace)
    found = trace.mean()
    assert found.error < 0.004
    assert abs(found.mean - SHARE) < 4 * found.error
