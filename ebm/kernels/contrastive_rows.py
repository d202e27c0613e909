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
def finish_rows(
    rows: Any, visible_offset: Any, hidden_offset: Any, n_visible: Any, n_hidden: Any, first: Any, last: Any
) -> None:
    """Turn pre-activations of rows into q and the row's factors a and e."""
    for row in range(first, last):
        p = rows.hidden[row]
        sigmoid_row(p, n_hidden)
        share = rows.factors[0, row]
        rows.factors[1, row] = centre_row(p, hidden_offset, n_hidden, share)
        rows.factors[2, row] = centred_dot(rows.visible[row], visible_offset, n_visible, share)


@inner
def draw_hidden(
    inputs: Any, states: Any, noise: Any, n: Any, step: Any, stream: Any, key: Any, first: Any, last: Any
) -> None:
    """h ~ Bernoulli(sigma(inputs)) for chains [first, last)."""
    for c in range(first, last):
        source, target = inputs[c], states[c]
        for j in range(n):
            target[j] = source[j]
        fill_uniforms(noise, c, step, stream, key)
        draw_row(target, n, noise)


@inner
def draw_visible(
    v: Any, ones: Any, counts: Any, noise: Any, n: Any, step: Any, key: Any, first: Any, last: Any
) -> None:
    """v ~ Bernoulli(sigma(v)) in place for chains [first, last), and list its ones."""
    for c in range(first, last):
        fill_uniforms(noise, c, step, VISIBLE, key)
        draw_row(v[c], n, noise)
        counts[c] = list_ones(v[c], n, ones[c])


@inner
def load_rows(samples: Any, rows: Any, begin: Any, first: Any, last: Any) -> None:
    """Load samples [first, last) of the batch that begins there in the order: v, its ones and w."""
    for r in range(first, last):
        rows.counts[r] = load_row(samples, samples.order[begin + r], rows.visible[r], rows.ones[r])
        rows.factors[0, r] = samples.shares[begin + r]


@inner
def list_hidden(chains: Any, n: Any, first: Any, last: Any) -> None:
    """List the ones of the hidden states of chains [first, last)."""
    for c in range(first, last):
        chains.counts[c] = list_ones(chains.states[c], n, chains.ones[c])


@pasted
def data_rows(
    weights: Any, motion: Any, samples: Any, rows: Any, states: Any, plan: Any, now: Any, noise: Any, mine: Any,
    barrier: Any,
) -> None:  # fmt: skip
    """Load the batch and leave v, w, q, a and e of its rows; draw the states that CD starts from."""
    n_visible, n_hidden = weights.up.shape[1], weights.down.shape[1]
    first, last = share_of(now.rows, mine.part, mine.parts)
    load_rows(samples, rows, now.top, first, last)
    meet(barrier, mine.parts)
    top, bottom = share_of(now.rows, mine.row, mine.rows)
    activate_rows(
        rows.visible, rows.ones, rows.counts, weights.up, weights.hidden_bias, rows.hidden,
        top, bottom, mine.hidden_left, mine.hidden_right,
    )  # fmt: skip
    meet(barrier, mine.parts)
    if not plan.persistent:
        draw_hidden(rows.hidden, states, noise, n_hidden, now.step, START, now.key, first, last)
    finish_rows(rows, motion.visible_offset, motion.hidden_offset, n_visible, n_hidden, first, last)


@pasted
def chain_rows(
    weights: Any, motion: Any, rows: Any, chains: Any, plan: Any, now: Any, noise_v: Any, noise_h: Any, mine: Any,
    barrier: Any,
) -> None:  # fmt: skip
    """Run k sweeps of the chains, whose rows follow the data's, and leave v, w, q, a and e of their last states."""
    n_visible, n_hidden = weights.up.shape[1], weights.down.shape[1]
    first, last = share_of(now.chains, mine.part, mine.parts)
    top, bottom = share_of(now.chains, mine.row, mine.rows)
    v, h = rows.visible[now.rows :], rows.hidden[now.rows :]
    ones, counts = rows.ones[now.rows :], rows.counts[now.rows :]
    for s in range(plan.sweeps):
        step = now.step + np.uint64(s)
        list_hidden(chains, n_hidden, first, last)
        meet(barrier, mine.parts)
        activate_rows(
            chains.states, chains.ones, chains.counts, weights.down, weights.visible_bias, v,
            top, bottom, mine.visible_left, mine.visible_right,
        )  # fmt: skip
        meet(barrier, mine.parts)
        draw_visible(v, ones, counts, noise_v, n_visible, step, now.key, first, last)
        meet(barrier, mine.parts)
        activate_rows(
            v, ones, counts, weights.up, weights.hidden_bias, h, top, bottom, mine.hidden_left, mine.hidden_right
        )
        meet(barrier, mine.parts)
        if plan.persistent or s + 1 < plan.sweeps:
            draw_hidden(h, chains.states, noise_h, n_hidden, step, HIDDEN, now.key, first, last)
    share = type(plan.l2)(-1) / type(plan.l2)(now.chains)
    for c in range(first, last):
        rows.factors[0, now.rows + c] = share
    first, last = now.rows + first, now.rows + last
    finish_rows(rows, motion.visible_offset, motion.hidden_offset, n_visible, n_hidden, first, last)
