"""Refusing arrays that do not fit a loop, by name."""

from __future__ import annotations

from typing import Any

import numpy as np

from ebm.kernels.jit import on_gpu


def check_floats(a: Any, name: str, ndim: int) -> None:
    """Refuse what is no C-contiguous array of float32 or float64 with ``ndim`` axes.

    Raises
    ------
    ValueError
        Naming the array and what would be right.
    """
    if a.ndim != ndim or a.dtype not in (np.float32, np.float64):
        raise ValueError(f"{name} is {a.dtype}{a.shape}; give a {ndim}-D array of float32 or float64")
    if not a.flags.c_contiguous:
        raise ValueError(f"{name} must be C-contiguous, its strides are {a.strides}")


def check_like(a: Any, name: str, shape: tuple[int, ...], like: Any, dtype: Any = None) -> None:
    """Refuse what has not this shape, the dtype of ``like`` (or ``dtype``), its device, and C order.

    Raises
    ------
    ValueError
        Naming the array and what would be right.
    """
    dtype = np.dtype(like.dtype if dtype is None else dtype)
    if tuple(a.shape) != tuple(shape) or a.dtype != dtype or on_gpu(a) != on_gpu(like):
        raise ValueError(f"{name} is {a.dtype}{a.shape}; give {dtype}{tuple(shape)} on the same device as the rest")
    if not a.flags.c_contiguous:
        raise ValueError(f"{name} must be C-contiguous, its strides are {a.strides}")
