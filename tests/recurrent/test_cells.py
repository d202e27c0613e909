"""Cells before they are used: parameters, their number, what is refused."""

import numpy as np
import pytest

from ebm.random import Random
from ebm.recurrent.gru import GRUCell
from ebm.recurrent.lstm import LSTMCell
from ebm.recurrent.peephole import PeepholeLSTMCell
from ebm.recurrent.simple import SimpleCell
from tests.recurrent.cell_table import FORMULAS, case_of


def n_parameters(cell, n_in=7):
    return sum(a.size for a in cell.initial(n_in, Random(0), np.float32).values())


@pytest.mark.parametrize(("units", "n_in"), [(1, 1), (5, 7), (64, 13)])
def test_a_gru_has_three_quarters_of_an_lstms_parameters(units, n_in):
    """(units + n_in + 1) units for each gate; the second bias of "after" is one more for each unit."""
    lstm = n_parameters(LSTMCell(units), n_in)
    assert 4 * n_parameters(GRUCell(units, reset="before"), n_in) == 3 * lstm
    assert 4 * (n_parameters(GRUCell(units), n_in) - units) == 3 * lstm
    assert 4 * n_parameters(SimpleCell(units), n_in) == lstm
    assert n_parameters(PeepholeLSTMCell(units), n_in) == lstm + 3 * units


@pytest.mark.parametrize("name", FORMULAS)
def test_first_parameters(name):
    cell = case_of(name, 6).cell
    first, again = (cell.initial(3, Random(k), np.float32) for k in (1, 1))
    other = cell.initial(3, Random(2), np.float32)
    n = cell.n_gates * 6
    shapes = {
        "input_weights": (3, n),
        "recurrent_weights": (6, n),
        "bias": (n,),
        "peepholes": (3, 6),
        "recurrent_bias": (6,),
    }
    for key, array in first.items():
        assert array.shape == shapes[key]
        assert array.dtype == np.float32
        np.testing.assert_array_equal(array, again[key])
    assert (first["input_weights"] != other["input_weights"]).all()
    for k in range(cell.n_gates):  # each gate's own rotation
        w = first["recurrent_weights"][:, 6 * k : 6 * k + 6]
        np.testing.assert_allclose(w.T @ w, np.eye(6), atol=1e-6)
        assert k == 0 or (w != first["recurrent_weights"][:, :6]).all()


def test_cells_of_an_lstm_remember_at_first():
    np.testing.assert_array_equal(LSTMCell(2, forget_bias=1.5).initial(1, Random(0), np.float64)["bias"][2:4], 1.5)
    np.testing.assert_array_equal(
        PeepholeLSTMCell(2).initial(1, Random(0), np.float64)["bias"], [0, 0, 1, 1, 0, 0, 0, 0]
    )


@pytest.mark.parametrize("make", [SimpleCell, LSTMCell, PeepholeLSTMCell, GRUCell])
def test_a_cell_without_units_is_refused(make):
    with pytest.raises(ValueError, match="units"):
        make(0)


def test_unknown_words_are_refused():
    with pytest.raises(ValueError, match=r"reset must be one of .*, got 'never'"):
        GRUCell(3, reset="never")
    with pytest.raises(ValueError, match=r"activation must be one of .*, got 'cubic'"):
        SimpleCell(3, activation="cubic")
