"""Contrastive updates of a Bernoulli RBM: many mini-batches in one call, on threads that meet at a barrier.

With offsets mu, lambda (zero for the plain gradient), p = sigma(v W + c) for data (+, weights w, sum 1) and for the
chains' last states (-, weights -1/M), q_r = w_r (p_r - lambda), a_r = q_r . lambda and e_r = (v_r - mu) . mu:

    dW_ij = sum_r v_ri q_rj - mu_i dh_j,   dh_j = sum_r q_rj
    dc_j  = sum_r (1 - e_r) q_rj                              (= dh - mu dW)
    db_i  = sum_r v_ri (w_r - a_r) + mu_i sum_r a_r           (= dv - dW lambda)

which is the centred gradient without a second pass over the weights. Then velocity = momentum velocity +
rate (d - l2 W - l1 sign W), parameter += velocity, and each offset moves towards the batch's mean.

Phases of an update: rows (conditionals and k sweeps of Gibbs), hidden columns (c, lambda), visible blocks (W, b, mu).
Nothing depends on how many threads share them.

Sources: Hinton 2002 (doi:10.1162/089976602760128018) eq. 5 for CD; Tieleman 2008 (doi:10.1145/1390156.1390290) for
PCD; Melchior, Fischer & Wiskott 2016 (JMLR 17:99) eqs. 8 to 13 and algorithm 1 for the centred gradient.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ebm.kernels.barrier import meet
from ebm.kernels.bernoulli import draw_row, sigmoid_row
from ebm.kernels.jit import core, inner, summing
from ebm.kernels.linear import activate_rows, is_dense, list_binary, list_ones, tile_rows
from ebm.kernels.philox import fill_uniforms
from ebm.kernels.vector import at, gather_sum

NO_ROWS, NEXT = np.int64(0), np.int64(1)  # typed, or each literal compiles its own version
VISIBLE_BLOCK = 16  # visible units whose gradient stands in a tile of the first cache
VISIBLE, HIDDEN, START = np.uint64(1), np.uint64(2), np.uint64(3)   # streams of random numbers: the sweeps' states, and the first state of CD


class Weights(NamedTuple):
    """Parameters as the loops keep them: W packed for both directions, biases padded to whole panels."""

    up: np.ndarray  # (hidden panels, n_visible, width)
    down: np.ndarray  # (visible panels, n_hidden, width)
    visible_bias: np.ndarray
    hidden_bias: np.ndarray


class Motion(NamedTuple):
    """What learning carries from update to update beside the parameters, in their layout."""

    up: np.ndarray
    visible_bias: np.ndarray
    hidden_bias: np.ndarray
    visible_offset: np.ndarray  # mu
    hidden_offset: np.ndarray  # lambda


class Samples(NamedTuple):
    """Training data, dense or in rows of indices, with each sample's share of its batch; ``order`` is the epoch's."""

    dense: np.ndarray  # (n, n_visible), or (0, n_visible)
    starts: np.ndarray  # int64 (n + 1,)
    indices: np.ndarray  # int32
    values: np.ndarray  # (n_stored,), or empty where all are ones
    order: np.ndarray  # int64
    shares: np.ndarray  # (len(order),), in the order's order


class Work(NamedTuple):
    """Buffers of one update: rows of data first, then rows of chains."""

    visible: np.ndarray  # (rows, leading n_visible)
    hidden: np.ndarray  # (rows, leading n_hidden): p, then q
    visible_ones: np.ndarray  # int32 (rows, n_visible)
    visible_counts: np.ndarray  # int64; -1: not a 0/1 row
    hidden_states: np.ndarray  # (chains, leading n_hidden)
    hidden_ones: np.ndarray  # int32 (chains, n_hidden)
    hidden_counts: np.ndarray
    row_factors: np.ndarray  # (3, rows): w, a, e
    column_ones: np.ndarray  # int32 (n_visible, rows)
    column_counts: np.ndarray
    hidden_sum: np.ndarray  # dh
    noise: np.ndarray  # (threads, longest row in whole calls of four)
    tiles: np.ndarray  # (threads, VISIBLE_BLOCK, width)
    sums: np.ndarray  # (threads, 3, longest row)


class Plan(NamedTuple):
    """Constants of a fit."""

    batch: int
    chains: int  # 0: as many as the batch has rows (CD)
    sweeps: int
    persistent: bool
    visible_rate: float  # of the moving averages mu and lambda
    hidden_rate: float
    l2: float
    l1: float


@inner
def load_row(samples: Any, row: Any, x: Any, ones: Any) -> Any:
    """Copy one sample into x and its ones into the list; return their number, or -1 where it is not 0/1."""
    n = samples.dense.shape[1]
    if samples.dense.shape[0] > 0:
        source = samples.dense[row]
        for j in range(n):
            x[j] = source[j]
        return list_binary(x, n, ones)
    first, last = samples.starts[row], samples.starts[row + 1]
    for j in range(n):
        x[j] = 0
    if samples.values.size > 0:
        for e in range(first, last):
            x[samples.indices[e]] = samples.values[e]
        return list_binary(x, n, ones)
    for e in range(first, last):
        x[samples.indices[e]] = 1
        ones[e - first] = samples.indices[e]
    return last - first


@summing
def centre_row(p: Any, offset: Any, n: Any, share: Any) -> Any:
    """q = share (p - lambda) in place; return q . lambda."""
    total = type(share)(0)
    for j in range(n):
        p[j] = share * (p[j] - offset[j])
        total += p[j] * offset[j]
    return total


@summing
def centred_dot(x: Any, offset: Any, n: Any, share: Any) -> Any:
    """(x - mu) . mu, in the type of ``share``."""
    total = type(share)(0)
    for j in range(n):
        total += (x[j] - offset[j]) * offset[j]
    return total


@inner
def finish_rows(motion: Any, work: Any, n_visible: Any, n_hidden: Any, first: Any, last: Any) -> None:
    """Turn pre-activations of rows into q and the row's factors a and e."""
    for row in range(first, last):
        p = work.hidden[row]
        sigmoid_row(p, n_hidden)
        share = work.row_factors[0, row]
        work.row_factors[1, row] = centre_row(p, motion.hidden_offset, n_hidden, share)
        work.row_factors[2, row] = centred_dot(work.visible[row], motion.visible_offset, n_visible, share)


