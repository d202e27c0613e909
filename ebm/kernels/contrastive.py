"""Contrastive updates of a Bernoulli RBM: many mini-batches in one call, on threads that meet at a barrier.

With offsets mu, lambda (zero for the plain gradient), p = sigma(v W + c) for data (+, weights w, sum 1) and for the
chains' last states (-, weights -1/M), q_r = w_r (p_r - lambda), a_r = q_r . lambda and e_r = (v_r - mu) . mu:

    dW_ij = sum_r v_ri q_rj - mu_i dh_j,   dh_j = sum_r q_rj
    dc_j  = sum_r (1 - e_r) q_rj                              (= dh - mu dW)
    db_i  = sum_r v_ri (w_r - a_r) + mu_i sum_r a_r           (= dv - dW lambda)

which is the centred gradient without a second pass over the weights. Then velocity = momentum velocity +
rate (d - l2 W - l1 sign W), parameter += velocity, and each offset moves towards the batch's mean.

Between barriers, threads share rows (samples, draws), panels of W (products, steps of W: a thread meets the same ones
again, in its own cache) or columns (c, lambda, b, mu). Nothing depends on how many threads there are.

Sources: Hinton 2002 (doi:10.1162/089976602760128018) eq. 5 for CD; Tieleman 2008 (doi:10.1145/1390156.1390290) for
PCD; Melchior, Fischer & Wiskott 2016 (JMLR 17:99) eqs. 8 to 13 and algorithm 1 for the centred gradient.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ebm.kernels.barrier import meet
from ebm.kernels.contrastive_columns import ascend_hidden, ascend_visible, ascend_weights, list_columns
from ebm.kernels.contrastive_rows import chain_rows, data_rows
from ebm.kernels.jit import core, inner
from ebm.kernels.learning_state import UNIT_BLOCK, Place, Update, share_of


@inner
def place(weights: Any, part: Any, parts: Any) -> Any:
    """Arrange the threads in columns, of which each keeps its panels of W in its own cache, and in rows."""
    hidden, visible = weights.up.shape[0], weights.down.shape[0]
    columns = min(parts, hidden, visible)
    while parts % columns:
        columns -= 1
    hidden_left, hidden_right = share_of(hidden, 1, part % columns, columns)
    visible_left, visible_right = share_of(visible, 1, part % columns, columns)
    return Place(part, parts, part // columns, parts // columns, hidden_left, hidden_right, visible_left, visible_right)


@core
def contrastive_updates(
    weights: Any, motion: Any, samples: Any, work: Any, plan: Any, schedule: Any, step: Any, key: Any,
    first: Any, last: Any, part: Any, parts: Any, barrier: Any,
) -> None:  # fmt: skip
    """Do updates [first, last) of an epoch, whose first sweep was number ``step`` since learning began."""
    n_visible, n_hidden = weights.up.shape[1], weights.down.shape[1]
    mine = place(weights, part, parts)
    v0, v1 = share_of(n_visible, UNIT_BLOCK, part, parts)
    h0, h1 = share_of(n_hidden, UNIT_BLOCK, part, parts)
    noise_v, noise_h = work.noise[part, : -(-n_visible // 4) * 4], work.noise[part, : -(-n_hidden // 4) * 4]
    for update in range(first, last):
        top = update * plan.batch
        rows = min(plan.batch, samples.order.size - top)
        chains = plan.chains if plan.persistent else rows
        begins = step + np.uint64(update * plan.sweeps)
        now = Update(top, rows, chains, schedule[update, 0], schedule[update, 1], begins, key)
        data_rows(weights, motion, samples, work, plan, now, noise_h, mine, barrier)
        chain_rows(weights, motion, work, plan, now, noise_v, noise_h, mine, barrier)
        meet(barrier, parts)
        ascend_hidden(weights, motion, work, plan, now, h0, h1, work.sums[part])
        listed = list_columns(work, rows + chains, v0, v1)
        meet(barrier, parts)
        ascend_weights(weights, motion, work, plan, now, listed, mine, work.tiles[part])
        meet(barrier, parts)
        ascend_visible(weights, motion, work, plan, now, v0, v1, work.sums[part])
        meet(barrier, parts)
