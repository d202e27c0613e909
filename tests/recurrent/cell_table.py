"""Every cell, with its formula: what tests/recurrent/test_cell_*.py go through.

A new cell is a line of CELLS: the laws hold for all of them. Those with a line in FORMULAS must equal it; SCRN and deep
transitions have formulas in tests of their own.
"""

from dataclasses import replace

import numpy as np

from ebm.networks.context import Context
from ebm.networks.packing import Packing
from ebm.recurrent.deep_transition import DeepTransitionCell
from ebm.recurrent.gru import GRUCell
from ebm.recurrent.lstm import LSTMCell
from ebm.recurrent.peephole import PeepholeLSTMCell
from ebm.recurrent.scrn import SCRNCell
from ebm.recurrent.simple import ACTIVATIONS, SimpleCell
from tests.recurrent.cell_cases import CellCase
from tests.reference.recurrent import gru_step, lstm_step, simple_step


def simple(kind):
    return lambda n: SimpleCell(n, activation=kind)


CELLS = {
    **{f"simple, {kind}": simple(kind) for kind in ACTIVATIONS},
    "lstm": LSTMCell,
    "peepholes": PeepholeLSTMCell,
    "gru, after": GRUCell,
    "gru, before": lambda n: GRUCell(n, reset="before"),
    "scrn": lambda n: SCRNCell(n, n // 2 + 1, 0.7),
    "scrn, learnt": lambda n: SCRNCell(n, n // 2 + 1, 0.7, learn_alpha=True),
    "deep transition": lambda n: DeepTransitionCell(n, depth=3, shortcut=True),
}
FORMULAS = {
    **{f"simple, {kind}": simple_step(kind) for kind in ACTIVATIONS},
    "lstm": lstm_step,
    "peepholes": lstm_step,
    "gru, after": gru_step("after"),
    "gru, before": gru_step("before"),
}
NAMES = list(CELLS)
LARGE = (40, 7, 61, 1, 33, 40, 2, 58, 19, 40)


def case_of(name, units=4, **options):
    """Return a cell with so many units as a case."""
    return CellCase(name, CELLS[name](units), **options)


def forward(case, parameters, x, states, context=None):
    """Return the outputs and the final states."""
    context = context or Context(packing=Packing(case.lengths))
    y, finals, _ = case.cell.forward(parameters, x, states, context)
    return y, finals


def weighed(y, finals, dy, d_states):
    """Return <dy, y> + <d states, finals>."""
    return sum(float((a * b).sum()) for a, b in zip((dy, *d_states), (y, *finals), strict=True))


def alone(case, s, dtype):
    """Return the case of sequence s by itself, and what its arrays are: parameters, x, states, dy and d_states."""
    parameters, x, states, dy, d_states = case.arrays(dtype)
    places = Packing(case.lengths).positions(s)
    one = tuple(tuple(np.array(state[s : s + 1]) for state in group) for group in (states, d_states))
    return replace(case, lengths=(case.lengths[s],)), (parameters, x[places], one[0], dy[places], one[1])


def backward(case, arrays, context=None, *, wants_states=True):
    """One pass forward and back from these arrays, as one dict of copies."""
    parameters, x, states, dy, d_states = arrays
    context = context or Context(packing=Packing(case.lengths))
    gradients = {name: np.full_like(a, 9) for name, a in parameters.items()}
    y, finals, cache = case.cell.forward(parameters, x, states, context)
    y, finals = y.copy(), [a.copy() for a in finals]
    back = case.cell.backward(parameters, cache, dy, d_states, gradients, context, wants_states=wants_states)
    found = {"y": y, "dx": back.dx.copy()} | {f"final {k}": a for k, a in enumerate(finals)}
    found |= {f"d initial {k}": a.copy() for k, a in enumerate(back.d_states or ())}
    return found | {f"d {name}": a for name, a in gradients.items()}
