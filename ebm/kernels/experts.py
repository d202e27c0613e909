"""Experts of one projection y: log f(y) = -alpha phi(y) and its slope, for whole layers of activations.

    Student-t   phi(y) = log(1 + y^2 / 2)                      phi'(y) = y / (1 + y^2 / 2)
    logistic    phi(y) = log(1 + e^y) + log(1 + e^-y)          phi'(y) = tanh(y / 2)

so f is (1 + y^2 / 2)^-alpha or [sigma(y) sigma(-y)]^alpha. A row's energy is sum_j alpha_j phi(y_j), and the gradient
that moves it in x is made of alpha_j phi'(y_j): both come in one pass over the activations.

Source: Welling, Hinton & Osindero 2002, "Learning sparse topographic representations with products of Student-t
distributions", section 2.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ebm.kernels.block import BLOCK, block_sum
from ebm.kernels.exponential import sigmoid, softplus
from ebm.kernels.jit import cell, core, cuda_loop, inner, on_gpu, summing
from ebm.kernels.logarithm import log1p
from ebm.kernels.threads import over_rows

if TYPE_CHECKING:
    from numba import cuda

STUDENT_T, LOGISTIC = 0, 1  # kinds of experts
WORK = 8  # an activation costs about as much as so many plain elements


@cell
def student_potential(y: Any) -> Any:
    """log(1 + y^2 / 2)."""
    return log1p(type(y)(0.5) * y * y)


@cell
def student_slope(y: Any) -> Any:
    """y / (1 + y^2 / 2)."""
    return y / (type(y)(1) + type(y)(0.5) * y * y)


@cell
def logistic_potential(y: Any) -> Any:
    """log(1 + e^y) + log(1 + e^-y) = |y| + 2 log(1 + e^-|y|)."""
    a = abs(y)
    return a + type(y)(2) * softplus(-a)


@cell
def logistic_slope(y: Any) -> Any:
    """tanh(y / 2) = 2 sigma(y) - 1."""
    return type(y)(2) * sigmoid(y) - type(y)(1)


@inner
def student_row(y: Any, alpha: Any, terms: Any, slopes: Any) -> None:
    """terms = alpha phi(y) and slopes = alpha phi'(y) of one row."""
    for j in range(y.size):
        terms[j] = alpha[j] * student_potential(y[j])
        slopes[j] = alpha[j] * student_slope(y[j])


@inner
def logistic_row(y: Any, alpha: Any, terms: Any, slopes: Any) -> None:
    """terms = alpha phi(y) and slopes = alpha phi'(y) of one row."""
    for j in range(y.size):
        terms[j] = alpha[j] * logistic_potential(y[j])
        slopes[j] = alpha[j] * logistic_slope(y[j])


@summing
def row_total(x: Any) -> Any:
    """sum_j x_j."""
    total = x.dtype.type(0)
    for j in range(x.size):
        total += x[j]
    return total


@core
def _cpu(activations: Any, alpha: Any, kind: Any, energies: Any, slopes: Any, first: Any, last: Any) -> None:
    terms = np.empty(alpha.size, activations.dtype)
    for row in range(first, last):
        if kind == STUDENT_T:
            student_row(activations[row], alpha, terms, slopes[row])
        else:
            logistic_row(activations[row], alpha, terms, slopes[row])
        energies[row] = row_total(terms)


@cuda_loop
def _student_gpu(activations: Any, alpha: Any, energies: Any, slopes: Any) -> None:
    """One block does one row."""
    for row in range(cuda.blockIdx.x, activations.shape[0], cuda.gridDim.x):
        total = type(alpha[0])(0)
        for j in range(cuda.threadIdx.x, alpha.size, cuda.blockDim.x):
            y = activations[row, j]
            total += alpha[j] * student_potential(y)
            slopes[row, j] = alpha[j] * student_slope(y)
        total = block_sum(total)
        if cuda.threadIdx.x == 0:
            energies[row] = total


@cuda_loop
def _logistic_gpu(activations: Any, alpha: Any, energies: Any, slopes: Any) -> None:
    """One block does one row."""
    for row in range(cuda.blockIdx.x, activations.shape[0], cuda.gridDim.x):
        total = type(alpha[0])(0)
        for j in range(cuda.threadIdx.x, alpha.size, cuda.blockDim.x):
            y = activations[row, j]
            total += alpha[j] * logistic_potential(y)
            slopes[row, j] = alpha[j] * logistic_slope(y)
        total = block_sum(total)
        if cuda.threadIdx.x == 0:
            energies[row] = total


def expert_energies(activations: Any, exponents: Any, kind: int) -> tuple[Any, Any]:
    """Return sum_j alpha_j phi(y_rj) of every row, and alpha_j phi'(y_rj) of every activation.

    Parameters
    ----------
    activations : array of shape (rows, n_experts), float32 or float64, on the CPU or the GPU
        y. Values whose square overflows give infinite energies or NaN.
    exponents : array of shape (n_experts,) of the same dtype, on the same device
        alpha.
    kind : {STUDENT_T, LOGISTIC}

    Returns
    -------
    energies : array of shape (rows,)
    slopes : array of shape (rows, n_experts)

    Raises
    ------
    ValueError
        When shapes, dtypes or devices do not fit, or there is no such kind.
    """
    if activations.ndim != 2 or activations.dtype not in (np.float32, np.float64):
        raise ValueError(
            f"activations are {activations.dtype}{activations.shape}; give a 2-D array of float32 or float64"
        )
    wanted = activations.shape[1:], activations.dtype, on_gpu(activations)
    if (exponents.shape, exponents.dtype, on_gpu(exponents)) != wanted:
        raise ValueError(
            f"exponents {exponents.dtype}{exponents.shape} do not fit activations "
            f"{activations.dtype}{activations.shape} (or are on another device)"
        )
    if kind not in (STUDENT_T, LOGISTIC):
        raise ValueError(f"kind must be {STUDENT_T} (Student-t) or {LOGISTIC} (logistic), got {kind!r}")
    y = activations if activations.flags.c_contiguous else activations.copy(order="C")
    energies, slopes = np.zeros_like(y, shape=y.shape[:1]), np.empty_like(y)
    if y.size == 0:
        pass
    elif on_gpu(y):
        loop = _student_gpu if kind == STUDENT_T else _logistic_gpu
        loop(y.shape[0] * BLOCK, y, exponents, energies, slopes)
    else:
        over_rows(_cpu, (y, exponents, kind, energies, slopes), y.shape[0], WORK * y.size)
    return energies, slopes
