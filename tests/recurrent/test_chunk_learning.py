"""Learning in chunks: each update against loops, whole backpropagation, threads, replay, resumption, bad input."""

import numpy as np
import pytest

from ebm.kernels.threads import limit_threads
from ebm.networks.dense import Dense
from ebm.networks.dropout import Dropout
from ebm.networks.embedding import Embedding
from ebm.networks.losses import SoftmaxCrossEntropy, SquaredError
from ebm.networks.normalisation import BatchNormalisation
from ebm.networks.sequential import Sequential
from ebm.optimizers.adam import Adam
from ebm.optimizers.clipping import ClipByNorm
from ebm.optimizers.schedules import Exponential
from ebm.optimizers.sgd import SGD
from ebm.random import Random
from ebm.recurrent.batch import SequenceSamples
from ebm.recurrent.bidirectional import Bidirectional
from ebm.recurrent.chunk_learning import ChunkLearner, learner_of_sequences
from ebm.recurrent.gru import GRUCell
from ebm.recurrent.layer import Recurrent
from ebm.recurrent.learning import SequenceLearner
from ebm.recurrent.lstm import LSTMCell
from ebm.recurrent.objective import SequenceLoss
from ebm.recurrent.pooling import LastFrame
from ebm.recurrent.scrn import SCRNCell
from ebm.recurrent.simple import SimpleCell
from ebm.sequences import SequenceData
from ebm.training import train
from tests.reference import truncated

RAGGED = [9, 4, 17, 1, 12, 17, 6]
CHUNKS = [(3, 3), (2, 5), (4, 6), (1, 1), (5, 17), (20, 20), (1, 4)]
SIMPLE = SequenceLoss(Sequential([Recurrent(SimpleCell(4)), Dense(2)]), SquaredError(), aligned=True)
STACK = SequenceLoss(
    Sequential([Recurrent(LSTMCell(4)), Dropout(0.3), Recurrent(GRUCell(3)), Recurrent(SCRNCell(3, 2)), Dense(2)]),
    SquaredError(),
    aligned=True,
)
chunks = pytest.mark.parametrize("k", CHUNKS, ids=str)


def samples(lengths=RAGGED, dtype=np.float64, weights=None):
    rng = np.random.default_rng(0)
    x, y = ([rng.standard_normal((length, m)).astype(dtype) for length in lengths] for m in (3, 2))
    return SequenceSamples({n: SequenceData.from_list(a, weights) for n, a in (("x", x), ("y", y))}, dtype=dtype)


def learner(k, objective=SIMPLE, *, data=None, optimizer=None, batch_size=3, n_epochs=4, **options):
    data = data or samples()
    start = objective.network.initial((3,), Random(3), data.dtype)
    return learner_of_sequences(
        start, objective, data, optimizer or Adam(0.01), Random(5), n_epochs=n_epochs, batch_size=batch_size,
        truncation=k, **options,
    )  # fmt: skip


def watched(made):
    """Let a learner note the gradient of every update; nothing of it may be recorded."""
    noted, move = [], made._move

    def noting(values, weights):
        noted.append({name: array.copy() for name, array in made._gradient.views.items()})
        move(values, weights)

    made._move = noting
    return noted


NAMES = {"U": "0.input_weights", "W": "0.recurrent_weights", "b": "0.bias", "V": "1.weights", "c": "1.bias"}


