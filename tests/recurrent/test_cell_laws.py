"""What holds for every cell: adjoints, sequences alone, threads, pieces of time, recording, shapes that change."""

from dataclasses import replace

import numpy as np
import pytest

from ebm.kernels import program, threads
from ebm.kernels.threads import limit_threads
from ebm.networks.context import Context
from ebm.networks.packing import Packing
from tests.recurrent.cell_table import LARGE, NAMES, alone, backward, case_of, forward, weighed

names = pytest.mark.parametrize("name", NAMES)
dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def same(found, right, context=""):
    assert found.keys() == right.keys()
    for name, array in right.items():
        np.testing.assert_array_equal(found[name], array, err_msg=f"{name} {context}")


@names
def test_backward_is_the_adjoint_of_the_change_of_outputs(name):
    """<J v, u> = <v, J^T u> at sizes with whole tiles and odd ends; J v by a difference along v in all at once."""
    case = case_of(name, 37, n_in=21, lengths=(9, 3, 14, 1, 14, 2, 5) * 4)
    parameters, x, states, dy, d_states = case.arrays(np.float64)
    found, rng = backward(case, (parameters, x, states, dy, d_states)), np.random.default_rng(9)
    h = 1e-6  # no kink of ReLU lies between, and deep transitions bend soon
    parts = (
        {"dx": x} | {f"d initial {k}": a for k, a in enumerate(states)} | {f"d {k}": a for k, a in parameters.items()}
    )
    v = {key: rng.normal(size=a.shape) for key, a in parts.items()}

    def at(step):
        moved = {key: a + step * v[key] for key, a in parts.items()}
        first = tuple(moved[f"d initial {k}"] for k in range(len(states)))
        return weighed(*forward(case, {k: moved[f"d {k}"] for k in parameters}, moved["dx"], first), dy, d_states)

    along = (8 * (at(h) - at(-h)) - (at(2 * h) - at(-2 * h))) / (12 * h)
    terms = [float((v[key] * found[key]).sum()) for key in parts]
    assert abs(along - sum(terms)) < 1e-8 * sum(map(abs, terms))


@names
@dtypes
def test_a_ragged_batch_is_each_sequence_by_itself(name, dtype):
    """Bit for bit in outputs and states, forward and back; gradients of parameters are the sum."""
    case = case_of(name, 19, lengths=(3, 8, 1, 5, 8))
    together, total = backward(case, case.arrays(dtype)), {}
    for s in range(5):
        one, arrays = alone(case, s, dtype)
        found, places = backward(one, arrays), Packing(case.lengths).positions(s)
        for key, array in found.items():
            if key in ("y", "dx"):
                np.testing.assert_array_equal(together[key][places], array, err_msg=key)
            elif key.startswith(("final", "d initial")):
                np.testing.assert_array_equal(together[key][s : s + 1], array, err_msg=key)
            else:
                total[key] = total.get(key, 0) + array.astype(np.float64)
    for key, array in total.items():
        np.testing.assert_allclose(together[key], array, rtol=0, atol=100 * np.finfo(dtype).eps * np.abs(array).max())


@names
@dtypes
def test_threads_do_not_change_a_bit(name, dtype, monkeypatch):
    case, results = case_of(name, 33), []
    monkeypatch.setattr(threads, "SMALL", 1)
    for n in (1, 2, 3):
        with limit_threads(n):
            results.append(backward(case, case.arrays(dtype)))
    for found in results[1:]:
        same(found, results[0])


@names
def test_threads_do_not_change_a_bit_where_they_are_worth_it(name, monkeypatch):
    """As many frames as threads are woken for."""
    case, results, parts = case_of(name, 96, n_in=32, lengths=LARGE), [], []
    together = threads._together
    monkeypatch.setattr(
        threads, "_together", lambda core, calls, *a: (parts.append(len(calls)), together(core, calls, *a))
    )
    for n in (1, 2):
        parts.clear()
        with limit_threads(n):
            results.append(backward(case, case.arrays(np.float32)))
        assert max(parts) == n
    same(results[1], results[0])