@inner
def sweep(weights: Any, work: Any, noise: Any, offset: Any, first: Any, last: Any, step: Any, key: Any) -> None:
    """v ~ p(v given h), then the hidden pre-activations, for chains [first, last); rows ``offset`` further on."""
    n_visible, n_hidden = weights.up.shape[1], weights.down.shape[1]
    for c in range(first, last):
        work.hidden_counts[c] = list_ones(work.hidden_states[c], n_hidden, work.hidden_ones[c])
    visible, ones, counts = work.visible[offset:], work.visible_ones[offset:], work.visible_counts[offset:]
    activate_rows(
        work.hidden_states, work.hidden_ones, work.hidden_counts, weights.down, weights.visible_bias, visible, first, last
    )
    for c in range(first, last):
        fill_uniforms(noise, c, step, VISIBLE, key)
        draw_row(visible[c], n_visible, noise)
        counts[c] = list_ones(visible[c], n_visible, ones[c])
    activate_rows(visible, ones, counts, weights.up, weights.hidden_bias, work.hidden[offset:], first, last)


@inner
def draw_hidden(work: Any, noise: Any, offset: Any, n_hidden: Any, first: Any, last: Any, step: Any, stream: Any, key: Any) -> None:
    """h ~ Bernoulli(sigma(pre-activation)) for chains [first, last)."""
    for c in range(first, last):
        fill_uniforms(noise, c, step, stream, key)
        source, target = work.hidden[offset + c], work.hidden_states[c]
        for j in range(n_hidden):
            target[j] = source[j]
        draw_row(target, n_hidden, noise)


