"""How patterns are stored: Hebb, Storkey and the projection, against loops and against what they promise."""

import numpy as np
import pytest

from ebm.boltzmann.hopfield import Hopfield
from ebm.boltzmann.hopfield_recall import recall_asynchronous
from ebm.boltzmann.storage_rules import hebb, pattern_basis, projection, pseudo_inverse, storkey
from ebm.kernels import threads
from ebm.kernels.storkey import storkey_step
from ebm.random import Random
from tests.reference import hopfield as slow

RULES = {"hebb": hebb, "storkey": storkey, "pseudo_inverse": pseudo_inverse}
EVERY = pytest.mark.parametrize("rule", RULES)
DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])


def patterns(n_patterns, n_units, *, dtype=np.float64, seed=0, alike=0.5):
    """Random spins, up with probability ``alike``: away from 0.5 patterns are correlated."""
    drawn = np.random.default_rng(seed).random((n_patterns, n_units)) < alike
    return np.where(drawn, 1, -1).astype(dtype)


def corrupted(x, share, seed=1):
    return np.where(np.random.default_rng(seed).random(x.shape) < share, -x, x)


@EVERY
@DTYPES
def test_weights_are_symmetric_without_diagonal_in_the_dtype(rule, dtype):
    w = RULES[rule](patterns(7, 33, dtype=dtype))
    assert w.dtype == dtype
    np.testing.assert_array_equal(w, w.T)  # exactly
    assert (w.diagonal() == 0).all()
    Hopfield(w)


def test_hebb_is_a_step_down_the_energy():
    """dw_ij = -eta dE/dw_ij with w_ij = w_ji one parameter, by central differences, from weights that are not zero."""
    n, step = 6, 1e-3
    stored, x = patterns(3, n, seed=4), patterns(1, n, seed=5)
    w, thresholds = hebb(stored), np.linspace(-1, 1, n)
    moved = hebb(x, w) - w
    for i in range(n):
        for j in range(i):
            up, down = w.copy(), w.copy()
            up[i, j] += step
            down[i, j] -= step
            up[j, i], down[j, i] = up[i, j], down[i, j]
            gradient = (slow.energy(up, thresholds, x[0]) - slow.energy(down, thresholds, x[0])) / (2 * step)
            assert moved[i, j] == moved[j, i] == pytest.approx(-gradient / n, rel=1e-9)


def test_hebb_equals_the_loops_and_adds_up_exactly():
    x = patterns(9, 21)
    np.testing.assert_allclose(hebb(x), slow.hebb(x), rtol=1e-12, atol=1e-15)
    for dtype in (np.float32, np.float64):  # n is no power of two: the weights are rounded
        x = patterns(9, 21, dtype=dtype)
        w = None
        for portion in (x[:1], x[1:6], x[6:]):
            w = hebb(portion, w)
        np.testing.assert_array_equal(w, hebb(x))


@DTYPES
def test_storkey_equals_the_loops(dtype):
    x = patterns(6, 13, dtype=dtype, alike=0.7)
    np.testing.assert_allclose(storkey(x), slow.storkey(x), rtol=1e-4 if dtype == np.float32 else 1e-12, atol=1e-6)
    assert np.abs(storkey(x) - hebb(x)).max() > 0.05


@DTYPES
def test_storkey_is_the_same_on_any_number_of_threads(dtype, monkeypatch):
    monkeypatch.setattr(threads, "SMALL", 1)
    results = []
    for n in (1, 2, 3):
        with threads.limit_threads(n):
            results.append(storkey(patterns(5, 37, dtype=dtype)))
    np.testing.assert_array_equal(results[1], results[0])
    np.testing.assert_array_equal(results[2], results[0])


def test_the_step_refuses_what_does_not_fit():
    x, w = np.ones(4), np.zeros((4, 4))
    for weights, line in (
        (w, x[:3]),
        (w, x.astype(np.float32)),
        (w[:3], x),
        (w.astype(int), x.astype(int)),
        (w[:, ::2], x),
    ):
        with pytest.raises(ValueError, match=r"x is .*, which does not fit C-contiguous weights"):
            storkey_step(weights, line, x, x, 0.25)


def test_storkey_adds_patterns_one_after_the_other():
    x = patterns(6, 13)
    before = storkey(x[:2])
    kept = before.copy()
    np.testing.assert_array_equal(storkey(x[2:], before), storkey(x))
    np.testing.assert_array_equal(before, kept)


@DTYPES
@pytest.mark.parametrize("n_patterns", [1, 20, 49])
def test_the_projection_makes_patterns_fixed_points(dtype, n_patterns):
    x = patterns(n_patterns, 50, dtype=dtype, alike=0.8)
    x = np.unique(x, axis=0)
    w = pseudo_inverse(x)
    whole = w + np.diag(1 - np.einsum("ij,pj,pi->i", w.astype(float), x, x) / len(x))
    np.testing.assert_allclose(x @ whole.astype(dtype), x, atol=1e-4)  # W x = x with the diagonal
    assert Hopfield(w).is_fixed_point(x).all()


def test_the_projection_is_the_pseudo_inverse():
    x = patterns(8, 30)
    expected = np.linalg.pinv(x) @ x
    np.fill_diagonal(expected, 0)
    np.testing.assert_allclose(pseudo_inverse(x), expected, atol=1e-12)


def test_a_basis_grows_and_repeated_patterns_add_nothing():
    x = patterns(8, 30, alike=0.9)
    x = np.concatenate([x, -x[:2], x[:3]])
    basis = pattern_basis(x)
    np.testing.assert_allclose(basis @ basis.T, np.eye(len(basis)), atol=1e-12)
    assert len(basis) == np.linalg.matrix_rank(x)
    grown = None
    for portion in (x[:3], x[3:7], x[7:]):
        before, grown = grown, pattern_basis(portion, grown)
        assert before is None or np.array_equal(grown[: len(before)], before)
    np.testing.assert_allclose(projection(grown), projection(basis), atol=1e-12)
    np.testing.assert_array_equal(pattern_basis(x, basis), basis)


@EVERY
def test_patterns_are_recalled_from_corrupted_cues(rule):
    x = patterns(10, 400, dtype=np.float32)
    model = Hopfield(RULES[rule](x))
    found = recall_asynchronous(model, corrupted(x, 0.2), random=Random(0))
    assert found.converged.all()
    np.testing.assert_array_equal(found.states, x)


@pytest.mark.parametrize(("n_patterns", "alike"), [(40, 0.5), (12, 0.75)], ids=["many", "correlated"])
def test_storkey_and_the_projection_hold_more_than_hebb(n_patterns, alike):
    x = patterns(n_patterns, 200, dtype=np.float32, alike=alike)
    held = {name: Hopfield(rule(x)).is_fixed_point(x).mean() for name, rule in RULES.items()}
    assert held["hebb"] < 0.2
    assert held["storkey"] > 0.9
    assert held["pseudo_inverse"] == 1


@EVERY
def test_patterns_that_are_none_are_refused(rule):
    for bad, message in (
        (np.ones(4), "patterns are"),
        (np.ones((0, 4)), "patterns are"),
        (np.ones((2, 4), int), "patterns are int64"),
        (np.zeros((2, 4)), "must be -1 and"),
        (np.full((2, 4), np.nan), "must be -1 and"),
    ):
        with pytest.raises(ValueError, match=message):
            RULES[rule](bad)
    if rule != "pseudo_inverse":
        for weights in (np.zeros((3, 3)), np.zeros((4, 4), np.float32)):
            with pytest.raises(ValueError, match="weights are"):
                RULES[rule](np.ones((2, 4)), weights)
