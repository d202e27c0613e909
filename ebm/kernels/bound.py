"""Small parts of the negative bound -ELBO = reconstruction + beta KL, as loops that an update can replay.

Source: Kingma & Welling 2014 (arXiv:1312.6114), eq. 7; beta is that of Higgins et al. 2017, eq. 4.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ebm.kernels.checks import check_floats, check_like
from ebm.kernels.jit import core, cuda_loop, inner, on_gpu
from ebm.kernels.threads import over_rows

if TYPE_CHECKING:
    from numba import cuda

CHUNK = 1024  # numbers that are one item of work


@inner
def weighted_part(reconstruction: Any, beta: Any, divergence: Any, out: Any) -> None:
    """Write reconstruction + beta divergence."""
    for i in range(out.size):
        out[i] = reconstruction[i] + beta * divergence[i]


@inner
def fill_part(value: Any, out: Any) -> None:
    """Write the same number everywhere."""
    for i in range(out.size):
        out[i] = value


@core(allocates=False)
def _sum_cpu(reconstruction: Any, beta: Any, divergence: Any, out: Any, first: Any, last: Any) -> None:
    for chunk in range(first, last):
        low, high = chunk * CHUNK, min((chunk + 1) * CHUNK, out.size)
        weighted_part(reconstruction[low:high], beta, divergence[low:high], out[low:high])


@core(allocates=False)
def _fill_cpu(value: Any, out: Any, first: Any, last: Any) -> None:
    for _ in range(first, last):
        fill_part(value, out)


@core(allocates=False)
def _repeat_cpu(source: Any, out: Any, first: Any, last: Any) -> None:
    for _ in range(first, last):
        fill_part(source[0], out)


@cuda_loop
def _sum_gpu(reconstruction: Any, beta: Any, divergence: Any, out: Any) -> None:
    for i in range(cuda.grid(1), out.size, cuda.gridsize(1)):
        out[i] = reconstruction[i] + beta * divergence[i]


@cuda_loop
def _fill_gpu(value: Any, out: Any) -> None:
    for i in range(cuda.grid(1), out.size, cuda.gridsize(1)):
        out[i] = value


@cuda_loop
def _repeat_gpu(source: Any, out: Any) -> None:
    for i in range(cuda.grid(1), out.size, cuda.gridsize(1)):
        out[i] = source[0]


def negative_bound(reconstruction: Any, beta: float, divergence: Any, out: Any) -> None:
    """Write reconstruction + beta divergence of every sample.

    Parameters
    ----------
    reconstruction, divergence, out : arrays of shape (n,), float32 or float64
    beta : float

    Raises
    ------
    ValueError
        When shapes, dtypes or devices do not fit.
    """
    check_floats(reconstruction, "reconstruction", 1)
    check_like(divergence, "divergence", reconstruction.shape, reconstruction)
    check_like(out, "out", reconstruction.shape, reconstruction)
    arguments = reconstruction, out.dtype.type(beta), divergence, out
    if on_gpu(out):
        _sum_gpu(out.size, *arguments)
    else:
        over_rows(_sum_cpu, arguments, -(-out.size // CHUNK), out.size)


def fill(value: float, out: Any) -> None:
    """Write a number into every place of a vector of float32 or float64; ValueError when it is none."""
    check_floats(out, "out", 1)
    number = out.dtype.type(value)
    if on_gpu(out):
        _fill_gpu(out.size, number, out)
    else:
        over_rows(_fill_cpu, (number, out), 1, out.size)


def repeat(source: Any, out: Any) -> None:
    """Write the one number of ``source``, of shape (1,), into every place of a vector.

    Raises
    ------
    ValueError
        When shapes, dtypes or devices do not fit.
    """
    check_floats(out, "out", 1)
    check_like(source, "source", (1,), out)
    if on_gpu(out):
        _repeat_gpu(out.size, source, out)
    else:
        over_rows(_repeat_cpu, (source, out), 1, out.size)
