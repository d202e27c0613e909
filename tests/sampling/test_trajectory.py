"""A ladder of models: the joint distribution of all levels is the product of the models' own."""

import numpy as np
import pytest

from ebm.boltzmann.rbm import RBM
from ebm.random import Random
from ebm.sampling.ladder import Replicas
from ebm.sampling.parallel_tempering import ParallelTempering
from ebm.sampling.trajectory import ModelLadder, acceptance_between, thinned
from tests.boltzmann.models import p_value
from tests.sampling.families import binary

N = 20_000


def checkpoints(dtype=np.float64, n_visible=3):
    """Three models, the first without weights, with different numbers of hidden units."""
    rng = np.random.default_rng(3)
    sizes = ((0.0, 2), (1.0, 3), (2.0, 2))
    return [
        RBM(*(a.astype(dtype) for a in (scale * rng.normal(size=(n_visible, n)), rng.normal(size=n_visible),
                                        scale * rng.normal(size=n))))
        for scale, n in sizes
    ]  # fmt: skip


def distribution(model):
    log_p = -model.free_energy(binary(model.n_visible).astype(model.dtype)).astype(np.float64)
    p = np.exp(log_p - log_p.max())
    return p / p.sum()


def stationarity(models, n_sweeps, kind=ModelLadder, n=N):
    rng, states = np.random.default_rng(0), binary(3).astype(models[0].dtype)
    start = np.stack([states[rng.choice(8, n, p=distribution(model))] for model in models], axis=1)
    tempering = ParallelTempering(kind(models), n, Random(1), states=start.reshape(n * len(models), -1))
    tempering.run(n_sweeps)
    cells, wanted = 0, np.ones(1)
    for level, model in enumerate(models):
        cells = cells * 8 + tempering.states_at(level).astype(np.int64) @ (1 << np.arange(3))
        wanted = np.outer(wanted, distribution(model)).ravel()
    return p_value(np.bincount(cells, minlength=wanted.size), wanted)


@pytest.mark.parametrize("n_sweeps", [1, 6])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_product_of_all_models_is_stationary(n_sweeps, dtype):
    assert stationarity(checkpoints(dtype), n_sweeps) > 1e-3


class AlwaysSwaps(ModelLadder):
    """Broken: neighbours always change places."""

    def log_ratios(self, states, levels, others):
        return np.full(levels.size, np.inf)


class WrongSign(ModelLadder):
    """Broken: the ratio upside down."""

    def log_ratios(self, states, levels, others):
        return super().log_ratios(states, others, levels)


class OneSided(ModelLadder):
    """Broken: only the state from below is weighed."""

    def log_ratios(self, states, levels, others):
        return np.where(levels < others, super().log_ratios(states, levels, others), 0.0)


@pytest.mark.parametrize("broken", [AlwaysSwaps, WrongSign, OneSided])
def test_broken_twins_are_caught(broken):
    assert stationarity(checkpoints(), 6, broken) < 1e-9


def test_log_ratios_are_differences_of_free_energies():
    models = checkpoints()
    v, levels, others = binary(3)[:6], np.array([0, 1, 2, 2, 0, 1]), np.array([1, 0, 2, 1, 0, 2])
    found = ModelLadder(models).log_ratios(v, levels, others)
    pairs = zip(v, levels, others, strict=True)
    wanted = [models[k].free_energy(x[None])[0] - models[j].free_energy(x[None])[0] for x, k, j in pairs]
    np.testing.assert_allclose(found, wanted, atol=1e-12)


def growing(weights, n=8):
    """Models whose units pull each other more and more."""
    return [RBM(np.full((n, n), w), np.full(n, -w * n / 2 + 0.05), np.full(n, -w * n / 2)) for w in weights]


def test_modes_are_crossed_along_a_trajectory_of_learning():
    """Checkpoints of growing weights lead to a model of two modes that its own chain does not leave."""
    n, models = 8, growing(np.linspace(0, 1.2, 9))
    p = distribution(models[-1])
    share = p[binary(n).mean(axis=1) > 0.5].sum() + p[binary(n).mean(axis=1) == 0.5].sum() / 2
    tempering = ParallelTempering(ModelLadder(models), 300, Random(0))
    tempering.run(40)
    ups = np.mean([np.where(s.mean(axis=1) == 0.5, 0.5, s.mean(axis=1) > 0.5) for s in tempering.sweeps(60)], axis=0)
    error = ups.std() / np.sqrt(len(ups))  # ladders are independent
    assert error < 0.02
    assert abs(ups.mean() - share) < 4 * error
    assert tempering.statistics.round_trips > 100


def test_acceptance_between_any_two_is_that_of_enumeration():
    models, v = checkpoints(), binary(3)
    tempering = ParallelTempering(ModelLadder(models), 2000, Random(5))
    tempering.run(50)
    found = acceptance_between(tempering, 20)
    p = [distribution(model) for model in models]
    energies = [model.free_energy(v) for model in models]
    for i, j in ((0, 1), (0, 2), (2, 1)):
        gap = energies[i] - energies[j]  # log f_j - log f_i
        chances = np.exp(np.minimum(gap[:, None] - gap[None, :], 0.0))
        assert found[i, j] == pytest.approx(p[i] @ chances @ p[j], abs=0.01)
    np.testing.assert_allclose(found, found.T)
    np.testing.assert_array_equal(np.diagonal(found), 1.0)


def test_checkpoints_are_thinned():
    models = growing(np.linspace(0, 1.2, 25))
    few = thinned(models, Random(0), least=0.3)
    assert few[0] is models[0]
    assert few[-1] is models[-1]
    assert len(few) < 13
    tempering = ParallelTempering(ModelLadder(few), 50, Random(1))
    tempering.run(80)  # 2,000 tries a pair: a rate of 0.3 is known within 0.01
    assert tempering.statistics.acceptance.min() > 0.25
    with pytest.raises(ValueError, match=r"least must lie in \(0, 1\)"):
        thinned(models, Random(0), least=1.0)


def test_a_run_goes_on_exactly_and_cannot_be_respaced():
    whole, first, second = (ParallelTempering(ModelLadder(checkpoints()), 4, Random(2)) for _ in range(3))
    whole.run(13)
    first.run(5)
    second.replicas = Replicas(**first.replicas.arrays())
    second.run(8)
    for name, value in whole.replicas.arrays().items():
        np.testing.assert_array_equal(second.replicas.arrays()[name], value)
    with pytest.raises(TypeError, match="ModelLadder cannot be respaced"):
        whole.adapt(200)


def test_bad_models_are_refused():
    with pytest.raises(ValueError, match="models must be at least 2, got 1"):
        ModelLadder(checkpoints()[:1])
    with pytest.raises(ValueError, match="models must share their visible units and dtype"):
        ModelLadder([*checkpoints(), *checkpoints(n_visible=4)])
    with pytest.raises(ValueError, match="models must share their visible units and dtype"):
        ModelLadder([*checkpoints(), *checkpoints(np.float32)])
