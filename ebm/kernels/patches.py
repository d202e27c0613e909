"""A register tile of a product whose left matrix stands scattered: convolution without copies of patches.

    C[r, 0:n] = start[r] + sum_k A[rows[r] + steps[k]] B[k, 0:n],    n = V or 2V

In a convolution rows are the places of patches and steps those of a patch's elements; in the gradient of its weights it
is the other way round. Every element adds its terms in the order of k, in tiles of any height, so that results depend
neither on the tiling nor on threads. V is the number of elements in a vector register.

Source: Dukhan, "The indirect convolution algorithm" (2019, arXiv:1907.02129), section 3; the tile is Goto & van de
Geijn's (2008, doi:10.1145/1356052.1356053).
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from ebm.kernels.jit import inner
from ebm.kernels.processor import FEATURES, ROWS, VECTOR_BYTES
from ebm.kernels.vector import I32, I64, _Code, _loop, beyond

LEAST = ROWS // 3  # tiles come in two heights, so rows are rounded up to a multiple of this
FOUR = 4  # patches that ``dot_four`` takes at a time
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


def _gathered_product(rows: int, vectors: int) -> Any:
    @intrinsic
    def tile(
        typingctx: Any, a: Any, places: Any, steps: Any, b: Any, b_step: Any, depth: Any,
        start: Any, start_row: Any, c: Any, c_row: Any,
    ) -> Any:  # fmt: skip
        """C = start + A[places + steps] @ B; strides in elements, places and steps int32."""
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
                right = [code.load(right_at, v * code.lanes) for v in range(vectors)]
                new = []
                for r in range(rows):
                    element = builder.load(builder.gep(lefts[r], [step]))
                    left = code.broadcast(element)
                    new += _in_turn(builder, [code.fma(left, right[v], sums[vectors * r + v]) for v in range(vectors)])
                return [builder.add(right_at, b_bytes), *new]

            _, *sums = _loop(builder, depth_, [code.address(b_, I64(0)), *[code.zero] * (vectors * rows)], body)
            for r in range(rows):
                before = code.address(start_, builder.mul(start_row_, I64(r)))
                out = code.address(c_, builder.mul(c_row_, I64(r)))
                for v in range(vectors):
                    total = builder.fadd(code.load(before, v * code.lanes), sums[vectors * r + v])
                    code.store(total, out, v * code.lanes)
            return context.get_dummy_value()

        return signature, generate

    return tile


_large, _least = _gathered_product(ROWS, 2), _gathered_product(LEAST, 2)


@intrinsic
def dot_four(
    typingctx: Any, a: Any, places: Any, steps: Any, b: Any, depth: Any, start: Any, c: Any, c_row: Any
) -> Any:
    """c[r c_row] = start[0] + sum_{k, v} a[places[r] + steps[k] + v] b[k V + v] for four r."""
    signature = types.void(a, places, steps, a, types.intp, a, a, types.intp)

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        a_, places_, steps_, b_, depth_, start_, c_, c_row_ = args
        code = _Code(builder, a.dtype)
        at_ = [builder.sext(builder.load(builder.gep(places_, [I64(r)])), I64) for r in range(FOUR)]
        lefts = [code.address(a_, place) for place in at_]

        def body(k: Any, values: list[Any]) -> list[Any]:
            right_at, *sums = values
            right, step = code.load(right_at, 0), builder.sext(builder.load(builder.gep(steps_, [k])), I64)
            step = builder.mul(step, I64(code.size))
            new = [code.fma(code.load(builder.add(lefts[r], step), 0), right, sums[r]) for r in range(FOUR)]
            return [builder.add(right_at, I64(code.size * code.lanes)), *new]

        _, *sums = _loop(builder, depth_, [code.address(b_, I64(0)), *[code.zero] * FOUR], body)
        for r in range(FOUR):
            total = builder.fadd(builder.load(start_), _folded(code, sums[r]))
            builder.store(total, builder.gep(c_, [builder.mul(c_row_, I64(r))]))
        return context.get_dummy_value()

    return signature, generate


def _folded(code: _Code, vector: Any) -> Any:
    """Add the halves of a vector until one number is left."""
    lanes = code.lanes
    while lanes > 1:
        lanes //= 2
        kind = ir.VectorType(I32, lanes)
        halves = [ir.Constant(kind, list(range(h * lanes, (h + 1) * lanes))) for h in (0, 1)]
        low, high = (code.builder.shuffle_vector(vector, vector, half) for half in halves)
        vector = code.builder.fadd(low, high)
    return code.builder.extract_element(vector, I32(0))


def _tiles(large: Any, least: Any) -> Any:
    @inner
    def tiles(
        a: Any, places: Any, steps: Any, b: Any, width: Any, depth: Any, start: Any, start_row: Any, c: Any, rows: Any
    ) -> None:
        i = 0
        while rows - i >= ROWS:
            large(
                a, beyond(places, i), steps, b, width, depth,
                beyond(start, i * start_row), start_row, beyond(c, i * width), width,
            )  # fmt: skip
            i += ROWS
        while i < rows:
            least(
                a, beyond(places, i), steps, b, width, depth,
                beyond(start, i * start_row), start_row, beyond(c, i * width), width,
            )  # fmt: skip
            i += LEAST

    return tiles


_double, _single = _tiles(_large, _least), _tiles(_gathered_product(ROWS, 1), _gathered_product(LEAST, 1))


@inner
def tile_patches(
    a: Any, places: Any, steps: Any, b: Any, vectors: Any, width: Any, depth: Any,
    start: Any, start_row: Any, c: Any, rows: Any,
) -> None:  # fmt: skip
    """C[rows, width] = start + A[places + steps] @ B[depth, width] with B and C contiguous; ``c`` may be ``start``.

    ``rows`` is a multiple of ``LEAST``, and ``width`` is ``vectors`` registers, one or two.
    """
    if vectors == 2:
        _double(a, places, steps, b, width, depth, start, start_row, c, rows)
    else:
        _single(a, places, steps, b, width, depth, start, start_row, c, rows)
