"""Hetero-associative memory: from one pattern to another and back, and the energy of going to and fro."""

import numpy as np
import pytest

from ebm.boltzmann.associative import HeteroAssociative, hebb_pairs, pseudo_inverse_pairs
from tests.reference import hopfield as slow

DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])


def spins(shape, *, dtype=np.float64, seed=0):
    return np.random.default_rng(seed).choice(np.array([-1, 1], dtype), shape)


def noisy(x, share, seed=9):
    return np.where(np.random.default_rng(seed).random(x.shape) < share, -x, x)


def random_memory(n_x=23, n_y=11, *, dtype=np.float64, seed=2):
    return HeteroAssociative(np.random.default_rng(seed).normal(size=(n_x, n_y)).astype(dtype))


@DTYPES
def test_hebb_is_the_sum_of_outer_products_and_adds_up_exactly(dtype):
    x, y = spins((7, 21), dtype=dtype), spins((7, 5), dtype=dtype, seed=1)
    w = hebb_pairs(x, y)
    expected = sum(np.outer(a, b) for a, b in zip(x, y, strict=True)) / 21
    np.testing.assert_allclose(w, expected, rtol=1e-6)
    np.testing.assert_array_equal(hebb_pairs(x[3:], y[3:], hebb_pairs(x[:3], y[:3])), w)
    assert w.dtype == dtype


def test_hebb_is_a_step_down_the_energy_of_the_pair():
    x, y, step = spins((1, 6)), spins((1, 4), seed=1), 1e-3
    w = hebb_pairs(spins((3, 6), seed=2), spins((3, 4), seed=3))
    moved = hebb_pairs(x, y, w) - w
    for i in range(6):
        for j in range(4):
            move = np.zeros_like(w)
            move[i, j] = step
            up, down = (HeteroAssociative(w + sign * move).energy(x, y)[0] for sign in (1, -1))
            assert moved[i, j] == pytest.approx(-(up - down) / (2 * step) / 6, rel=1e-9)


@DTYPES
def test_the_energy_is_the_formula(dtype):
    memory = random_memory(dtype=dtype)
    x, y = spins((5, 23), dtype=dtype), spins((5, 11), dtype=dtype, seed=1)
    expected = [slow.pair_energy(memory.weights, a, b) for a, b in zip(x, y, strict=True)]
    np.testing.assert_allclose(memory.energy(x, y), expected, rtol=1e-4, atol=1e-5)


def test_pairs_are_recalled_both_ways_from_corrupted_cues():
    x, y = spins((10, 300)), spins((10, 200), seed=1)
    memory = HeteroAssociative(hebb_pairs(x, y))
    np.testing.assert_array_equal(memory.forward(noisy(x, 0.1)), y)
    np.testing.assert_array_equal(memory.backward(noisy(y, 0.05)), x)
    found = memory.recall(noisy(x, 0.25))
    assert found.converged.all()
    np.testing.assert_array_equal(found.x, x)  # going to and fro cleans the cue too
    np.testing.assert_array_equal(found.y, y)


def test_going_to_and_fro_recalls_what_one_way_does_not():
    x, y = spins((10, 200)), spins((10, 150), seed=1)
    memory, cues = HeteroAssociative(hebb_pairs(x, y)), noisy(x, 0.3)
    assert (memory.recall(cues).y == y).mean() > (memory.forward(cues) == y).mean()


@DTYPES
@pytest.mark.parametrize("seed", range(3))
def test_the_energy_never_rises(dtype, seed):
    memory = random_memory(dtype=dtype, seed=seed)
    found = memory.recall(spins((40, 23), dtype=dtype, seed=seed))
    assert found.converged.all()
    assert (np.diff(found.energies, axis=0) <= 100 * np.finfo(dtype).eps).all()
    assert found.energies[0].mean() > found.energies[-1].mean() + 1
    np.testing.assert_allclose(found.energies[-1], memory.energy(found.x, found.y), rtol=1e-5)
    np.testing.assert_array_equal(memory.forward(found.x), found.y)
    np.testing.assert_array_equal(memory.backward(found.y), found.x)


def test_an_energy_that_rises_is_caught():
    """The twin: other weights on the way back."""
    memory = random_memory()
    twin = HeteroAssociative(memory.weights, np.random.default_rng(7).normal(size=(11, 23)))
    assert (np.diff(twin.recall(spins((40, 23)), max_steps=10).energies, axis=0) > 1e-9).any()


@DTYPES
def test_the_pseudo_inverse_recalls_every_pair_exactly(dtype):
    x, y = spins((20, 30), dtype=dtype), spins((20, 25), dtype=dtype, seed=1)
    w, v = pseudo_inverse_pairs(x, y)
    assert w.dtype == v.dtype == dtype
    np.testing.assert_allclose(x @ w, y, atol=1e-3)
    np.testing.assert_allclose(y @ v, x, atol=1e-3)
    memory = HeteroAssociative(w, v)
    np.testing.assert_array_equal(memory.forward(x), y)
    np.testing.assert_array_equal(memory.backward(y), x)
    assert (HeteroAssociative(hebb_pairs(x, y)).forward(x) != y).any()  # Hebb does not


def test_repeated_pairs_do_no_harm_to_the_pseudo_inverse():
    x, y = spins((6, 30)), spins((6, 4), seed=1)
    again = pseudo_inverse_pairs(np.tile(x, (3, 1)), np.tile(y, (3, 1)))
    for one, other in zip(pseudo_inverse_pairs(x, y), again, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-10)


def test_bad_input_is_refused():
    x, y = spins((3, 5)), spins((3, 4))
    for a, b in ((x[:2], y), (x[0], y), (x.astype(np.float32), y)):
        with pytest.raises(ValueError, match="not as many rows of one dtype"):
            hebb_pairs(a, b)
    for a, b in ((x * 0.5, y), (x, y * np.nan), (x.astype(int), y.astype(int))):
        with pytest.raises(ValueError, match="must be -1 and"):
            pseudo_inverse_pairs(a, b)
    for weights in (np.zeros(3), np.zeros((3, 4), int)):
        with pytest.raises(ValueError, match="weights are"):
            HeteroAssociative(weights)
    with pytest.raises(ValueError, match="back_weights are"):
        HeteroAssociative(np.zeros((3, 4)), np.zeros((3, 4)))
    memory = random_memory()
    for cues in (np.ones(23), np.ones((2, 22)), np.zeros((2, 23))):
        with pytest.raises(ValueError, match="must be rows of -1 and"):
            memory.recall(cues)
    with pytest.raises(ValueError, match="max_steps must be at least 0, got -1"):
        memory.recall(np.ones((1, 23)), max_steps=-1)
