"""Rows of frames by numbers: out of the whole data and back, against NumPy."""

import numpy as np
import pytest

from ebm.kernels import threads
from ebm.kernels.frames import clear_rows, copy_rows, gather_rows, load_frames, scatter_rows
from ebm.kernels.threads import limit_threads
from ebm.networks.packing import Packing

dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])
counts = pytest.mark.parametrize("n", [1, 2, 3])


@pytest.fixture(autouse=True)
def many_threads(monkeypatch):
    monkeypatch.setattr(threads, "SMALL", 1)


@dtypes
@counts
def test_a_batch_is_loaded_as_its_packing_says(dtype, n):
    rng, lengths = np.random.default_rng(0), np.array([3, 1, 5, 2, 4, 5, 1])
    begins = np.concatenate([[0], np.cumsum(lengths)])
    data, samples = rng.normal(size=(begins[-1], 5)).astype(dtype), np.array([6, 2, 0, 5, 3, 1, 4])
    for batch in (0, 1):
        chosen = samples[3 * batch : 3 * batch + 3]
        packing = Packing(lengths[chosen])
        out = np.full((packing.n_frames, 5), np.nan, dtype)
        with limit_threads(n):
            load_frames(data, begins, samples, np.array([9, batch], np.uint32), 3, packing, out)
        for s, sample in enumerate(chosen):
            np.testing.assert_array_equal(out[packing.positions(s)], data[begins[sample] : begins[sample + 1]])


@dtypes
@counts
def test_rows_are_gathered_scattered_and_added(dtype, n):
    rng = np.random.default_rng(1)
    source, index = rng.normal(size=(11, 6)).astype(dtype), np.array([4, 4, 0, 10, 7])
    out = np.empty((5, 6), dtype)
    with limit_threads(n):
        gather_rows(source, index, out)
        np.testing.assert_array_equal(out, source[index])
        places, right = np.array([3, 0, 9, 5, 10]), source.copy()
        scatter_rows(out, places, source)
        right[places] = out
        np.testing.assert_array_equal(source, right)
        scatter_rows(out, places, source, add=True)
        right[places] += out
        np.testing.assert_array_equal(source, right)


@dtypes
@counts
def test_rows_are_cleared_and_copied(dtype, n):
    a, b = np.random.default_rng(2).normal(size=(2, 7, 5)).astype(dtype)
    with limit_threads(n):
        copy_rows(a, b)
        np.testing.assert_array_equal(b, a)
        clear_rows(a)
    assert (a == 0).all()
    assert (b != 0).all()
