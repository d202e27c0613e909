"""Noise on inputs: its distribution, its places in the streams, and that it is drawn anew."""

import numpy as np
import pytest
from scipy.stats import kstest, norm

from ebm.kernels import corruption as kernels
from ebm.kernels import threads
from ebm.networks.context import Context, Noise
from ebm.networks.corruption import GaussianNoise, Masking, SaltAndPepper, corrupt
from ebm.networks.dropout import Dropout
from ebm.random import Random, Stream
from tests.reference import network_layers as reference

DTYPES = [np.float32, np.float64]
KINDS = [GaussianNoise(0.5), Masking(0.3), SaltAndPepper(0.4, -1, 2)]
SEED = Random((3 << 32) + 11)
NOISE = Noise(SEED.seed, 77, np.array([5, 0], np.uint32))


def sample(dtype=np.float32, shape=(6, 7)):
    return np.random.default_rng(0).normal(size=shape).astype(dtype)


@pytest.mark.parametrize("dtype", DTYPES)
def test_loops_are_the_formulas_with_the_uniforms_of_their_place(dtype):
    x = sample(dtype)
    out = np.empty_like(x)
    kernels.mask(x, out, NOISE, rate=0.3, factor=2.0)
    np.testing.assert_array_equal(out, reference.corrupted(x, NOISE, 5, lambda v, u: 0 if u < 0.3 else 2 * v))
    kernels.salt_and_pepper(x, out, NOISE, rate=0.5, low=-1, high=4)
    exact = reference.corrupted(x, NOISE, 5, lambda v, u: -1 if u < 0.25 else 4 if u < 0.5 else v)
    np.testing.assert_array_equal(out, exact)
    kernels.add_noise(x, out, NOISE, scale=0.7)
    exact = reference.gaussian(x, NOISE, 5, 0.7)
    np.testing.assert_allclose(out, exact, rtol=0, atol=30 * np.finfo(dtype).eps)


@pytest.mark.parametrize("dtype", DTYPES)
def test_noise_is_normal(dtype):
    x = sample(dtype, (200, 101))
    z = (corrupt(x, GaussianNoise(0.5), SEED).astype(np.float64) - x) / 0.5
    assert kstest(z.ravel(), norm.cdf).pvalue > 1e-3
    assert abs(np.corrcoef(z[:, :100:2].ravel(), z[:, 1::2].ravel())[0, 1]) < 4 / np.sqrt(z.size / 2)


@pytest.mark.parametrize("dtype", DTYPES)
def test_rates_are_as_told(dtype):
    x = 0.5 + np.abs(sample(dtype, (200, 100)))

    def near(share, rate):
        assert abs(share - rate) < 4 * np.sqrt(rate * (1 - rate) / x.size)

    masked = corrupt(x, Masking(0.3), SEED)
    near((masked == 0).mean(), 0.3)
    np.testing.assert_array_equal(masked[masked != 0], x[masked != 0])
    salted = corrupt(x, SaltAndPepper(0.4, -1, -0.5), SEED)
    near((salted == -1).mean(), 0.2)
    near((salted == -0.5).mean(), 0.2)
    np.testing.assert_array_equal(salted[salted > 0], x[salted > 0])


def test_rates_of_zero_and_one():
    x = sample()
    np.testing.assert_array_equal(corrupt(x, Masking(0), SEED), x)
    np.testing.assert_array_equal(corrupt(x, Masking(1), SEED), 0)
    np.testing.assert_array_equal(corrupt(x, SaltAndPepper(0), SEED), x)
    assert set(np.unique(corrupt(x, SaltAndPepper(1), SEED))) == {0, 1}
    np.testing.assert_array_equal(corrupt(x, GaussianNoise(0), SEED), x)


@pytest.mark.parametrize("kind", KINDS, ids=repr)
def test_every_update_draws_anew_and_the_same_again(kind):
    x = sample(shape=(20, 3, 4, 2))
    first, again, later = (corrupt(x, kind, SEED, step) for step in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert (first != later).mean() > 0.2
    assert (first != corrupt(x, kind, Random(1))).mean() > 0.2


def test_two_corruptions_of_a_pass_differ():
    x, context = sample(shape=(10, 30)), Context(training=True)
    first, second = np.empty_like(x), np.empty_like(x)
    for out in (first, second):
        Masking(0.5).apply(x, out, context)
    assert 0.3 < ((first == 0) != (second == 0)).mean() < 0.7


@pytest.mark.parametrize("dtype", DTYPES)
def test_masking_is_dropout_of_inputs_but_for_the_factor(dtype, monkeypatch):
    """The same elements, bit for bit, where both draw from the same stream; they are 1 / (1 - rate) larger."""
    x = sample(dtype, (30, 40))
    masked = corrupt(x, Masking(0.25), SEED)
    monkeypatch.setattr(Context, "noise", lambda self, _: Noise(SEED.seed, int(Stream.MASKING) | 1 << 8, self.clock))
    dropped, _ = Dropout(0.25).forward({}, x, Context(training=True, random=SEED))
    np.testing.assert_array_equal(dropped == 0, masked == 0)
    np.testing.assert_array_equal(dropped, masked * dtype(1 / 0.75))


@pytest.mark.parametrize("kind", KINDS, ids=repr)
def test_threads_and_place_of_the_output_do_not_matter(kind, monkeypatch):
    monkeypatch.setattr(threads, "SMALL", 1)
    x, results = sample(shape=(33, 21)), []
    for n in (1, 2, 3):
        with threads.limit_threads(n):
            results.append(corrupt(x, kind, SEED))
    own = x.copy()
    kind.apply(own, own, Context(random=SEED))
    for other in (*results[1:], own):
        np.testing.assert_array_equal(other, results[0])
    np.testing.assert_array_equal(x, sample(shape=(33, 21)))


def test_rows_draw_alike_in_batches_of_any_size():
    x = sample(shape=(9, 5))
    np.testing.assert_array_equal(corrupt(x[:4], Masking(0.5), SEED), corrupt(x, Masking(0.5), SEED)[:4])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: GaussianNoise(-1), "scale must be a finite number of at least 0, got -1"),
        (lambda: Masking(1.5), r"rate must be a number in \[0, 1\], got 1.5"),
        (lambda: SaltAndPepper(0.1, 1, 0), "low must be below high, both finite; got low=1 and high=0"),
        (lambda: corrupt(np.zeros(3), Masking(), SEED), r"x is float64\(3,\); give samples in rows"),
        (lambda: corrupt(np.zeros((3, 2), int), Masking(), SEED), r"x is int64\(3, 2\)"),
        (lambda: corrupt(np.zeros((3, 2)), Masking(), SEED, -1), r"step must be an integer in \[0, 2\*\*32\), got -1"),
        (lambda: Masking().apply(np.zeros((3, 2)), np.zeros((3, 3)), Context()), r"out is float64\(3, 3\), but x asks"),
    ],
)
def test_bad_parameters_are_told(call, message):
    with pytest.raises(ValueError, match=message):
        call()
