"""What the loops of learning share: parameters, momenta, samples and buffers, as tuples of arrays."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ebm.kernels.jit import inner
from ebm.kernels.processor import PANEL_BYTES, panel_width

NEXT = np.int64(1)  # typed, or the literal compiles its own version
# Units that a thread takes together: as many visible ones as have their gradient in a tile of the first cache. It
# divides a panel's width in either precision.
UNIT_BLOCK = panel_width(np.float64)
NEAR = 24 * 1024 // PANEL_BYTES  # rows of which a panel stays in the first cache while a tile sums them


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


class Rows(NamedTuple):
    """What an update knows of its rows: data first, then chains."""

    visible: np.ndarray  # (rows, leading n_visible)
    hidden: np.ndarray  # (rows, leading n_hidden): pre-activations, then p, then q
    ones: np.ndarray  # int32 (rows, n_visible): places of the visible ones
    counts: np.ndarray  # int64; -1: not a 0/1 row
    factors: np.ndarray  # (3, rows): w, a, e


class Chains(NamedTuple):
    """Hidden states of the chains."""

    states: np.ndarray  # (chains, leading n_hidden)
    ones: np.ndarray  # int32 (chains, n_hidden)
    counts: np.ndarray


class Columns(NamedTuple):
    """What an update knows of its columns; rows are listed in runs, within which they count from zero."""

    ones: np.ndarray  # int16 (runs, n_visible, NEAR)
    lengths: np.ndarray  # int64 (runs, n_visible): ones in each run
    counts: np.ndarray  # int64 (n_visible,): ones in all rows
    hidden_sum: np.ndarray  # dh


class Scratch(NamedTuple):
    """Buffers that each thread has for itself."""

    noise: np.ndarray  # (threads, longest row in whole calls of four)
    tiles: np.ndarray  # (threads, UNIT_BLOCK, width)
    sums: np.ndarray  # (threads, 2, longest row)


class Plan(NamedTuple):
    """Constants of a fit."""

    batch: int
    chains: int  # persistent ones; CD has as many as the batch has rows
    sweeps: int
    persistent: bool
    visible_rate: float  # of the moving averages mu and lambda
    hidden_rate: float
    l2: float
    l1: float


class Update(NamedTuple):
    """One update of an epoch."""

    top: int  # place of its first sample in the order
    rows: int  # samples
    chains: int
    rate: float
    momentum: float
    step: int  # number of its first sweep since learning began
    key: int  # the seed


class Place(NamedTuple):
    """Where a thread stands among the threads, and its part of the units; rows are shared out anew at each update."""

    part: int  # its number
    parts: int
    row: int  # threads stand in rows and columns: those of a column keep the same panels of W in their caches
    rows: int
    hidden_left: int  # panels of hidden units, for what goes up and for W
    hidden_right: int
    visible_left: int  # panels of visible units, for what goes down
    visible_right: int
    weights_first: int  # visible units of W, whole panels
    weights_last: int
    visible_first: int  # units, whole blocks
    visible_last: int
    hidden_first: int
    hidden_last: int


def places(parts: int, weights: Weights) -> np.ndarray:
    """Return the Place of every thread, int64 of shape (parts, fields)."""
    hidden, n_visible, width = weights.up.shape
    visible, n_hidden, _ = weights.down.shape
    columns = min(parts, hidden, visible)
    while parts % columns:
        columns -= 1
    rows = parts // columns
    return np.array(
        [
            Place(
                part, parts, part // columns, rows,
                *blocks_of(hidden, 1, part % columns, columns), *blocks_of(visible, 1, part % columns, columns),
                *blocks_of(n_visible, width, part // columns, rows),
                *blocks_of(n_visible, UNIT_BLOCK, part, parts), *blocks_of(n_hidden, UNIT_BLOCK, part, parts),
            )
            for part in range(parts)
        ],
        np.int64,
    )  # fmt: skip


def blocks_of(n: int, block: int, part: int, parts: int) -> tuple[int, int]:
    """Return the part of [0, n) that one thread takes, in whole blocks."""
    blocks = -(-n // block)
    return min(n, blocks * part // parts * block), min(n, blocks * (part + 1) // parts * block)


@inner
def share_of(n: Any, part: Any, parts: Any) -> Any:
    """Return the part of [0, n) that one thread takes."""
    return n * part // parts, n * (part + 1) // parts
