"""Annealed chains of a Bernoulli RBM: many temperatures in one call, each thread with its chains.

From beta = old to new, along p_beta(v, h) ~ exp(((1 - beta) b0 + beta b).v + beta c.h + beta v W h):

    log w += (new - old) v.(b - b0) + sum_j log(1 + e^{new x_j}) - log(1 + e^{old x_j}),   x = c + v W
    h_j ~ Bernoulli(sigma(new x_j)),   v_i ~ Bernoulli(sigma(new (b + W h)_i + (1 - new) b0_i))

Source: Salakhutdinov & Murray 2008 (doi:10.1145/1390156.1390266), eqs. 13 to 18. Chains do not meet, so the result
does not depend on the number of threads.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ebm.kernels.bernoulli import draw_row
from ebm.kernels.exponential import softplus
from ebm.kernels.jit import core, inner, summing
from ebm.kernels.linear import NONE, activate_rows, list_binary, list_ones
from ebm.kernels.philox import fill_uniforms
from ebm.kernels.processor import aligned, leading
from ebm.kernels.reduce import row_sum
from ebm.kernels.threads import over_rows


class Ladder(NamedTuple):
    """What all chains share."""

    up: np.ndarray  # W packed (hidden panels, n_visible, width)
    down: np.ndarray  # W^T packed (visible panels, n_hidden, width)
    visible_bias: np.ndarray  # b, padded to whole panels
    hidden_bias: np.ndarray  # c, padded to whole panels
    base: np.ndarray  # b0, (n_visible,)
    betas: np.ndarray  # in the order in which they are passed, in the dtype of W


class Chains(NamedTuple):
    """States and buffers of the chains, one a row."""

    visible: np.ndarray
    hidden: np.ndarray
    visible_ones: np.ndarray  # int32
    hidden_ones: np.ndarray  # int32
    visible_counts: np.ndarray
    hidden_counts: np.ndarray
    noise: np.ndarray  # a buffer for each chain: threads share nothing
    log_weights: np.ndarray  # float64


@inner
def softplus_change(x: Any, n: Any, new: Any, old: Any, terms: Any) -> Any:
    """sum_j log(1 + e^{new x_j}) - log(1 + e^{old x_j}) over the first n; ``terms`` is a buffer."""
    for j in range(n):  # summed apart: reordering would spoil the exponential's digits
        terms[j] = softplus(new * x[j]) - softplus(old * x[j])
    return row_sum(terms, n)


@summing
def bias_change(v: Any, n: Any, bias: Any, base: Any) -> Any:
    """v . (b - b0) over the first n."""
    total = type(base[0])(0)
    for i in range(n):
        total += v[i] * (bias[i] - base[i])
    return total


@inner
def draw_hidden(ladder: Any, chains: Any, new: Any, row: Any, step: Any, stream: Any, key: Any) -> None:
    """h ~ Bernoulli(sigma(new x)) for one chain, in place of x."""
    n = ladder.down.shape[1]
    x, noise = chains.hidden[row], chains.noise[row, : -(-n // 4) * 4]
    for j in range(n):
        x[j] = new * x[j]
    fill_uniforms(noise, row, step, stream, key)
    draw_row(x, n, noise)
    chains.hidden_counts[row] = list_ones(x, n, chains.hidden_ones[row])


@inner
def draw_visible(ladder: Any, chains: Any, new: Any, row: Any, step: Any, stream: Any, key: Any) -> None:
    """v ~ Bernoulli(sigma(new y + (1 - new) b0)) for one chain, in place of y."""
    n = ladder.up.shape[1]
    y, noise, rest = chains.visible[row], chains.noise[row, : -(-n // 4) * 4], type(new)(1) - new
    for i in range(n):
        y[i] = new * y[i] + rest * ladder.base[i]
    fill_uniforms(noise, row, step, stream, key)
    draw_row(y, n, noise)
    chains.visible_counts[row] = list_ones(y, n, chains.visible_ones[row])


@core
def _anneal(
    ladder: Any, chains: Any, step: Any, visible_stream: Any, hidden_stream: Any, key: Any, first: Any, last: Any
) -> None:
    n_visible, n_hidden = ladder.up.shape[1], ladder.down.shape[1]
    v, h, up, down = chains.visible, chains.hidden, ladder.up.shape[0], ladder.down.shape[0]
    for row in range(first, last):
        chains.visible_counts[row] = list_binary(v[row], n_visible, chains.visible_ones[row])
    for k in range(1, ladder.betas.size):
        old, new, now = ladder.betas[k - 1], ladder.betas[k], step + np.uint64(k)
        activate_rows(
            v, chains.visible_ones, chains.visible_counts, ladder.up, ladder.hidden_bias, h, first, last, NONE, up
        )
        for row in range(first, last):
            change = (new - old) * bias_change(v[row], n_visible, ladder.visible_bias, ladder.base)
            chains.log_weights[row] += change + softplus_change(h[row], n_hidden, new, old, chains.noise[row])
            draw_hidden(ladder, chains, new, row, now, hidden_stream, key)
        activate_rows(
            h, chains.hidden_ones, chains.hidden_counts, ladder.down, ladder.visible_bias, v, first, last, NONE, down
        )
        for row in range(first, last):
            draw_visible(ladder, chains, new, row, now, visible_stream, key)


def anneal(
    ladder: Ladder, v: np.ndarray, *, step: int, streams: tuple[int, int], seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Pass along ``ladder.betas`` from states v, shape (n_chains, n_visible).

    Parameters
    ----------
    ladder : Ladder
    v : ndarray of shape (n_chains, n_visible)
        0/1 states at the first beta, in the dtype of W.
    step : int
        The move to ``betas[k]`` draws at step ``step + k``.
    streams : (int, int)
        Streams of the visible and of the hidden states.
    seed : int

    Returns
    -------
    v : ndarray of shape (n_chains, n_visible)
        States at the last beta.
    log_weights : ndarray of shape (n_chains,), float64
        log of the product of f_new(v) / f_old(v) along the way.
    """
    n, n_visible, n_hidden, dtype = v.shape[0], ladder.up.shape[1], ladder.down.shape[1], v.dtype
    longest = leading(max(n_visible, n_hidden), dtype)
    chains = Chains(
        aligned((n, leading(n_visible, dtype)), dtype),
        aligned((n, leading(n_hidden, dtype)), dtype),
        np.zeros((n, n_visible), np.int32),
        np.zeros((n, n_hidden), np.int32),
        np.zeros(n, np.int64),
        np.zeros(n, np.int64),
        aligned((n, longest), dtype),
        np.zeros(n),
    )
    chains.visible[:, :n_visible] = v
    numbers = (np.uint64(step), *(np.uint64(s) for s in streams), np.uint64(seed))
    work = n * n_visible * n_hidden // 16 * ladder.betas.size
    over_rows(_anneal, (ladder, chains, *numbers), n, work)
    return chains.visible[:, :n_visible].copy(), chains.log_weights
