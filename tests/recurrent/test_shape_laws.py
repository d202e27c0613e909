"""What holds for every shape of recurrent network: derivatives, threads, recording, what is left alone."""

import numpy as np
import pytest

from ebm.kernels import program, threads
from ebm.kernels.program import Captured
from ebm.kernels.threads import limit_threads
from ebm.kernels.totals import tick
from tests.networks.differences import close, differences
from tests.recurrent.shape_cases import outcomes
from tests.recurrent.shape_table import CASES

cases = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)


@cases
def test_gradients_are_central_differences(case):
    parameters, x, dy = case.parameters(), case.x(), case.dy()
    found = outcomes(case, np.float64, case.context(step=3), parameters)

    def loss():
        return float((dy * case.layer.forward(parameters, x, case.context(step=3))[0]).sum())

    close(found["dx"], differences(loss, x))
    for name, array in parameters.items():
        close(found[f"d {name}"], differences(loss, array))


@cases
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_one_thread_equals_several_bit_for_bit(case, dtype, monkeypatch):
    monkeypatch.setattr(threads, "SMALL", 1)
    results = []
    for n in (1, 2, 3):
        with limit_threads(n):
            results.append(outcomes(case, dtype, case.context(step=3)))
    for other in results[1:]:
        for name, array in results[0].items():
            assert array.dtype == dtype
            np.testing.assert_array_equal(other[name], array, err_msg=name)


@cases
def test_what_is_recorded_and_replayed_is_what_runs_at_once(case, monkeypatch):
    """Three updates, of which the last two are replays by two threads; the clock ticks in each."""
    monkeypatch.setattr(program, "SMALL", 1)
    dtype = np.float32
    parameters, x, dy = case.parameters(dtype), case.x(dtype), case.dy(dtype)
    context, found = case.context(step=3, reuse=True), {}
    gradients = {name: np.full_like(a, 9) for name, a in parameters.items()}

    def update():
        context.rewind()
        y, cache = case.layer.forward(parameters, x, context)
        found.update(y=y, dx=case.layer.backward(parameters, cache, dy, gradients, context))
        tick(context.clock)

    with limit_threads(2):
        Captured(update)(3)
    right = outcomes(case, dtype, case.context(step=5))
    for name, array in (found | {f"d {name}": a for name, a in gradients.items()}).items():
        np.testing.assert_array_equal(array, right[name], err_msg=name)


@cases
def test_inputs_are_left_alone_and_widths_are_as_told(case):
    parameters, x, dy = case.parameters(np.float32), case.x(np.float32), case.dy(np.float32)
    gradients, context = {name: np.empty_like(a) for name, a in parameters.items()}, case.context()
    y, cache = case.layer.forward(parameters, x, context)
    assert y.shape[1:] == case.layer.output_shape((case.width,))
    assert case.layer.backward(parameters, cache, dy, gradients, context, wants_input=False) is None
    np.testing.assert_array_equal(x, case.x(np.float32))
    np.testing.assert_array_equal(dy, case.dy(np.float32))


LEARNING = [case for case in CASES if case.parameters() and not case.training]


@pytest.mark.parametrize("case", LEARNING, ids=lambda case: case.name)
def test_a_second_gradient_of_a_pass_is_added(case):
    once = outcomes(case, np.float64, case.context())
    parameters, context = case.parameters(), case.context()
    twice = {name: np.full_like(a, 9) for name, a in parameters.items()}
    for _ in range(2):
        _, cache = case.layer.forward(parameters, case.x(), context)
        case.layer.backward(parameters, cache, case.dy(), twice, context)
    for name, array in twice.items():
        np.testing.assert_allclose(array, 2 * once[f"d {name}"], rtol=1e-12, atol=1e-14, err_msg=name)
