"""Products of a recurrent layer that do not wait for the recurrence: over all frames of a batch at once."""

from __future__ import annotations

from typing import Any

from ebm.kernels import activations, dense
from ebm.kernels.column_totals import block_sums, column_totals, n_blocks
from ebm.kernels.jit import on_gpu
from ebm.kernels.outer import outer, working_shapes
from ebm.kernels.recurrence import add_product, gate_columns, project
from ebm.networks.context import Context
from ebm.networks.layer import Parameters
from ebm.networks.panels import packed


def packed_stack(matrices: Any, context: Context, *, transposed: bool = False) -> Any:
    """Return several matrices (k, m, n), each in the panels that products read, as one array of four axes."""

    def pack() -> Any:
        k, depth, n = matrices.shape
        shape = dense.panels_shape(*((n, depth) if transposed else (depth, n)), matrices.dtype)
        out = context.empty((k, *shape), matrices.dtype)
        for matrix, panels in zip(matrices, out, strict=True):
            (dense.pack_transposed if transposed else dense.pack_into)(matrix, panels)
        return out

    return context.kept(matrices, f"stack {transposed}", pack)


def project_inputs(parameters: Parameters, x: Any, n: int, context: Context) -> Any:
    """Return x U + b for every frame, in rows as wide as the recurrence's products need; ValueError for other sizes."""
    weights, bias = parameters["input_weights"], parameters["bias"]
    if weights.shape != (x.shape[1], n):
        raise ValueError(
            f"input_weights have shape {weights.shape}, but {x.shape[1]} features and {n} columns of gates take "
            f"{(x.shape[1], n)}: learn anew after a size has changed"
        )
    out = context.empty((x.shape[0], gate_columns(n, x.dtype, gpu=on_gpu(x))), x.dtype)
    if on_gpu(x):
        context.device.matmul(x, weights, out)
        activations.activate(out, activations.IDENTITY, out, bias)
    else:
        project(x, packed(weights, context), bias, n, out)
    return out


def outer_into(a: Any, b: Any, gradient: Any, context: Context) -> None:
    """Write a^T b into a gradient, or add it; b may have more columns than are wanted."""
    outer_parts_into([(a, 0, gradient.shape[1])], b, gradient, context)


def outer_parts_into(parts: list[tuple[Any, int, int]], b: Any, gradient: Any, context: Context) -> None:
    """Write a^T b into columns [begin, end) of a gradient, or add it, for each (a, begin, end)."""
    adds = context.adds(gradient)
    target = context.empty(gradient.shape, gradient.dtype) if adds and on_gpu(b) else gradient
    for a, begin, end in parts:
        if on_gpu(b):
            context.device.matmul(a.T, b[:, begin:end], target[:, begin:end])
        else:
            working = tuple(context.empty(shape, a.dtype) for shape in working_shapes(end - begin, a.dtype))
            outer(a, b, target, add=adds, working=working, columns=(begin, end))
    if target is not gradient:
        dense.add_into(target, gradient)


def sum_into(a: Any, gradient: Any, context: Context) -> None:
    """Write the sum of all rows into a gradient, or add it; on the CPU a may have more columns than are wanted."""
    if on_gpu(a):
        sums = context.empty((n_blocks(a.shape[0]), a.shape[1]), a.dtype)
        block_sums(a, sums)
        column_totals(sums, gradient, add=context.adds(gradient))
    else:
        column_totals(a, gradient, add=context.adds(gradient))


def times_transposed(a: Any, matrix: Any, context: Context) -> Any:
    """Return a M^T for every row; a may have more columns than M."""
    out = context.empty((a.shape[0], matrix.shape[0]), a.dtype)
    if on_gpu(a):
        context.device.matmul(a, matrix.T, out)
    else:
        dense.product(a, packed(matrix, context, transposed=True), out)
    return out


def add_times(a: Any, matrix: Any, out: Any, context: Context) -> None:
    """Add a M to rows as wide as the recurrence's products need (see `project_inputs`)."""
    if on_gpu(a):
        more = context.empty(out.shape, out.dtype)
        context.device.matmul(a, matrix, more)
        dense.add_into(more, out)
    else:
        add_product(a, packed(matrix, context), matrix.shape[1], out)


def times(a: Any, matrix: Any, context: Context) -> Any:
    """Return a M for every row."""
    out = context.empty((a.shape[0], matrix.shape[1]), a.dtype)
    if on_gpu(a):
        context.device.matmul(a, matrix, out)
    else:
        dense.product(a, packed(matrix, context), out)
    return out


def add_times_transposed(a: Any, matrix: Any, out: Any, context: Context) -> None:
    """Add a M^T to every row of ``out``; a may have more columns than M."""
    if on_gpu(a):
        dense.add_into(times_transposed(a, matrix, context), out)
    else:
        dense.product(a, packed(matrix, context, transposed=True), out, add=True)


def weight_gradients(
    parameters: Parameters, x: Any, previous: Any, d_pre: Any, gradients: Parameters, context: Context,
    *, wants_input: bool,
) -> Any:  # fmt: skip
    """Write dU = x^T da, dW = previous^T da and db = sum da, and return dx = da U^T where it is wanted."""
    outer_into(previous, d_pre, gradients["recurrent_weights"], context)
    return input_gradients(parameters, x, d_pre, gradients, context, wants_input=wants_input)


def input_gradients(
    parameters: Parameters, x: Any, d_pre: Any, gradients: Parameters, context: Context, *, wants_input: bool
) -> Any:
    """Write dU and db alone, and return dx where it is wanted."""
    outer_into(x, d_pre, gradients["input_weights"], context)
    sum_into(d_pre, gradients["bias"], context)
    return times_transposed(d_pre, parameters["input_weights"], context) if wants_input else None
