"""The columns' part of a contrastive update: steps of c, lambda, W, b and mu (see ``contrastive``)."""

from __future__ import annotations

from typing import Any

from ebm.kernels.jit import inner, pasted
from ebm.kernels.learning_state import NEXT, UNIT_BLOCK, share_of
from ebm.kernels.linear import is_dense, tile_rows
from ebm.kernels.vector import at, gather_sum, transpose_square


@pasted
def ascend_hidden(weights: Any, motion: Any, work: Any, plan: Any, now: Any, first: Any, last: Any, sums: Any) -> None:
    """Update c and lambda for hidden columns [first, last), and leave dh."""
    gradient, total = sums[0], sums[1]
    for j in range(first, last):
        gradient[j] = 0
        total[j] = 0
    for r in range(now.rows + now.chains):
        factor = type(now.rate)(1) - work.row_factors[2, r]
        q = work.hidden[r]
        for j in range(first, last):
            gradient[j] += factor * q[j]
            total[j] += q[j]
        if r == now.rows - 1:  # of the data: the mean of q is the mean of p, less lambda
            for j in range(first, last):
                motion.hidden_offset[j] += plan.hidden_rate * total[j]
    for j in range(first, last):
        work.hidden_sum[j] = total[j]
        motion.hidden_bias[j] = now.momentum * motion.hidden_bias[j] + now.rate * gradient[j]
        weights.hidden_bias[j] += motion.hidden_bias[j]


@pasted
def ascend_visible(weights: Any, motion: Any, work: Any, plan: Any, now: Any, first: Any, last: Any, sums: Any) -> None:
    """Update b and mu for visible columns [first, last)."""
    gradient, mean = sums[0], sums[1]
    for i in range(first, last):
        gradient[i] = 0
        mean[i] = 0
    a_total = type(now.rate)(0)
    for r in range(now.rows + now.chains):
        factor = work.row_factors[0, r] - work.row_factors[1, r]
        share = work.row_factors[0, r] if r < now.rows else type(now.rate)(0)
        a_total += work.row_factors[1, r]
        v = work.visible[r]
        for i in range(first, last):
            gradient[i] += factor * v[i]
            mean[i] += share * v[i]
    for i in range(first, last):
        mu = motion.visible_offset[i]
        motion.visible_bias[i] = now.momentum * motion.visible_bias[i] + now.rate * (gradient[i] + mu * a_total)
        weights.visible_bias[i] += motion.visible_bias[i]
        motion.visible_offset[i] = mu + plan.visible_rate * (mean[i] - mu)


@inner
def list_columns(work: Any, all_rows: Any, first: Any, last: Any) -> Any:
    """Turn the rows' lists of ones into lists for visible columns [first, last); False where a row is not 0/1."""
    for i in range(first, last):
        work.column_counts[i] = 0
    for r in range(all_rows):
        if work.visible_counts[r] < 0:
            return False
        ones = work.visible_ones[r]
        low, high = 0, work.visible_counts[r]
        while low < high:
            middle = (low + high) // 2
            if ones[middle] < first:
                low = middle + 1
            else:
                high = middle
        while low < work.visible_counts[r] and ones[low] < last:
            i = ones[low]
            work.column_ones[i, work.column_counts[i]] = r
            work.column_counts[i] += 1
            low += 1
    return True


@inner
def gradient_tile(work: Any, mu: Any, listed: Any, rows: Any, panel: Any, top: Any, bottom: Any, tile: Any) -> None:
    """tile[i, :] = sum_r v_ri q_r - mu_i dh over one panel of hidden columns, visible units [top, bottom)."""
    width = tile.shape[1]
    column = panel * width
    for i in range(top, bottom):
        for j in range(width):
            tile[i - top, j] = -mu[i] * work.hidden_sum[column + j]
    ldv, ldh, half = work.visible.shape[1], work.hidden.shape[1], width // 2
    if not listed or is_dense(work.column_counts, rows, top, bottom):
        for h in range(0, width, half):
            tile_rows(work.visible, top, NEXT, ldv, work.hidden, column + h, ldh, rows, tile, h, width, bottom - top)
        return
    for i in range(top, bottom):
        here = at(tile, (i - top) * width)
        ones = at(work.column_ones, i * work.column_ones.shape[1])
        gather_sum(at(work.hidden, column), ldh, ones, work.column_counts[i], here, here)


@inner
def copy_transposed(source: Any, top: Any, rows: Any, columns: Any, target: Any, column: Any, lane: Any) -> None:
    """target[column + j, lane + i] = source[top + i, j]: whole squares of registers, then the rest."""
    width = source.shape[1]
    square = width // 4
    whole_rows, whole_columns = rows // square * square, columns // square * square
    for i in range(0, whole_rows, square):
        for j in range(0, whole_columns, square):
            there = at(target, (column + j) * width + lane + i)
            transpose_square(at(source, (top + i) * width + j), width, there, width)
    for j in range(columns):
        for i in range(whole_rows if j < whole_columns else 0, rows):
            target[column + j, lane + i] = source[top + i, j]


@inner
def apply_tile(weights: Any, motion: Any, plan: Any, now: Any, panel: Any, top: Any, bottom: Any, tile: Any) -> None:
    """Momentum, decay and step for one tile, and its transposed copy for the way down."""
    width, n_hidden = weights.up.shape[2], weights.down.shape[1]
    rate, momentum = now.rate, now.momentum
    zero = type(rate)(0)
    for i in range(top, bottom):
        w, m, g = weights.up[panel, i], motion.up[panel, i], tile[i - top]
        for j in range(width):
            sign = plan.l1 if w[j] > zero else (-plan.l1 if w[j] < zero else zero)
            m[j] = momentum * m[j] + rate * (g[j] - plan.l2 * w[j] - sign)
            w[j] += m[j]
    column = panel * width
    copy_transposed(
        weights.up[panel], top, bottom - top, min(width, n_hidden - column),
        weights.down[top // width], column, top % width,
    )  # fmt: skip


@pasted
def ascend_weights(
    weights: Any, motion: Any, work: Any, plan: Any, now: Any, listed: Any, mine: Any, tile: Any
) -> None:
    """Update W for this thread's panels of hidden columns and its visible units."""
    rows = now.rows + now.chains
    first, last = share_of(weights.up.shape[1], UNIT_BLOCK, mine.row, mine.rows)
    for panel in range(mine.hidden_left, mine.hidden_right):
        for top in range(first, last, UNIT_BLOCK):
            bottom = min(top + UNIT_BLOCK, last)
            gradient_tile(work, motion.visible_offset, listed, rows, panel, top, bottom, tile)
            apply_tile(weights, motion, plan, now, panel, top, bottom, tile)
