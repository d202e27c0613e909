"""Products for dense layers against NumPy's, with every remainder of tiles and panels."""

import numpy as np
import pytest

from ebm.kernels import dense
from ebm.kernels.column_totals import column_totals
from ebm.kernels.processor import aligned
from ebm.kernels.threads import limit_threads

SIZES = [(1, 1, 1), (3, 5, 7), (96, 33, 65), (100, 64, 128), (130, 17, 200)]
RTOL = {np.float32: 2e-6, np.float64: 4e-15}


def made(rng, shape, dtype):
    return rng.normal(size=shape).astype(dtype)


def packed(matrix, *, transposed=False):
    depth, n = matrix.shape[::-1] if transposed else matrix.shape
    panels = aligned(dense.panels_shape(depth, n, matrix.dtype), matrix.dtype)
    (dense.pack_transposed if transposed else dense.pack_into)(matrix, panels)
    return panels


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("rows", "depth", "n"), SIZES)
def test_products(rows, depth, n, dtype):
    rng = np.random.default_rng(rows)
    x, w, b, d = (made(rng, s, dtype) for s in ((rows, depth), (depth, n), (n,), (rows, n)))
    close = {"rtol": RTOL[dtype], "atol": RTOL[dtype] * np.sqrt(depth + rows) * 4}
    assert (packed(w, transposed=True) == packed(w.T.copy())).all()
    y = np.empty((rows, n), dtype)
    dense.affine(x, packed(w), b, y)
    np.testing.assert_allclose(y, x @ w + b, **close)
    dense.affine(x, packed(w), b[:0], y)
    np.testing.assert_allclose(y, x @ w, **close)
    dx = np.empty_like(x)
    dense.product(d, packed(w, transposed=True), dx)
    np.testing.assert_allclose(dx, d @ w.T, **close)
    dw = np.empty_like(w)
    dense.product(x, packed(d), dw, transposed=True)
    np.testing.assert_allclose(dw, x.T @ d, **close)
    dense.product(x, packed(d), dw, transposed=True, add=True)
    np.testing.assert_allclose(dw, 2 * x.T @ d, **close)
    db = np.empty_like(b)
    column_totals(d, db)
    column_totals(d, db, add=True)
    np.testing.assert_allclose(db, 2 * d.sum(axis=0), **close)
    dense.add_into(d, y)
    np.testing.assert_allclose(y, x @ w + d, **close)


@pytest.mark.parametrize("density", [0.05, 0.8])
def test_binary_rows_give_the_same_bits_as_dense_ones(density):
    rng = np.random.default_rng(1)
    x, w, b = (rng.random((70, 90)) < density).astype(np.float32), made(rng, (90, 70), np.float32), np.zeros(70, "f4")
    y, other = np.empty((70, 70), np.float32), np.empty((71, 70), np.float32)
    dense.affine(x, packed(w), b, y)
    dense.affine(np.vstack([x, np.full((1, 90), 0.5, "f4")]), packed(w), b, other)  # one row not 0/1
    assert (y == other[:70]).all()


def test_threads_do_not_matter():
    rng = np.random.default_rng(2)
    x, w, d = (made(rng, s, np.float32) for s in ((257, 300), (300, 130), (257, 130)))
    found = []
    for n_threads in (1, 2, 3):
        with limit_threads(n_threads):
            y, dw, db = np.empty_like(d), np.empty_like(w), np.empty(130, np.float32)
            dense.affine(x, packed(w), w[0], y)
            dense.product(x, packed(d), dw, transposed=True)
            column_totals(d, db)
            found.append((y, dw, db))
    for other in found[1:]:
        assert all((a == b).all() for a, b in zip(found[0], other, strict=True))
