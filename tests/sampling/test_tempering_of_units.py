"""Parallel tempering of RBMs of every unit type leaves all levels' distributions as they are; broken twins do not.

Hidden units are enumerated. Visible units of real values, given the hidden ones, are brought to uniform numbers by
their distribution function, and these are counted in thirds.
"""

import numpy as np
import pytest
from scipy.special import gammaln
from scipy.stats import norm

from ebm.boltzmann.tempered_rbm import TemperedRBM
from ebm.boltzmann.unit_types import Binomial, Categorical, Gaussian, ReLU, Spin
from ebm.boltzmann.units import Bernoulli
from ebm.random import Random
from ebm.sampling.ladder import BetaLadder
from ebm.sampling.parallel_tempering import ParallelTempering
from tests.boltzmann.models import p_value
from tests.boltzmann.pairs import pair_model
from tests.sampling.test_parallel_tempering import AlwaysSwaps, BetaTwice, BySweeps, WrongSign

BETAS = np.array([0.0, 0.5, 1.0])
N = 20_000
PRECISION = np.array([0.6, 2.3])
UNITS = {
    "spin": (Spin(), Spin()),
    "categorical": (Categorical(3), Bernoulli()),
    "binomial": (Binomial(2), Bernoulli()),
    "gaussian": (Gaussian(), Bernoulli()),
    "gaussian with precisions": (Gaussian(PRECISION), Bernoulli()),
    "gaussian and spin": (Gaussian(PRECISION), Spin()),
    "relu": (ReLU(PRECISION), Bernoulli()),
}


class Enumerated:
    """A level of a family of discrete units: cells are whole states."""

    def __init__(self, family, beta):
        model, self.beta = family.model, beta
        v, h = (unit.states(n) for unit, n in ((model.visible, model.n_visible), (model.hidden, model.n_hidden)))
        v, h = np.repeat(v, len(h), axis=0), np.tile(h, (len(v), 1))
        model = model.astype(np.float64)
        log_p = beta * (v @ model.visible_bias + h @ model.hidden_bias + ((v @ model.weights) * h).sum(axis=1))
        log_p += (1 - beta) * v @ family.base_visible_bias
        if isinstance(model.visible, Binomial):
            n = model.visible.n_copies
            log_p += (gammaln(n + 1) - gammaln(v + 1) - gammaln(n - v + 1)).sum(axis=1)
        self.p, self.states = np.exp(log_p) / np.exp(log_p).sum(), np.hstack([v, h])

    def draw(self, n, rng):
        return self.states[rng.choice(len(self.p), n, p=self.p)]

    def cells(self, states):
        same = (states[:, None] == self.states).all(axis=2)
        assert same.any(axis=1).all()
        return same.argmax(axis=1)


class Measured:
    """A level of a family whose visible units have real values: cells are hidden states and thirds of each unit."""

    def __init__(self, family, beta):
        model = family.model.astype(np.float64)
        self.h, self.n = model.hidden.states(model.n_hidden), model.n_visible
        a = np.ones(self.n) if model.visible.precision is None else model.visible.precision
        x = beta * (model.visible_bias + self.h @ model.weights.T) + (1 - beta) * family.base_visible_bias
        self.mean, self.deviation = x / a, 1 / np.sqrt(a)
        self.below = norm.cdf(-self.mean / self.deviation) if isinstance(model.visible, ReLU) else np.zeros_like(x)
        log_p = beta * self.h @ model.hidden_bias + (x**2 / (2 * a) + np.log1p(-self.below)).sum(axis=1)
        self.p_hidden = np.exp(log_p - log_p.max()) / np.exp(log_p - log_p.max()).sum()
        self.p = np.repeat(self.p_hidden / 3**self.n, 3**self.n)

    def draw(self, n, rng):
        k = rng.choice(len(self.h), n, p=self.p_hidden)
        u = self.below[k] + (1 - self.below[k]) * rng.random((n, self.n))
        return np.hstack([self.mean[k] + self.deviation * norm.ppf(u), self.h[k]])

    def cells(self, states):
        v, h = states[:, : self.n].astype(np.float64), states[:, self.n :]
        k = (h[:, None] == self.h).all(axis=2).argmax(axis=1)
        u = (norm.cdf((v - self.mean[k]) / self.deviation) - self.below[k]) / (1 - self.below[k])
        assert ((u >= 0) & (u <= 1)).all()
        return k * 3**self.n + np.minimum(3 * u, 2).astype(np.int64) @ 3 ** np.arange(self.n)


def family_of(name, dtype=np.float64, kind=TemperedRBM):
    model = pair_model(*UNITS[name], 2, 2, dtype=dtype, seed=3, scale=0.5 if "gaussian" in name else 1.3)
    return kind(model, np.linspace(0.7, -0.5, model.n_visible).astype(dtype))


def least_p_value(family, ladder=None, n_sweeps=4):
    """The least p-value of two neighbouring levels' joint distribution, after sweeps from the target."""
    level = Enumerated if family.model.visible.levels is not None else Measured
    levels, rng = [level(family, beta) for beta in BETAS], np.random.default_rng(0)
    start = np.stack([one.draw(N, rng) for one in levels], axis=1).reshape(3 * N, -1).astype(family.model.dtype)
    tempering = ParallelTempering(ladder or BetaLadder(family, BETAS), N, Random(1), states=start)
    tempering.run(n_sweeps)
    assert tempering.statistics.accepted.min() > N // 4
    found = []
    for k in range(2):
        low, high = levels[k : k + 2]
        cells = low.cells(tempering.states_at(k)) * high.p.size + high.cells(tempering.states_at(k + 1))
        wanted = np.outer(low.p, high.p).ravel()
        found.append(p_value(np.bincount(cells, minlength=wanted.size), wanted))
    return min(found)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", UNITS)
def test_neighbouring_levels_are_stationary(name, dtype):
    assert least_p_value(family_of(name, dtype)) > 1e-3


@pytest.mark.parametrize("broken", [AlwaysSwaps, WrongSign, BetaTwice])
@pytest.mark.parametrize("name", ["spin", "categorical", "gaussian with precisions"])
def test_broken_twins_are_caught(name, broken):
    family = family_of(name)
    ladder = type("Twin", (BySweeps, broken), {})(family, BETAS)
    assert least_p_value(family, ladder) < 1e-9


class MeasureTempered(TemperedRBM):
    """Broken: what the units themselves add to the energy is tempered in the swaps, as if the base had none of it."""

    def potential(self, states):
        return super().potential(states) + self.model.visible.base_energy(self.visible(states))


@pytest.mark.parametrize("name", ["binomial", "gaussian", "gaussian with precisions", "relu"])
def test_a_tempered_base_measure_is_caught(name):
    assert least_p_value(family_of(name, kind=MeasureTempered)) < 1e-9
