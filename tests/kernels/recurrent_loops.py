"""Calls to the loops of networks that go through time, so that each knows its signature."""

import numpy as np

from ebm.kernels.frames import clear_rows, copy_rows, gather_rows, load_frames, scatter_rows
from ebm.kernels.linear import pack
from ebm.kernels.outer import outer
from ebm.kernels.recurrence import _multiply, gate_columns
from ebm.networks.packing import Packing
from tests.recurrent.cell_table import NAMES, backward, case_of


def use_recurrent(dtype):
    for name in NAMES:
        case = case_of(name)
        backward(case, case.arrays(dtype))
    a, index, packing = np.zeros((3, 5), dtype), np.arange(3), Packing((2, 1))
    outer(a, a, np.zeros((5, 5), dtype))
    _multiply(a, pack(np.zeros((5, 5), dtype)), np.int64(5), np.zeros((3, gate_columns(5, dtype)), dtype), 0, 3)
    load_frames(a, np.array([0, 2]), np.arange(2), np.zeros(2, np.uint32), 2, packing, a.copy())
    gather_rows(a, index, a.copy()), scatter_rows(a, index, a.copy()), clear_rows(a), copy_rows(a, a.copy())
