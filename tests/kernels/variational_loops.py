"""Calls to the loops that variational autoencoders add, so that each knows its signature."""

import numpy as np

from ebm.kernels import bound, joining
from ebm.kernels.importance import draw_codes
from ebm.random import Draw


def use_variational(dtype):
    a, labels, row = np.ones((3, 40), dtype), np.ones((3, 20), dtype), np.ones(3, dtype)
    joined, numbers = np.empty((3, 60), dtype), np.zeros(3, np.int64)
    joining.join(a, labels, joined)
    joining.take_left(joined, a)
    bound.negative_bound(row, 1.0, row, row.copy())
    bound.fill(1.0, row)
    bound.repeat(row[:1], row)
    draw_codes(a, numbers, numbers, Draw(0, 0), labels, row)
