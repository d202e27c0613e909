"""Deep transitions: against their equations one number after the other, and against the simple cell."""

import numpy as np
import pytest

from ebm.networks.context import Context
from ebm.networks.packing import Packing
from ebm.random import Random
from ebm.recurrent.deep_transition import DeepTransitionCell
from ebm.recurrent.simple import SimpleCell
from tests.networks.differences import close, differences
from tests.reference.recurrent_shapes import deep_transition

LENGTHS = (3, 6, 1, 4)
CELLS = [
    DeepTransitionCell(5, depth=1),
    DeepTransitionCell(5),
    DeepTransitionCell(5, activation="relu", depth=2, shortcut=True),
    DeepTransitionCell(5, activation="sigmoid", depth=4, shortcut=True),
]


def problem(cell, dtype=np.float64, seed=0):
    """Return parameters, x, a first state, dy and the gradient of the last state."""
    rng, first = np.random.default_rng(seed), cell.initial(4, Random(1), dtype)
    parameters = {name: (a + 0.3 * rng.normal(size=a.shape)).astype(dtype) for name, a in first.items()}
    n, width = len(LENGTHS), cell.output_size
    shapes = ((sum(LENGTHS), 4), (n, width), (sum(LENGTHS), width), (n, width))
    return parameters, *(rng.normal(size=shape).astype(dtype) for shape in shapes)


def both_ways(cell, given):
    parameters, x, state, dy, d_final = given
    context, gradients = Context(packing=Packing(LENGTHS)), {name: np.full_like(a, 9) for name, a in parameters.items()}
    y, (final,), cache = cell.forward(parameters, x, (state,), context)
    y, final = y.copy(), final.copy()
    found = cell.backward(parameters, cache, dy, (d_final,), gradients, context, wants_states=True)
    return {"y": y, "final": final, "dx": found.dx, "first": found.d_states[0]} | gradients


@pytest.mark.parametrize("cell", CELLS)
def test_outputs_are_those_of_the_equations(cell):
    given = problem(cell)
    parameters, x, state, *_ = given
    found, packing = both_ways(cell, given), Packing(LENGTHS)
    for i in range(len(LENGTHS)):
        rows = packing.positions(i)
        expected = deep_transition(x[rows], parameters, cell.activation, state[i], cell.depth)
        np.testing.assert_allclose(found["y"][rows], expected, rtol=1e-12, atol=1e-14)
        np.testing.assert_allclose(found["final"][i], expected[-1], rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("cell", CELLS)
def test_gradients_are_central_differences(cell):
    given = problem(cell)
    parameters, x, state, dy, d_final = given
    found = both_ways(cell, given)

    def loss():
        y, (final,), _ = cell.forward(parameters, x, (state,), Context(packing=Packing(LENGTHS)))
        return float((y * dy).sum() + (final * d_final).sum())

    for name, array in {"dx": x, "first": state, **parameters}.items():
        close(found[name], differences(loss, array))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("activation", ["tanh", "relu", "sigmoid", "identity"])
def test_one_level_is_the_simple_cell(activation, dtype):
    simple, deep = SimpleCell(5, activation=activation), DeepTransitionCell(5, activation=activation, depth=1)
    given = problem(simple, dtype)
    expected = both_ways(simple, given)
    for name, array in both_ways(deep, given).items():
        np.testing.assert_array_equal(array, expected[name], err_msg=name)
    first, other = (cell.initial(4, Random(1), dtype) for cell in (simple, deep))
    assert first.keys() == other.keys()
    assert all((first[name] == other[name]).all() for name in first)


def test_levels_are_drawn_apart():
    parameters = DeepTransitionCell(4, depth=3, shortcut=True).initial(3, Random(0), np.float64)
    drawn = [parameters["recurrent_weights"], *parameters["transition_weights"], parameters["shortcut_weights"]]
    assert len({weights.tobytes() for weights in drawn}) == 4
    assert parameters["transition_bias"].shape == (8,)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"depth": 0}, "depth must be an integer of at least 1, got 0"),
        ({"depth": 1, "shortcut": True}, "shortcut=True needs a depth of at least 2"),
        ({"activation": "softplus"}, "activation must be one of"),
    ],
)
def test_what_is_out_of_range_is_refused(given, told):
    with pytest.raises(ValueError, match=told):
        DeepTransitionCell(3, **given)
