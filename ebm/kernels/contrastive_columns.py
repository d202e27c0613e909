"""The columns' part of a contrastive update: steps of c, lambda, W, b and mu (see ``contrastive``)."""

from __future__ import annotations

from typing import Any

import numpy as np

from ebm.kernels.jit import inner, pasted
from ebm.kernels.learning_state import NEAR, NEXT, UNIT_BLOCK
from ebm.kernels.linear import is_dense, tile_rows
from ebm.kernels.vector import at, gather_sum, transpose_square


@inner
def add_row(x: Any, factor: Any, weighted: Any, other: Any, plain: Any) -> None:
    """weighted += factor x and plain += other x (rows of the same length: a loop from zero, which vectorises)."""
    for j in range(x.size):
        weighted[j] += factor * x[j]
        plain[j] += other * x[j]


@pasted
def ascend_hidden(
    bias: Any, motion: Any, rows: Any, hidden_sum: Any, plan: Any, now: Any, first: Any, last: Any, sums: Any
) -> None:
    """Update c and lambda for hidden columns [first, last), and leave dh."""
    gradient, total = sums[0, first:last], sums[1, first:last]
    one = type(now.rate)(1)
    for j in range(last - first):
        gradient[j] = 0
        total[j] = 0
    for r in range(now.rows + now.chains):
        add_row(rows.hidden[r, first:last], one - rows.factors[2, r], gradient, one, total)
        if r == now.rows - 1:  # of the data: the mean of q is the mean of p, less lambda
            for j in range(last - first):
                motion.hidden_offset[first + j] += plan.hidden_rate * total[j]
    for j in range(last - first):
        hidden_sum[first + j] = total[j]
        motion.hidden_bias[first + j] = now.momentum * motion.hidden_bias[first + j] + now.rate * gradient[j]
        bias[first + j] += motion.hidden_bias[first + j]