def cut(case, arrays, at):
    """Return the same work as two cases: frames before and from time ``at`` of sequences that all have more."""
    n, length = len(case.lengths), case.lengths[0]
    first, second = (replace(case, lengths=(k,) * n) for k in (at, length - at))
    early = np.concatenate([Packing(case.lengths).positions(s)[:at] for s in range(n)])
    early.sort()
    late = np.setdiff1d(np.arange(sum(case.lengths)), early)
    return (first, early), (second, late)


def in_two_pieces(case, arrays, at, hand_back=lambda d_states: d_states):
    """One pass whose states are handed on at a time, and their gradients back."""
    parameters, x, states, dy, d_states = arrays
    (first, early), (second, late) = cut(case, arrays, at)
    between = forward(first, parameters, x[early], states)[1]
    end = backward(second, (parameters, x[late], between, dy[late], d_states))
    back = hand_back(tuple(end[f"d initial {k}"] for k in range(len(states))))
    start = backward(first, (parameters, x[early], states, dy[early], back))
    found = {key: a for key, a in start.items() if key.startswith("d initial")}
    found |= {key: a for key, a in end.items() if key.startswith("final")}
    for key in ("y", "dx"):
        found[key] = np.empty_like(x if key == "dx" else dy)
        found[key][early], found[key][late] = start[key], end[key]
    return found | {f"d {k}": start[f"d {k}"] + end[f"d {k}"] for k in parameters}


@names
def test_states_handed_on_make_two_pieces_one(name):
    case = case_of(name, 17, lengths=(9,) * 5)
    arrays = case.arrays(np.float64)
    whole, pieces = backward(case, arrays), in_two_pieces(case, arrays, 4)
    for key, array in whole.items():
        if key.startswith(("y", "final", "dx", "d initial")):
            np.testing.assert_array_equal(pieces[key], array, err_msg=key)
        else:
            np.testing.assert_allclose(pieces[key], array, rtol=0, atol=1e-13 * np.abs(array).max())


@pytest.mark.parametrize("forgotten", [0, 1])
@pytest.mark.parametrize("name", ["lstm", "peepholes"])
def test_a_term_that_is_not_carried_back_is_caught(name, forgotten):
    """The mistake: dL/dh or dL/dc (the term e_{t+1} f_{t+1}) is lost between two frames."""
    case = case_of(name, 17, lengths=(9,) * 5)
    arrays = case.arrays(np.float64)

    def lose(d_states):
        return tuple(np.zeros_like(a) if k == forgotten else a for k, a in enumerate(d_states))

    whole, broken = backward(case, arrays), in_two_pieces(case, arrays, 4, lose)
    for key in ("dx", "d initial 1", "d input_weights", "d recurrent_weights", "d bias"):
        assert np.abs(whole[key] - broken[key]).max() > 1e-3 * np.abs(whole[key]).max(), key


@names
def test_a_pass_that_is_recorded_and_replayed_is_one_that_runs(name, monkeypatch):
    """Inputs are read anew by every replay."""
    monkeypatch.setattr(program, "SMALL", 1)
    case = case_of(name, 21)
    parameters, x, states, dy, d_states = case.arrays(np.float32)
    context, found = Context(packing=Packing(case.lengths), reuse=True), {}
    gradients = {key: np.full_like(a, 9) for key, a in parameters.items()}

    def update():
        context.rewind()
        y, finals, cache = case.cell.forward(parameters, x, states, context)
        back = case.cell.backward(parameters, cache, dy, d_states, gradients, context, wants_states=True)
        found.update({"y": y, "dx": back.dx} | {f"final {k}": a for k, a in enumerate(finals)})
        found.update({f"d initial {k}": a for k, a in enumerate(back.d_states)})

    captured = context.device.capture(update)
    with limit_threads(2):
        captured()
        for array in (*found.values(), *gradients.values()):
            array[...] = np.nan
        x *= np.float32(0.5)
        captured(2)
    same(found | {f"d {key}": a for key, a in gradients.items()}, backward(case, (parameters, x, states, dy, d_states)))


