"""Replicas that start from the product of all levels' distributions stay there; broken twins do not."""

from dataclasses import replace

import numpy as np
import pytest

from ebm.boltzmann.rbm import RBM
from ebm.boltzmann.tempered_rbm import TemperedRBM
from ebm.kernels.processor import HAS_FMA
from ebm.kernels.threads import limit_threads
from ebm.random import Random
from ebm.sampling.ladder import BetaLadder, Replicas, exchange_by_sweeps
from ebm.sampling.parallel_tempering import ParallelTempering
from tests.boltzmann.models import p_value
from tests.reference.tempering import SlowTempering
from tests.sampling.families import MachineFamily, RBMFamily, exact, lattice, numbers, probabilities, rbm, sparse

BETAS = np.array([0.0, 0.45, 1.0])
N = 20_000


def at_the_target(family, betas, n, seed=0):
    """Independent exact states of every level, laid as replicas."""
    rng = np.random.default_rng(seed)
    levels = [exact(family, beta, n, rng) for beta in betas]
    return np.stack(levels, axis=1).reshape(n * len(betas), -1)


def joint_p_value(family, betas, tempering):
    """p-value of 'the joint distribution of all levels is the product'."""
    cells, wanted = 0, np.ones(1)
    for level, beta in enumerate(betas):
        cells = cells * len(family.states) + numbers(family, tempering.states_at(level))
        wanted = np.outer(wanted, probabilities(family, beta)).ravel()
    return p_value(np.bincount(cells, minlength=wanted.size), wanted)


def stationarity(family, betas=BETAS, n_sweeps=5, *, ladder=None, n=N):
    start = at_the_target(family, betas, n)
    tempering = ParallelTempering(ladder or BetaLadder(family, betas), n, Random(1), states=start)
    tempering.run(n_sweeps)
    return tempering


FAMILIES = {
    "rbm": lambda: rbm(2, 1),
    "rbm float32": lambda: rbm(2, 1, dtype=np.float32),
    "sparse": sparse,
    "sparse float32": lambda: sparse().astype(np.float32),
    "lattice": lambda: lattice((2, 2)),
}


@pytest.mark.parametrize("n_sweeps", [1, 6])
@pytest.mark.parametrize("name", FAMILIES)
def test_the_product_of_all_levels_is_stationary(name, n_sweeps):
    family = FAMILIES[name]()
    tempering = stationarity(family, n_sweeps=n_sweeps)
    assert joint_p_value(family, BETAS, tempering) > 1e-3
    assert tempering.statistics.accepted.sum() > N // 4


def test_every_level_of_a_larger_lattice_is_stationary():
    family = lattice((2, 4))
    tempering = stationarity(family, n_sweeps=4)
    for level, beta in enumerate(BETAS):
        counts = np.bincount(numbers(family, tempering.states_at(level)), minlength=256)
        assert p_value(counts, probabilities(family, beta)) > 1e-3
    low, high = (family.potential(tempering.states_at(level)) for level in (1, 2))
    assert abs(np.corrcoef(low, high)[0, 1]) < 4 / np.sqrt(N)


class AlwaysSwaps(BetaLadder):
    """Broken: neighbours always change places."""

    def log_ratios(self, states, levels, others):
        return np.full(levels.size, np.inf)


class WrongSign(BetaLadder):
    """Broken: swaps are accepted by the inverse ratio."""

    def log_ratios(self, states, levels, others):
        return -super().log_ratios(states, levels, others)


class BetaTwice(BetaLadder):
    """Broken: states are moved at beta squared."""

    def sweep(self, states, levels, random, step):
        return self.family.sweep(states, self.betas[levels] ** 2, random, step)


class BySweeps:
    """Let the ladder's own methods be used, not the fused way."""

    def advance(self, replicas, n_sweeps, random):
        exchange_by_sweeps(self, replicas, n_sweeps, random)


@pytest.mark.parametrize("broken", [AlwaysSwaps, WrongSign, BetaTwice])
@pytest.mark.parametrize("name", ["rbm", "sparse", "lattice"])
def test_broken_twins_are_caught(broken, name):
    family = FAMILIES[name]()
    ladder = type("Twin", (BySweeps, broken), {})(family, BETAS)
    assert joint_p_value(family, BETAS, stationarity(family, ladder=ladder)) < 1e-9


class FusedBetaTwice(RBMFamily):
    """Broken: the fused way is given beta squared."""

    def exchange(self, betas, replicas, n_sweeps, random):
        super().exchange(betas**2, replicas, n_sweeps, random)


def test_a_broken_fused_way_is_caught():
    family = rbm(2, 1, kind=FusedBetaTwice)
    assert joint_p_value(family, BETAS, stationarity(family)) < 1e-9


