"""Philox gives Random123's words, and uniforms are exact, open, and as random as they should be."""

import numpy as np
import pytest
from scipy.stats import chi2

from ebm.kernels.philox import philox, uniform32, uniform64, uniforms
from ebm.random import Random, Stream
from tests.reference import philox as slow

ONES = 0xFFFFFFFF
VECTORS = [  # Random123's kat_vectors, philox4x32 with 10 rounds
    ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    ((ONES,) * 4, (ONES,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
]


@pytest.mark.parametrize(("counter", "key", "words"), VECTORS)
def test_published_vectors(counter, key, words):
    assert tuple(philox(*map(np.uint64, counter + key))) == words
    assert slow.philox(counter, key) == words


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(1, 1), (3, 4), (2, 7), (5, 130)], ids=str)
def test_uniforms_are_those_of_the_slow_generator(dtype, shape):
    seed, step, stream = 2**63 + 12345678901, 7, 3
    found = uniforms(shape, seed, step, stream, dtype)
    np.testing.assert_array_equal(found, slow.uniforms(*shape, seed, stream, step, dtype))
    assert found.dtype == dtype


def test_the_interval_is_open_and_the_grid_exact():
    extreme = [uniform32(np.uint64(word)) for word in (0, ONES)]
    assert [float(u) for u in extreme] == [2.0**-24, 1 - 2.0**-24]
    assert all(isinstance(u, float | np.float32) and 0 < np.float32(u) < 1 for u in extreme)
    extreme = [uniform64(np.uint64(word), np.uint64(word)) for word in (0, ONES)]
    assert extreme == [2.0**-53, 1 - 2.0**-53]
    u = uniforms((100, 1000), 5, 0, 1)
    k = u.astype(np.float64) * 2**23 - 0.5
    np.testing.assert_array_equal(k, np.round(k))  # 23 bits, no more
    assert len(np.unique(k % 2)) == 2  # and no fewer
    k = uniforms((100, 1000), 5, 0, 1, np.float64) * 2**52 - 0.5
    assert {0.0, 1.0} == set(np.unique(np.round(k) % 2))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_moments_and_bins(dtype):
    u = uniforms((1000, 2000), 99, 3, 2, dtype).astype(np.float64)
    n = u.size
    assert abs(u.mean() - 0.5) < 4 * np.sqrt(1 / 12 / n)
    assert abs(u.var() - 1 / 12) < 4 * np.sqrt(1 / 180 / n)
    counts = np.bincount((u * 1024).astype(int).ravel(), minlength=1024)
    assert 1e-4 < chi2.sf(((counts - n / 1024) ** 2).sum() * 1024 / n, 1023) < 1 - 1e-4


def test_columns_rows_steps_streams_and_seeds_are_independent():
    random = Random(17)
    u = random.uniform((500, 500), Stream.VISIBLE, 4)
    others = {
        "columns": np.roll(u, 1, axis=1),
        "four columns": np.roll(u, 4, axis=1),
        "rows": np.roll(u, 1, axis=0),
        "step": random.uniform((500, 500), Stream.VISIBLE, 5),
        "stream": random.uniform((500, 500), Stream.HIDDEN, 4),
        "seed": Random(18).uniform((500, 500), Stream.VISIBLE, 4),
        "high seed": Random(17 + 2**32).uniform((500, 500), Stream.VISIBLE, 4),
        "transposed": u.T,
    }
    for name, other in others.items():
        assert abs(np.corrcoef(u.ravel(), other.ravel())[0, 1]) < 4 / 500, name
        if name != "transposed":  # where the diagonal is the same
            assert (u == other).mean() < 1e-5, name


def test_permutations_and_normals():
    random = Random(3)
    orders = np.array([random.permutation(6, epoch) for epoch in range(6000)])
    assert (np.sort(orders, axis=1) == np.arange(6)).all()
    counts = np.array([np.bincount(column, minlength=6) for column in orders.T])
    assert np.abs(counts - 1000).max() < 5 * np.sqrt(1000)
    x = random.normal((300, 301), Stream.WEIGHTS, dtype=np.float64)
    n = x.size
    assert abs(x.mean()) < 4 / np.sqrt(n)
    assert abs(x.var() - 1) < 4 * np.sqrt(2 / n)
    assert abs((x**4).mean() - 3) < 4 * np.sqrt(96 / n)
    assert random.normal((2, 3), Stream.WEIGHTS).dtype == np.float32
