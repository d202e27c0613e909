"""The learner of sequences: batches, shares, replay, resumption, threads, and held-out losses."""

import numpy as np
import pytest

from ebm.kernels.threads import limit_threads
from ebm.networks.dense import Dense
from ebm.networks.dropout import Dropout
from ebm.networks.losses import SoftmaxCrossEntropy, SquaredError
from ebm.networks.sequential import Sequential
from ebm.optimizers.adam import Adam
from ebm.optimizers.clipping import ClipByNorm
from ebm.optimizers.sgd import SGD
from ebm.random import Random
from ebm.recurrent.batch import SequenceSamples
from ebm.recurrent.layer import Recurrent
from ebm.recurrent.learning import SequenceLearner, upload_batch
from ebm.recurrent.lstm import LSTMCell
from ebm.recurrent.objective import SequenceLoss
from ebm.recurrent.pooling import LastFrame
from ebm.recurrent.simple import SimpleCell
from ebm.sequences import SequenceData
from ebm.training import train

RAGGED, ALIKE = [4, 1, 7, 3, 3, 6, 2, 5, 4, 1, 2], [5] * 11
END = SequenceLoss(Sequential([Recurrent(LSTMCell(5)), Dropout(0.2), LastFrame(), Dense(2)]), SquaredError())
EACH = SequenceLoss(Sequential([Recurrent(SimpleCell(6)), Dense(3)]), SoftmaxCrossEntropy(), aligned=True)


def samples(lengths, objective, dtype=np.float64, weights=None):
    rng = np.random.default_rng(0)
    x = SequenceData.from_list([rng.standard_normal((length, 4)).astype(dtype) for length in lengths], weights)
    if objective is EACH:
        y = SequenceData.from_list([rng.integers(0, 3, (length, 1)) for length in lengths], weights, np.int64)
        return SequenceSamples({"x": x, "y": y}, dtype=dtype)
    kept = slice(None) if weights is None else np.flatnonzero(weights)
    return SequenceSamples({"x": x}, {"y": rng.standard_normal((len(lengths), 2)).astype(dtype)[kept]}, dtype=dtype)


def learner(lengths, objective=END, *, batch_size=4, dtype=np.float64, weights=None, **options):
    data = samples(lengths, objective, dtype, weights)
    start = objective.network.initial((4,), Random(3), data.dtype)
    options = {"clipping": ClipByNorm(1.0), **options}
    return SequenceLearner(
        start, objective, data, Adam(0.01), Random(5), n_epochs=4, batch_size=batch_size, **options
    )  # fmt: skip


def same(a, b):
    return a.keys() == b.keys() and all((a[name] == b[name]).all() for name in b)


@pytest.mark.parametrize("objective", [END, EACH], ids=["end", "each"])
@pytest.mark.parametrize("lengths", [RAGGED, ALIKE], ids=["ragged", "alike"])
def test_the_mean_loss_is_the_weighted_mean_of_all(objective, lengths):
    """With one batch the epoch's loss is that of all samples, before the step."""
    quiet = SequenceLoss(Sequential([Recurrent(LSTMCell(5)), LastFrame(), Dense(2)]), SquaredError())
    objective = quiet if objective is END else objective
    weights = np.array([0.5, 1, 2, 1, 1, 3, 1, 0, 1, 1, 1])
    made = learner(lengths, objective, batch_size=20, weights=weights)
    expected = made.loss_of(samples(lengths, objective, weights=weights))
    made.begin_epoch(0)
    made.update(0, 1)
    np.testing.assert_allclose(made.mean_loss, expected, rtol=1e-12)


@pytest.mark.parametrize("objective", [END, EACH], ids=["end", "each"])
@pytest.mark.parametrize("lengths", [RAGGED, ALIKE], ids=["ragged", "alike"])
def test_a_run_goes_on_exactly(objective, lengths):
    whole = learner(lengths, objective)
    train(whole, 4)
    first = learner(lengths, objective)
    train(first, 2)
    second = learner(lengths, objective)
    second.restore(first.state())
    train(second, 4, first_epoch=2)
    assert same(second.state(), whole.state())


@pytest.mark.parametrize("objective", [END, EACH], ids=["end", "each"])
@pytest.mark.parametrize("lengths", [RAGGED, ALIKE], ids=["ragged", "alike"])
def test_any_number_of_threads_and_chunks_of_updates(objective, lengths):
    found = []
    for threads, whole in ((1, True), (2, True), (2, False)):
        with limit_threads(threads):
            made = learner(lengths, objective)
            for epoch in range(3):
                made.begin_epoch(epoch)
                for first, last in [(0, 3)] if whole else [(0, 1), (1, 2), (2, 3)]:
                    made.update(first, last)
            found.append(made.state())
    assert same(found[0], found[1])
    assert same(found[0], found[2])


