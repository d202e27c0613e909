"""SCRN: against its equations one number after the other, and what its context remembers."""

import numpy as np
import pytest

from ebm.networks.context import Context
from ebm.networks.packing import Packing
from ebm.random import Random
from ebm.recurrent.scrn import SCRNCell
from tests.networks.differences import close, differences
from tests.reference.recurrent_shapes import scrn

LENGTHS = (3, 6, 1, 4)


def problem(cell, seed=0):
    """Return parameters, x, a first state, dy and the gradient of the last state."""
    rng, first = np.random.default_rng(seed), cell.initial(4, Random(1), np.float64)
    parameters = {name: a + 0.3 * rng.normal(size=a.shape) for name, a in first.items()}
    n, width = len(LENGTHS), cell.output_size
    shapes = ((sum(LENGTHS), 4), (n, width), (sum(LENGTHS), width), (n, width))
    return parameters, *(rng.normal(size=shape) for shape in shapes)


CELLS = [SCRNCell(5, 3, 0.7), SCRNCell(5, 3, 0.7, learn_alpha=True)]


def alphas(cell, parameters):
    if cell.learn_alpha:
        return 1 / (1 + np.exp(-parameters["context_logit"]))
    return np.full(cell.context_units, cell.alpha)


@pytest.mark.parametrize("cell", CELLS)
def test_outputs_and_states_are_those_of_the_equations(cell):
    parameters, x, state, *_ = problem(cell)
    packing = Packing(LENGTHS)
    y, (final,), _ = cell.forward(parameters, x, (state,), Context(packing=packing))
    for i in range(len(LENGTHS)):
        rows = packing.positions(i)
        expected = np.array(scrn(x[rows], parameters, alphas(cell, parameters), state[i]))
        np.testing.assert_allclose(y[rows], expected, rtol=1e-12, atol=1e-14)
        np.testing.assert_allclose(final[i], expected[-1], rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("cell", CELLS)
def test_gradients_through_given_states_are_central_differences(cell):
    parameters, x, state, dy, d_final = problem(cell)
    packing = Packing(LENGTHS)

    def loss():
        y, (final,), _ = cell.forward(parameters, x, (state,), Context(packing=packing))
        return float((y * dy).sum() + (final * d_final).sum())

    context, gradients = Context(packing=packing), {name: np.full_like(a, 9) for name, a in parameters.items()}
    _, _, cache = cell.forward(parameters, x, (state,), context)
    found = cell.backward(parameters, cache, dy, (d_final,), gradients, context, wants_states=True)
    close(found.dx, differences(loss, x))
    close(found.d_states[0], differences(loss, state))
    for name, array in parameters.items():
        close(gradients[name], differences(loss, array))


def test_a_wrong_gradient_of_alpha_is_caught():
    """The mistake: e (s_t - u_t) in place of e (s_{t-1} - u_t), which is alpha times as much."""
    cell = CELLS[1]
    parameters, x, state, dy, _ = problem(cell)
    context, gradients = Context(packing=Packing(LENGTHS)), {name: np.full_like(a, 9) for name, a in parameters.items()}
    _, _, cache = cell.forward(parameters, x, (state,), context)
    cell.backward(parameters, cache, dy, None, gradients, context)
    wrong = gradients["context_logit"] * alphas(cell, parameters)

    def loss():
        return float((cell.forward(parameters, x, (state,), Context(packing=Packing(LENGTHS)))[0] * dy).sum())

    right = differences(loss, parameters["context_logit"])
    close(gradients["context_logit"], right)
    with pytest.raises(AssertionError):
        close(wrong, right)


@pytest.mark.parametrize("alpha", [0.0, 0.5, 0.95])
def test_what_came_in_once_decays_at_alpha(alpha):
    """After an impulse at the first frame: s_t = alpha^t s_0, and the first is (1 - alpha) x B."""
    cell, frames = SCRNCell(4, 3, alpha), 12
    parameters = cell.initial(2, Random(0), np.float64)
    x = np.zeros((frames, 2))
    x[0] = (1.5, -2.0)
    y, *_ = cell.forward(parameters, x, None, Context(packing=Packing([frames])))
    expected = np.outer(alpha ** np.arange(frames), (1 - alpha) * (x[0] @ parameters["context_weights"]))
    np.testing.assert_allclose(y[:, 4:], expected, rtol=1e-12, atol=1e-15)


def test_learnt_rates_start_from_alpha():
    fixed, learnt = SCRNCell(4, 3, 0.9), SCRNCell(4, 3, 0.9, learn_alpha=True)
    one, other = (cell.initial(2, Random(0), np.float64) for cell in (fixed, learnt))
    assert other.pop("context_logit") == pytest.approx(np.log(9))
    for name, array in one.items():
        np.testing.assert_array_equal(other[name], array)
    assert fixed.output_size == 7
    assert fixed.state_sizes == (7,)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"units": 0}, "units must be an integer of at least 1, got 0"),
        ({"context_units": 1.5}, "context_units must be an integer of at least 1, got 1.5"),
        ({"alpha": 1.0}, r"alpha must be a number in \[0, 1\), got 1.0"),
        ({"alpha": 0.0, "learn_alpha": True}, "alpha must be above 0 where it is learnt, got 0"),
    ],
)
def test_what_is_out_of_range_is_refused(given, told):
    with pytest.raises(ValueError, match=told):
        SCRNCell(**{"units": 2, "context_units": 2} | given)
