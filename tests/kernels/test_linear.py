"""The packed product and its epilogues: dense = gather bit for bit, and both = the float64 reference."""

import numpy as np
import pytest

from ebm.kernels import conditional, linear
from ebm.kernels.processor import panel_width
from ebm.kernels.reduce import column_sums, softplus_rows
from ebm.random import Draw
from tests.reference.philox import uniforms

DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])
DRAW = Draw(seed=77, stream=1, step=3, first_row=2)


def problem(rows, depth, n, dtype, density=0.2, seed=0):
    rng = np.random.default_rng(seed)
    x = (rng.random((rows, depth)) < density).astype(dtype)
    return x, rng.normal(size=(depth, n)).astype(dtype), rng.normal(size=n).astype(dtype)


def exact(x, w, b):
    return x.astype(np.longdouble) @ w.astype(np.longdouble) + b


@DTYPES
@pytest.mark.parametrize("shape", [(1, 1), (3, 31), (5, 32), (7, 33), (2, 128), (4, 200)], ids=str)
def test_packing_is_undone_and_aligned(shape, dtype):
    matrix = np.random.default_rng(0).normal(size=shape).astype(dtype)
    panels = linear.pack(matrix)
    width = panel_width(dtype)
    assert panels.shape == (-(-shape[1] // width), shape[0], width)
    assert panels.ctypes.data % 64 == 0
    np.testing.assert_array_equal(linear.unpack(panels, shape[1]), matrix)
    assert not panels.transpose(1, 0, 2).reshape(shape[0], -1)[:, shape[1] :].any()
    np.testing.assert_array_equal(linear.pack(np.asfortranarray(matrix)), panels)


@DTYPES
@pytest.mark.parametrize("rows", [1, 2, 3, 5, 6, 11, 12, 13, 50, 97, 200])
@pytest.mark.parametrize("density", [0.1, 0.9])
def test_rows_equal_the_reference(rows, density, dtype):
    x, w, b = problem(rows, 37, 70, dtype, density)
    found = conditional.inputs(x, linear.pack(w), b)
    np.testing.assert_allclose(found, exact(x, w, b).astype(float), rtol=0, atol=40 * 3 * np.finfo(dtype).eps)
    x = x * np.random.default_rng(5).normal(size=x.shape).astype(dtype)  # not 0/1
    found = conditional.inputs(x, linear.pack(w), b)
    np.testing.assert_allclose(found, exact(x, w, b).astype(float), rtol=0, atol=40 * 9 * np.finfo(dtype).eps)


@DTYPES
@pytest.mark.parametrize("depth", [1, 2, 17, 300])
@pytest.mark.parametrize("n", [1, 15, 16, 31, 32, 33, 64, 129])
def test_widths_equal_the_reference(depth, n, dtype):
    x, w, b = problem(9, depth, n, dtype, 0.5)
    found = conditional.inputs(x, linear.pack(w), b)
    np.testing.assert_allclose(found, exact(x, w, b).astype(float), rtol=0, atol=depth * 6 * np.finfo(dtype).eps)


@DTYPES
@pytest.mark.parametrize("density", [0.0, 0.05, 0.3, 0.6, 1.0])
def test_dense_equals_gather_bit_for_bit(density, dtype):
    x, w, b = problem(41, 150, 90, dtype, density)
    panels = linear.pack(w)
    mixed = np.concatenate([x, np.full((1, 150), 0.5, dtype)])  # one row that is not 0/1 makes the block dense
    alone = np.concatenate([conditional.inputs(row[None], panels, b) for row in x])
    np.testing.assert_array_equal(conditional.inputs(x, panels, b), alone)
    np.testing.assert_array_equal(conditional.inputs(mixed, panels, b)[:41], alone)


@DTYPES
@pytest.mark.parametrize("density", [0.1, 0.8])
def test_epilogues_equal_their_formulas(density, dtype):
    x, w, b = problem(60, 40, 67, dtype, density)
    panels = linear.pack(w)
    a = exact(0.3 * x, w, b).astype(np.float64)
    p = 1 / (1 + np.exp(-a))
    x = dtype(0.3) * x
    eps = np.finfo(dtype).eps
    np.testing.assert_allclose(conditional.mean(x, panels, b), p, rtol=0, atol=20 * eps)
    u = uniforms(60, 67, DRAW.seed, DRAW.stream, DRAW.step, dtype, DRAW.first_row)
    np.testing.assert_array_equal(conditional.states(x, panels, b, DRAW), u < p)
    total = np.logaddexp(0, a).sum(axis=1)
    np.testing.assert_allclose(conditional.cumulant(x, panels, b), total, rtol=20 * eps)


@DTYPES
@pytest.mark.parametrize("n", [1, 7, 8, 130])
def test_sums_equal_their_formulas(n, dtype):
    x = (4 * np.random.default_rng(0).normal(size=(300, n))).astype(dtype)
    eps = np.finfo(dtype).eps
    found = softplus_rows(x)
    assert found.dtype == dtype
    np.testing.assert_allclose(found, np.logaddexp(0, x.astype(float)).sum(axis=1), rtol=20 * eps)
    sums = column_sums(x)
    np.testing.assert_allclose(sums, x.astype(float).sum(axis=0), rtol=0, atol=300 * 4 * eps)
    np.testing.assert_array_equal(softplus_rows(np.asfortranarray(x)), found)
    np.testing.assert_array_equal(column_sums(x.T.copy().T), sums)


@DTYPES
def test_column_sums_of_many_rows_keep_their_digits(dtype):
    x = np.full((200_000, 3), 0.1, dtype)
    # one running sum would miss by 17,000 and 2,400 eps
    np.testing.assert_allclose(column_sums(x), 200_000 * float(x[0, 0]), rtol=400 * np.finfo(dtype).eps)


@DTYPES
def test_nothing_to_do_is_done(dtype):
    x, w, b = problem(0, 5, 7, dtype)
    panels = linear.pack(w)
    assert conditional.inputs(x, panels, b).shape == conditional.mean(x, panels, b).shape == (0, 7)
    assert conditional.cumulant(x, panels, b).shape == softplus_rows(x).shape == (0,)


def test_what_does_not_fit_is_refused():
    x, w, b = problem(3, 5, 7, np.float32)
    panels = linear.pack(w)
    for bad in ((x[:, :4], panels, b), (x[0], panels, b), (x.astype(float), panels, b), (x, panels, b.astype(float))):
        for function in (conditional.inputs, conditional.mean, conditional.cumulant):
            with pytest.raises(ValueError, match=r"do not fit weights float32 of depth 5"):
                function(*bad)
    with pytest.raises(ValueError, match=r"bias float32\(700,\) do not fit"):
        conditional.mean(x, panels, np.zeros(700, np.float32))
    for function in (softplus_rows, column_sums):
        with pytest.raises(ValueError, match="2-D array of float32 or float64"):
            function(np.zeros(3))
        with pytest.raises(ValueError, match="2-D array of float32 or float64"):
            function(np.zeros((3, 3), int))