@chunks
@pytest.mark.parametrize("batch_size", [1, 3, 10])
def test_every_update_equals_the_loops(k, batch_size, monkeypatch):
    """Gradients of each chunk and the weights after an epoch, as weights move from chunk to chunk."""
    monkeypatch.setattr("ebm.recurrent.learning.MOST_RECORDED", 0)
    data, rate = samples(), 0.05
    made = learner(k, optimizer=SGD(rate), batch_size=batch_size)
    own = {name: made.parameters[theirs] for name, theirs in NAMES.items()}
    noted = watched(made)
    made.begin_epoch(0)
    made.update(0, made.n_batches)
    order, expected = made._order, []
    for top in range(0, len(RAGGED), batch_size):
        x, y = ([part.sequences()[s] for s in order[top : top + batch_size]] for part in data.sequences.values())
        expected += truncated.chunk_descent(own, x, y, *k, rate)
    assert len(noted) == len(expected) == made.n_batches
    for found, right in zip(noted, expected, strict=True):
        for name, theirs in NAMES.items():
            np.testing.assert_allclose(found[theirs], right[name], rtol=1e-10, atol=1e-13)
    for name, theirs in NAMES.items():
        np.testing.assert_allclose(made.parameters[theirs], own[name], rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize("objective", [SIMPLE, STACK], ids=["simple", "stack"])
def test_chunks_as_long_as_sequences_are_whole_backpropagation(objective):
    """Bit for bit, dropout included: the same loops on the same frames."""
    whole, found = learner(None, objective), learner((17, 17), objective)
    for made in (whole, found):
        train(made, 3)
    for name, array in whole.state().items():
        np.testing.assert_array_equal(found.state()[name], array, err_msg=name)
    assert whole.mean_loss == found.mean_loss


@pytest.mark.parametrize("k", [(2, 5), (3, 3), (1, 17)], ids=str)
def test_windows_that_reach_the_beginning_sum_to_the_whole_gradient(k, monkeypatch):
    """With weights that stay, chunks' gradients weighted by their frames are the whole one where k2 >= T, and else not.

    (The state that is carried is then that of one pass, so losses are the same for every k.)
    """
    monkeypatch.setattr("ebm.recurrent.learning.MOST_RECORDED", 0)
    totals = []
    for truncation in (None, k):
        made = learner(truncation, optimizer=SGD(0.0), batch_size=10)
        noted = watched(made)
        made.begin_epoch(0)
        made.update(0, made.n_batches)
        if truncation is None:
            shares = [1.0]
        else:
            counts = [np.clip(np.array(RAGGED) - fresh, 0, k[0]).sum() for fresh in range(0, 17, k[0])]
            shares = np.array(counts) / sum(RAGGED)
            assert made.n_batches == len(counts)
        totals.append({n: sum(s * g[n] for s, g in zip(shares, noted, strict=True)) for n in noted[0]})
    apart = max(np.abs(totals[0][n] - totals[1][n]).max() for n in totals[0])
    assert apart < 1e-13 if k[1] >= 17 else apart > 1e-4
    np.testing.assert_allclose(totals[0]["1.weights"], totals[1]["1.weights"], rtol=1e-10)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("k", [(3, 3), (2, 5)], ids=str)
def test_threads_and_cuts_change_no_bit(k, dtype):
    found = []
    for threads, step in ((1, 99), (2, 99), (2, 1), (2, 4)):
        with limit_threads(threads):
            made = learner(k, STACK, data=samples(dtype=dtype), clipping=ClipByNorm(0.5))
            for epoch in range(3):
                made.begin_epoch(epoch)
                for first in range(0, made.n_batches, step):
                    made.update(first, min(first + step, made.n_batches))
            found.append(made.state())
    for other in found[1:]:
        for name, array in found[0].items():
            np.testing.assert_array_equal(other[name], array, err_msg=name)


@pytest.mark.parametrize("k", [(3, 3), (2, 5)], ids=str)
@pytest.mark.parametrize("lengths", [RAGGED, [40, 40, 40]], ids=["ragged", "alike"])
def test_recorded_updates_equal_those_that_are_not(k, lengths, monkeypatch):
    expected = learner(k, STACK, data=samples(lengths))
    train(expected, 3)
    assert expected._updates
    monkeypatch.setattr("ebm.recurrent.learning.MOST_RECORDED", 0)
    loose = learner(k, STACK, data=samples(lengths))
    train(loose, 3)
    assert not loose._updates
    for name, array in expected.state().items():
        np.testing.assert_array_equal(loose.state()[name], array, err_msg=name)


def test_windows_in_the_middle_of_long_sequences_are_one_recorded_update():
    made = learner((4, 8), data=samples([400, 400]), batch_size=2)
    made.begin_epoch(0)
    assert made.n_batches == 100
    assert len({made._key(window) for window in made._plan}) == 3  # the first, those that follow, and the last
    made.update(0, 100)
    assert len(made._updates) == 1


@pytest.mark.parametrize("k", [(3, 3), (2, 5), 2, 0], ids=str)
def test_a_run_goes_on_exactly(k):
    whole = learner(k, STACK, optimizer=Adam(Exponential(0.01, 0.1)))
    train(whole, 4)
    first = learner(k, STACK, optimizer=Adam(Exponential(0.01, 0.1)))
    train(first, 2)
    second = learner(k, STACK, optimizer=Adam(Exponential(0.01, 0.1)))
    second.restore(first.state())
    train(second, 4, first_epoch=2)
    for name, array in whole.state().items():
        np.testing.assert_array_equal(second.state()[name], array, err_msg=name)


def test_epochs_have_as_many_updates_as_their_batches_have_chunks():
    """And rates follow the part of the training that is done, however many there are."""
    made, seen = learner((2, 4), optimizer=SGD(Exponential(1.0, 1e-3))), []
    for epoch in range(4):
        made.begin_epoch(epoch)
        seen.append(made.n_batches)
        lengths = np.array(RAGGED)[made._order]
        assert made.n_batches == sum(-(-lengths[top] // 2) for top in range(0, len(lengths), 3))
        progress = (epoch + np.arange(made.n_batches) / made.n_batches) / 4
        np.testing.assert_allclose(made._table[: made.n_batches, 0], SGD(Exponential(1.0, 1e-3)).rates(progress)[:, 0])
        made.update(0, made.n_batches)
    assert len(set(seen)) > 1
    assert max(seen) <= len(made._table) == 9 + 9 + 6


def test_weights_count_within_their_chunk():
    """A sequence of weight 2 is as two of them."""
    once = samples([7, 5], weights=[2.0, 1.0])
    rng = np.random.default_rng(0)
    x, y = ([rng.standard_normal((length, m)) for length in (7, 5)] for m in (3, 2))
    twice = SequenceSamples({n: SequenceData.from_list([a[0], *a]) for n, a in (("x", x), ("y", y))}, dtype=np.float64)
    found = []
    for data in (once, twice):
        made = learner((2, 3), data=data, batch_size=5)
        made.begin_epoch(0)
        made.update(0, made.n_batches)
        found.append(made.parameters)
    for name, array in found[0].items():
        np.testing.assert_allclose(found[1][name], array, rtol=1e-10, err_msg=name)


@pytest.mark.parametrize("k", [(2, 2), (2, 3), (2, 7)], ids=str)
def test_running_statistics_move_once_in_an_update(k):
    """Towards the window's own mean; what goes ahead to the next window's beginning leaves them alone."""
    network = Sequential([BatchNormalisation(momentum=0.9), Recurrent(SimpleCell(4)), Dense(2)])
    data = samples([8, 8])
    made = learner(k, SequenceLoss(network, SquaredError(), aligned=True), data=data, batch_size=2)
    made.begin_epoch(0)
    mean = np.zeros(3)
    for update in range(4):
        made.update(update, update + 1)
        window = slice(max(0, 2 * update + 2 - k[1]), 2 * update + 2)
        frames = np.concatenate([sequence[window] for sequence in data.main.sequences()])
        mean += 0.9 * (frames.mean(axis=0) - mean)
        np.testing.assert_allclose(made.parameters["0.running_mean"], mean, rtol=1e-12)


def test_long_memory_is_learnt_through_overlapping_windows():
    """The state tells what the chunk does not show: y_t = x_{t-3} with chunks of two frames, back through six."""
    rng = np.random.default_rng(0)
    bits = [rng.integers(0, 2, 200) for _ in range(8)]
    x = SequenceData.from_list([2.0 * b[:, None] - 1 for b in bits])
    y = SequenceData.from_list([np.roll(b, 3)[:, None] for b in bits], dtype=np.int64)
    objective = SequenceLoss(Sequential([Recurrent(LSTMCell(12)), Dense(2)]), SoftmaxCrossEntropy(), aligned=True)
    losses = {}
    for k in ((2, 2), (2, 6)):
        data = SequenceSamples({"x": x, "y": y}, dtype=np.float64)
        made = learner_of_sequences(
            objective.network.initial((1,), Random(0), np.float64), objective, data, Adam(0.01), Random(0),
            n_epochs=25, batch_size=8, truncation=k,
        )  # fmt: skip
        train(made, 25)
        losses[k] = made.mean_loss
    assert losses[2, 6] < 0.1  # three frames at the beginning are chance
    assert losses[2, 6] < losses[2, 2] / 2


@pytest.mark.parametrize(
    ("truncation", "message"),
    [
        ((5, 3), r"1 <= k1 <= k2.*got \(5, 3\)"),
        ((0, 3), "1 <= k1 <= k2"),
        (-1, "integer >= 0 or a pair"),
        (2.5, "integer >= 0 or a pair"),
        (True, "integer >= 0 or a pair"),
        ((1, 2, 3), "integer >= 0 or a pair"),
        ("all", "integer >= 0 or a pair"),
    ],
)
def test_bad_truncations_are_refused(truncation, message):
    with pytest.raises(ValueError, match=message):
        learner(truncation)


def test_chunks_that_have_no_meaning_are_refused():
    end = SequenceLoss(Sequential([Recurrent(SimpleCell(4)), LastFrame(), Dense(2)]), SquaredError())
    both = SequenceLoss(Sequential([Bidirectional(SimpleCell(4)), Dense(2)]), SquaredError(), aligned=True)
    back = SequenceLoss(Sequential([Recurrent(SimpleCell(4), backwards=True), Dense(2)]), SquaredError(), aligned=True)
    with pytest.raises(ValueError, match=r"truncation=\(2, 3\) needs an output at every frame.*last k \+ 1 frames"):
        learner((2, 3), end, data=SequenceSamples({"x": samples().main}, dtype=np.float64))
    for objective in (both, back):
        with pytest.raises(ValueError, match="from their ends, which are not known"):
            learner((2, 3), objective)
        assert isinstance(learner(2, objective), SequenceLearner)  # per output they are cut off in their own direction
    with pytest.raises(ValueError, match="of sequences alone, but samples have labels"):
        learner((2, 3), data=SequenceSamples(samples().sequences, {"labels": np.zeros((7, 1))}, dtype=np.float64))
    other = {"x": samples().main, "y": samples([3, *RAGGED[1:]]).sequences["y"]}
    with pytest.raises(ValueError, match="equal lengths, but x, y differ"):
        learner((2, 3), data=SequenceSamples(other, dtype=np.float64))
    for kind, truncation in ((SequenceLearner, (2, 3)), (ChunkLearner, 2)):
        with pytest.raises(ValueError, match="truncation"):
            kind({}, SIMPLE, samples(), Adam(), Random(0), n_epochs=1, truncation=truncation)


def test_an_objective_that_knows_nothing_of_it_is_refused():
    class Other:
        statistics = ()
        frames_of = "x"

    with pytest.raises(ValueError, match="Other is learnt by whole backpropagation"):
        SequenceLearner({}, Other(), samples(), Adam(), Random(0), n_epochs=1, truncation=3)


def test_many_to_one_takes_the_last_frames_alone():
    """truncation=k: frames before the last k + 1 have no gradient, seen by the embedding of tokens that stand there."""

    objective = SequenceLoss(
        Sequential([Embedding(9, 3), Recurrent(LSTMCell(4)), LastFrame(), Dense(2)]), SquaredError()
    )
    x = SequenceData.from_list([[0, 1, 2, 3, 4], [5, 6, 7]], dtype=np.int64)
    data = SequenceSamples({"x": x}, {"y": np.ones((2, 2))}, dtype=np.float64)
    start = objective.network.initial((), Random(0), np.float64)
    made = learner_of_sequences(start, objective, data, SGD(1.0), Random(0), n_epochs=1, truncation=1)
    made.begin_epoch(0)
    made.update(0, 1)
    moved = (made.parameters["0.weights"] != start["0.weights"]).any(axis=1)
    assert moved.tolist() == [False, False, False, True, True, False, True, True, False]
