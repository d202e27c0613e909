"""Cells equal their formulas, and their gradients are the formulas' central differences."""

import numpy as np
import pytest

from ebm.networks.packing import Packing
from tests.networks.differences import close, differences
from tests.recurrent.cell_table import FORMULAS, alone, backward, case_of, forward, weighed
from tests.reference import recurrent

names = pytest.mark.parametrize("name", FORMULAS)
FEW = (2, 4, 1, 4)


@names
@pytest.mark.parametrize(("dtype", "bound"), [(np.float64, 1e-13), (np.float32, 2e-6)])
def test_outputs_and_final_states_are_the_formulas(name, dtype, bound):
    case = case_of(name)
    parameters, x, states, *_ = case.arrays(dtype)
    zeros = tuple(np.zeros_like(state) for state in states)
    for given, meant in ((states, states), (None, zeros)):
        y, finals = forward(case, parameters, x, given)
        right, last = recurrent.batch(FORMULAS[name], parameters, x, meant, Packing(case.lengths))
        assert y.dtype == dtype
        for found, exact in zip((y, *finals), (right, *last), strict=True):
            np.testing.assert_allclose(found, exact, rtol=0, atol=bound * max(1, np.abs(exact).max()))


@names
def test_gradients_are_central_differences_of_the_formulas(name):
    case = case_of(name, 3, n_in=2, lengths=FEW)
    parameters, x, states, dy, d_states = case.arrays(np.float64)
    found, packing = backward(case, (parameters, x, states, dy, d_states)), Packing(FEW)

    def loss():
        return weighed(*recurrent.batch(FORMULAS[name], parameters, x, states, packing), dy, d_states)

    close(found["dx"], differences(loss, x, 1e-4))
    for k, state in enumerate(states):
        close(found[f"d initial {k}"], differences(loss, state, 1e-4))
    for key, array in parameters.items():
        close(found[f"d {key}"], differences(loss, array, 1e-4))


@names
def test_a_sequence_of_one_frame(name):
    case = case_of(name, 5, lengths=(1,))
    parameters, x, states, dy, d_states = case.arrays(np.float64)
    found = backward(case, (parameters, x, states, dy, d_states))
    output, finals = FORMULAS[name](parameters, x[0], [state[0] for state in states])
    np.testing.assert_allclose(found["y"][0], output, rtol=1e-12, atol=1e-14)
    for k, state in enumerate(finals):
        np.testing.assert_allclose(found[f"final {k}"][0], state, rtol=1e-12, atol=1e-14)

    def loss():
        return weighed(*forward(case, parameters, x, states), dy, d_states)

    for k, state in enumerate(states):
        close(found[f"d initial {k}"], differences(loss, state, 1e-4))


def lstm_alone(length=9):
    """One sequence through an LSTM: parameters, frames, states of zero, dy."""
    case, (parameters, x, _, dy, _) = alone(case_of("lstm", 4, lengths=(length,)), 0, np.float64)
    return case, parameters, x, dy


def test_every_gate_of_the_lstm_goes_back_as_its_formula_does():
    """With the term dc_{t+1} f_{t+1}, which some texts leave out: without it gradients are far off."""
    case, parameters, x, dy = lstm_alone()
    found = backward(case, (parameters, x, None, dy, None))
    start = (np.zeros(4), np.zeros(4))
    right = recurrent.lstm_backward(parameters, x, start, dy)
    broken = recurrent.lstm_backward(parameters, x, start, dy, carried=False)
    for name, gradient in right.items():
        close(found[f"d {name}"], gradient, 1e-12)
        assert np.abs(found[f"d {name}"] - broken[name]).max() > 0.05 * np.abs(gradient).max(), name


def test_the_way_along_cells_is_the_product_of_forget_gates():
    """Where nothing comes back through gates (W = 0), d c_T / d c_0 = f_1 f_2 ... f_T, unit by unit."""
    case, parameters, x, dy = lstm_alone()
    parameters["recurrent_weights"][...] = 0
    states = tuple(np.full((1, 4), 0.3) for _ in range(2))
    d_states = (np.zeros((1, 4)), np.ones((1, 4)))
    found = backward(case, (parameters, x, states, np.zeros_like(dy), d_states))
    h, c, product = states[0][0], states[1][0], np.ones(4)
    for frame in x:
        _, f, _, _, c = recurrent.lstm_gates(parameters, frame, h, c)
        product *= f
    np.testing.assert_allclose(found["d initial 1"][0], product, rtol=1e-12)
    np.testing.assert_array_equal(found["d initial 0"], 0)


def test_z_that_weights_the_new_state_is_this_one_with_its_sign_turned():
    """h_t = z n + (1 - z) h_{t-1}, as other texts have it."""
    case = case_of("gru, before")
    parameters, x, states, *_ = case.arrays(np.float64)
    turned = {name: a.copy() for name, a in parameters.items()}
    for array in turned.values():
        array[..., 4:8] *= -1

    def other(given, frame, before):
        (h,) = before
        z, candidate = recurrent.gru_gates(given, frame, h, "before")
        new = [z[j] * candidate[j] + (1 - z[j]) * h[j] for j in range(4)]
        return new, (new,)

    y, _ = forward(case, turned, x, states)
    right, _ = recurrent.batch(other, parameters, x, states, Packing(case.lengths))
    np.testing.assert_allclose(y, right, rtol=1e-12, atol=1e-13)


def test_peepholes_of_zero_are_an_lstm_bit_for_bit():
    case, plain = case_of("peepholes", 37), case_of("lstm", 37)
    parameters, *others = case.arrays(np.float32)
    parameters["peepholes"][...] = 0
    found = backward(case, (parameters, *others))
    right = backward(plain, ({k: a for k, a in parameters.items() if k != "peepholes"}, *others))
    for name, array in right.items():
        np.testing.assert_array_equal(found[name], array, err_msg=name)
