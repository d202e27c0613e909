"""Convolutions with few channels out, such as an image's own: products along patches instead of across channels.

A tile of ``patches`` holds a vector of output channels, which would stand almost empty. A patch's rows are contiguous,
so here a vector holds elements of one row (``chunks`` of ``Plan``), and is summed up at the end.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ebm.kernels.jit import core, inner
from ebm.kernels.patches import FOUR, dot_four
from ebm.kernels.processor import VECTOR_BYTES
from ebm.kernels.vector import at

NONE = np.int64(0)


@core(allocates=False)
def pack_narrow(w: Any, elements: Any, transposed: Any, packed: Any, first: Any, last: Any) -> None:
    """Write the weights (kernel, channels, out) of outputs [first, last) as the chunks of patches meet them."""
    depth, lanes = w.shape[1 + transposed], elements.shape[1]
    for o in range(first, last):
        for chunk in range(elements.shape[0]):
            place = (o * elements.shape[0] + chunk) * lanes
            row, numbers = packed[place : place + lanes], elements[chunk]
            for j in range(lanes):
                k = max(0, numbers[j])
                value = w[k // depth, o, k % depth] if transposed else w[k // depth, k % depth, o]
                row[j] = value if numbers[j] >= 0 else 0


@inner
def narrow_block(
    copy: Any, places: Any, top: Any, here: Any, chunks: Any, begin: Any, depth: Any, packed: Any, n: Any,
    start: Any, block: Any,
) -> None:  # fmt: skip
    """Make ``n`` outputs of patches [top, top + here) by products along them."""
    width = block.shape[1]
    lanes = VECTOR_BYTES // block.itemsize
    for o in range(n):
        for r in range(0, here, FOUR):
            dot_four(
                at(copy, NONE), at(places, top + r), at(chunks, begin),
                at(packed, (o * chunks.size + begin) * lanes), depth, at(start, o), at(block, r * width + o), width,
            )  # fmt: skip