@inner
def sum_listed(columns: Any, factors: Any, data: Any, n_rows: Any, first: Any, gradient: Any, mean: Any) -> None:
    """Do as ``sum_rows`` does, over lists of the columns' ones: the same terms in the same order."""
    for run in range(-(-n_rows // NEAR)):
        for j in range(gradient.size):
            total, average, ones = gradient[j], mean[j], columns.ones[run, first + j]
            for k in range(columns.lengths[run, first + j]):
                r = run * NEAR + ones[k]
                total += factors[0, r] - factors[1, r]
                if r < data:
                    average += factors[0, r]
            gradient[j], mean[j] = total, average


@inner
def sum_rows(visible: Any, factors: Any, data: Any, n_rows: Any, first: Any, gradient: Any, mean: Any) -> None:
    """gradient_i += sum_r v_ri (w_r - a_r) over all rows, mean_i += sum_r v_ri w_r over those of the data."""
    for r in range(n_rows):
        factor = factors[0, r] - factors[1, r]
        share = factors[0, r] if r < data else type(factor)(0)
        add_row(visible[r, first : first + gradient.size], factor, gradient, share, mean)


@pasted
def ascend_visible(
    bias: Any, motion: Any, rows: Any, columns: Any, plan: Any, now: Any, listed: Any, first: Any, last: Any, sums: Any
) -> None:
    """Update b and mu for visible columns [first, last)."""
    gradient, mean = sums[0, first:last], sums[1, first:last]
    for j in range(last - first):
        gradient[j] = 0
        mean[j] = 0
    if listed:
        sum_listed(columns, rows.factors, now.rows, now.rows + now.chains, first, gradient, mean)
    else:
        sum_rows(rows.visible, rows.factors, now.rows, now.rows + now.chains, first, gradient, mean)
    a_total = type(now.rate)(0)
    for r in range(now.rows + now.chains):
        a_total += rows.factors[1, r]
    for j in range(last - first):
        i = first + j
        mu = motion.visible_offset[i]
        motion.visible_bias[i] = now.momentum * motion.visible_bias[i] + now.rate * (gradient[j] + mu * a_total)
        bias[i] += motion.visible_bias[i]
        motion.visible_offset[i] = mu + plan.visible_rate * (mean[j] - mu)


@inner
def first_at_least(ones: Any, count: Any, column: Any) -> Any:
    """Return the place of the first of ``ones``, which ascend, that is not below ``column``."""
    low, high = 0, count
    while low < high:
        middle = (low + high) // 2
        if ones[middle] < column:
            low = middle + 1
        else:
            high = middle
    return low


@inner
def list_columns(ones: Any, counts: Any, columns: Any, n_rows: Any, first: Any, last: Any) -> Any:
    """Turn the rows' lists of ones into lists for columns [first, last); False where a row is not 0/1."""
    for i in range(first, last):
        columns.counts[i] = 0
    for run in range(-(-n_rows // NEAR)):
        lists, lengths = columns.ones[run], columns.lengths[run]
        for i in range(first, last):
            lengths[i] = 0
        for r in range(run * NEAR, min(run * NEAR + NEAR, n_rows)):
            if counts[r] < 0:
                return False
            k, row = first_at_least(ones[r], counts[r], first), ones[r]
            while k < counts[r] and row[k] < last:
                column = np.uintp(row[k])  # unsigned: else numba asks each index whether it counts from the end
                lists[column, np.uintp(lengths[column])] = r - run * NEAR
                lengths[column] += 1
                k += 1
        for i in range(first, last):
            columns.counts[i] += lengths[i]
    return True


@inner
def gradient_tile(
    rows: Any, columns: Any, mu: Any, listed: Any, n_rows: Any, column: Any, top: Any, bottom: Any, tile: Any
) -> None:
    """tile[i, :] = sum_r v_ri q_r - mu_i dh over a panel of hidden columns, visible units [top, bottom)."""
    width = tile.shape[1]
    dh = columns.hidden_sum[column : column + width]
    for i in range(top, bottom):
        for j in range(width):
            tile[i - top, j] = -mu[i] * dh[j]
    ldv, ldh, half = rows.visible.shape[1], rows.hidden.shape[1], width // 2
    if not listed or is_dense(columns.counts, n_rows, top, bottom):
        for h in range(0, width, half):
            tile_rows(
                at(rows.visible, top), NEXT, ldv, at(rows.hidden, column + h), ldh, n_rows,
                at(tile, h), width, bottom - top,
            )  # fmt: skip
        return
    for run in range(-(-n_rows // NEAR)):
        for i in range(top, bottom):
            here, place = at(tile, (i - top) * width), (run * columns.lengths.shape[1] + i) * NEAR
            q, length = at(rows.hidden, run * NEAR * ldh + column), columns.lengths[run, i]
            gather_sum(q, ldh, at(columns.ones, place), length, here, here)


@inner
def copy_transposed(source: Any, top: Any, rows: Any, columns: Any, target: Any, column: Any) -> None:
    """target[column + j, i] = source[top + i, j]: whole squares of registers, then the rest."""
    width = source.shape[1]
    square = width // 4
    whole_rows, whole_columns = rows // square * square, columns // square * square
    for j in range(0, whole_columns, square):
        for i in range(0, whole_rows, square):
            transpose_square(at(source, (top + i) * width + j), width, at(target, (column + j) * width + i), width)
    for j in range(columns):
        for i in range(whole_rows if j < whole_columns else 0, rows):
            target[column + j, i] = source[top + i, j]


@inner
def apply_tile(w: Any, m: Any, tile: Any, top: Any, bottom: Any, rate: Any, momentum: Any, l2: Any, l1: Any) -> None:
    """Take a step with momentum and decay for one tile of W."""
    zero = type(rate)(0)
    for i in range(top, bottom):
        for j in range(tile.shape[1]):
            sign = l1 if w[i, j] > zero else (-l1 if w[i, j] < zero else zero)
            m[i, j] = momentum * m[i, j] + rate * (tile[i - top, j] - l2 * w[i, j] - sign)
            w[i, j] += m[i, j]


@pasted
def ascend_weights(
    weights: Any, velocity: Any, mu: Any, rows: Any, columns: Any, plan: Any, now: Any, listed: Any, mine: Any,
    tile: Any,
) -> None:  # fmt: skip
    """Update W for this thread's panels of hidden columns and its visible units, and its copy for the way down."""
    n_hidden, width = weights.down.shape[1], weights.up.shape[2]
    for panel in range(mine.hidden_left, mine.hidden_right):
        w, m, column = weights.up[panel], velocity[panel], panel * width
        for block in range(mine.weights_first, mine.weights_last, width):
            end = min(block + width, mine.weights_last)
            for top in range(block, end, UNIT_BLOCK):
                bottom = min(top + UNIT_BLOCK, end)
                gradient_tile(rows, columns, mu, listed, now.rows + now.chains, column, top, bottom, tile)
                apply_tile(w, m, tile, top, bottom, now.rate, now.momentum, plan.l2, plan.l1)
            below = weights.down[block // width]
            copy_transposed(w, block, end - block, min(width, n_hidden - column), below, column)
