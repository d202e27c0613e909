"""Variational dropout inside cells: a mask for each sequence, under which it is read by weights of its own.

Products see m h, so a sequence goes through as if the rows of W were times its mask: (m h) W = h (diag(m) W).
"""

import numpy as np
import pytest

from ebm.networks.context import Context
from ebm.networks.packing import Packing
from ebm.random import Random, Stream
from ebm.recurrent.architecture import recurrent_cell
from tests.networks.differences import close
from tests.recurrent.shape_table import DROPPING
from tests.reference.philox import uniforms

SEED, RATE, UNITS, LENGTHS = Random((9 << 32) + 2), 0.4, 6, (3, 6, 1, 4)
SEEN = ("recurrent_weights", "shortcut_weights")  # what multiplies the state before
cells = pytest.mark.parametrize("name", DROPPING)


def cell_of(name, rate=RATE):
    return recurrent_cell(name, UNITS, recurrent_dropout=rate, **DROPPING[name])


def problem(cell, dtype=np.float64):
    rng, first = np.random.default_rng(0), cell.initial(4, Random(1), dtype)
    parameters = {name: (a + 0.3 * rng.normal(size=a.shape)).astype(dtype) for name, a in first.items()}
    n, frames = len(LENGTHS), sum(LENGTHS)
    x, dy = rng.normal(size=(frames, 4)).astype(dtype), rng.normal(size=(frames, cell.output_size)).astype(dtype)
    states, d_states = (tuple(rng.normal(size=(n, k)).astype(dtype) for k in cell.state_sizes) for _ in range(2))
    return parameters, x, states, dy, d_states


def passed(cell, parameters, x, states, dy, d_states, lengths, *, training=True, step=0):
    """Both ways: outputs and last states, gradients along x and first states, and gradients of parameters."""
    context = Context(training=training, random=SEED, packing=Packing(lengths))
    context.clock[0] = step
    gradients = {name: np.full_like(a, 9) for name, a in parameters.items()}
    y, finals, cache = cell.forward(parameters, x, states, context)
    y, finals = y.copy(), tuple(state.copy() for state in finals)
    back = cell.backward(parameters, cache, dy, d_states, gradients, context, wants_states=True)
    return (y, *finals), (back.dx, *back.d_states), gradients


def masks(dtype=np.float64, step=0):
    stream = int(Stream.RECURRENT_DROPOUT) | 1 << 8
    u = uniforms(len(LENGTHS), UNITS, SEED.seed, stream, step, dtype)
    return np.where(u < dtype(RATE), dtype(0), dtype(1 / (1 - RATE)))


@cells
def test_each_sequence_is_read_by_weights_of_its_own(name):
    """At all frames, forward and back; gradients of W are the sum over sequences of theirs, times the mask."""
    cell, plain, packing = cell_of(name), cell_of(name, 0.0), Packing(LENGTHS)
    parameters, x, states, dy, d_states = problem(cell)
    outputs, inputs, gradients = passed(cell, parameters, x, states, dy, d_states, LENGTHS, step=5)
    totals = {key: np.zeros_like(a) for key, a in parameters.items()}
    for i, mask in enumerate(masks(step=5)):
        rows, scale = packing.positions(i), mask[:, None]
        own = {key: scale * a if key in SEEN else a for key, a in parameters.items()}
        first, last = (tuple(state[i : i + 1] for state in given) for given in (states, d_states))
        there, back, found = passed(plain, own, x[rows], first, dy[rows], last, LENGTHS[i : i + 1])
        close(outputs[0][rows], there[0], 1e-12)
        close(inputs[0][rows], back[0], 1e-12)
        for k in range(1, len(there)):
            close(outputs[k][i], there[k][0], 1e-12)
            close(inputs[k][i], back[k][0], 1e-12)
        for key, gradient in found.items():
            totals[key] += scale * gradient if key in SEEN else gradient
    for key, gradient in gradients.items():
        close(gradient, totals[key], 1e-12)


@cells
def test_masks_differ_between_sequences_and_updates_and_rest_at_prediction(name):
    cell, plain = cell_of(name), cell_of(name, 0.0)
    given = problem(cell, np.float32)
    first, again, other = (passed(cell, *given, LENGTHS, step=step)[0][0] for step in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
    at_rest, without = (passed(c, *given, LENGTHS, training=False) for c in (cell, plain))
    for a, b in zip((*at_rest[0], *at_rest[1]), (*without[0], *without[1]), strict=True):
        np.testing.assert_array_equal(a, b)
    assert (passed(plain, *given, LENGTHS)[0][0] == at_rest[0][0]).all()


def test_a_gradient_that_forgets_the_mask_is_caught():
    """The mistake: dW of states that were not masked."""
    cell = cell_of("tanh")
    parameters, x, states, dy, d_states = problem(cell)
    *_, right = passed(cell, parameters, x, states, dy, d_states, LENGTHS)
    context = Context(training=True, random=SEED, packing=Packing(LENGTHS))
    _, _, cache = cell.forward(parameters, x, states, context)
    wrong = {name: np.empty_like(a) for name, a in parameters.items()}
    forgetful = cache._replace(dropped=cache.dropped._replace(seen=cache.previous))
    cell.backward(parameters, forgetful, dy, d_states, wrong, context)
    close(wrong["input_weights"], right["input_weights"])
    with pytest.raises(AssertionError):
        close(wrong["recurrent_weights"], right["recurrent_weights"])


@cells
@pytest.mark.parametrize("rate", [-0.1, 1, True])
def test_what_is_no_rate_is_refused(name, rate):
    with pytest.raises(ValueError, match=r"recurrent_dropout must be a number in \[0, 1\)"):
        cell_of(name, rate)
