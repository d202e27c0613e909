"""Recorded and replayed loops do what they do when they are called, whatever the number of threads."""

import numpy as np
import pytest
from numba.core import callconv

from ebm.kernels.activations import KINDS, activate, backward
from ebm.kernels.jit import core
from ebm.kernels.program import Captured, recorded
from ebm.kernels.threads import limit_threads, over_rows, replayable
from ebm.kernels.trampoline import SUCCESS, Call


@core
def _everything(a, b, flags, small, number, precise, on, count, out, first, last):
    """Every type of argument that a record can hold."""
    made = np.zeros(1)
    for row in range(first, last):
        for j in range(a.shape[1]):
            value = a[row, j] * number + b[j] * precise + small[0] + count
            out[row, j] = value if on and flags[j] else -value
    made[0] = 1


@core(allocates=False)
def _count(clock, first, last):
    clock[0] += np.uint32(1)


def arguments(on=True):
    a, b = np.arange(12, dtype=np.float32).reshape(4, 3), np.array([0.5, 1.5, -2.0])
    flags, small = np.array([True, False, True]), np.array([3], np.uint8)
    return a, b, flags, small, np.float32(0.25), np.float64(4.0), on, -7, np.zeros((4, 3))


@pytest.mark.parametrize("on", [True, False])
def test_every_type_of_argument_arrives(on):
    given = arguments(on)
    a, b, flags, *_, out = given
    right = a * 0.25 + b * 4.0 + 3 - 7
    captured = Captured(lambda: over_rows(_everything, given, 4, 12))
    captured()
    np.testing.assert_allclose(out, np.where(flags & on, right, -right))
    out[:] = 0
    captured()
    np.testing.assert_allclose(out, np.where(flags & on, right, -right))


@pytest.mark.parametrize("argument", [0.5, None, "a word", (1, 2)])
def test_other_arguments_are_refused(argument):
    with pytest.raises(TypeError, match="cannot be recorded"):
        Call(_count, (argument, 0, 0))


@pytest.mark.parametrize("n_threads", [1, 2, 3])
def test_replay_equals_calls_bit_for_bit(n_threads):
    def update(x, y):
        activate(x, KINDS["tanh"], y)
        backward(y, x, KINDS["tanh"], x)

    begin = np.random.default_rng(0).normal(size=(300, 400)).astype(np.float32)  # enough work for several threads
    x, y = begin.copy(), np.empty_like(begin)
    for _ in range(7):
        update(x, y)
    again, other = begin.copy(), np.empty_like(begin)
    captured = Captured(lambda: update(again, other))
    with limit_threads(n_threads):
        captured(1), captured(0), captured(4), captured(2)
    assert (again == x).all()
    assert (other == y).all()


def test_program_counts_what_it_does():
    clock = np.zeros(2, np.uint32)
    with recorded() as program:
        over_rows(_count, (clock,), 1, 1)
    assert (len(program), clock[0]) == (1, 1)
    program(5)
    assert clock[0] == 6
    with recorded(), pytest.raises(RuntimeError, match="recorded already"), recorded():
        pass


def test_nothing_is_recorded_after_an_error():
    with pytest.raises(ZeroDivisionError), recorded():
        raise ZeroDivisionError
    with recorded() as program:
        over_rows(_count, (np.zeros(1, np.uint32),), 1, 1)
    assert len(program) == 1


def test_loop_that_fails_is_told():
    with recorded() as program:
        over_rows(_fail, (np.zeros(1),), 1, 1)
    program._calls[0]._arguments[0][0] = 1
    with pytest.raises(RuntimeError, match="failed"):
        program()


@core
def _fail(wanted, first, last):
    if wanted[0] > 0:
        raise ValueError("as wanted")


def test_success_is_what_numba_calls_so():
    assert {callconv.RETCODE_OK.constant, callconv.RETCODE_NONE.constant} == set(SUCCESS)


def test_what_a_replay_would_leave_out_is_refused():
    clock = np.zeros(1, np.uint32)
    with pytest.raises(TypeError, match="'addition' works without loops"), recorded(), replayable("addition"):
        clock += 1
    with replayable("addition"):
        clock += 1
    with recorded(), replayable("addition"):
        over_rows(_count, (clock,), 1, 1)
