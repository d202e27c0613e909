"""Bernoulli units: states follow from the uniforms, probabilities from the inputs."""

import numpy as np
import pytest

from ebm.kernels.bernoulli import bernoulli
from ebm.kernels.contrastive_rows import HIDDEN, START, VISIBLE
from ebm.random import Draw, Random, Stream
from tests.reference.philox import uniforms

DRAW = Draw(seed=2**40 + 9, stream=2, step=11, first_row=5)


def inputs(shape, dtype, seed=0):
    return (3 * np.random.default_rng(seed).normal(size=shape)).astype(dtype)


def exact(x):
    return 1 / (1 + np.exp(-x.astype(np.float64)))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(1, 1), (7, 3), (4, 66), (0, 3), (3, 0)], ids=str)
def test_states_are_uniforms_below_probabilities(shape, dtype):
    x, bias = inputs(shape, dtype), inputs(shape[1:], dtype, 1)
    states, probabilities = np.empty_like(x), np.empty_like(x)
    returned = bernoulli(x, bias, DRAW, states=states, probabilities=probabilities)
    assert returned is states
    p = exact(x + bias)
    u = uniforms(*shape, DRAW.seed, DRAW.stream, DRAW.step, dtype, DRAW.first_row)
    np.testing.assert_array_equal(states, u < p)
    np.testing.assert_allclose(probabilities, p, rtol=4 * np.finfo(dtype).eps)
    np.testing.assert_array_equal(bernoulli(x, bias, DRAW), states)
    np.testing.assert_array_equal(bernoulli(x, bias, None, probabilities=np.empty_like(x)), probabilities)


def test_in_place_and_without_bias():
    x = inputs((6, 9), np.float32)
    wanted = bernoulli(x, np.zeros(9, np.float32), DRAW)
    np.testing.assert_array_equal(bernoulli(x, None, DRAW), wanted)
    same = x.copy()
    assert bernoulli(same, None, DRAW, states=same) is same
    np.testing.assert_array_equal(same, wanted)


@pytest.mark.parametrize("order", ["F", "strided", "read-only"])
def test_any_layout_of_inputs(order):
    x = inputs((6, 10), np.float32)
    wanted = bernoulli(x, None, DRAW)
    odd = np.asfortranarray(x) if order == "F" else np.repeat(x, 2, axis=1)[:, ::2] if order == "strided" else x.copy()
    odd.setflags(write=order != "read-only")
    np.testing.assert_array_equal(bernoulli(odd, None, DRAW), wanted)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_frequencies(dtype):
    x = np.array([-40, -6, -2, -0.1, 0, 0.5, 3, 8, 40], dtype)
    n = 200_000
    states = bernoulli(np.tile(x, (n, 1)), None, Random(1).at(1))
    p = exact(x)
    assert (np.abs(states.mean(axis=0, dtype=np.float64) - p) < 4.5 * np.sqrt(p * (1 - p) / n) + 1e-12).all()
    assert set(np.unique(states)) == {0.0, 1.0}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_extreme_inputs_are_certain_and_nan_is_off(dtype):
    x = np.tile(np.array([np.inf, 1e30, -np.inf, -1e30, np.nan], dtype), (1000, 1))
    probabilities = np.empty_like(x)
    states = bernoulli(x, None, DRAW, states=np.empty_like(x), probabilities=probabilities)
    np.testing.assert_array_equal(states, np.tile([1, 1, 0, 0, 0], (1000, 1)))
    assert (probabilities[:, :2] == 1).all()
    assert (probabilities[:, 2:4] < 2e-38).all()
    assert np.isnan(probabilities[:, 4]).all()


def test_what_does_not_fit_is_refused():
    x = inputs((3, 4), np.float32)
    for arguments, options, message in [
        ((x[0], None, DRAW), {}, r"inputs are float32\(4,\); give a 2-D array"),
        ((x.astype(int), None, DRAW), {}, "give a 2-D array of float32 or float64"),
        ((x, np.zeros(3, np.float32), DRAW), {}, r"bias float32\(3,\) does not fit inputs float32\(3, 4\)"),
        ((x, np.zeros(4), DRAW), {}, "bias float64"),
        ((x, None, DRAW), {"states": np.empty((3, 4))}, "states is float64"),
        ((x, None, DRAW), {"probabilities": np.empty((4, 3), np.float32).T}, "probabilities must be C-contiguous"),
        ((x, None, None), {}, "draw is None, but states are wanted"),
    ]:
        with pytest.raises(ValueError, match=message):
            bernoulli(*arguments, **options)


@pytest.mark.parametrize("place", ["states", "probabilities"])
def test_either_output_may_stand_in_the_inputs_place(place):
    inputs = np.random.default_rng(0).normal(size=(50, 20)).astype(np.float32)
    apart = {"states": np.empty_like(inputs), "probabilities": np.empty_like(inputs)}
    bernoulli(inputs, None, Draw(1, 2), **apart)
    together = {"states": np.empty_like(inputs), "probabilities": np.empty_like(inputs)}
    together[place] = inputs.copy()
    bernoulli(together[place], None, Draw(1, 2), **together)
    for name in apart:
        np.testing.assert_array_equal(together[name], apart[name])


def test_streams_have_the_numbers_that_the_update_uses():
    assert (VISIBLE, HIDDEN, START) == (Stream.VISIBLE, Stream.HIDDEN, Stream.START)
