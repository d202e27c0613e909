"""What holds for every layer: derivatives, adjoints, threads, recording, and what is left alone."""

import numpy as np
import pytest

from ebm.kernels import program, threads
from ebm.kernels.program import Captured
from ebm.kernels.threads import limit_threads
from ebm.kernels.totals import tick
from tests.networks.layer_cases import CASES, EMBEDDING, SEED, Case, outcomes

cases = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)


def loss(case, parameters, x, weights):
    """A loss whose derivative by y is ``weights``; running statistics are not moved."""
    own = {name: a.copy() for name, a in parameters.items()}
    y, _ = case.layer.forward(own, x, case.context(step=3))
    return float((y * weights).sum())


def central_differences(f, x, h=1e-5):
    found = np.zeros_like(x)
    for i in np.ndindex(x.shape):
        sides = []
        for sign in (1, -1):
            moved = x.copy()
            moved[i] += sign * h
            sides.append(f(moved))
        found[i] = (sides[0] - sides[1]) / (2 * h)
    return found


def close(found, exact, tolerance=1e-7):
    assert np.abs(found - exact).max() <= tolerance * max(1, np.abs(exact).max())


@cases
def test_gradients_are_central_differences(case):
    case = Case(case.name, case.layer, case.shape, min(case.n, 6), case.training)
    parameters, x, (_, dy) = case.parameters(np.float64), case.x(np.float64), case.changes(np.float64)
    found = outcomes(case, np.float64, case.context(step=3))
    close(found["dx"], central_differences(lambda moved: loss(case, parameters, moved, dy), x))
    for name in parameters.keys() - set(case.layer.statistics):
        exact = central_differences(lambda w, name=name: loss(case, parameters | {name: w}, x, dy), parameters[name])
        close(found[f"d {name}"], exact)


@cases
def test_change_of_y_is_a_central_difference_and_the_adjoint_of_backward(case):
    parameters, x, (dx, dy) = case.parameters(np.float64), case.x(np.float64), case.changes(np.float64)
    found, h = outcomes(case, np.float64, case.context(step=3)), 1e-5
    ends = [
        case.layer.forward({name: a.copy() for name, a in parameters.items()}, x + s * h * dx, case.context(step=3))[0]
        for s in (1, -1)
    ]
    close(found["jvp"], (ends[0] - ends[1]) / (2 * h))
    np.testing.assert_allclose((found["jvp"] * dy).sum(), (found["dx"] * dx).sum(), rtol=1e-12, atol=1e-12)


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
    parameters, x, (_, dy) = case.parameters(dtype), case.x(dtype), case.changes(dtype)
    context = case.context(step=3, reuse=True)
    gradients = {name: np.full_like(a, 9) for name, a in parameters.items()}
    found = {}

    def update():
        context.rewind()
        y, cache = case.layer.forward(parameters, x, context)
        found.update(y=y, dx=case.layer.backward(parameters, cache, dy, gradients, context))
        tick(context.clock)

    with limit_threads(2):
        Captured(update)(3)
    assert context.clock[0] == 6
    own = case.parameters(dtype)
    for step in (3, 4, 5):
        plain, written = case.context(step), {name: np.full_like(a, 9) for name, a in own.items()}
        y, cache = case.layer.forward(own, x, plain)
        dx = case.layer.backward(own, cache, dy, written, plain)
    np.testing.assert_array_equal(found["y"], y)
    np.testing.assert_array_equal(found["dx"], dx)
    for name in own:
        np.testing.assert_array_equal(parameters[name], own[name], err_msg=name)
        np.testing.assert_array_equal(gradients[name], written[name], err_msg=name)


@cases
def test_inputs_are_left_alone_and_shapes_are_as_told(case):
    parameters, x, (_, dy) = case.parameters(np.float32), case.x(np.float32), case.changes(np.float32)
    gradients = {name: np.empty_like(a) for name, a in parameters.items()}
    context = case.context()
    y, cache = case.layer.forward(parameters, x, context)
    assert y.shape == (case.n, *case.layer.output_shape(case.shape))
    assert case.layer.backward(parameters, cache, dy, gradients, context, wants_input=False) is None
    case.layer.backward(parameters, cache, dy, gradients, context)
    np.testing.assert_array_equal(x, case.x(np.float32))
    np.testing.assert_array_equal(dy, case.changes(np.float32)[1])


@pytest.mark.parametrize("case", [c for c in CASES if c.parameters(np.float32)], ids=lambda case: case.name)
def test_a_second_gradient_of_a_pass_is_added(case):
    parameters, x, (_, dy) = case.parameters(np.float64), case.x(np.float64), case.changes(np.float64)
    once, twice = ({name: np.full_like(a, 9) for name, a in parameters.items()} for _ in range(2))
    for gradients, times in ((once, 1), (twice, 2)):
        context = case.context()
        _, cache = case.layer.forward(parameters, x, context)
        for _ in range(times):
            case.layer.backward(parameters, cache, dy, gradients, context)
    for name in parameters.keys() - set(case.layer.statistics):
        np.testing.assert_allclose(twice[name], 2 * once[name], rtol=1e-12)


def test_layers_with_the_same_parameters_are_equal():
    for case in CASES:
        assert case.layer == type(case.layer)(**vars(case.layer))
        assert hash(case.layer) is not None
    assert EMBEDDING.initial((3,), SEED, np.float64)["weights"].shape == (9, 5)