def adapted_by_the_states(tempering, n_sweeps):
    """Broken: before every sweep, each ladder's middle beta goes where the present states would like it to be."""
    family, replicas, n = tempering.ladder.family, tempering.replicas, tempering.replicas.levels.shape[0]
    for _ in range(n_sweeps):
        at_top = family.potential(replicas.states[replicas.rows_at(2)])
        middle = np.where(at_top < np.median(at_top), 0.97, 0.1)  # a decision that depends on the state
        betas = np.column_stack([np.zeros(n), middle, np.ones(n)])
        by_row = np.take_along_axis(betas, replicas.levels, axis=1).ravel()
        replicas.states = family.sweep(replicas.states, by_row, tempering.random, replicas.step)
        potential = family.potential(replicas.states).reshape(n, 3)
        order, u = np.argsort(replicas.levels, axis=1), np.random.default_rng(replicas.step).random(n)
        k = replicas.step % 2
        a, b = order[:, k], order[:, k + 1]
        rows = np.arange(n)
        change = (betas[:, k + 1] - betas[:, k]) * (potential[rows, b] - potential[rows, a])
        rows = rows[np.log(u) < change]
        replicas.levels[rows, a[rows]], replicas.levels[rows, b[rows]] = k + 1, k
        replicas.step += 1


def test_adaptation_that_never_stops_is_caught():
    """The chain at the top is no sample of the model when betas go on following the states."""
    family = sparse()
    tempering = ParallelTempering(BetaLadder(family, BETAS), N, Random(1), states=at_the_target(family, BETAS, N))
    adapted_by_the_states(tempering, 12)
    counts = np.bincount(numbers(family, tempering.states), minlength=16)
    assert p_value(counts, probabilities(family, 1.0)) < 1e-6


def test_after_adaptation_the_ladder_is_fixed_and_its_product_stationary():
    family = sparse()
    tempering = ParallelTempering(BetaLadder(family, np.array([0.0, 0.05, 1.0])), 500, Random(2))
    tempering.adapt(60, n_rounds=4)
    betas = tempering.ladder.betas
    assert betas[1] > 0.1
    assert tempering.statistics.attempts.sum() == 0
    tempering.replicas = Replicas.at(at_the_target(family, betas, N), 3)
    tempering.run(6)
    assert tempering.ladder.betas is betas
    assert joint_p_value(family, betas, tempering) > 1e-3


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_adaptation_evens_out_the_rates(dtype):
    rng = np.random.default_rng(0)
    parts = (0.5 * rng.normal(size=(30, 20)), rng.normal(size=30), rng.normal(size=20))
    family = TemperedRBM(RBM(*(part.astype(dtype) for part in parts)), np.zeros(30, dtype))
    tempering = ParallelTempering(BetaLadder(family, np.linspace(0, 1, 8) ** 4), 20, Random(0))
    tempering.run(200)
    before = tempering.statistics.acceptance
    tempering.adapt(2000)
    tempering.run(600)
    after = tempering.statistics.acceptance
    assert np.ptp(before) > 0.4
    assert np.ptp(after) < 0.08
    assert tempering.statistics.round_trips > 20


def chosen(dtype=np.float32, n_ladders=3, n_visible=30, n_hidden=21):
    rng = np.random.default_rng(0)
    parts = (0.4 * rng.normal(size=(n_visible, n_hidden)), rng.normal(size=n_visible), rng.normal(size=n_hidden))
    model = RBM(*(part.astype(dtype) for part in parts))
    family = TemperedRBM(model, (0.3 * rng.normal(size=n_visible)).astype(dtype))
    return ParallelTempering(BetaLadder(family, np.linspace(0, 1, 5) ** 0.7), n_ladders, Random(9))


def assert_same(one, other, exactly=True):
    for name, value in one.arrays().items():
        if name == "chances" and not exactly:  # sums in another order
            np.testing.assert_allclose(value, other.arrays()[name], rtol=1e-9)
        else:
            np.testing.assert_array_equal(value, other.arrays()[name])


def test_the_slow_reference_makes_the_same_states():
    tempering = chosen(np.float64, n_ladders=2, n_visible=7, n_hidden=5)
    family, betas = tempering.ladder.family, tempering.ladder.betas
    slow = SlowTempering(family.model, family.base_visible_bias, betas, tempering.replicas.states, seed=9)
    tempering.run(40)
    for step in range(40):
        slow.sweep(step)
        slow.swap(step)
    np.testing.assert_array_equal(tempering.replicas.states, np.hstack([slow.v, slow.h]))
    np.testing.assert_array_equal(np.argsort(tempering.replicas.levels, axis=1), slow.place)
    np.testing.assert_array_equal(tempering.statistics.accepted, slow.accepted)
    assert tempering.statistics.round_trips == slow.trips


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_fused_way_is_the_sweeps(dtype):
    if not HAS_FMA and dtype == np.float32:
        pytest.skip("without FMA, pre-activations by themselves are BLAS's, which rounds otherwise")
    fused, plain = chosen(dtype), chosen(dtype)
    fused.run(150)
    exchange_by_sweeps(plain.ladder, plain.replicas, 150, plain.random)
    assert fused.statistics.round_trips > 0
    assert_same(fused.replicas, plain.replicas, exactly=False)


@pytest.mark.parametrize("n_threads", [2, 3])
def test_threads_do_not_matter(n_threads):
    runs = []
    for n in (1, n_threads):
        runs.append(chosen(n_ladders=4, n_visible=170, n_hidden=130))
        with limit_threads(n):
            runs[-1].run(30)
    assert_same(*(run.replicas for run in runs))


