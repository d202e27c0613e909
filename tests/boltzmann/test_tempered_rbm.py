"""An RBM at many temperatures: what the protocol asks, for binary units and for others."""

from dataclasses import dataclass, replace

import numpy as np
import pytest

from ebm.boltzmann.enumeration import log_partition
from ebm.boltzmann.rbm import RBM
from ebm.boltzmann.tempered_rbm import TemperedRBM
from ebm.boltzmann.units import Bernoulli
from ebm.kernels.bernoulli import bernoulli
from ebm.kernels.tempered import tempered_bernoulli
from ebm.kernels.threads import limit_threads
from ebm.random import Draw, Random
from ebm.sampling.annealing import annealed_importance_sampling, temperatures
from ebm.sampling.ladder import BetaLadder
from ebm.sampling.parallel_tempering import ParallelTempering
from ebm.sampling.tempered import TemperedPath
from tests.boltzmann.models import p_value
from tests.sampling.families import exact, numbers, probabilities, rbm

N = 20_000


@dataclass(frozen=True)
class Signs(Bernoulli):
    """Units of -1 and 1 by the ``Unit`` protocol's general methods: x -> tanh x."""

    name: str = "signs"

    def mean(self, inputs):
        return np.tanh(inputs)

    def sample(self, inputs, draw):
        return 2 * super().sample(2 * inputs, draw) - 1

    def cumulant(self, inputs):
        return np.logaddexp(inputs, -inputs).sum(axis=1)

    def states(self, n, dtype=np.float64):
        return (2 * super().states(n) - 1).astype(dtype)


def signed(dtype=np.float64):
    family = rbm(2, 2, dtype=dtype, kind=TemperedRBM)
    return replace(family, model=replace(family.model, hidden=Signs(), visible=Signs()))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_potential_is_what_lies_between_model_and_base(dtype):
    family = rbm(5, 4, dtype=dtype)
    x = family.states[::7]
    v, h = family.visible(x), family.hidden(x)
    wanted = family.model.energy(v, h) + v @ family.base_visible_bias
    assert family.potential(x).dtype == np.float64
    np.testing.assert_allclose(family.potential(x), wanted, rtol=1e-5 if dtype == np.float32 else 1e-12, atol=1e-5)


def test_the_base_is_exact():
    family = rbm(3, 2)
    log_z = np.log(np.exp(family.log_f(0.0)).sum())
    assert family.log_base == pytest.approx(log_z)
    counts = np.bincount(numbers(family, family.start(N, Random(1))), minlength=32)
    assert p_value(counts, probabilities(family, 0.0)) > 1e-3


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_row_stays_at_its_own_beta(dtype, reverse):
    family, betas = rbm(3, 2, dtype=dtype, scale=2.0), np.array([0.0, 0.3, 0.8, 1.0])
    rng = np.random.default_rng(0)
    x = np.stack([exact(family, beta, N, rng) for beta in betas], axis=1).reshape(4 * N, 5)
    move = family.reversed_sweep if reverse else family.sweep
    moved = move(move(x, np.tile(betas, N), Random(1), 0), np.tile(betas, N), Random(1), 1)
    for k, beta in enumerate(betas):
        counts = np.bincount(numbers(family, moved[k::4]), minlength=32)
        assert p_value(counts, probabilities(family, beta)) > 1e-3


def test_chains_can_be_shared_out():
    family = rbm(3, 2)
    x, betas = family.states[:8], np.linspace(0.1, 1, 8)
    whole = family.sweep(x, betas, Random(4), 6)
    np.testing.assert_array_equal(family.sweep(x[5:], betas[5:], Random(4), 6, first_chain=5), whole[5:])


def test_other_units_by_the_protocol():
    """Parallel tempering of units that no kernel knows; the product of three levels is stationary."""
    family, betas = signed(), np.array([0.0, 0.5, 1.0])
    model, signs = family.model, Signs()
    x = np.hstack([np.repeat(signs.states(2), 4, axis=0), np.tile(signs.states(2), (4, 1))])
    v, h = x[:, :2], x[:, 2:]
    start, rng, wanted = [], np.random.default_rng(0), np.ones(1)
    for beta in betas:
        p = np.exp((1 - beta) * v @ family.base_visible_bias - beta * model.energy(v, h))
        p /= p.sum()
        start.append(x[rng.choice(16, N, p=p)])
        wanted = np.outer(wanted, p).ravel()
    assert family.log_base == pytest.approx(np.log(np.exp(v @ family.base_visible_bias).sum()))
    tempering = ParallelTempering(
        BetaLadder(family, betas), N, Random(1), states=np.stack(start, axis=1).reshape(3 * N, 4)
    )
    tempering.run(4)
    cells = 0
    for level in range(3):
        cells = 16 * cells + (tempering.states_at(level)[:, None] == x).all(axis=2).argmax(axis=1)
    assert p_value(np.bincount(cells, minlength=wanted.size), wanted) > 1e-3
    assert set(np.unique(family.start(50, Random(0)))) == {-1.0, 1.0}


def test_annealing_goes_along_the_same_family():
    family = rbm(5, 4, scale=0.7, kind=TemperedRBM)
    found = annealed_importance_sampling(TemperedPath(family), 200, temperatures(200), Random(0))
    assert abs(found.value - log_partition(family.model)) < 4 * found.standard_error


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n", [1, 6, 33])
def test_rows_at_their_betas_are_drawn_as_bernoulli_draws_them(dtype, n):
    rng, draw = np.random.default_rng(0), Draw(seed=(3 << 32) + 5, stream=51, step=4, first_row=20)
    inputs, base = rng.normal(size=(50, n)).astype(dtype), rng.normal(size=n).astype(dtype)
    betas = rng.random(50).astype(dtype)
    mixed = betas[:, None] * inputs + (1 - betas[:, None]) * base
    expected = bernoulli(mixed.astype(dtype), None, draw)
    states = tempered_bernoulli(inputs, base, betas, draw)
    assert states.dtype == dtype
    assert (states != expected).mean() < 2e-3  # a contraction may round otherwise where u is within an ulp
    np.testing.assert_array_equal(tempered_bernoulli(np.asfortranarray(inputs), base, betas, draw), states)


def test_threads_do_not_matter():
    rng, found = np.random.default_rng(0), []
    inputs, base = rng.normal(size=(900, 400)).astype(np.float32), np.zeros(400, np.float32)
    for n in (1, 2):
        with limit_threads(n):
            found.append(tempered_bernoulli(inputs, base, np.linspace(0, 1, 900, dtype=np.float32), Draw(1, 50)))
    np.testing.assert_array_equal(*found)
    assert found[0].mean() == pytest.approx(0.5, abs=0.01)


def test_what_does_not_fit_is_refused():
    inputs, base, betas = np.zeros((3, 2)), np.zeros(2), np.ones(3)
    for change, message in (
        ({"inputs": np.zeros(3)}, "give a 2-D array"),
        ({"base": np.zeros(3)}, "base is float64"),
        ({"betas": np.ones(3, np.float32)}, "betas is float32"),
    ):
        given = {"inputs": inputs, "base": base, "betas": betas} | change
        with pytest.raises(ValueError, match=message):
            tempered_bernoulli(**given, draw=Draw(0, 0))
    model = RBM(np.zeros((2, 1)), np.zeros(2), np.zeros(1))
    with pytest.raises(ValueError, match=r"base_visible_bias must be float64\(2,\), got float32\(2,\)"):
        TemperedRBM(model, np.zeros(2, np.float32))
