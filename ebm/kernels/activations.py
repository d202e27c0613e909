"""Activations y = f(a) and their slopes f'(a), told from the output alone.

    sigmoid     1 / (1 + e^-a)                 y (1 - y)
    tanh        2 sigma(2a) - 1                1 - y^2
    relu        max(a, 0)                      1 where y > 0, else 0
    leaky_relu  a where a > 0, else 0.01 a     1 where y > 0, else 0.01
    softplus    log(1 + e^a)                   1 - e^-y
    elu         a where a > 0, else e^a - 1    1 where y > 0, else y + 1

Source: Clevert, Unterthiner & Hochreiter 2016 (arXiv:1511.07289), eq. 15, for elu; Maas, Hannun & Ng 2013, "Rectifier
nonlinearities improve neural network acoustic models", eq. 2, for leaky_relu.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ebm.kernels.exponential import exponential, sigmoid, softplus
from ebm.kernels.jit import cell, core, cuda_loop, inner, on_gpu
from ebm.kernels.threads import over_rows

if TYPE_CHECKING:
    from numba import cuda

IDENTITY, SIGMOID, TANH, RELU, LEAKY_RELU, SOFTPLUS, ELU = (np.int64(k) for k in range(7))
KINDS = {
    "identity": IDENTITY,
    "sigmoid": SIGMOID,
    "tanh": TANH,
    "relu": RELU,
    "leaky_relu": LEAKY_RELU,
    "softplus": SOFTPLUS,
    "elu": ELU,
}
LEAK = 0.01
WORK = 2  # an activation costs about as much as so many plain elements


@cell
def tanh(a: Any) -> Any:
    """2 sigma(2a) - 1."""
    two = type(a)(2)
    return two * sigmoid(two * a) - type(a)(1)


@cell
def sigmoid_slope(y: Any) -> Any:
    """y (1 - y), the slope of y = sigma(a)."""
    return y * (type(y)(1) - y)


@cell
def tanh_slope(y: Any) -> Any:
    """1 - y^2, the slope of y = tanh(a)."""
    return type(y)(1) - y * y


@cell
def relu(a: Any) -> Any:
    """max(a, 0); NaN stays NaN."""
    zero = type(a)(0)
    return zero if a < zero else a


@cell
def leaky_relu(a: Any) -> Any:
    """Return a where a > 0, else 0.01 a."""
    return a if a > type(a)(0) else type(a)(LEAK) * a


@cell
def elu(a: Any) -> Any:
    """Return a where a > 0, else e^a - 1."""
    zero = type(a)(0)
    low = exponential(min(a, zero)) - type(a)(1)
    return a if a > zero else low


@inner
def activate_row(x: Any, n: Any, kind: Any) -> None:
    """x[:n] = f(x[:n]) in place."""
    if kind == SIGMOID:
        for j in range(n):
            x[j] = sigmoid(x[j])
    elif kind == TANH:
        for j in range(n):
            x[j] = tanh(x[j])
    elif kind == RELU:
        for j in range(n):
            x[j] = relu(x[j])
    elif kind == LEAKY_RELU:
        for j in range(n):
            x[j] = leaky_relu(x[j])
    elif kind == SOFTPLUS:
        for j in range(n):
            x[j] = softplus(x[j])
    elif kind == ELU:
        for j in range(n):
            x[j] = elu(x[j])


@inner
def slope_row(y: Any, dy: Any, out: Any, kind: Any) -> None:
    """Write out = dy f'(a) for one row of outputs y."""
    one, zero, leak = y.dtype.type(1), y.dtype.type(0), y.dtype.type(LEAK)
    if kind == IDENTITY:
        for j in range(y.size):
            out[j] = dy[j]
    elif kind == SIGMOID:
        for j in range(y.size):
            out[j] = dy[j] * (y[j] * (one - y[j]))
    elif kind == TANH:
        for j in range(y.size):
            out[j] = dy[j] * (one - y[j] * y[j])
    elif kind == RELU:
        for j in range(y.size):
            out[j] = dy[j] if y[j] > zero else zero
    elif kind == LEAKY_RELU:
        for j in range(y.size):
            out[j] = dy[j] if y[j] > zero else leak * dy[j]
    elif kind == SOFTPLUS:
        for j in range(y.size):
            out[j] = dy[j] * (one - exponential(-y[j]))
    elif kind == ELU:
        for j in range(y.size):
            out[j] = dy[j] if y[j] > zero else dy[j] * (y[j] + one)


