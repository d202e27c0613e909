"""What the processor offers to the kernels: register width and count, and the panel layout that follows."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba.core.registry import cpu_target

_triple, _name, _features = cpu_target.target_context.codegen().magic_tuple()
FEATURES = frozenset(f[1:] for f in _features.split(",") if f.startswith("+"))
_ARM = _triple.startswith(("aarch64", "arm64"))

HAS_FMA = _ARM or "fma" in FEATURES
VECTOR_BYTES = 64 if "avx512f" in FEATURES else 32 if "avx" in FEATURES else 16
ROWS = 12 if VECTOR_BYTES == 64 or _ARM else 6  # rows of a tile: 2 * ROWS accumulators fill the registers
PANEL_BYTES = 4 * VECTOR_BYTES  # a panel is four vectors wide: enough sums in flight to hide an addition's latency


def panel_width(dtype: Any) -> int:
    """Columns of a packed panel: four vector registers (64, 32 or 16 columns in float32)."""
    return PANEL_BYTES // np.dtype(dtype).itemsize


def leading(n: int, dtype: Any) -> int:
    """Leading dimension for rows of ``n`` columns: whole panels, and never a power of two apart."""
    width = panel_width(dtype)
    stride = -(-n // width) * width + 16
    return stride + width if stride % 512 == 0 else stride


def aligned(shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    """Zeros whose first element, and with whole panels every row, stands on a cache line."""
    dtype = np.dtype(dtype)
    size = int(np.prod(shape)) * dtype.itemsize
    raw = np.zeros(size + 64, np.uint8)
    start = -raw.ctypes.data % 64
    return raw[start : start + size].view(dtype).reshape(shape)


class _Writable:
    """Offers an array's memory without the read-only flag, and keeps it alive."""

    def __init__(self, array: np.ndarray) -> None:
        self.array = array
        interface = array.__array_interface__
        self.__array_interface__ = {**interface, "data": (interface["data"][0], False)}


def plain(array: Any, dtype: Any = None) -> np.ndarray:
    """Return an array as loops take their inputs: C-ordered, aligned, and without the read-only flag.

    numba would compile a loop anew for read-only arrays, which joblib's memory maps and pandas hand out. The memory is
    shared where it can be: loops never write into their inputs.
    """
    array = np.require(array, dtype, ("C", "A"))
    return array if array.flags.writeable else np.asarray(_Writable(array))
