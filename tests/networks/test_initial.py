"""First weights have the spread that their method says, and come from the seed alone."""

import numpy as np
import pytest

from ebm.networks.initial import METHODS, initial_weights
from ebm.random import Random

VARIANCE = {"glorot": 2 / (300 + 200), "he": 2 / 300, "lecun": 1 / 300}


def drawn(method, shape=(300, 200), fans=(300, 200), seed=3, **options):
    return initial_weights(shape, *fans, Random(seed), np.float64, method, **options)


@pytest.mark.parametrize("name", VARIANCE)
@pytest.mark.parametrize("kind", ["uniform", "normal"])
def test_spread_is_the_methods(name, kind):
    w = drawn(f"{name}_{kind}")
    variance, fourth = VARIANCE[name], {"uniform": 1.8, "normal": 3.0}[kind]
    assert abs(w.mean()) < 5 * np.sqrt(variance / w.size)
    assert abs(w.var() / variance - 1) < 5 * np.sqrt((fourth - 1) / w.size)
    np.testing.assert_allclose(np.mean(w**4) / w.var() ** 2, fourth, rtol=0.05)
    if kind == "uniform":
        assert np.abs(w).max() <= np.sqrt(3 * variance)


def test_short_names_are_the_customary_ones():
    for short, name in (("glorot", "glorot_uniform"), ("he", "he_normal"), ("lecun", "lecun_normal")):
        np.testing.assert_array_equal(drawn(short), drawn(name))


@pytest.mark.parametrize("shape", [(7, 4), (4, 7), (5, 5), (3, 3, 2, 6), (3, 1)])
def test_orthogonal_weights_keep_lengths(shape):
    w = drawn("orthogonal", shape).reshape(-1, shape[-1])
    product = w.T @ w if w.shape[0] >= w.shape[1] else w @ w.T
    np.testing.assert_allclose(product, np.eye(len(product)), atol=1e-14)


def test_orthogonal_weights_are_uniform():
    """The mean of an entry is 0, which it is not without the signs of R's diagonal."""
    corners = np.array([drawn("orthogonal", (3, 3), seed=seed)[2, 2] for seed in range(400)])
    assert abs(corners.mean()) < 5 * np.sqrt(1 / 3 / 400)


@pytest.mark.parametrize("method", METHODS)
def test_seed_number_and_dtype_tell(method):
    w = drawn(method, (6, 5))
    assert w.shape == (6, 5)
    assert w.flags.c_contiguous
    np.testing.assert_array_equal(w, drawn(method, (6, 5)))
    single = initial_weights((6, 5), 300, 200, Random(3), np.float32, method)
    assert single.dtype == np.float32
    np.testing.assert_array_equal(single, w.astype(np.float32))
    if method == "zeros":
        assert not w.any()
    else:
        assert not np.isclose(w, drawn(method, (6, 5), seed=4)).any()
        assert not np.isclose(w, drawn(method, (6, 5), number=1)).any()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (((3, 2), 3, 2, Random(0), np.float32, "xavier"), "method must be one of .*'glorot'.*, got 'xavier'"),
        (((3, 0), 3, 2, Random(0)), r"must be at least 1, got shape=\(3, 0\)"),
        (((3, 2), 0, 2, Random(0)), "fan_in=0"),
        (((3, 2), 3, 2, Random(0), np.float16), "dtype must be float32 or float64"),
    ],
)
def test_what_makes_no_sense_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        initial_weights(*arguments)
