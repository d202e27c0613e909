"""Loops that variational autoencoders add: joining labels, parts of the bound, codes of importance bounds."""

import numpy as np
import pytest

from ebm.kernels import bound, joining
from ebm.kernels.importance import draw_codes
from ebm.kernels.threads import limit_threads
from ebm.random import Draw, Stream
from tests.reference import variational as reference

DTYPES = [np.float32, np.float64]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(3,), (1,), (2, 4, 3), (1, 1, 2)])
def test_joining_and_back(shape, dtype):
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(5, *shape)).astype(dtype), rng.normal(size=(5, 4)).astype(dtype)
    out = np.full((5, *shape[:-1], shape[-1] + 4), np.nan, dtype)
    joining.join(a, b, out)
    np.testing.assert_array_equal(out, reference.joined(a, b))
    if len(shape) == 1:
        left = np.full_like(a, np.nan)
        joining.take_left(out, left)
        np.testing.assert_array_equal(left, a)


@pytest.mark.parametrize("dtype", DTYPES)
def test_parts_of_the_bound(dtype):
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 2050)).astype(dtype)
    out = np.empty(2050, dtype)
    bound.negative_bound(a, 0.5, b, out)
    np.testing.assert_allclose(out, a + dtype(0.5) * b, rtol=4 * np.finfo(dtype).eps, atol=np.finfo(dtype).eps)
    bound.fill(0.3, out)
    assert (out == dtype(0.3)).all()
    bound.repeat(a[:1], out)
    assert (out == a[0]).all()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("m", [1, 4, 7])
def test_codes_and_ratios_are_those_of_the_formulas(dtype, m):
    rng = np.random.default_rng(m)
    posterior = rng.normal(size=(4, 2 * m)).astype(dtype)
    names, steps = np.array([5, 0, 5, 3]), np.array([2, 1, 2, 7])
    z, ratios = np.empty((4, m), dtype), np.empty(4, dtype)
    draw_codes(posterior, names, steps, Draw(seed=9, stream=Stream.IMPORTANCE), z, ratios)
    close = {"rtol": 2e-4, "atol": 2e-5} if dtype == np.float32 else {"rtol": 1e-9, "atol": 1e-10}
    for row in range(4):
        eps = reference.noise_of(9, names[row], int(steps[row]), m, dtype)
        right = posterior[row, :m] + np.exp(posterior[row, m:] / 2) * eps
        np.testing.assert_allclose(z[row], right, **close)
        np.testing.assert_allclose(ratios[row], reference.log_ratio(posterior[row].astype(float), right), **close)
    noise = (z - posterior[:, :m]) / np.exp(posterior[:, m:] / 2)  # the same name and step: the same noise
    np.testing.assert_allclose(noise[0], noise[2], rtol=1e-4, atol=1e-5)


def test_threads_do_not_matter():
    rng = np.random.default_rng(1)
    posterior, n = rng.normal(size=(3000, 12)).astype(np.float32), 3000
    a, labels = rng.normal(size=(n, 50)).astype(np.float32), rng.normal(size=(n, 30)).astype(np.float32)
    found = []
    for n_threads in (1, 2):
        with limit_threads(n_threads):
            z, ratios, out = np.empty((n, 6), "f4"), np.empty(n, "f4"), np.empty((n, 80), "f4")
            draw_codes(posterior, np.arange(n), np.zeros(n, np.int64), Draw(0, 96), z, ratios)
            joining.join(a, labels, out)
            found.append((z, ratios, out))
    assert all((x == y).all() for x, y in zip(*found, strict=True))


A, B = np.zeros((3, 4), np.float32), np.zeros((3, 2), np.float32)
ROW, NUMBERS = np.zeros(3, np.float32), np.zeros(3, np.int64)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: joining.join(A, B[:2], A), r"b is float32\(2, 2\); give float32\(3, 2\)"),
        (lambda: joining.join(A, B, A), r"out is float32\(3, 4\); give float32\(3, 6\)"),
        (lambda: joining.join(A.astype(int), B, A), "a is int64"),
        (lambda: joining.take_left(B, A), r"out is float32\(3, 4\); give float32\(3, 2\)"),
        (lambda: bound.negative_bound(ROW, 1.0, ROW[:2], ROW), "divergence is"),
        (lambda: bound.fill(1.0, A), r"out is float32\(3, 4\); give a 1-D array"),
        (lambda: bound.repeat(ROW, ROW), r"source is float32\(3,\); give float32\(1,\)"),
        (lambda: draw_codes(A[:, :3].copy(), NUMBERS, NUMBERS, Draw(0, 0), B, ROW), "m means and m log-variances"),
        (lambda: draw_codes(A, NUMBERS[:2], NUMBERS, Draw(0, 0), B, ROW), "names is"),
        (lambda: draw_codes(A, NUMBERS, ROW, Draw(0, 0), B, ROW), r"steps is float32\(3,\); give int64"),
        (lambda: draw_codes(A, NUMBERS, NUMBERS, Draw(0, 0), A, ROW), "z is"),
    ],
)
def test_what_does_not_fit_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
