"""The affine map x W + b that leads from one layer to the other, with W packed once for the CPU's kernels."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ebm.kernels import conditional
from ebm.kernels.jit import on_gpu
from ebm.kernels.linear import pack


@dataclass(frozen=True, eq=False)
class Affine:
    """x W + b.

    Parameters
    ----------
    matrix : array of shape (n_in, n_out)
        W, on the CPU (NumPy) or on the GPU (CuPy).
    bias : array of shape (n_out,)
        b, of the same kind and dtype.
    """

    matrix: Any
    bias: Any

    @cached_property
    def panels(self) -> np.ndarray:
        """W packed for the CPU's kernels: (panels, n_in, width)."""
        return pack(self.matrix)

    @property
    def on_gpu(self) -> bool:
        """Whether the arrays stand on the GPU."""
        return on_gpu(self.matrix)

    def __call__(self, x: Any) -> Any:
        """Return x W + b, shape (n_rows, n_out)."""
        if self.on_gpu:
            return x @ self.matrix + self.bias
        return conditional.inputs(x, self.panels, self.bias)