def test_recorded_updates_equal_those_that_are_not(monkeypatch):
    expected = learner(ALIKE)
    train(expected, 3)
    assert expected._updates
    monkeypatch.setattr("ebm.recurrent.learning.MOST_RECORDED", 0)
    loose = learner(ALIKE)
    train(loose, 3)
    assert not loose._updates
    assert same(loose.state(), expected.state())


def test_the_gradient_of_a_batch_is_the_sum_of_its_sequences():
    """Ragged sequences in one batch, and each alone, weighted as in the batch."""
    objective = SequenceLoss(Sequential([Recurrent(LSTMCell(5)), LastFrame(), Dense(2)]), SquaredError())
    data = samples(RAGGED, objective)
    made = learner(RAGGED, objective, batch_size=20)
    parameters, n = made._named(), data.n_samples

    def gradient(some):
        batch = upload_batch(some, made._device)
        weights = np.full(some.n_samples, 1 / n)
        gradients = {name: np.empty_like(array) for name, array in parameters.items()}
        context = made._context()
        objective.gradient(
            parameters, type(batch)(batch.frames, batch.packings, weights, batch.extra), gradients, context
        )
        return gradients

    whole, parts = gradient(data), [gradient(data.subset(np.array([s]))) for s in range(n)]
    for name, array in whole.items():
        np.testing.assert_allclose(array, sum(part[name] for part in parts), atol=1e-13, err_msg=name)


def test_frames_have_weights_of_their_own():
    data = samples(RAGGED, EACH)
    silent = np.ones(data.main.n_frames)
    silent[data.main.starts[2] :] = 0  # only the first two sequences count
    weighted = SequenceSamples(data.sequences, frame_weights={"x": silent}, dtype=np.float64)
    made = learner(RAGGED, EACH)
    np.testing.assert_allclose(made.loss_of(weighted), made.loss_of(data.subset(np.arange(2))), rtol=1e-12)
    kept = weighted.subset(np.array([3, 1]))
    np.testing.assert_array_equal(kept.frame_weights["x"], [0, 0, 0, 1])


def test_samples_that_do_not_fit_are_refused():
    data = samples(RAGGED, EACH)
    with pytest.raises(ValueError, match="y has 2 sequences, but there are 11 samples"):
        SequenceSamples({"x": data.main, "y": data.sequences["y"].subset(np.arange(2))})
    with pytest.raises(ValueError, match=r"need \(11, m\)"):
        SequenceSamples({"x": data.main}, {"y": np.zeros(11)})
    with pytest.raises(ValueError, match="38 frames"):
        SequenceSamples({"x": data.main}, frame_weights={"x": np.ones(3)})
    with pytest.raises(ValueError, match="batch_size"):
        learner(RAGGED, batch_size=0)


def test_frame_weights_and_frames_that_do_not_fit_are_refused():
    data = samples(RAGGED, EACH)
    ones = np.ones(data.main.n_frames)
    with pytest.raises(ValueError, match="frame_weights are of 'z', but sequences are x, y"):
        SequenceSamples(data.sequences, frame_weights={"z": ones}, dtype=np.float64)
    weighted = SequenceSamples(data.sequences, frame_weights={"y": ones}, dtype=np.float64)
    with pytest.raises(ValueError, match="frame_weights are of 'y', but here frames of 'x' have a loss"):
        SequenceLearner(learner(RAGGED, EACH).parameters, EACH, weighted, Adam(0.1), Random(0), n_epochs=1)
    with pytest.raises(ValueError, match="x has float64 frames, but dtype is float32"):
        SequenceSamples(data.sequences)
    silent = SequenceSamples(data.sequences, frame_weights={"x": 0 * ones}, dtype=np.float64)
    with pytest.raises(ValueError, match="frame_weights are 0 for all frames"):
        learner(RAGGED, EACH).loss_of(silent)


def test_a_batch_without_a_frame_that_counts_moves_nothing():
    data = samples([4, 4], EACH, weights=[10.0, 10.0])  # 10 over the smallest number would be infinite
    silent = SequenceSamples(data.sequences, frame_weights={"x": np.zeros(8)}, dtype=np.float64)
    start = learner([4, 4], EACH).parameters
    made = SequenceLearner(start, EACH, silent, SGD(0.1), Random(0), n_epochs=1, batch_size=1)
    made.begin_epoch(0)
    made.update(0, made.n_batches)
    for name, array in start.items():
        np.testing.assert_array_equal(made.parameters[name], array, err_msg=name)


def test_what_is_known_of_lengths_does_not_grow_with_epochs():
    made = learner(list(range(1, 20)))  # hardly a batch has the lengths of another
    for epoch in range(40):
        made.begin_epoch(epoch)
    assert len(made._seen) <= 2 * made.n_batches
