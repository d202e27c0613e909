"""The inner loops that a compiler does not find by itself, written as LLVM vectors.

``at``, ``beyond``
    A typed pointer to one element of an array, or some elements further.
``tile_large``, ``tile_third``, ``tile_one``, ``tile_wide``
    C[R, 2V] += A[R, depth] @ B[depth, 2V], or one row of 4V: a register tile (Goto & van de Geijn 2008,
    doi:10.1145/1356052.1356053).
``gather_sum``
    out[4V] = start[4V] + sum_k B[index[k], 4V]: a product with a 0/1 row, of which only the ones are visited.
``transpose_square``
    target[V, V] = source[V, V]^T, in log2 V rounds of exchanges between registers.
``add_four_columns``
    x[i] += sum_d w[d, i] s[index[d, i]] for four d: scalar on purpose, from states in bytes.

V is the number of elements in a vector register. Both sums add in the order of ``k`` into one accumulator, so a
0/1 row gives bit for bit the same result by either.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from ebm.kernels.processor import ROWS, VECTOR_BYTES

I64, I32 = ir.IntType(64), ir.IntType(32)


def _scalar(item: Any) -> tuple[Any, int]:
    return (ir.FloatType(), 4) if item == types.float32 else (ir.DoubleType(), 8)


class _Code:
    """Typed loads and stores of vectors at (pointer, element offset)."""

    def __init__(self, builder: Any, item: Any) -> None:
        self.builder = builder
        self.scalar, self.size = _scalar(item)
        self.lanes = VECTOR_BYTES // self.size
        self.vector = ir.VectorType(self.scalar, self.lanes)
        self.zero = ir.Constant(self.vector, [0.0] * self.lanes)

    def address(self, pointer: Any, offset: Any) -> Any:
        start = self.builder.ptrtoint(pointer, I64)
        return self.builder.add(start, self.builder.mul(offset, I64(self.size)))

    def load(self, address: Any, offset: int, kind: Any = None) -> Any:
        kind = kind or self.vector
        where = self.builder.add(address, I64(offset * self.size)) if offset else address
        value = self.builder.load(self.builder.inttoptr(where, kind.as_pointer()))
        value.align = self.size
        return value

    def store(self, value: Any, address: Any, offset: int) -> None:
        where = self.builder.add(address, I64(offset * self.size))
        stored = self.builder.store(value, self.builder.inttoptr(where, self.vector.as_pointer()))
        stored.align = self.size

    def broadcast(self, scalar: Any) -> Any:
        undefined = ir.Constant(self.vector, ir.Undefined)
        one = self.builder.insert_element(undefined, scalar, I32(0))
        return self.builder.shuffle_vector(
            one, undefined, ir.Constant(ir.VectorType(I32, self.lanes), [0] * self.lanes)
        )

    def fma(self, a: Any, b: Any, c: Any) -> Any:
        """a*b + c: one instruction where the processor has it (llvm.fma would call libm where it has not)."""
        name = f"llvm.fmuladd.v{self.lanes}f{8 * self.size}"
        kind = ir.FunctionType(self.vector, [self.vector] * 3)
        function = self.builder.module.globals.get(name) or ir.Function(self.builder.module, kind, name)
        return self.builder.call(function, [a, b, c])


def _loop(builder: Any, count: Any, carried: list[Any], body: Any, *, scalar: bool = False) -> list[Any]:
    """Emit ``for k in range(count)`` with values carried from round to round; ``scalar`` forbids vectors."""
    head, inside, end = (builder.function.append_basic_block(name) for name in ("head", "body", "end"))
    entry = builder.block
    builder.branch(head)
    builder.position_at_end(head)
    k = builder.phi(I64)
    k.add_incoming(I64(0), entry)
    values = []
    for start in carried:
        phi = builder.phi(start.type)
        phi.add_incoming(start, entry)
        values.append(phi)
    builder.cbranch(builder.icmp_signed("<", k, count), inside, end)
    builder.position_at_end(inside)
    for phi, new in zip(values, body(k, values), strict=True):
        phi.add_incoming(new, inside)
    k.add_incoming(builder.add(k, I64(1)), inside)
    back = builder.branch(head)
    if scalar:
        _forbid_vectors(builder.module, back)
    builder.position_at_end(end)
    return values


def _forbid_vectors(module: Any, branch: Any) -> None:
    width = module.add_metadata([ir.MetaDataString(module, "llvm.loop.vectorize.width"), I32(1)])
    loop = module.add_metadata([ir.MetaDataString(module, f"loop {len(module.metadata)}"), width])
    loop.operands = (loop, width)  # a loop's metadata begin with themselves
    branch.set_metadata("llvm.loop", loop)


@intrinsic
def at(typingctx: Any, array: Any, offset: Any) -> Any:
    """Point at element ``offset`` of a contiguous array."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        data = context.make_array(signature.args[0])(context, builder, args[0]).data
        return builder.gep(data, [args[1]])

    return types.CPointer(array.dtype)(array, types.intp), generate


