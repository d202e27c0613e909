"""Annealing knows no RBM: any family with a base, moves and ratios will do."""

from dataclasses import dataclass

import numpy as np
import pytest

from ebm.boltzmann.annealing import RBMPath
from ebm.boltzmann.between import ModelPath
from ebm.boltzmann.boltzmann_machine import BoltzmannMachine
from ebm.boltzmann.graph import fully_connected
from ebm.boltzmann.ising import IsingLattice
from ebm.boltzmann.product_annealing import TemperedExperts
from ebm.boltzmann.rbm import RBM
from ebm.boltzmann.tempered_rbm import TemperedRBM
from ebm.random import Random, Stream
from ebm.sampling.annealing import (
    annealed_importance_sampling,
    exact_value,
    reverse_annealed_importance_sampling,
    temperatures,
)
from ebm.sampling.metropolis import FlipMoves, TemperedFlips
from ebm.sampling.tempered import TemperedPath
from tests.boltzmann.test_product_of_experts import small_product


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

    def start(self, n_chains, random, *, step=0):
        return self.draw(0.0, n_chains, random, step)

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


def bases():
    model = RBM(*(np.random.default_rng(0).normal(0, 1, size) for size in ((6, 4), 6, 4)))
    machine = BoltzmannMachine(fully_connected(5), np.full(10, 0.3), np.zeros(5))
    experts = TemperedExperts(small_product("student_t", (3, 5)))
    flips = TemperedFlips(FlipMoves(lambda s: s.sum(axis=1), (0, 1)), 6)
    return {
        "path": RBMPath(model, np.zeros(6)), "rbm": TemperedRBM(model, np.zeros(6)), "machine": machine,
        "as a path": TemperedPath(machine), "lattice": IsingLattice((4, 4)), "flips": flips, "experts": experts,
    }  # fmt: skip


@pytest.mark.parametrize("name", bases())
def test_the_base_is_drawn_at_a_step(name):
    start = bases()[name].start
    first, other = start(50, Random(3)), start(50, Random(3), step=100)
    np.testing.assert_array_equal(start(50, Random(3), step=0), first)
    assert (first != other).any(axis=1).mean() > 0.8
    correlation = np.corrcoef(first.ravel(), other.ravel())[0, 1]
    assert abs(correlation) < 4 / np.sqrt(first.size)


def test_both_layers_of_a_base_are_drawn_anew():
    family = bases()["rbm"]
    first, other = family.start(50, Random(3)), family.start(50, Random(3), step=100)
    for part in (family.visible, family.hidden):
        assert (part(first) != part(other)).mean() > 0.3


def test_runs_at_other_steps_are_independent():
    path = bases()["path"]
    runs = [
        annealed_importance_sampling(path, 400, temperatures(3), Random(0), first_step=step).log_weights
        for step in (0, 1000)
    ]
    assert abs(np.corrcoef(runs)[0, 1]) < 0.2  # it was 0.96 where they shared their base


def test_states_that_are_given_need_no_step():
    model = bases()["path"].model
    v = np.eye(6)
    path = ModelPath(model, model, v, 0.0)
    np.testing.assert_array_equal(path.start(4, Random(0), step=7), v[:4])