@names
def test_a_context_whose_shapes_change_gives_the_same(name):
    """Memory of larger passes is used again, with what they have left in it."""
    context = Context(reuse=True, resize=True)
    for lengths in ((3, 1, 6), (9, 9, 2, 4), (2,), (9, 9, 2, 4)):
        case = case_of(name, 21, lengths=lengths)
        arrays = case.arrays(np.float32)
        context.rewind()
        for array in context._arrays:
            array[...] = 255  # NaN, whatever is read of it
        with context.packed(Packing(lengths)):
            found = backward(case, arrays, context)
        same(found, backward(case, arrays))


@names
def test_a_second_gradient_of_a_pass_is_added(name):
    case = case_of(name, 19)
    parameters, x, states, dy, d_states = case.arrays(np.float64)
    once, context = backward(case, (parameters, x, states, dy, d_states)), Context(packing=Packing(case.lengths))
    twice = {key: np.full_like(a, 9) for key, a in parameters.items()}
    for _ in range(2):
        _, _, cache = case.cell.forward(parameters, x, states, context)
        case.cell.backward(parameters, cache, dy, d_states, twice, context)
    for key, array in twice.items():
        np.testing.assert_allclose(array, 2 * once[f"d {key}"], rtol=1e-12, atol=1e-13, err_msg=key)


@names
def test_what_is_given_is_left_alone_and_what_is_not_wanted_is_not_made(name):
    case = case_of(name, 19)
    arrays = case.arrays(np.float32)
    parameters, x, states, dy, d_states = arrays
    context, gradients = Context(packing=Packing(case.lengths)), {k: np.empty_like(a) for k, a in parameters.items()}
    y, finals, cache = case.cell.forward(parameters, x, states, context)
    assert y.shape == (len(x), case.cell.output_size)
    assert [a.shape for a in finals] == [(len(case.lengths), size) for size in case.cell.state_sizes]
    back = case.cell.backward(parameters, cache, dy, d_states, gradients, context, wants_input=False)
    assert back == (None, None)
    same(
        {f"d {k}": a for k, a in gradients.items()},
        {k: a for k, a in backward(case, arrays).items() if k[2:] in gradients},
    )
    again = case.arrays(np.float32)
    for left, right in zip((x, dy, *states, *d_states), (again[1], again[3], *again[2], *again[4]), strict=True):
        np.testing.assert_array_equal(left, right)
    for key, array in again[0].items():
        np.testing.assert_array_equal(parameters[key], array)


@names
def test_no_states_are_states_of_zero(name):
    case = case_of(name, 19)
    parameters, x, states, dy, _ = case.arrays(np.float32)
    zeros = tuple(np.zeros_like(a) for a in states)
    none = backward(case, (parameters, x, None, dy, None))
    same(none, backward(case, (parameters, x, zeros, dy, zeros)))


@names
def test_states_of_another_shape_are_refused(name):
    """They would be read beyond their end."""
    case = case_of(name)
    parameters, x, states, *_ = case.arrays(np.float32)
    for other in (lambda state: state[1:].copy(), lambda state: state[:, 1:].copy()):
        with pytest.raises(ValueError, match="states have shapes"):
            case.cell.forward(parameters, x, tuple(map(other, states)), Context(packing=Packing(case.lengths)))


@names
def test_rows_that_no_packing_explains_are_refused(name):
    case = case_of(name)
    parameters, x, states, *_ = case.arrays(np.float32)
    with pytest.raises(ValueError, match="set the context's packing"):
        case.cell.forward(parameters, x, states, Context())
    with pytest.raises(ValueError, match="16 rows, but the packing has 5 frames"):
        case.cell.forward(parameters, x, states, Context(packing=Packing((2, 3))))
    with pytest.raises(ValueError, match="input_weights have shape"):
        case.cell.forward(parameters, x[:, :2].copy(), states, Context(packing=Packing(case.lengths)))
