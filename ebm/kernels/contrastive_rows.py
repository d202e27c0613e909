"""The rows' part of a contrastive update: samples, chains and their statistics (see ``contrastive``)."""

from __future__ import annotations

from typing import Any

import numpy as np

from ebm.kernels.barrier import meet
from ebm.kernels.bernoulli import draw_row, sigmoid_row
from ebm.kernels.jit import inner, pasted, summing
from ebm.kernels.learning_state import share_of
from ebm.kernels.linear import activate_rows, list_binary, list_ones
from ebm.kernels.philox import fill_uniforms

VISIBLE, HIDDEN, START = np.uint64(1), np.uint64(2), np.uint64(3)  # streams, as in ebm.random.Stream
NO_ROWS = np.int64(0)  # typed, or the literal compiles its own version


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
def draw_hidden(
    work: Any, noise: Any, n: Any, top: Any, step: Any, stream: Any, key: Any, first: Any, last: Any
) -> None:
    """h ~ Bernoulli(sigma(pre-activation)) for chains [first, last), whose rows begin at ``top``."""
    for c in range(first, last):
        source, target = work.hidden[top + c], work.hidden_states[c]
        for j in range(n):
            target[j] = source[j]
        fill_uniforms(noise, c, step, stream, key)
        draw_row(target, n, noise)


@inner
def draw_visible(work: Any, noise: Any, n: Any, top: Any, step: Any, key: Any, first: Any, last: Any) -> None:
    """v ~ Bernoulli(sigma(pre-activation)) for chains [first, last), whose rows begin at ``top``, and list its ones."""
    for c in range(first, last):
        v = work.visible[top + c]
        fill_uniforms(noise, c, step, VISIBLE, key)
        draw_row(v, n, noise)
        work.visible_counts[top + c] = list_ones(v, n, work.visible_ones[top + c])


@inner
def load_rows(samples: Any, work: Any, now: Any, first: Any, last: Any) -> None:
    """Load samples [first, last) of the batch: v, its ones and w."""
    for r in range(first, last):
        sample = samples.order[now.top + r]
        work.visible_counts[r] = load_row(samples, sample, work.visible[r], work.visible_ones[r])
        work.row_factors[0, r] = samples.shares[now.top + r]


@inner
def list_hidden(work: Any, n: Any, first: Any, last: Any) -> None:
    """List the ones of the hidden states of chains [first, last)."""
    for c in range(first, last):
        work.hidden_counts[c] = list_ones(work.hidden_states[c], n, work.hidden_ones[c])


@pasted
def data_rows(
    weights: Any, motion: Any, samples: Any, work: Any, plan: Any, now: Any, noise: Any, mine: Any, barrier: Any
) -> None:
    """Load the batch and leave v, w, q, a and e of its rows; draw the states that CD starts from."""
    n_visible, n_hidden = weights.up.shape[1], weights.down.shape[1]
    first, last = share_of(now.rows, 1, mine.part, mine.parts)
    load_rows(samples, work, now, first, last)
    meet(barrier, mine.parts)
    top, bottom = share_of(now.rows, 1, mine.row, mine.rows)
    activate_rows(
        work.visible, work.visible_ones, work.visible_counts, weights.up, weights.hidden_bias, work.hidden,
        top, bottom, mine.hidden_left, mine.hidden_right,
    )  # fmt: skip
    meet(barrier, mine.parts)
    if not plan.persistent:
        draw_hidden(work, noise, n_hidden, NO_ROWS, now.step, START, now.key, first, last)
    finish_rows(motion, work, n_visible, n_hidden, first, last)


@pasted
def chain_rows(
    weights: Any, motion: Any, work: Any, plan: Any, now: Any, noise_v: Any, noise_h: Any, mine: Any, barrier: Any
) -> None:
    """Run k sweeps of the chains, whose rows follow the data's, and leave v, w, q, a and e of their last states."""
    n_visible, n_hidden = weights.up.shape[1], weights.down.shape[1]
    first, last = share_of(now.chains, 1, mine.part, mine.parts)
    top, bottom = share_of(now.chains, 1, mine.row, mine.rows)
    v, ones, counts = work.visible[now.rows :], work.visible_ones[now.rows :], work.visible_counts[now.rows :]
    for s in range(plan.sweeps):
        step = now.step + np.uint64(s)
        list_hidden(work, n_hidden, first, last)
        meet(barrier, mine.parts)
        activate_rows(
            work.hidden_states, work.hidden_ones, work.hidden_counts, weights.down, weights.visible_bias, v,
            top, bottom, mine.visible_left, mine.visible_right,
        )  # fmt: skip
        meet(barrier, mine.parts)
        draw_visible(work, noise_v, n_visible, now.rows, step, now.key, first, last)
        meet(barrier, mine.parts)
        activate_rows(
            v, ones, counts, weights.up, weights.hidden_bias, work.hidden[now.rows :],
            top, bottom, mine.hidden_left, mine.hidden_right,
        )  # fmt: skip
        meet(barrier, mine.parts)
        if plan.persistent or s + 1 < plan.sweeps:
            draw_hidden(work, noise_h, n_hidden, now.rows, step, HIDDEN, now.key, first, last)
    share = type(plan.l2)(-1) / type(plan.l2)(now.chains)
    for c in range(first, last):
        work.row_factors[0, now.rows + c] = share
    finish_rows(motion, work, n_visible, n_hidden, now.rows + first, now.rows + last)
