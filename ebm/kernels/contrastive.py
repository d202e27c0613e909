"""Contrastive updates of a Bernoulli RBM: many mini-batches in one call, on threads that meet at a barrier.

With offsets mu, lambda (zero for the plain gradient), p = sigma(v W + c) for data (+, weights w, sum 1) and for the
chains' last states (-, weights -1/M), q_r = w_r (p_r - lambda), a_r = q_r . lambda and e_r = (v_r - mu) . mu:

    dW_ij = sum_r v_ri q_rj - mu_i dh_j,   dh_j = sum_r q_rj
    dc_j  = sum_r (1 - e_r) q_rj                              (= dh - mu dW)
    db_i  = sum_r v_ri (w_r - a_r) + mu_i sum_r a_r           (= dv - dW lambda)

which is the centred gradient without a second pass over the weights. Then velocity = momentum velocity +
rate (d - l2 W - l1 sign W), parameter += velocity, and each offset moves towards the batch's mean.

Between barriers, threads share rows (samples, draws), panels of W (products, steps of W: a thread meets the same ones
again, in its own cache) or columns (c, lambda, b, mu). With more threads than panels they stand in a grid: its columns
share the panels, its rows the samples and the visible units. Nothing depends on how many threads there are.

Sources: Hinton 2002 (doi:10.1162/089976602760128018) eq. 5 for CD; Tieleman 2008 (doi:10.1145/1390156.1390290) for
PCD; Melchior, Fischer & Wiskott 2016 (JMLR 17:99) eqs. 8 to 13 and algorithm 1 for the centred gradient.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ebm.kernels.barrier import all_here, meet
from ebm.kernels.contrastive_columns import ascend_hidden, ascend_visible, ascend_weights, list_columns
from ebm.kernels.contrastive_rows import chain_rows, data_rows
from ebm.kernels.jit import core
from ebm.kernels.learning_state import Place, Update


@core(allocates=False)
def contrastive_updates(
    weights: Any, motion: Any, samples: Any, rows: Any, chains: Any, columns: Any, scratch: Any, plan: Any,
    schedule: Any, places: Any, step: Any, key: Any, first: Any, last: Any, part: Any, parts: Any, barrier: Any,
) -> None:  # fmt: skip
    """Do updates [first, last) of an epoch, whose first sweep was number ``step`` since learning began."""
    p = places[part]
    mine = Place(part, parts, p[2], p[3], p[4], p[5], p[6], p[7], p[8], p[9], p[10], p[11], p[12], p[13])
    noise_v = scratch.noise[part, : -(-weights.up.shape[1] // 4) * 4]
    noise_h = scratch.noise[part, : -(-weights.down.shape[1] // 4) * 4]
    tile, sums = scratch.tiles[part], scratch.sums[part]
    v0, v1, h0, h1 = mine.visible_first, mine.visible_last, mine.hidden_first, mine.hidden_last
    if not all_here(barrier, parts):
        return
    for update in range(first, last):
        top = update * plan.batch
        n_data = min(plan.batch, samples.order.size - top)
        n_chains = plan.chains if plan.persistent else n_data
        begins = step + np.uint64(update * plan.sweeps)
        now = Update(top, n_data, n_chains, schedule[update, 0], schedule[update, 1], begins, key)
        data_rows(weights, motion, samples, rows, chains.states, plan, now, noise_h, mine, barrier)
        chain_rows(weights, motion, rows, chains, plan, now, noise_v, noise_h, mine, barrier)
        meet(barrier, parts)
        ascend_hidden(weights.hidden_bias, motion, rows, columns.hidden_sum, plan, now, h0, h1, sums)
        listed = list_columns(rows.ones, rows.counts, columns, n_data + n_chains, v0, v1)
        meet(barrier, parts)
        ascend_weights(weights, motion.up, motion.visible_offset, rows, columns, plan, now, listed, mine, tile)
        meet(barrier, parts)
        ascend_visible(weights.visible_bias, motion, rows, columns, plan, now, listed, v0, v1, sums)
        meet(barrier, parts)