def test_dense_and_sparse_models_give_the_same_bits_in_one_call_and_in_many():
    whole, cut = chosen(), chosen()
    whole.run(120)
    draws = list(cut.sweeps(60, every=2))
    assert_same(whole.replicas, cut.replicas)
    np.testing.assert_array_equal(draws[-1], whole.states)


def test_a_run_goes_on_exactly():
    whole, first = chosen(), chosen()
    whole.run(90)
    first.run(37)
    saved = first.replicas.arrays()
    first.run(1)  # what is saved does not change any more
    second = chosen()
    second.replicas = Replicas(**saved)
    second.run(53)
    assert_same(whole.replicas, second.replicas)


def test_levels_and_counters_fit_each_other():
    tempering = chosen()
    tempering.run(301)
    statistics = tempering.statistics
    np.testing.assert_array_equal(np.sort(statistics.levels, axis=1), np.tile(np.arange(5), (3, 1)))
    np.testing.assert_array_equal(statistics.attempts, 3 * np.array([151, 150, 151, 150]))
    rate = statistics.accepted / statistics.attempts
    error = np.sqrt(rate * (1 - rate) / statistics.attempts)
    assert (np.abs(rate - statistics.acceptance) < 5 * error).all()
    assert statistics.barrier == pytest.approx((1 - statistics.acceptance).sum())


def test_persistent_replicas_follow_a_model_that_learns():
    """The ladder is replaced between calls while states and levels stay; and the new model is what is drawn."""
    tempering = chosen(n_ladders=400)
    tempering.run(5)
    before = tempering.replicas.states.copy()
    family = tempering.ladder.family
    strong = replace(family, model=replace(family.model, visible_bias=family.model.visible_bias + np.float32(8)))
    tempering.ladder = replace(tempering.ladder, family=strong)
    np.testing.assert_array_equal(tempering.replicas.states, before)
    v = strong.visible(tempering.run(30))
    assert v.mean() > 0.9
    assert strong.visible(tempering.states_at(0)).mean() < 0.7  # the base has not changed
    assert tempering.replicas.step == 35


@pytest.mark.parametrize(
    "betas", [[0.0], [1.0], [0.0, 0.5], [0.0, 0.5, 0.5, 1.0], [1.0, 0.0], [-0.1, 1.0], [0, np.nan, 1]]
)
def test_betas_that_do_not_rise_to_one_are_refused(betas):
    with pytest.raises(ValueError, match="betas must be at least 2 that rise to 1, got"):
        BetaLadder(sparse(), np.array(betas))


def test_bad_input_is_refused_with_its_name():
    ladder = BetaLadder(sparse(), BETAS)
    with pytest.raises(ValueError, match="n_ladders must be at least 1, got 0"):
        ParallelTempering(ladder, 0, Random(0))
    with pytest.raises(ValueError, match=r"states must have 2 x 3 rows, got shape \(5, 4\)"):
        ParallelTempering(ladder, 2, Random(0), states=np.zeros((5, 4)))
    tempering = ParallelTempering(ladder, 2, Random(0))
    with pytest.raises(ValueError, match="n_sweeps must be at least 1, got 0"):
        tempering.run(0)
    with pytest.raises(ValueError, match=r"at least 2 \*\* \(n_rounds \+ 1\), got 20 for 6 rounds"):
        tempering.adapt(20)
    with pytest.raises(ValueError, match="the ladder must keep its 3 levels, got 2"):
        tempering.ladder = BetaLadder(sparse(), np.array([0.0, 1.0]))
    with pytest.raises(ValueError, match=r"base_visible_bias must be float64\(2,\), got float64\(3,\)"):
        rbm(2, 1, kind=lambda model, base: TemperedRBM(model, np.zeros(3)))


def test_replicas_that_do_not_fit_are_refused():
    tempering = chosen()
    with pytest.raises(ValueError, match="replicas must have 5 levels"):
        tempering.replicas = Replicas.at(np.zeros((6, 51), np.float32), 3)
    twice = Replicas.at(tempering.replicas.states, 5)
    twice.levels[0, 0] = 1
    with pytest.raises(ValueError, match="one replica at every level"):
        tempering.replicas = twice
    other = ParallelTempering(tempering.ladder, 3, Random(0), states=np.zeros((15, 51)))
    with pytest.raises(ValueError, match=r"h float64\(15, 21\) .* 21 units of float32"):
        other.run(1)


class NotANumber(MachineFamily):
    def potential(self, states):
        return np.full(len(states), np.nan)


def test_energies_that_are_nan_stop_the_run():
    broken = sparse(NotANumber)
    with pytest.raises(ValueError, match="differ by NaN at step 0"):
        ParallelTempering(BetaLadder(broken, BETAS), 2, Random(0)).run(1)
    extreme = rbm(2, 1)
    extreme.model.weights[:] = np.nan
    with pytest.raises(ValueError, match="not finite"):
        ParallelTempering(BetaLadder(extreme, BETAS), 2, Random(0)).run(3)
