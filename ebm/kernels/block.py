"""What the threads of one CUDA block do together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ebm.kernels.jit import cuda_part

if TYPE_CHECKING:
    from numba import cuda

BLOCK = 256  # threads a block has at most; a power of two


@cuda_part
def block_sum(value: Any) -> Any:
    """Sum ``value`` over the threads of a block, a power of two of them, in a fixed order; all get it.

    (Shared memory rather than warp shuffles, which the simulator does not know.)
    """
    part = cuda.shared.array(BLOCK, type(value))
    thread = cuda.threadIdx.x
    part[thread] = value
    cuda.syncthreads()
    half = cuda.blockDim.x // 2
    while half > 0:
        if thread < half:
            part[thread] += part[thread + half]
        cuda.syncthreads()
        half //= 2
    total = part[0]
    cuda.syncthreads()  # before anyone writes the next sum
    return total


@cuda_part
def block_max(value: Any) -> Any:
    """Return the largest ``value`` of the threads of a block, a power of two of them; all get it."""
    part = cuda.shared.array(BLOCK, type(value))
    thread = cuda.threadIdx.x
    part[thread] = value
    cuda.syncthreads()
    half = cuda.blockDim.x // 2
    while half > 0:
        if thread < half:
            part[thread] = max(part[thread], part[thread + half])
        cuda.syncthreads()
        half //= 2
    largest = part[0]
    cuda.syncthreads()  # before anyone writes the next one
    return largest
