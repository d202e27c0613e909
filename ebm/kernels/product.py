"""C = A B on the GPU where cuBLAS is missing: a tile of C in registers, tiles of A and B in shared memory.

Source: Volkov & Demmel, "Benchmarking GPUs to tune dense linear algebra" (SC 2008), section 4.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from ebm.kernels.block import BLOCK
from ebm.kernels.jit import cuda_loop, on_gpu

if TYPE_CHECKING:
    from numba import cuda

u32 = np.uint32
SIDE, EACH, DEPTH = (
    64,
    4,
    16,
)  # a block's tile of C, a thread's part of it (both ways), and columns of A at a time
WIDTH = SIDE + 4  # of a row in shared memory
ACROSS = SIDE // EACH


@partial(cuda_loop, block=BLOCK)
def _gpu(a: Any, b: Any, out: Any) -> None:
    """One block makes SIDE x SIDE elements of C at a time, a thread EACH x EACH of them; any strides."""
    left = cuda.shared.array((DEPTH, WIDTH), type(a[0, 0]))
    right = cuda.shared.array((DEPTH, WIDTH), type(a[0, 0]))
    sums = cuda.local.array((EACH, EACH), type(a[0, 0]))
    zero = type(a[0, 0])(0)
    rows, depth, columns = a.shape[0], a.shape[1], b.shape[1]
    thread = cuda.threadIdx.x
    x, y = thread % ACROSS, thread // ACROSS
    tiles_across = (columns + SIDE - 1) // SIDE
    for tile in range(cuda.blockIdx.x, tiles_across * ((rows + SIDE - 1) // SIDE), cuda.gridDim.x):
        top, start = tile // tiles_across * SIDE, tile % tiles_across * SIDE
        for i in range(EACH):
            for j in range(EACH):
                sums[i, j] = zero
        for k in range(0, depth, DEPTH):
            for part in range(SIDE * DEPTH // BLOCK):
                e = thread + part * BLOCK
                d, r = e % DEPTH, e // DEPTH
                left[d, r] = a[top + r, k + d] if top + r < rows and k + d < depth else zero
                d, r = e // SIDE, e % SIDE
                right[d, r] = b[k + d, start + r] if k + d < depth and start + r < columns else zero
            cuda.syncthreads()
            for d in range(DEPTH):
                for i in range(EACH):
                    for j in range(EACH):
                        sums[i, j] += left[d, y * EACH + i] * right[d, x * EACH + j]
            cuda.syncthreads()
        for i in range(EACH):
            for j in range(EACH):
                if top + y * EACH + i < rows and start + x * EACH + j < columns:
                    out[top + y * EACH + i, start + x * EACH + j] = sums[i, j]


def product(a: Any, b: Any, out: Any) -> None:
    """Write ``a @ b`` into ``out``: matrices on the GPU of one dtype, float32 or float64, with any strides.

    Raises
    ------
    ValueError
        When shapes, dtypes or devices do not fit.
    """
    fits = a.shape[1] == b.shape[0] and out.shape == (a.shape[0], b.shape[1])
    if not fits or not a.dtype == b.dtype == out.dtype:
        raise ValueError(f"{a.dtype}{a.shape} @ {b.dtype}{b.shape} does not fit {out.dtype}{out.shape}")
    if not (on_gpu(a) and on_gpu(b) and on_gpu(out)):
        raise ValueError("a, b and out must all stand on the GPU")
    if out.size:
        _gpu(-(-out.shape[0] // SIDE) * -(-out.shape[1] // SIDE) * BLOCK, a, b, out)
