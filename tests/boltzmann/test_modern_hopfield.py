"""The modern Hopfield network: its update and energy against loops, and what its theorems promise."""

import numpy as np
import pytest

from ebm.boltzmann.modern_hopfield import ModernHopfield
from tests.reference import hopfield as slow

DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])


def made(beta, *, n_patterns=7, n_units=5, dtype=np.float64, seed=0):
    return ModernHopfield(np.random.default_rng(seed).normal(size=(n_patterns, n_units)).astype(dtype), beta)


def states(n, n_units=5, *, dtype=np.float64, seed=1):
    return 2 * np.random.default_rng(seed).normal(size=(n, n_units)).astype(dtype)


@DTYPES
@pytest.mark.parametrize("beta", [0.3, 2.0])
def test_update_and_energy_are_the_formulas(dtype, beta):
    model, z = made(beta, dtype=dtype), states(6, dtype=dtype)
    rtol = 1e-4 if dtype == np.float32 else 1e-12
    x, plain = model.patterns.astype(float).tolist(), z.astype(float).tolist()
    np.testing.assert_allclose(model.energy(z), [slow.modern_energy(x, beta, row) for row in plain], rtol=rtol)
    np.testing.assert_allclose(
        model.update(z), [slow.modern_update(x, beta, row) for row in plain], rtol=rtol, atol=rtol
    )
    np.testing.assert_allclose(model.attention(z).sum(axis=1), 1, rtol=1e-5)
    assert model.update(z).dtype == model.energy(z).dtype == dtype


@pytest.mark.parametrize("beta", [0.3, 2.0])
def test_the_update_is_a_step_down_the_gradient(beta):
    """dE/dz = z - X^T softmax(beta X z), by central differences: a step of one leads to the update."""
    model, z, step = made(beta), states(4), 1e-5
    for j in range(5):
        move = step * np.eye(5)[j]
        gradient = (model.energy(z + move) - model.energy(z - move)) / (2 * step)
        np.testing.assert_allclose(gradient, (z - model.update(z))[:, j], rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("beta", [0.05, 0.5, 2.0, 50.0])
def test_the_energy_never_rises_nor_is_it_negative(beta):
    found = made(beta, n_patterns=30).recall(states(50), max_steps=200, tol=0)
    assert (np.diff(found.energies, axis=0) <= 1e-12).all()
    assert (found.energies >= -1e-12).all()
    assert found.energies[0].mean() > found.energies[-1].mean() + 1


def test_an_energy_that_rises_is_caught():
    """The twin: the softmax at twice the energy's beta."""
    model, twin = made(0.5, n_patterns=30), made(1.0, n_patterns=30)
    z, rises = states(50), 0
    for _ in range(20):
        before, z = model.energy(z), twin.update(z)
        rises += (model.energy(z) > before + 1e-9).sum()
    assert rises > 0


@DTYPES
def test_one_step_retrieves_at_large_beta(dtype):
    x = np.random.default_rng(3).choice(np.array([-1, 1], dtype), (200, 64))  # three patterns a unit
    model = ModernHopfield(x, 8.0)
    cues = np.where(np.random.default_rng(4).random(x.shape) < 0.15, -x, x)
    np.testing.assert_allclose(model.update(cues), x, atol=1e-4)
    found = model.recall(cues)
    assert found.converged.all()
    assert (found.steps == 2).all()  # the second finds that nothing moves
    np.testing.assert_allclose(found.states, x, atol=1e-4)


def test_small_beta_ends_between_the_patterns():
    model = made(1e-3)
    found = model.recall(states(9), max_steps=50)
    assert found.converged.all()
    np.testing.assert_allclose(found.states, np.broadcast_to(model.patterns.mean(axis=0), (9, 5)), atol=0.01)


def test_huge_inputs_do_not_overflow():
    model = made(1e6, dtype=np.float32)
    found = model.recall(1e6 * states(5, dtype=np.float32))
    assert np.isfinite(found.states).all()


def test_rows_at_rest_are_left_alone_and_a_limit_is_told():
    model = made(2.0)
    alone = model.recall(states(9)[3:4])
    among = model.recall(states(9))
    np.testing.assert_allclose(among.states[3], alone.states[0], rtol=1e-12)
    assert among.steps[3] == alone.steps[0]
    assert not model.recall(states(9), max_steps=1, tol=0).converged.any()
    none = model.recall(states(9), max_steps=0)
    np.testing.assert_array_equal(none.states, states(9))


def test_bad_input_is_refused():
    for patterns, beta, message in (
        (np.zeros((0, 3)), 1.0, "patterns are"),
        (np.zeros(3), 1.0, "patterns are"),
        (np.zeros((2, 3), int), 1.0, "patterns are int64"),
        (np.zeros((2, 3)), 0.0, "beta must be above 0 and finite, got 0.0"),
        (np.zeros((2, 3)), np.inf, "beta must be above 0 and finite, got inf"),
        (np.zeros((2, 3)), np.nan, "beta must be above 0 and finite, got nan"),
    ):
        with pytest.raises(ValueError, match=message):
            ModernHopfield(patterns, beta)
    model = made(1.0)
    for z in (np.zeros(5), np.zeros((2, 4)), np.zeros((2, 5), np.float32)):
        with pytest.raises(ValueError, match="states are"):
            model.recall(z)
    for numbers in ({"max_steps": -1}, {"tol": -1.0}, {"tol": np.nan}):
        with pytest.raises(ValueError, match="must be at least 0"):
            model.recall(states(1), **numbers)