# A loop for each formula, so that a network compiles those it uses. With a leak of 1, 0.01 or 0 one is the identity,
# leaky or not; and tanh a = 2 sigma(2 a) - 1 is a logistic function with scale 2 and shift 1.


@core(allocates=False)
def _kinked_cpu(a: Any, y: Any, leak: Any, first: Any, last: Any) -> None:
    for row in range(first, last):
        source, target = a[row], y[row]
        for j in range(source.size):
            target[j] = source[j] if source[j] > 0 else leak * source[j]


@core(allocates=False)
def _logistic_cpu(a: Any, y: Any, scale: Any, shift: Any, first: Any, last: Any) -> None:
    for row in range(first, last):
        source, target = a[row], y[row]
        for j in range(source.size):
            target[j] = scale * sigmoid(scale * source[j]) - shift


@core(allocates=False)
def _softplus_cpu(a: Any, y: Any, first: Any, last: Any) -> None:
    for row in range(first, last):
        source, target = a[row], y[row]
        for j in range(source.size):
            target[j] = softplus(source[j])


@core(allocates=False)
def _elu_cpu(a: Any, y: Any, first: Any, last: Any) -> None:
    for row in range(first, last):
        source, target = a[row], y[row]
        for j in range(source.size):
            target[j] = elu(source[j])


@core(allocates=False)
def _kinked_slope_cpu(y: Any, dy: Any, out: Any, leak: Any, first: Any, last: Any) -> None:
    for row in range(first, last):
        source, above, target = y[row], dy[row], out[row]
        for j in range(source.size):
            target[j] = above[j] if source[j] > 0 else leak * above[j]


@core(allocates=False)
def _logistic_slope_cpu(y: Any, dy: Any, out: Any, shift: Any, first: Any, last: Any) -> None:
    """(shift + y) (1 - y): y (1 - y) of sigma, (1 + y) (1 - y) of tanh."""
    one = y.dtype.type(1)
    for row in range(first, last):
        source, above, target = y[row], dy[row], out[row]
        for j in range(source.size):
            target[j] = above[j] * ((shift + source[j]) * (one - source[j]))


@core(allocates=False)
def _softplus_slope_cpu(y: Any, dy: Any, out: Any, first: Any, last: Any) -> None:
    one = y.dtype.type(1)
    for row in range(first, last):
        source, above, target = y[row], dy[row], out[row]
        for j in range(source.size):
            target[j] = above[j] * (one - exponential(-source[j]))


@core(allocates=False)
def _elu_slope_cpu(y: Any, dy: Any, out: Any, first: Any, last: Any) -> None:
    one = y.dtype.type(1)
    for row in range(first, last):
        source, above, target = y[row], dy[row], out[row]
        for j in range(source.size):
            target[j] = above[j] if source[j] > 0 else above[j] * (source[j] + one)


# kind: the loops forward and backward, and their numbers
_LOOPS: dict[Any, tuple[Any, tuple[float, ...], Any, tuple[float, ...]]] = {
    IDENTITY: (_kinked_cpu, (1.0,), _kinked_slope_cpu, (1.0,)),
    RELU: (_kinked_cpu, (0.0,), _kinked_slope_cpu, (0.0,)),
    LEAKY_RELU: (_kinked_cpu, (LEAK,), _kinked_slope_cpu, (LEAK,)),
    SIGMOID: (_logistic_cpu, (1.0, 0.0), _logistic_slope_cpu, (0.0,)),
    TANH: (_logistic_cpu, (2.0, 1.0), _logistic_slope_cpu, (1.0,)),
    SOFTPLUS: (_softplus_cpu, (), _softplus_slope_cpu, ()),
    ELU: (_elu_cpu, (), _elu_slope_cpu, ()),
}