@intrinsic
def beyond(typingctx: Any, pointer: Any, offset: Any) -> Any:
    """Point ``offset`` elements further."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.gep(args[0], [args[1]])

    return pointer(pointer, types.intp), generate


def _tile_product(rows: int, vectors: int = 2) -> Any:
    across = range(vectors)

    @intrinsic
    def tile(
        typingctx: Any, a: Any, a_row: Any, a_step: Any, b: Any, b_step: Any, depth: Any, c: Any, c_row: Any
    ) -> Any:
        """C[rows, vectors V] += A @ B; strides in elements; A's element (r, k) at a + r*a_row + k*a_step."""
        signature = types.void(a, types.intp, types.intp, a, types.intp, types.intp, a, types.intp)

        def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            a_, a_row_, a_step_, b_, b_step_, depth_, c_, c_row_ = args
            code = _Code(builder, a.dtype)
            size = I64(code.size)
            out = [code.address(c_, builder.mul(c_row_, I64(r))) for r in range(rows)]
            row_offsets = [builder.mul(builder.mul(a_row_, I64(r)), size) for r in range(rows)]
            a_bytes, b_bytes = builder.mul(a_step_, size), builder.mul(b_step_, size)
            starts = [code.address(a_, I64(0)), code.address(b_, I64(0))]
            starts += [code.load(out[r], v * code.lanes) for r in range(rows) for v in across]

            def body(k: Any, values: list[Any]) -> list[Any]:
                pointer_a, pointer_b, *sums = values
                right = [code.load(pointer_b, v * code.lanes) for v in across]
                new = []
                for r in range(rows):
                    left = code.broadcast(code.load(builder.add(pointer_a, row_offsets[r]), 0, code.scalar))
                    new += [code.fma(left, right[v], sums[vectors * r + v]) for v in across]
                return [builder.add(pointer_a, a_bytes), builder.add(pointer_b, b_bytes), *new]

            _, _, *sums = _loop(builder, depth_, starts, body)
            for r in range(rows):
                for v in across:
                    code.store(sums[vectors * r + v], out[r], v * code.lanes)
            return context.get_dummy_value()

        return signature, generate

    return tile


tile_large, tile_third, tile_one = _tile_product(ROWS), _tile_product(ROWS // 3), _tile_product(1)
tile_wide = _tile_product(1, 4)


@intrinsic
def gather_sum(typingctx: Any, b: Any, b_row: Any, index: Any, count: Any, start: Any, out: Any) -> Any:
    """out[4V] = start[4V] + sum of the rows index[0..count) of b, rows b_row elements apart."""
    signature = types.void(b, types.intp, index, types.intp, b, b)

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        b_, b_row_, index_, count_, start_, out_ = args
        code = _Code(builder, b.dtype)
        first, target, rows = (
            code.address(start_, I64(0)),
            code.address(out_, I64(0)),
            code.address(b_, I64(0)),
        )
        row_bytes = builder.mul(b_row_, I64(code.size))

        def body(k: Any, sums: list[Any]) -> list[Any]:
            i = builder.load(builder.gep(index_, [k]))
            row = builder.add(rows, builder.mul(builder.sext(i, I64), row_bytes))
            return [builder.fadd(total, code.load(row, v * code.lanes)) for v, total in enumerate(sums)]

        sums = _loop(builder, count_, [code.load(first, v * code.lanes) for v in range(4)], body)
        for v, total in enumerate(sums):
            code.store(total, target, v * code.lanes)
        return context.get_dummy_value()

    return signature, generate


@intrinsic
def add_four_columns(typingctx: Any, x: Any, states: Any, index: Any, weights: Any, width: Any) -> Any:
    """x[i] += weights[d width + i] states[index[d width + i]] for d = 0 to 3 in turn, i < width.

    By scalar loads: states at random places miss the first cache, and in bytes fewer do; a gather, which takes four
    bytes a state at least, is slower by a fifth.
    """
    signature = types.void(x, states, index, weights, types.intp)

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        x_, states_, index_, weights_, width_ = args
        code = _Code(builder, x.dtype)
        kind = ir.FunctionType(code.scalar, [code.scalar] * 3)
        name = f"llvm.fmuladd.f{8 * code.size}"
        fma = builder.module.globals.get(name) or ir.Function(builder.module, kind, name)

        def body(i: Any, values: list[Any]) -> list[Any]:
            target, place = builder.gep(x_, [i]), i
            total = builder.load(target)
            for _ in range(4):
                neighbour = builder.sext(builder.load(builder.gep(index_, [place])), I64)
                state = builder.load(builder.gep(states_, [neighbour]))
                if states.dtype == types.uint8:
                    state = builder.sitofp(builder.zext(state, I32), code.scalar)
                total = builder.call(fma, [builder.load(builder.gep(weights_, [place])), state, total])
                place = builder.add(place, width_)
            builder.store(total, target)
            return []

        _loop(builder, width_, [], body, scalar=True)
        return context.get_dummy_value()

    return signature, generate


@intrinsic
def transpose_square(typingctx: Any, source: Any, source_row: Any, target: Any, target_row: Any) -> Any:
    """target[V, V] = source[V, V]^T; rows source_row and target_row elements apart."""
    signature = types.void(source, types.intp, source, types.intp)

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        code = _Code(builder, source.dtype)
        starts = [
            [code.address(pointer, builder.mul(row, I64(r))) for r in range(code.lanes)]
            for pointer, row in (args[:2], args[2:])
        ]
        rows = [code.load(start, 0) for start in starts[0]]
        distance = 1
        while distance < code.lanes:  # exchange the off-diagonal blocks of every (2 distance)-square
            for r in (r for r in range(code.lanes) if not r & distance):
                rows[r], rows[r + distance] = _exchange(code, rows[r], rows[r + distance], distance)
            distance *= 2
        for row, start in zip(rows, starts[1], strict=True):
            code.store(row, start, 0)
        return context.get_dummy_value()

    return signature, generate


def _exchange(code: _Code, a: Any, b: Any, distance: int) -> tuple[Any, Any]:
    lanes, kind = range(code.lanes), ir.VectorType(I32, code.lanes)
    low = [code.lanes + i - distance if i & distance else i for i in lanes]
    high = [code.lanes + i if i & distance else i + distance for i in lanes]
    return tuple(code.builder.shuffle_vector(a, b, ir.Constant(kind, mask)) for mask in (low, high))
