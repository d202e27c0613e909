"""A register tile of a product whose left matrix stands scattered: convolution without copies of patches.

    C[r, 0:2V] = start[r] + sum_k A[rows[r] + steps[k]] B[k, 0:2V]

In a convolution rows are the places of patches and steps those of a patch's elements; in the gradient of its weights it
is the other way round. Every element adds its terms in the order of k, in tiles of any height, so that results depend
neither on the tiling nor on threads. V is the number of elements in a vector register.

Source: Dukhan, "The indirect convolution algorithm" (2019, arXiv:1907.02129), section 3; the tile is Goto & van de Geijn's
(2008, doi:10.1145/1356052.1356053).
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from ebm.kernels.jit import inner
from ebm.kernels.processor import FEATURES, ROWS, VECTOR_BYTES
from ebm.kernels.vector import I64, _Code, _loop, beyond

LEAST = ROWS // 3  # tiles come in two heights, so rows are rounded up to a multiple of this
# a vector register's name in an instruction: x86 with 32 of them, x86 with 16, ARM; others go without (see _in_turn)
REGISTER = ("v" if VECTOR_BYTES == 64 else "x") if "sse2" in FEATURES else "w" if "neon" in FEATURES else ""


def _in_turn(builder: Any, sums: list[Any]) -> list[Any]:
    """Have these sums made before what follows is loaded (by an empty instruction that might change them and memory).

    LLVM would load all rows' elements first, and then has too few registers for the sums.
    """
    if not REGISTER:
        return sums
    kind = ir.FunctionType(sums[0].type, [sums[0].type])
    return [builder.asm(kind, "", f"={REGISTER},0,~{{memory}}", [total], side_effect=True) for total in sums]


def _gathered_product(rows: int) -> Any:
    @intrinsic
    def tile(
        typingctx: Any, a: Any, places: Any, steps: Any, b: Any, b_step: Any, depth: Any,
        start: Any, start_row: Any, c: Any, c_row: Any,
    ) -> Any:  # fmt: skip
        """C[rows, 2V] = start + A[places + steps] @ B; strides in elements, places and steps int32."""
        size_t = types.intp
        signature = types.void(a, places, steps, a, size_t, size_t, a, size_t, a, size_t)

        def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            a_, places_, steps_, b_, b_step_, depth_, start_, start_row_, c_, c_row_ = args
            code = _Code(builder, a.dtype)
            b_bytes = builder.mul(b_step_, I64(code.size))

            def widened(pointer: Any, k: Any) -> Any:
                return builder.sext(builder.load(builder.gep(pointer, [k])), I64)

            lefts = [builder.gep(a_, [widened(places_, I64(r))]) for r in range(rows)]

            def body(k: Any, values: list[Any]) -> list[Any]:
                right_at, *sums = values
                step = widened(steps_, k)
                right = [code.load(right_at, v * code.lanes) for v in (0, 1)]
                new = []
                for r in range(rows):
                    element = builder.load(builder.gep(lefts[r], [step]))
                    left = code.broadcast(element)
                    new += _in_turn(builder, [code.fma(left, right[v], sums[2 * r + v]) for v in (0, 1)])
                return [builder.add(right_at, b_bytes), *new]

            _, *sums = _loop(builder, depth_, [code.address(b_, I64(0)), *[code.zero] * (2 * rows)], body)
            for r in range(rows):
                before = code.address(start_, builder.mul(start_row_, I64(r)))
                out = code.address(c_, builder.mul(c_row_, I64(r)))
                for v in (0, 1):
                    total = builder.fadd(code.load(before, v * code.lanes), sums[2 * r + v])
                    code.store(total, out, v * code.lanes)
            return context.get_dummy_value()

        return signature, generate

    return tile


_large, _least = _gathered_product(ROWS), _gathered_product(LEAST)


@inner
def tile_patches(
    a: Any, places: Any, steps: Any, b: Any, b_step: Any, depth: Any,
    start: Any, start_row: Any, c: Any, c_row: Any, rows: Any,
) -> None:  # fmt: skip
    """C[rows, 2V] = start + A[places + steps] @ B for a multiple of ``LEAST`` rows; ``c`` may be ``start``."""
    i = 0
    while rows - i >= ROWS:
        _large(
            a, beyond(places, i), steps, b, b_step, depth,
            beyond(start, i * start_row), start_row, beyond(c, i * c_row), c_row,
        )  # fmt: skip
        i += ROWS
    while i < rows:
        _least(
            a, beyond(places, i), steps, b, b_step, depth,
            beyond(start, i * start_row), start_row, beyond(c, i * c_row), c_row,
        )  # fmt: skip
        i += LEAST
