"""A cell that looks at a source before every step: additive attention, as decoders of sequences have it.

A state s asks with the query s W_a, and the frames h_j of the source answer with their keys h_j V:

    e_tj = v . tanh(s_{t-1} W_a + h_j V),   alpha_t = softmax(e_t),   c_t = sum_j alpha_tj h_j
    s_t = cell([x_t, c_t], s_{t-1})
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ebm.kernels import attention_lstm
from ebm.kernels.attention import place_weights, working_columns
from ebm.kernels.column_totals import column_totals
from ebm.kernels.frames import gather_rows, scatter_rows
from ebm.kernels.jit import on_gpu
from ebm.kernels.joining import take_left
from ebm.kernels.recurrence import gate_columns
from ebm.networks.context import Context
from ebm.networks.initial import initial_weights
from ebm.networks.layer import Parameters
from ebm.networks.packing import Packing
from ebm.networks.panels import packed
from ebm.networks.ranges import count_from
from ebm.random import Random, Stream
from ebm.recurrent import device_attention
from ebm.recurrent.cell import States, begun, fitting, none
from ebm.recurrent.lstm import LSTMCell, pair
from ebm.recurrent.products import add_times_transposed, outer_into, project_inputs, times, weight_gradients


class Source(NamedTuple):
    """What there is to look at.

    Attributes
    ----------
    values, keys : arrays of shape (n_source_frames, m) and (n_source_frames, width)
        h and h V, one sequence after the other.
    begins, counts : arrays of int64 of shape (n,)
        Where the frames of each sequence of the batch begin, and how many they are.
    host_counts : ndarray of int64 of shape (n,)
        The same on the CPU.
    """

    values: Any
    keys: Any
    begins: Any
    counts: Any
    host_counts: np.ndarray

    def of(self, numbers: np.ndarray, context: Context) -> Source:
        """Return the source of a batch whose sequences look at those with these numbers; frames are shared."""
        put, got = context.device.upload, context.device.download(self.begins)
        counts = self.host_counts[numbers]
        return Source(self.values, self.keys, put(got[numbers], np.int64), put(counts, np.int64), counts)


class Attended(NamedTuple):
    """What the passes of an attending cell share.

    Attributes
    ----------
    x, gates, previous, previous_cell, squashed : arrays
        As of a cell without attention.
    y : array of shape (n_frames, m + units)
        [c, s] of every frame.
    looking : tuple of arrays
        What `ebm.kernels.attention_lstm` reads and writes.
    source : Source
    packing : Packing
        Of the target.
    """

    x: Any
    gates: Any
    previous: Any
    previous_cell: Any
    squashed: Any
    y: Any
    looking: tuple[Any, ...]
    source: Source
    packing: Packing

    @property
    def passed(self) -> tuple[Any, Any]:
        """Gates and queries, which on the CPU a backward pass turns into their gradients."""
        return self.gates, self.looking[0]

    @property
    def weights(self) -> Any:
        """alpha, in one array: sequence by sequence, (target frames, source frames) each."""
        return self.looking[-1]

    def matrices(self, context: Context) -> list[np.ndarray]:
        """Return alpha of each sequence, an array (target frames, source frames) on the CPU."""
        lengths, counts = self.packing.host_lengths, self.source.host_counts
        parts = np.split(context.device.download(self.weights), np.cumsum(lengths * counts)[:-1])
        return [part.reshape(-1, n) for part, n in zip(parts, counts, strict=True)]


class AttendedBackward(NamedTuple):
    """What a backward pass returns.

    Attributes
    ----------
    dx : array of shape (n_frames, n_in), or None where it is not wanted
    d_source : array of shape (n_source_frames, m)
        With respect to the source's frames, packed as they were given.
    d_states : tuple of arrays of shape (n, units)
        With respect to the states before the first frames.
    """

    dx: Any
    d_source: Any
    d_states: States


@dataclass(frozen=True)
class AttentionCell:
    """An LSTM with additive attention over a source. A frame of its output is [c_t, s_t], of width m + units.

    Parameters
    ----------
    cell : LSTMCell
    width : int
        Of the query and the keys.

    Raises
    ------
    ValueError
        When the cell is another, or has recurrent dropout, or ``width`` is no positive integer.

    Notes
    -----
    Beside the cell's own parameters there are ``context_weights`` C (m, gates units), ``query_weights`` W_a
    (units, width), ``key_weights`` V (m, width) and ``energy_weights`` v (width, 1).

    Source: Bahdanau, Cho & Bengio 2015 (arXiv:1409.0473), eqs. 4 to 6 and appendix A.
    """

    cell: LSTMCell
    width: int

    def __post_init__(self) -> None:
        """Refuse cells that cannot attend."""
        count_from("width", self.width)
        if type(self.cell) is not LSTMCell:
            raise ValueError(f"a cell that attends must be an LSTMCell, got {self.cell!r}")
        if self.cell.recurrent_dropout:
            rate = self.cell.recurrent_dropout
            raise ValueError(f"a cell that attends has no recurrent_dropout, got an LSTMCell with {rate}; set it to 0")

    @property
    def state_sizes(self) -> tuple[int, ...]:
        """The cell's."""
        return self.cell.state_sizes

    def initial(self, n_in: int, n_source: int, random: Random, dtype: Any) -> dict[str, np.ndarray]:
        """Return first parameters for inputs, and frames of the source, of these widths."""
        columns, width = self.cell.units * self.cell.n_gates, self.width

        def draw(rows: int, n: int, fan_out: int, number: int) -> np.ndarray:
            return initial_weights((rows, n), rows, fan_out, random.child(Stream.ATTENTION), dtype, number=number)

        return {
            **self.cell.initial(n_in, random, dtype),
            "context_weights": draw(n_source, columns, self.cell.units, 0),
            "query_weights": draw(self.cell.units, width, width, 1),
            "key_weights": draw(n_source, width, width, 2),
            "energy_weights": draw(width, 1, 1, 3),
        }

    def look_at(self, parameters: Parameters, frames: Any, packing: Packing, context: Context) -> Source:
        """Return a source from frames (n_source_frames, m) that stand as ``packing`` says; keys are made here, once."""
        values = context.empty(frames.shape, frames.dtype)
        scatter_rows(frames, packing.serial, values)
        keys = times(values, parameters["key_weights"], context)
        return Source(values, keys, packing.begins, packing.lengths, packing.host_lengths)

    def forward(
        self, parameters: Parameters, x: Any, source: Source, states: States | None, context: Context
    ) -> tuple[Any, States, Attended]:
        """Return the output at every frame, the states after the last, and the cache.

        Parameters
        ----------
        parameters : dict of arrays
        x : array of shape (n_frames, n_in)
            Packed as ``context.packing`` says.
        source : Source
            Of as many sequences.
        states : tuple of arrays of shape (n, units), or None for zeros
        context : Context
        """
        packing, units = fitting(context.packing, x), self.cell.units
        gates = project_inputs(parameters, x, units * self.cell.n_gates, context)
        looking = self._looking(parameters, source, packing, context)
        shape = (packing.n_frames, units)
        previous, before, squashed = (context.empty(shape, x.dtype) for _ in range(3))
        y = context.empty((packing.n_frames, source.values.shape[1] + units), x.dtype)
        finals = tuple(context.empty((packing.n, size), x.dtype) for size in self.state_sizes)
        given: Any = begun(states, self.state_sizes, packing, x, context)
        both = (previous, before)
        if on_gpu(x):
            there = looking[1:7] + looking[8:]
            gates = device_attention.advance(
                parameters, gates, there, given, both, squashed, y, finals, packing, context
            )  # fmt: skip
        else:
            panels, last = self._panels(parameters, context, transposed=False), pair(finals)
            attention_lstm.forward(gates, panels, looking, given, both, squashed, y, last, packing)
        return y, finals, Attended(x, gates, previous, before, squashed, y, looking, source, packing)

    def _looking(self, parameters: Parameters, source: Source, packing: Packing, context: Context) -> tuple[Any, ...]:
        dtype, counts = source.values.dtype, source.host_counts
        query = context.empty((packing.n_frames, gate_columns(self.width, dtype)), dtype)
        bases = context.empty((packing.n,), np.int64)
        place_weights(packing.lengths, source.counts, bases)
        work = context.empty((packing.n, working_columns(self.width, int(counts.max()))), dtype)
        weights = context.empty((int(packing.host_lengths @ counts),), dtype)
        energy = parameters["energy_weights"].reshape(-1)
        return query, source.keys, source.values, energy, source.begins, source.counts, bases, work, weights

    def _panels(self, parameters: Parameters, context: Context, *, transposed: bool) -> tuple[Any, Any, Any]:
        names = ("recurrent_weights", "query_weights", "context_weights")
        first, second, third = (packed(parameters[name], context, transposed=transposed) for name in names)
        return first, second, third

    def backward(
        self,
        parameters: Parameters,
        cache: Attended,
        dy: Any,
        d_states: States | None,
        gradients: Parameters,
        context: Context,
        *,
        source_packing: Packing,
        wants_input: bool = True,
    ) -> AttendedBackward:
        """Write gradients, and return those of input, source and first states; the cache is used up.

        ``source_packing`` is that of the frames of which the source was made.
        """
        packing, units, source, dtype = cache.packing, self.cell.units, cache.source, dy.dtype
        shape = (packing.n, gate_columns(units, dtype, gpu=on_gpu(dy)))
        carried = context.empty(shape, dtype), context.empty((packing.n, units), dtype)
        d_keys, d_values = (context.empty(array.shape, dtype) for array in (source.keys, source.values))
        d_energy = context.empty((packing.n, self.width), dtype)
        d_initial: Any = tuple(context.empty((packing.n, size), dtype) for size in self.state_sizes)
        given: Any = d_states or none(self.state_sizes, dtype, context)
        kept, ends = (cache.previous_cell, cache.squashed, dy), (given, carried, d_initial)
        written = (d_keys, d_values, d_energy)
        if on_gpu(dy):
            there = cache.looking[1:7] + cache.looking[8:]
            d_gates, d_query = device_attention.retreat(
                parameters, cache.gates, there, *kept, written, *ends, packing, context
            )
        else:
            d_context = context.empty((packing.n_frames, gate_columns(source.values.shape[1], dtype)), dtype)
            panels, (d_gates, d_query) = self._panels(parameters, context, transposed=True), cache.passed
            attention_lstm.backward(cache.gates, panels, cache.looking, *kept, (d_context, *written), *ends, packing)
        self._look_back(cache, (d_gates, d_query, d_keys, d_energy), gradients, context)
        given = cache.x, cache.previous, d_gates, gradients, context
        dx = weight_gradients(parameters, *given, wants_input=wants_input)
        add_times_transposed(d_keys, parameters["key_weights"], d_values, context)
        d_source = context.empty(d_values.shape, dtype)
        gather_rows(d_values, source_packing.serial, d_source)
        return AttendedBackward(dx, d_source, d_initial)

    def _look_back(self, cache: Attended, found: tuple[Any, ...], gradients: Parameters, context: Context) -> None:
        """Write the gradients of what attention has of its own: products over all frames."""
        d_gates, d_query, d_keys, d_energy = found
        contexts = cache.y
        if on_gpu(contexts):
            contexts = context.empty((cache.y.shape[0], cache.source.values.shape[1]), cache.y.dtype)
            take_left(cache.y, contexts)
        outer_into(contexts, d_gates, gradients["context_weights"], context)
        outer_into(cache.previous, d_query, gradients["query_weights"], context)
        outer_into(cache.source.values, d_keys, gradients["key_weights"], context)
        energy = gradients["energy_weights"]
        column_totals(d_energy, energy.reshape(-1), add=context.adds(energy))
