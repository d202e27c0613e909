"""Stages: learners that follow each other as one."""

import numpy as np
import pytest

from ebm.autoencoder.layout import dense_layout
from ebm.autoencoder.reconstruction import Reconstruction
from ebm.data import TrainingData
from ebm.networks.learning import NetworkLearner
from ebm.networks.stages import Stage, StagedLearner
from ebm.optimizers.adam import Adam
from ebm.random import Random
from ebm.training import train

X = np.random.default_rng(0).random((50, 6)).astype(np.float32)
LAYOUT = dense_layout(6, 3)


def learner(seed, start=None):
    parameters = start or LAYOUT.initial(Random(seed), np.float32)
    data = TrainingData.from_array(X)
    return NetworkLearner(parameters, Reconstruction(LAYOUT), data, Adam(), Random(seed), n_epochs=3, batch_size=20)


def staged(made=None):
    def make(number, finished):
        if made is not None:
            made.append((number, len(finished)))
        return learner(number, finished[-1] if number == 2 else None)

    return StagedLearner([Stage(n, lambda done, i=i: make(i, done)) for i, n in enumerate((2, 3, 2))])


def test_stages_are_their_learners_one_after_the_other():
    made = []
    found = staged(made)
    train(found, 7)
    assert made == [(0, 0), (1, 1), (2, 2)]
    parts = [learner(0), learner(1)]
    train(parts[0], 2)
    train(parts[1], 3)
    last = learner(2, parts[1].parameters)
    train(last, 2)
    for finished, part in zip(found.finished, parts, strict=True):
        for name, array in part.parameters.items():
            np.testing.assert_array_equal(array, finished[name])
    for name, array in last.parameters.items():
        np.testing.assert_array_equal(array, found.current.parameters[name])
    assert (found.stage, found.updates_done, found.mean_loss) == (2, last.updates_done, last.mean_loss)


@pytest.mark.parametrize("epochs", [1, 2, 3, 6])
def test_a_state_of_any_stage_is_gone_on_from(epochs):
    whole, before, after = staged(), staged(), staged()
    train(whole, 7)
    train(before, epochs)
    after.restore(before.state())
    assert after.stage == before.stage
    train(after, 7, first_epoch=epochs)
    for name, array in whole.state().items():
        np.testing.assert_array_equal(array, after.state()[name])


def test_an_earlier_stage_is_put_back():
    found = staged()
    train(found, 2)
    kept = found.state()
    train(found, 7, first_epoch=2)
    found.restore(kept)
    assert found.stage == 0
    for name, array in kept.items():
        np.testing.assert_array_equal(array, found.state()[name])


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="stages is empty"):
        StagedLearner([])
    found = staged()
    with pytest.raises(ValueError, match="stage 3, and there are 3"):
        found.restore({**found.state(), "stage": np.array([3])})
    with pytest.raises(ValueError, match="stage -1"):
        found.restore({})
    state = found.state()
    state["current/encoder.0.bias"] = np.zeros(5, np.float32)
    with pytest.raises(ValueError, match=r"encoder\.0\.bias has shape"):
        found.restore(state)
