"""Matrices in the panels that the CPU's products read."""

from __future__ import annotations

from typing import Any

from ebm.kernels import dense
from ebm.networks.context import Context


def packed(weights: Any, context: Context, *, transposed: bool = False) -> Any:
    """Return a parameter, or its transpose, in panels: kept from pass to pass where the context's parameters are."""
    return context.kept(weights, f"panels {transposed}", lambda: packed_anew(weights, context, transposed=transposed))


def packed_anew(matrix: Any, context: Context, *, transposed: bool = False) -> Any:
    """Return any matrix, or its transpose, in panels of this pass."""
    depth, n = matrix.shape[::-1] if transposed else matrix.shape
    panels = context.empty(dense.panels_shape(depth, n, matrix.dtype), matrix.dtype)
    (dense.pack_transposed if transposed else dense.pack_into)(matrix, panels)
    return panels