@inner
def row_phase(weights: Any, motion: Any, samples: Any, work: Any, plan: Any, top: Any, rows: Any, step: Any, key: Any, part: Any, parts: Any) -> Any:
    """Data rows and chains of this thread; returns nothing, leaves v, q, w, a and e of its rows."""
    n_visible, n_hidden = weights.up.shape[1], weights.down.shape[1]
    noise_v, noise_h = work.noise[part, : -(-n_visible // 4) * 4], work.noise[part, : -(-n_hidden // 4) * 4]
    first, last = rows * part // parts, rows * (part + 1) // parts
    for r in range(first, last):
        work.visible_counts[r] = load_row(samples, samples.order[top + r], work.visible[r], work.visible_ones[r])
        work.row_factors[0, r] = samples.shares[top + r]
    activate_rows(
        work.visible, work.visible_ones, work.visible_counts, weights.up, weights.hidden_bias, work.hidden, first, last
    )
    chains = plan.chains if plan.persistent else rows
    if not plan.persistent:
        draw_hidden(work, noise_h, NO_ROWS, n_hidden, first, last, step, START, key)
    finish_rows(motion, work, n_visible, n_hidden, first, last)
    first, last = chains * part // parts, chains * (part + 1) // parts
    for s in range(plan.sweeps):
        now = step + np.uint64(s)
        sweep(weights, work, noise_v, rows, first, last, now, key)
        if plan.persistent or s + 1 < plan.sweeps:
            draw_hidden(work, noise_h, rows, n_hidden, first, last, now, HIDDEN, key)
    share = type(plan.l2)(-1) / type(plan.l2)(chains)
    for c in range(first, last):
        work.row_factors[0, rows + c] = share
    finish_rows(motion, work, n_visible, n_hidden, rows + first, rows + last)


@inner
def hidden_phase(weights: Any, motion: Any, work: Any, plan: Any, rows: Any, all_rows: Any, rate: Any, momentum: Any, first: Any, last: Any, sums: Any) -> None:
    """Update c and lambda for hidden columns [first, last), and leave dh."""
    gradient, total = sums[0], sums[1]
    for j in range(first, last):
        gradient[j] = 0
        total[j] = 0
    for r in range(all_rows):
        factor = type(rate)(1) - work.row_factors[2, r]
        q = work.hidden[r]
        for j in range(first, last):
            gradient[j] += factor * q[j]
            total[j] += q[j]
        if r == rows - 1:  # of the data: the mean of q is the mean of p, less lambda
            for j in range(first, last):
                motion.hidden_offset[j] += plan.hidden_rate * total[j]
    for j in range(first, last):
        work.hidden_sum[j] = total[j]
        motion.hidden_bias[j] = momentum * motion.hidden_bias[j] + rate * gradient[j]
        weights.hidden_bias[j] += motion.hidden_bias[j]


@inner
def visible_phase(weights: Any, motion: Any, work: Any, plan: Any, rows: Any, all_rows: Any, rate: Any, momentum: Any, first: Any, last: Any, sums: Any) -> None:
    """Update b and mu for visible columns [first, last)."""
    gradient, mean = sums[0], sums[1]
    for i in range(first, last):
        gradient[i] = 0
        mean[i] = 0
    a_total = type(rate)(0)
    for r in range(all_rows):
        factor = work.row_factors[0, r] - work.row_factors[1, r]
        share = work.row_factors[0, r] if r < rows else type(rate)(0)
        a_total += work.row_factors[1, r]
        v = work.visible[r]
        for i in range(first, last):
            gradient[i] += factor * v[i]
            mean[i] += share * v[i]
    for i in range(first, last):
        mu = motion.visible_offset[i]
        motion.visible_bias[i] = momentum * motion.visible_bias[i] + rate * (gradient[i] + mu * a_total)
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
def gradient_tile(work: Any, mu: Any, listed: Any, panel: Any, width: Any, all_rows: Any, top: Any, bottom: Any, tile: Any) -> None:
    """tile[i, :] = sum_r v_ri q_r - mu_i dh over one panel of hidden columns, visible units [top, bottom)."""
    column = panel * width
    for i in range(top, bottom):
        for j in range(width):
            tile[i - top, j] = -mu[i] * work.hidden_sum[column + j]
    ldv, ldh, half = work.visible.shape[1], work.hidden.shape[1], width // 2
    if not listed or is_dense(work.column_counts, all_rows, top, bottom):
        for h in range(0, width, half):
            tile_rows(work.visible, top, NEXT, ldv, work.hidden, column + h, ldh, all_rows, tile, h, width, bottom - top)
        return
    for i in range(top, bottom):
        here = at(tile, (i - top) * width)
        ones = at(work.column_ones, i * work.column_ones.shape[1])
        gather_sum(at(work.hidden, column), ldh, ones, work.column_counts[i], here, here)


@inner
def apply_tile(weights: Any, motion: Any, plan: Any, rate: Any, momentum: Any, panel: Any, top: Any, bottom: Any, tile: Any) -> None:
    """Momentum, decay and step for one tile, and its transposed copy for the way down."""
    width, n_hidden = weights.up.shape[2], weights.down.shape[1]
    zero = type(rate)(0)
    for i in range(top, bottom):
        w, m, g = weights.up[panel, i], motion.up[panel, i], tile[i - top]
        for j in range(width):
            sign = plan.l1 if w[j] > zero else (-plan.l1 if w[j] < zero else zero)
            m[j] = momentum * m[j] + rate * (g[j] - plan.l2 * w[j] - sign)
            w[j] += m[j]
    down = weights.down[top // width]
    lane, column = top % width, panel * width
    source = weights.up[panel]
    for j in range(min(width, n_hidden - column)):
        for i in range(bottom - top):
            down[column + j, lane + i] = source[top + i, j]


@inner
def weight_phase(weights: Any, motion: Any, work: Any, plan: Any, all_rows: Any, rate: Any, momentum: Any, first: Any, last: Any, tile: Any) -> None:
    """Update W for visible units [first, last), one panel of hidden columns after the other."""
    width = weights.up.shape[2]
    listed = list_columns(work, all_rows, first, last)
    for panel in range(weights.up.shape[0]):
        for top in range(first, last, VISIBLE_BLOCK):
            bottom = min(top + VISIBLE_BLOCK, last)
            gradient_tile(work, motion.visible_offset, listed, panel, width, all_rows, top, bottom, tile)
            apply_tile(weights, motion, plan, rate, momentum, panel, top, bottom, tile)


@inner
def share_of(n: Any, block: Any, part: Any, parts: Any) -> Any:
    """The part of [0, n) that one thread takes, in whole blocks."""
    blocks = -(-n // block)
    return min(n, blocks * part // parts * block), min(n, blocks * (part + 1) // parts * block)


@core
def contrastive_updates(
    weights: Any, motion: Any, samples: Any, work: Any, plan: Any, schedule: Any, step: Any, key: Any,
    first: Any, last: Any, part: Any, parts: Any, barrier: Any,
) -> None:  # fmt: skip
    """Updates [first, last) of an epoch; ``step`` counts sweeps from the start of learning, at the epoch's first update."""
    n_visible, n_hidden = weights.up.shape[1], weights.down.shape[1]
    v0, v1 = share_of(n_visible, VISIBLE_BLOCK, part, parts)
    h0, h1 = share_of(n_hidden, VISIBLE_BLOCK, part, parts)
    for update in range(first, last):
        top = update * plan.batch
        rows = min(plan.batch, samples.order.size - top)
        all_rows = rows + (plan.chains if plan.persistent else rows)
        rate, momentum = schedule[update, 0], schedule[update, 1]
        row_phase(weights, motion, samples, work, plan, top, rows, step + np.uint64(update * plan.sweeps), key, part, parts)
        meet(barrier, parts)
        hidden_phase(weights, motion, work, plan, rows, all_rows, rate, momentum, h0, h1, work.sums[part])
        meet(barrier, parts)
        weight_phase(weights, motion, work, plan, all_rows, rate, momentum, v0, v1, work.tiles[part])
        visible_phase(weights, motion, work, plan, rows, all_rows, rate, momentum, v0, v1, work.sums[part])
        meet(barrier, parts)
