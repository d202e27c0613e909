"""The LSTM that looks at a source before every step (`ebm.kernels.attention`), through time.

    c_t = sum_j alpha_tj h_j,  alpha_t from s_{t-1};   a_t = x_t U + c_t C + s_{t-1} W + b;   s_t by `ebm.kernels.lstm`

A frame of the output is [c_t, s_t]: what is said next depends on both. A thread takes its sequences through all time,
so that the source frames of a sequence, to which gradients are added at every time, are its own.

Source: Bahdanau, Cho & Bengio 2015 (arXiv:1409.0473), eq. 4 and appendix A.2.2, with an LSTM for their gated unit.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ebm.kernels.attention import COST, attend, attend_back, clear_frames
from ebm.kernels.dense import MULTIPLY
from ebm.kernels.jit import core
from ebm.kernels.lstm_rows import activate_frame, retreat_frame
from ebm.kernels.recurrence import (
    begin,
    clear_row,
    copy_row,
    following,
    hand_on,
    multiply_rows,
    recur,
    share,
    take_state,
)


@core(allocates=False)
def _forward(
    gates: Any, panels: Any, query_panels: Any, context_panels: Any, query: Any, keys: Any, values: Any, energy: Any,
    begins: Any, counts: Any, bases: Any, work: Any, weights: Any,
    none: Any, initial: Any, initial_cell: Any, previous: Any, previous_cell: Any, squashed: Any, out: Any,
    final: Any, final_cell: Any,
    starts: Any, active: Any, ends: Any, order: Any, first: Any, last: Any,
) -> None:  # fmt: skip
    low, high = share(ends, first, last)
    m, units, width = values.shape[1], previous.shape[1], energy.size
    begin(initial, order, previous, low, high)
    begin(initial_cell, order, previous_cell, low, high)
    for t in range(active.size):
        rows = min(high, active[t]) - low
        if rows <= 0:
            break
        top = starts[t] + low
        clear_frames(query, top, rows)
        multiply_rows(previous, top, rows, query_panels, width, query, top)
        for r in range(rows):
            frame, sequence = top + r, order[low + r]
            n, place = counts[sequence], bases[sequence] + t * counts[sequence]
            attend(
                query[frame, :width], keys, values, energy, begins[sequence], work[low + r],
                weights[place : place + n], out[frame, :m],
            )  # fmt: skip
        multiply_rows(out, top, rows, context_panels, 4 * units, gates, top)
        multiply_rows(previous, top, rows, panels, 4 * units, gates, top)
        for r in range(rows):
            frame, row = top + r, following(t, starts, active, low + r)
            c, hidden = previous_cell[row] if row >= 0 else final_cell[order[low + r]], out[frame, m : m + units]
            activate_frame(gates[frame], none, previous_cell[frame], c, squashed[frame], hidden)
            hand_on(hidden, row, order, low + r, previous, final)


@core(allocates=False)
def _backward(
    gates: Any, panels: Any, query_panels: Any, context_panels: Any, query: Any, keys: Any, values: Any, energy: Any,
    begins: Any, counts: Any, bases: Any, work: Any, weights: Any,
    none: Any, previous_cell: Any, squashed: Any, dy: Any, d_context: Any, d_keys: Any, d_values: Any, d_energy: Any,
    d_final: Any, d_final_cell: Any, carried: Any, carried_cell: Any, d_initial: Any, d_initial_cell: Any,
    starts: Any, active: Any, ends: Any, order: Any, first: Any, last: Any,
) -> None:  # fmt: skip
    low, high = share(ends, first, last)
    m, units, width, done = values.shape[1], squashed.shape[1], energy.size, low
    for back in range(active.size):
        t = active.size - 1 - back
        rows = min(high, active[t]) - low
        for rank in range(done, low + rows):  # their last frame
            sequence = order[rank]
            take_state(d_final, sequence, carried[rank, :units])
            take_state(d_final_cell, sequence, carried_cell[rank])
            clear_row(d_energy[rank])
            clear_frames(d_keys, begins[sequence], counts[sequence])
            clear_frames(d_values, begins[sequence], counts[sequence])
        done = max(done, low + rows)
        top = starts[t] + low
        for r in range(rows):
            frame, dh, above = top + r, carried[low + r], dy[top + r, m : m + units]
            retreat_frame(
                gates[frame], none, previous_cell[frame], dh[:units], squashed[frame], above, dh[:units],
                carried_cell[low + r], dh,
            )  # fmt: skip
            clear_row(dh)
            copy_row(dy[frame, :m], d_context[frame, :m])
        if rows > 0:
            multiply_rows(gates, top, rows, context_panels, m, d_context, top)
        for r in range(rows):
            frame, sequence = top + r, order[low + r]
            n, place = counts[sequence], bases[sequence] + t * counts[sequence]
            attend_back(
                query[frame, :width], keys, values, energy, begins[sequence], work[low + r],
                weights[place : place + n], d_context[frame, :m], d_keys, d_values, d_energy[low + r],
            )  # fmt: skip
        if rows > 0 and (t > 0 or d_initial.shape[0] > 0):
            multiply_rows(gates, top, rows, panels, units, carried, low)
            multiply_rows(query, top, rows, query_panels, units, carried, low)
    if d_initial.shape[0] > 0:
        for rank in range(low, high):
            copy_row(carried[rank, :units], d_initial[order[rank]])
            copy_row(carried_cell[rank], d_initial_cell[order[rank]])


def forward(
    gates: Any, panels: tuple[Any, Any, Any], looking: tuple[Any, ...], initial: tuple[Any, Any],
    previous: tuple[Any, Any], squashed: Any, out: Any, final: tuple[Any, Any], packing: Any,
) -> None:  # fmt: skip
    """Go through time.

    Parameters
    ----------
    gates : ndarray of shape (n_frames, gate_columns(4 units))
        x U + b for every frame; i, f, g, o afterwards.
    panels : tuple of three ndarrays
        W (units, 4 units), the query's weights (units, width) and C (m, 4 units), packed.
    looking : tuple of ndarrays
        - query (n_frames, gate_columns(width)): written;
        - keys (n_source, width), values (n_source, m), energy (width,): k, h and v;
        - begins, counts, bases (n,), int64: where each sequence's source frames begin, how many they are, and where
          its weights begin;
        - work (n, working_columns(width, longest source));
        - weights (sum of target frames times source frames,): written.
    initial : tuple of two ndarrays of shape (n, units), or (0, units) for zeros
    previous : tuple of two ndarrays of shape (n_frames, units)
        Written: s and its cell before every frame.
    squashed : ndarray of shape (n_frames, units)
        Written: tanh of the cell after every frame.
    out : ndarray of shape (n_frames, m + units)
        Written: [c, s].
    final : tuple of two ndarrays of shape (n, units)
        Written.
    packing : Packing
        Of the target.
    """
    given = (gates, *panels, *looking, _no_peepholes(squashed), *initial, *previous, squashed, out, *final)
    recur(_forward, given, packing, _work(looking, gates))


def backward(
    gates: Any, panels: tuple[Any, Any, Any], looking: tuple[Any, ...], previous_cell: Any, squashed: Any, dy: Any,
    gradients: tuple[Any, Any, Any, Any], d_final: tuple[Any, Any], carried: tuple[Any, Any],
    d_initial: tuple[Any, Any], packing: Any,
) -> None:  # fmt: skip
    """Go back through time.

    Parameters
    ----------
    gates : ndarray
        i, f, g, o; d pre-activations afterwards.
    panels : tuple of three ndarrays
        The transposes of the same weights, packed.
    looking : tuple of ndarrays
        As they were left; the query becomes its gradient.
    previous_cell, squashed : ndarray of shape (n_frames, units)
    dy : ndarray of shape (n_frames, m + units)
    gradients : tuple of ndarrays
        Written: dL/d context (n_frames, gate_columns(m)), dL/d keys, dL/d values, and dL/d energy (n, width) by rank.
    d_final : tuple of two ndarrays of shape (n, units), or (0, units) for zeros
    carried : tuple of ndarrays of shape (n, gate_columns(units)) and (n, units)
        Working memory.
    d_initial : tuple of two ndarrays of shape (n, units), or (0, units) where they are not wanted
        Written.
    packing : Packing
    """
    ends = (*d_final, *carried, *d_initial)
    given = (gates, *panels, *looking, _no_peepholes(squashed), previous_cell, squashed, dy, *gradients, *ends)
    recur(_backward, given, packing, 2 * _work(looking, gates))


def _no_peepholes(squashed: Any) -> Any:
    return np.empty((0, squashed.shape[1]), squashed.dtype)


def _work(looking: tuple[Any, ...], gates: Any) -> int:
    _, keys, values, *_, weights = looking
    return gates.size * (gates.shape[1] // 2 // MULTIPLY + 6) + weights.size * (COST * keys.shape[1] + values.shape[1])
