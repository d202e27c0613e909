"""Where frames stand when sequences are packed by time."""

import numpy as np
import pytest

from ebm.device import Device
from ebm.kernels.frames import load_frames
from ebm.networks.context import Context
from ebm.networks.packing import Packing


def frames(lengths):
    """Frames that tell their sequence and time."""
    return np.array([[s, t] for s, length in enumerate(lengths) for t in range(length)], np.float32)


@pytest.mark.parametrize("lengths", [[3, 1, 4, 4, 2], [1], [5, 5], [1, 2, 3]])
def test_frames_go_in_and_out(lengths):
    packing, data = Packing(lengths), frames(lengths)
    packed = packing.pack(data)
    np.testing.assert_array_equal(packing.unpack(packed), data)
    np.testing.assert_array_equal(packed[:, 0], packing.order[packing.rank])
    np.testing.assert_array_equal(packed[:, 1], packing.time)
    assert (np.diff(packing.host_active) <= 0).all()
    for t in range(packing.n_times):  # the frames of a time are neighbours, the longest sequence first
        rows = slice(packing.host_starts[t], packing.host_starts[t + 1])
        assert (packed[rows, 1] == t).all()
        np.testing.assert_array_equal(packing.rank[rows], np.arange(packing.host_active[t]))
    for s, length in enumerate(lengths):
        np.testing.assert_array_equal(packed[packing.positions(s)], data[data[:, 0] == s])
        np.testing.assert_array_equal(packed[packing.last[s]], [s, length - 1])


def test_flipping_turns_every_sequence_round():
    lengths = [3, 1, 4]
    packing = Packing(lengths)
    packed = packing.pack(frames(lengths))
    turned = packed[packing.flip]
    np.testing.assert_array_equal(turned[:, 0], packed[:, 0])
    np.testing.assert_array_equal(turned[:, 1], np.array(lengths)[packed[:, 0].astype(int)] - 1 - packed[:, 1])
    np.testing.assert_array_equal(turned[packing.flip], packed)


def test_frames_of_a_batch_are_loaded_by_the_clock():
    lengths = np.array([5, 3, 7])
    data, begins = frames(lengths), np.concatenate([[0], np.cumsum(lengths)])
    samples = np.array([1, 0, 2])  # the epoch's order; batches of one
    for batch, sample in enumerate(samples):
        packing = Packing([lengths[sample]])
        out = np.zeros((packing.n_frames, 2), np.float32)
        load_frames(data, begins, samples, np.array([0, batch], np.uint32), 1, packing, out)
        np.testing.assert_array_equal(out, data[data[:, 0] == sample])


@pytest.mark.parametrize("lengths", [[], [0, 1], [[1, 2]], [-1]])
def test_lengths_that_are_none_are_refused(lengths):
    with pytest.raises(ValueError, match="lengths must be"):
        Packing(lengths)


def test_a_context_that_resizes_keeps_its_memory():
    context = Context(reuse=True, resize=True)
    first = context.empty((4, 8), np.float32)
    other = context.empty((3,), np.float64)
    context.rewind()
    second = context.empty((2, 3), np.float32)
    assert np.shares_memory(first, second)
    assert not np.shares_memory(first, other)
    context.rewind()
    larger = context.empty((100, 8), np.float64)
    larger[...] = 1
    context.rewind()
    assert np.shares_memory(larger, context.empty((110, 8), np.float64))  # it grew by half, for what may come


def test_a_context_hands_states_on_and_forgets():
    context = Context(remembers=True)
    (state,) = context.remembered(3, (2,), np.float32)
    state[...] = 5
    context.rewind()
    (again,) = context.remembered(2, (2,), np.float32)
    np.testing.assert_array_equal(again, np.full((2, 2), 5))
    context.rewind()
    with pytest.raises(ValueError, match="the packing has 4 sequences, but states of 3 are remembered"):
        context.remembered(4, (2,), np.float32)
    context.forget()
    assert (state == 0).all()
    assert Context().remembered(3, (2,), np.float32) is None


def test_packings_are_of_a_device():
    assert Packing([2, 1], Device()).device.name == "cpu"
