"""A^T B over many rows, against NumPy."""

import numpy as np
import pytest

from ebm.kernels import threads
from ebm.kernels.outer import outer, working_shapes
from ebm.kernels.processor import aligned, panel_width
from ebm.kernels.threads import limit_threads

SHAPES = [(1, 1, 1), (7, 3, 5), (255, 49, 33), (256, 48, 64), (257, 13, 129), (600, 97, 70)]
shapes = pytest.mark.parametrize(("rows", "m", "n"), SHAPES)
dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def arrays(rows, m, n, dtype, more=0, seed=0):
    rng = np.random.default_rng(seed)
    return tuple(rng.normal(size=shape).astype(dtype) for shape in ((rows, m), (rows, n + more), (m, n)))


def near(found, a, b, start=0.0):
    exact = start + a.astype(np.float64).T @ b.astype(np.float64)
    scale = np.abs(start) + np.abs(a).T.astype(np.float64) @ np.abs(b)
    assert (np.abs(found - exact) <= (len(a) + 2) * np.finfo(found.dtype).eps * scale).all()


@shapes
@dtypes
def test_it_is_numpys_product(rows, m, n, dtype):
    a, b, out = arrays(rows, m, n, dtype)
    before = out.copy()
    outer(a, b, out, add=True)
    near(out, a, b, before)
    out[...] = np.nan
    outer(a, b, out)
    near(out, a, b)


@shapes
@dtypes
def test_columns_that_are_not_wanted_are_left_alone(rows, m, n, dtype):
    a, b, out = arrays(rows, m, n, dtype, more=19)
    before = out.copy()
    for add in (True, False):
        begin, end = n // 3, n - n // 4
        outer(a, b, out, columns=(begin, end), add=add)
        near(out[:, begin:end], a, b[:, begin:end], before[:, begin:end] * add)
        for beside in (np.s_[:, :begin], np.s_[:, end:]):
            np.testing.assert_array_equal(out[beside], before[beside])


@dtypes
def test_panels_by_panels_are_the_whole_bit_for_bit(dtype):
    width = panel_width(dtype)
    a, b, whole = arrays(300, 40, 3 * width + 5, dtype)
    parts = whole.copy()
    outer(a, b, whole)
    for begin, end in ((0, width), (width, 3 * width), (3 * width, 3 * width + 5)):
        outer(a, b, parts, columns=(begin, end))
    np.testing.assert_array_equal(parts, whole)


@shapes
@dtypes
def test_threads_do_not_change_a_bit(rows, m, n, dtype, monkeypatch):
    monkeypatch.setattr(threads, "SMALL", 1)
    a, b, out = arrays(rows, m, n, dtype)
    results = []
    for k in (1, 2, 3):
        with limit_threads(k):
            outer(a, b, out)
        results.append(out.copy())
    for other in results[1:]:
        np.testing.assert_array_equal(other, results[0])


def test_working_memory_may_hold_anything():
    a, b, out = arrays(70, 50, 37, np.float32)
    working = tuple(aligned(shape, np.float32) for shape in working_shapes(37, np.float32))
    outer(a, b, out, working=working)
    right = out.copy()
    for array in working:
        array[...] = np.nan
    outer(a, b, out, working=working)
    np.testing.assert_array_equal(out, right)
