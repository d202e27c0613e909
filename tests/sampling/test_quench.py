"""A quench, beta infinite from the start: straight down into a local minimum, or refused."""

from dataclasses import replace

import numpy as np
import pytest

from ebm.boltzmann.product_annealing import TemperedExperts
from ebm.boltzmann.rbm import RBM
from ebm.boltzmann.tempered_rbm import TemperedRBM
from ebm.boltzmann.unit_types import Gaussian
from ebm.random import Random
from ebm.sampling.metropolis import FlipMoves, TemperedFlips
from ebm.sampling.simulated_annealing import geometric, quench, simulated_annealing
from ebm.sampling.tempered import COLDEST
from tests.boltzmann.graph_models import everything
from tests.boltzmann.test_product_of_experts import small_product
from tests.sampling.families import lattice, rbm

ROUNDING = 1e-4  # inputs are of float32, potentials of float64


def machine(dtype, base=0.7):
    model = everything(8, visible=8).astype(dtype)
    return replace(model, base_bias=np.full(8, base, dtype))


def flips(dtype):
    model = machine(np.float64, base=0.0)
    return TemperedFlips(FlipMoves(model.energy, (0, 1)), 8, dtype)


def restricted(dtype):
    return rbm(6, 5, dtype=dtype, kind=TemperedRBM)


FAMILIES = {"rbm": restricted, "machine": machine, "flips": flips, "lattice": lambda dtype: lattice((4, 4), dtype)}
PRECISIONS = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def flipped(family, states, unit):
    values = np.unique(family.start(50, Random(9)))
    other = states.copy()
    other[:, unit] = values.sum() - states[:, unit]
    return other


@PRECISIONS
@pytest.mark.parametrize("name", FAMILIES)
def test_a_quench_goes_downhill_to_where_no_flip_leads_further_down(name, dtype):
    family = FAMILIES[name](dtype)
    start = family.start(60, Random(0))
    found = simulated_annealing(family, 60, quench(40), Random(1), start=start)
    path = np.column_stack([family.potential(start), found.trace])
    assert np.isfinite(path).all()
    if (
        name == "rbm"
    ):  # hidden units are drawn given visible ones that were: a sweep from the start may only lower it too
        assert np.diff(path, axis=1).max() < ROUNDING
    assert np.diff(path, axis=1).max() < ROUNDING
    assert (path[:, -1] < path[:, 0]).mean() > 0.5
    for unit in range(start.shape[1]):
        change = family.potential(flipped(family, found.last_states, unit)) - path[:, -1]
        assert change.min() > -ROUNDING
    assert len(np.unique(found.last_states, axis=0)) > 1


@PRECISIONS
@pytest.mark.parametrize("name", FAMILIES)
def test_infinity_is_the_largest_beta_in_a_sweep_too(name, dtype):
    family = FAMILIES[name](dtype)
    start = family.start(20, Random(0))
    last = family.sweep(start, np.full(20, np.inf), Random(1), 1)
    np.testing.assert_array_equal(last, family.sweep(start, np.full(20, COLDEST), Random(1), 1))
    assert len(np.unique(last, axis=0)) > 1


@PRECISIONS
def test_units_without_an_input_toss_a_coin(dtype):
    free = RBM(np.zeros((8, 8), dtype), np.zeros(8, dtype), np.zeros(8, dtype))
    model = replace(machine(dtype, 0.0), weights=np.zeros(28, dtype), bias=np.zeros(8, dtype))
    level = TemperedFlips(FlipMoves(lambda states: np.zeros(len(states)), (0, 1)), 8, dtype)
    for family in (TemperedRBM(free, np.zeros(8, dtype)), model, level):
        found = simulated_annealing(family, 500, quench(3), Random(0)).last_states
        assert abs(found.mean() - 0.5) < 4 * 0.5 / np.sqrt(found.size)


@pytest.mark.parametrize("schedule", [quench(3), np.array([1.0, 2.0, np.inf])], ids=["quench", "at the end"])
def test_states_without_bounds_are_refused_before_any_work(schedule):
    family = restricted(np.float64)
    gaussian = replace(family, model=replace(family.model, visible=Gaussian()))
    for unbounded in (gaussian, TemperedExperts(small_product("student_t", (3, 5)))):
        with pytest.raises(ValueError, match=r"schedule must stay below 1e\+30 for Tempered.* not bounded.* got inf"):
            simulated_annealing(unbounded, 5, schedule, None)
    found = simulated_annealing(gaussian, 5, geometric(20, 3.0, 0.1), Random(0))  # finite betas are allowed
    assert np.isfinite(found.trace).all()
