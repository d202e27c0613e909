"""Additive attention: the formula, its gradients, ragged sequences, threads."""

from itertools import pairwise

import numpy as np
import pytest

from ebm.kernels.threads import limit_threads
from ebm.recurrent.attention import AttentionCell
from ebm.recurrent.lstm import LSTMCell
from ebm.recurrent.simple import SimpleCell
from tests.networks.differences import close, differences
from tests.recurrent.attending import SOURCES, TARGETS, Case
from tests.reference.attention import attending_lstm


def parts(array, lengths):
    return [array[a:b] for a, b in pairwise(np.concatenate([[0], np.cumsum(lengths)]))]


@pytest.mark.parametrize(("dtype", "rtol"), [(np.float64, 1e-13), (np.float32, 1e-5)])
def test_outputs_and_weights_are_those_of_the_formula(dtype, rtol):
    case = Case(dtype)
    y, finals, matrices = case.outputs()
    sources, targets = parts(case.frames, SOURCES), parts(case.x, TARGETS)
    for s, (source, x, got, weights) in enumerate(zip(sources, targets, parts(y, TARGETS), matrices, strict=True)):
        state, cell = case.states[0][s], case.states[1][s]
        outputs, expected, state, cell = attending_lstm(x, source, state, cell, case.parameters)
        close(got, outputs, rtol)
        close(weights, expected, rtol)
        close(finals[0][s], state, rtol)
        close(finals[1][s], cell, rtol)
        assert got.dtype == weights.dtype == dtype


def test_gradients_are_central_differences():
    case = Case()
    found = case.backward()
    arrays = case.arrays()
    assert set(found) == set(arrays)
    for name, array in arrays.items():
        close(found[name], differences(case.loss, array), 1e-7)


def test_a_sign_that_is_wrong_is_caught():
    case = Case()
    found = case.backward()["energy_weights"]
    case.d_states = tuple(-d for d in case.d_states)
    with pytest.raises(AssertionError):
        close(found, differences(case.loss, case.parameters["energy_weights"]), 1e-3)


def test_a_ragged_batch_is_each_pair_alone():
    case = Case()
    together, (y, _, _) = case.backward(), case.outputs()
    frames, x = parts(case.frames, SOURCES), parts(case.x, TARGETS)
    sums = dict.fromkeys(case.parameters, 0)
    for s in range(len(SOURCES)):
        alone = Case(sources=SOURCES[s : s + 1], targets=TARGETS[s : s + 1])
        alone.parameters, alone.frames, alone.x = case.parameters, frames[s], x[s]
        alone.states = tuple(state[s : s + 1] for state in case.states)
        alone.dy, alone.d_states = parts(case.dy, TARGETS)[s], tuple(d[s : s + 1] for d in case.d_states)
        np.testing.assert_array_equal(alone.outputs()[0], parts(y, TARGETS)[s])
        found = alone.backward()
        close(found["frames"], parts(together["frames"], SOURCES)[s], 1e-12)
        close(found["x"], parts(together["x"], TARGETS)[s], 1e-12)
        sums = {name: total + found[name] for name, total in sums.items()}
    for name, total in sums.items():
        close(together[name], total, 1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_threads_do_not_change_a_bit(dtype):
    lengths = np.random.default_rng(0).integers(1, 40, (2, 50))
    case = Case(dtype, sources=lengths[0], targets=lengths[1])
    found = []
    for n in (1, 2):
        with limit_threads(n):
            found.append({**case.backward(), "y": case.outputs()[0]})
    for name, array in found[0].items():
        np.testing.assert_array_equal(array, found[1][name])


def test_a_cell_that_cannot_attend_is_refused():
    with pytest.raises(ValueError, match="must be an LSTMCell, got SimpleCell"):
        AttentionCell(SimpleCell(3), 4)
    with pytest.raises(ValueError, match="width"):
        Case().cell.__class__(Case().cell.cell, 0)
    with pytest.raises(ValueError, match=r"has no recurrent_dropout, got an LSTMCell with 0\.3"):
        AttentionCell(LSTMCell(3, recurrent_dropout=0.3), 4)
