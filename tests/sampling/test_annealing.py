"""Annealing knows no RBM: any family with a base, moves and ratios will do."""

from dataclasses import dataclass

import numpy as np
import pytest

from ebm.random import Random, Stream
from ebm.sampling.annealing import (
    annealed_importance_sampling,
    exact_value,
    reverse_annealed_importance_sampling,
    temperatures,
)


@dataclass(frozen=True)
class Coins:
    """f_beta(x) = e^{beta a . x} on {0, 1}^n: Z_1 = prod (1 + e^{a_i}), and every move is an exact draw."""

    a: np.ndarray

    @property
    def log_base(self):
        return len(self.a) * np.log(2)

    def draw(self, beta, n, random, step):
        u = random.uniform((n, len(self.a)), Stream.ANNEALING_VISIBLE, step, np.float64)
        return (u < 1 / (1 + np.exp(-beta * self.a))).astype(float)

    def start(self, n_chains, random):
        return self.draw(0.0, n_chains, random, 0)

    def move(self, states, old, new, random, step):
        return self.draw(new, len(states), random, step), (new - old) * (states @ self.a)


def test_any_path_with_moves_will_do():
    path = Coins(np.linspace(-3, 4, 12))
    exact = np.log1p(np.exp(path.a)).sum()
    forward = annealed_importance_sampling(path, 400, temperatures(50), Random(0))
    v = path.draw(1.0, 400, Random(1), 0)
    back = reverse_annealed_importance_sampling(path, v, temperatures(50), Random(0), first_step=1000)
    for estimate, method in ((forward, "ais"), (back, "reverse_ais")):
        assert estimate.method == method
        assert estimate.trusted
        assert abs(estimate.value - exact) < 4 * estimate.standard_error < 0.2
        assert estimate.effective_sample_size > 300
        assert len(estimate.log_weights) == estimate.n_chains == 400


def test_stretches_do_not_change_the_numbers(monkeypatch):
    path = Coins(np.linspace(-3, 4, 12))
    values = []
    for stretch in (1, 7, 1000):
        monkeypatch.setattr("ebm.sampling.annealing.STRETCH", stretch)
        values.append(annealed_importance_sampling(path, 20, temperatures(50), Random(0)).log_weights)
    np.testing.assert_allclose(values[1], values[0], rtol=1e-13)
    np.testing.assert_allclose(values[2], values[0], rtol=1e-13)


def test_temperatures_are_denser_towards_the_model():
    betas = temperatures(101)
    assert (betas[0], betas[-1], len(betas)) == (0.0, 1.0, 101)
    steps = np.diff(betas)
    assert (np.diff(steps) < 0).all()
    assert steps[0] == pytest.approx(199 / 100**2)
    assert steps[-1] == pytest.approx(1 / 100**2)


def test_weights_do_not_flood_the_screen():
    estimate = annealed_importance_sampling(Coins(np.ones(3)), 400, temperatures(5), Random(0))
    assert len(repr(estimate)) < 400
    assert "trusted=True" in repr(exact_value(3.0))
