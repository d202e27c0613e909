"""Calls to the loops of networks that go through time, so that each knows its signature."""

import numpy as np

from ebm.kernels.chunks import load_chunk
from ebm.kernels.frames import clear_rows, copy_rows, gather_rows, load_frames, scatter_rows
from ebm.kernels.outer import outer
from ebm.kernels.sequence_means import mean_frames, spread_means
from ebm.kernels.shift import shift_rows
from ebm.networks.packing import Packing
from tests.recurrent.attending import Case
from tests.recurrent.cell_table import NAMES, backward, case_of
from tests.recurrent.shape_cases import outcomes
from tests.recurrent.shape_table import CASES

SHAPES = ("scrn, learnt", "deep, 3, shortcut", "both ways", "ends", "means", "sequence dropout")


def use_recurrent(dtype):
    for name in NAMES:
        case = case_of(name)
        backward(case, case.arrays(dtype))
    for case in CASES:
        if case.name in SHAPES:
            outcomes(case, dtype, case.context())
    Case(dtype).backward()
    a, index, packing = np.zeros((3, 5), dtype), np.arange(3), Packing((2, 1))
    outer(a, a, np.zeros((5, 5), dtype))
    load_frames(a, np.array([0, 2]), np.arange(2), np.zeros(2, np.uint32), 2, packing, a.copy())
    places, clock = np.zeros((1, 2), np.int64), np.zeros(2, np.uint32)
    load_chunk(a, np.array([0, 2]), np.arange(2), places, clock, packing, a.copy(), known=1)
    shift_rows(a, packing.after, a[:2], packing.sequence, a.copy())
    gather_rows(a, index, a.copy()), scatter_rows(a, index, a.copy()), clear_rows(a), copy_rows(a, a.copy())
    mean_frames(a, packing, np.zeros((2, 5), dtype)), spread_means(a, packing, a.copy())
