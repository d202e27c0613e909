"""L-BFGS, one step at a time."""

import numpy as np
import pytest
from scipy.optimize import rosen, rosen_der

from ebm.optimizers.lbfgs import LBFGS


def valley(x):
    return float(rosen(x)), rosen_der(x)


def test_it_finds_the_minimum_and_never_rises():
    search, values = LBFGS(valley, np.array([-1.2, 1.0])), []
    for _ in range(200):
        search.step()
        values.append(search.value)
        if search.stuck:
            break
    np.testing.assert_allclose(search.x, 1, atol=1e-5)
    assert (np.diff(values) <= 0).all()
    assert len(values) < 100


def test_a_quadratic_takes_few_steps_however_long_its_axes():
    scales = np.logspace(0, 4, 6)
    search = LBFGS(lambda x: (0.5 * float(scales @ x**2), scales * x), np.ones(6))
    for _ in range(60):
        search.step()
    assert np.abs(search.x).max() < 1e-6


def test_a_run_can_be_cut():
    whole, part = LBFGS(valley, np.array([-1.2, 1.0])), LBFGS(valley, np.array([-1.2, 1.0]))
    for _ in range(20):
        whole.step()
    for _ in range(8):
        part.step()
    other = LBFGS(valley, np.array([5.0, 5.0]))
    other.restore(part.state())
    for _ in range(12):
        other.step()
    np.testing.assert_array_equal(other.x, whole.x)


def test_a_cliff_is_not_stepped_over():
    def cliff(x):
        return (np.inf, np.zeros(1)) if x[0] > 1 else (-float(x[0]), -np.ones(1))

    search = LBFGS(cliff, np.array([0.3]))
    for _ in range(60):
        search.step()
    assert search.x[0] == pytest.approx(1, abs=1e-6)
    assert search.x[0] <= 1


def test_at_the_minimum_it_is_stuck_and_stays():
    search = LBFGS(lambda x: (float(x @ x), 2 * x), np.zeros(3))
    search.step()
    assert search.stuck
    np.testing.assert_array_equal(search.x, 0)