@cell
def activated(a: Any, kind: Any) -> Any:
    """f(a), for a loop of the GPU."""
    y = a
    if kind == SIGMOID:
        y = sigmoid(a)
    elif kind == TANH:
        y = tanh(a)
    elif kind == RELU:
        y = relu(a)
    elif kind == LEAKY_RELU:
        y = leaky_relu(a)
    elif kind == SOFTPLUS:
        y = softplus(a)
    elif kind == ELU:
        y = elu(a)
    return y


@cell
def slope(y: Any, kind: Any) -> Any:
    """f'(a) of y = f(a), for a loop of the GPU."""
    one = type(y)(1)
    s = one
    if kind == SIGMOID:
        s = y * (one - y)
    elif kind == TANH:
        s = one - y * y
    elif kind == RELU:
        s = one if y > type(y)(0) else type(y)(0)
    elif kind == LEAKY_RELU:
        s = one if y > type(y)(0) else type(y)(LEAK)
    elif kind == SOFTPLUS:
        s = one - exponential(-y)
    elif kind == ELU:
        s = one if y > type(y)(0) else y + one
    return s


@cuda_loop
def _forward_gpu(a: Any, bias: Any, y: Any, kind: Any) -> None:
    """y = f(a + bias), with a bias for every column."""
    n = a.shape[1]
    for item in range(cuda.grid(1), a.size, cuda.gridsize(1)):
        row, j = item // n, item % n
        y[row, j] = activated(a[row, j] + bias[j], kind)


@cuda_loop
def _plain_gpu(a: Any, y: Any, kind: Any) -> None:
    """y = f(a)."""
    n = a.shape[1]
    for item in range(cuda.grid(1), a.size, cuda.gridsize(1)):
        row, j = item // n, item % n
        y[row, j] = activated(a[row, j], kind)


@cuda_loop
def _backward_gpu(y: Any, dy: Any, out: Any, kind: Any) -> None:
    n = y.shape[1]
    for item in range(cuda.grid(1), y.size, cuda.gridsize(1)):
        row, j = item // n, item % n
        out[row, j] = dy[row, j] * slope(y[row, j], kind)


def activate(a: Any, kind: Any, out: Any, bias: Any = None) -> None:
    """Write f(a) into ``out``; on the GPU f(a + bias).

    ``out`` may be ``a`` itself, but on the CPU that is slower: a loop over one array is no vector code.

    Parameters
    ----------
    a, out : array of shape (rows, n), float32 or float64, C-contiguous
    kind : int
        One of ``KINDS``.
    bias : array of shape (n,), optional
        On the GPU alone, where it costs nothing; the CPU's product adds it.
    """
    if on_gpu(a) and bias is None:
        _plain_gpu(a.size, a, out, kind)
    elif on_gpu(a):
        _forward_gpu(a.size, a, bias, out, kind)
    else:
        loop, numbers, *_ = _LOOPS[int(kind)]
        over_rows(loop, (a, out, *map(a.dtype.type, numbers)), a.shape[0], WORK * a.size)


def backward(y: Any, dy: Any, kind: Any, out: Any) -> None:
    """Write dy f'(a) into ``out``, which may be ``dy`` itself; otherwise as :func:`activate`."""
    if on_gpu(y):
        _backward_gpu(y.size, y, dy, out, kind)
    else:
        *_, loop, numbers = _LOOPS[int(kind)]
        over_rows(loop, (y, dy, out, *map(y.dtype.type, numbers)), y.shape[0], WORK * y.size)
