"""Variational dropout: masks that stay for a sequence, and those inside cells."""

import numpy as np
import pytest

from ebm.networks.context import Context
from ebm.networks.packing import Packing
from ebm.random import Random, Stream
from ebm.recurrent.dropout import SequenceDropout
from tests.reference.philox import uniforms

SEED = Random((3 << 32) + 5)
LENGTHS = (2, 5, 1, 4)


def dropped(rate=0.4, width=40, lengths=LENGTHS, step=0, dtype=np.float32, training=True):
    """Return what ones become, and how they are packed."""
    packing = Packing(lengths)
    context = Context(training=training, random=SEED, packing=packing)
    context.clock[0] = step
    y, _ = SequenceDropout(rate).forward({}, np.ones((packing.n_frames, width), dtype), context)
    return y, packing


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_mask_is_the_same_at_all_frames_and_stands_where_it_is_told(dtype):
    y, packing = dropped(dtype=dtype, step=7)
    stream = int(Stream.SEQUENCE_DROPOUT) | 1 << 8
    for i in range(packing.n):
        u = uniforms(1, 40, SEED.seed, stream, 7, dtype, first_row=i)[0]
        expected = np.where(u < dtype(0.4), 0, dtype(1 / 0.6))
        for row in packing.positions(i):
            np.testing.assert_array_equal(y[row], expected)


def test_sequences_and_updates_have_masks_of_their_own():
    y, packing = dropped()
    firsts = [y[packing.positions(i)[0]] for i in range(packing.n)]
    assert len({mask.tobytes() for mask in firsts}) == packing.n
    assert (dropped(step=1)[0] != y).any()
    np.testing.assert_array_equal(dropped()[0], y)


def test_a_sequence_keeps_its_mask_in_any_company_of_the_same_order():
    """The mask belongs to the number in the batch, not to the place where frames happen to stand."""
    one, packing = dropped(lengths=(2, 5, 1, 4))
    other, packed = dropped(lengths=(6, 1, 3, 2))
    for i in range(4):
        np.testing.assert_array_equal(one[packing.positions(i)[0]], other[packed.positions(i)[0]])


def test_what_is_left_is_right_on_average():
    """Of 20000 masks; the mean of m has standard deviation sqrt(r / (1 - r) / n)."""
    rate, n = 0.3, 20_000
    y, _ = dropped(rate, width=100, lengths=(1,) * (n // 100))
    assert set(np.unique(y)) == {np.float32(0), np.float32(1 / (1 - rate))}
    assert abs(y.mean() - 1) <= 4 * np.sqrt(rate / (1 - rate) / n)


def test_prediction_leaves_frames_as_they_are():
    y, _ = dropped(training=False)
    assert (y == 1).all()


@pytest.mark.parametrize("rate", [-0.1, 1, True, None])
def test_what_is_no_rate_is_refused(rate):
    with pytest.raises(ValueError, match=r"rate must be a number in \[0, 1\)"):
        SequenceDropout(rate)
