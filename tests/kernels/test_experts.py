"""Loops over experts' activations, normal numbers, and logarithms."""

import numpy as np
import pytest
from scipy.stats import kstest

from ebm.kernels.box_muller import normals
from ebm.kernels.experts import LOGISTIC, STUDENT_T, expert_energies
from ebm.kernels.philox import uniforms
from ebm.kernels.threads import limit_threads
from ebm.random import Draw
from tests.reference import experts as slow

DTYPES = [np.float32, np.float64]
KINDS = [(STUDENT_T, "student_t"), (LOGISTIC, "logistic")]
DRAW = Draw(seed=(5 << 32) + 9, stream=3, step=11, first_row=100)


def noise(shape, dtype, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("kind", "name"), KINDS)
def test_energies_and_slopes_are_those_of_plain_loops(dtype, kind, name):
    y, alpha = 5 * noise((6, 7), dtype), np.linspace(0.7, 2.1, 7).astype(dtype)
    energies, slopes = expert_energies(y, alpha, kind)
    assert energies.dtype == slopes.dtype == dtype
    exact = [[a * slow.potential(name, v) for a, v in zip(alpha.tolist(), row, strict=True)] for row in y.tolist()]
    turned = [[a * slow.slope(name, v) for a, v in zip(alpha.tolist(), row, strict=True)] for row in y.tolist()]
    np.testing.assert_allclose(energies, np.sum(exact, axis=1), rtol=10 * np.finfo(dtype).eps)
    np.testing.assert_allclose(slopes, turned, rtol=10 * np.finfo(dtype).eps, atol=2 * np.finfo(dtype).eps)
    np.testing.assert_array_equal(expert_energies(np.asfortranarray(y), alpha, kind)[1], slopes)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("kind", "name"), KINDS)
def test_potentials_are_exact_from_the_tiny_to_the_huge(dtype, kind, name):
    y = np.concatenate([np.linspace(-30, 30, 2001), np.logspace(-3, 9, 2000)]).astype(dtype)
    energies, _ = expert_energies(y[:, None], np.ones(1, dtype), kind)
    wide = y.astype(np.float64)
    exact = np.log1p(wide**2 / 2) if name == "student_t" else np.logaddexp(0, wide) + np.logaddexp(0, -wide)
    np.testing.assert_allclose(energies, exact, rtol=6 * np.finfo(dtype).eps)


def test_nan_stays_nan():
    y = np.array([[np.nan, 1.0]])
    for kind, _ in KINDS:
        assert np.isnan(expert_energies(y, np.ones(2), kind)[0]).all()


@pytest.mark.parametrize("dtype", DTYPES)
def test_results_are_the_same_for_one_and_two_threads(dtype):
    y, alpha = noise((2000, 130), dtype), np.full(130, 1.5, dtype)
    results = []
    for n in (1, 2):
        with limit_threads(n):
            results.append([*expert_energies(y, alpha, STUDENT_T), *expert_energies(y, alpha, LOGISTIC)])
            results[-1].append(normals(2000, 130, DRAW, y))
    for one, two in zip(*results, strict=True):
        np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n", [1, 2, 5, 8])
def test_normal_numbers_are_box_mullers_of_the_uniforms(dtype, n):
    u = uniforms((107, n + n % 2), DRAW.seed, DRAW.step, DRAW.stream, dtype)[100:].astype(np.float64)
    radius, angle = np.sqrt(-2 * np.log(u[:, ::2])), 2 * np.pi * u[:, 1::2]
    exact = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=2).reshape(7, -1)[:, :n]
    z = normals(7, n, DRAW, np.empty(0, dtype))
    assert z.dtype == dtype
    np.testing.assert_allclose(z, exact, rtol=20 * np.finfo(dtype).eps, atol=5 * np.finfo(dtype).eps)
    part = normals(4, n, Draw(DRAW.seed, DRAW.stream, DRAW.step, DRAW.first_row + 3), z)
    np.testing.assert_array_equal(part, z[3:])


def test_normal_numbers_are_normal_and_independent():
    z = normals(20_000, 5, DRAW, np.empty(0))
    assert kstest(z.ravel(), "norm").pvalue > 1e-3
    assert np.abs(np.corrcoef(z.T) - np.eye(5)).max() < 4.5 / np.sqrt(20_000)
    assert np.abs(np.corrcoef((z**2).T) - np.eye(5)).max() < 4.5 / np.sqrt(20_000)


@pytest.mark.parametrize(
    ("y", "alpha", "kind", "message"),
    [
        (np.ones(3), np.ones(3), 0, r"activations are float64\(3,\)"),
        (np.ones((2, 3), int), np.ones(3), 0, r"activations are int64"),
        (np.ones((2, 3)), np.ones(2), 0, r"exponents float64\(2,\) do not fit"),
        (np.ones((2, 3)), np.ones(3, np.float32), 0, r"exponents float32\(3,\) do not fit"),
        (np.ones((2, 3)), np.ones(3), 2, "kind must be 0"),
    ],
)
def test_what_does_not_fit_is_refused(y, alpha, kind, message):
    with pytest.raises(ValueError, match=message):
        expert_energies(y, alpha, kind)


def test_normal_numbers_of_integers_are_refused():
    with pytest.raises(ValueError, match="like is int64"):
        normals(2, 2, DRAW, np.zeros(1, int))
