"""Early stopping on a recorded value."""

import numpy as np
import pytest
from random_walk import RandomWalk, Recorder

from ebm.training import Checkpoint, EarlyStopping, train


def stopped(values, **parameters):
    learner = RandomWalk()
    run = train(learner, len(values), callbacks=[EarlyStopping("score", **parameters), Recorder(values)])
    return run, learner


def walked(n_epochs):
    learner = RandomWalk()
    train(learner, n_epochs)
    return learner.weights


def test_it_stops_when_patience_ends_and_puts_the_best_back():
    run, learner = stopped([1, 3, 2, 2.5, 4, 5], patience=2)
    assert run.epoch == 3
    assert run.stop_reason == "score has not improved for 2 recordings; best: 3 at epoch 2"
    np.testing.assert_array_equal(learner.weights, walked(2))


def test_it_may_keep_the_last():
    _, learner = stopped([1, 3, 2, 2.5, 4, 5], patience=2, restore_best=False)
    np.testing.assert_array_equal(learner.weights, walked(4))


def test_lower_can_be_better():
    run, learner = stopped([5, 4, 3, 3.5, 3.2, 9], patience=2, mode="min")
    assert run.epoch == 4
    assert "best: 3 at epoch 3" in run.stop_reason
    np.testing.assert_array_equal(learner.weights, walked(3))


def test_small_changes_are_no_improvement():
    assert stopped([1, 1.05, 1.08, 1.5], patience=2, min_delta=0.1)[0].epoch == 2
    assert stopped([1, 1.05, 1.08, 1.5], patience=2)[0].epoch == 3


def test_only_recordings_count_and_nan_is_no_improvement():
    assert stopped([1, None, None, None, 2, None], patience=1)[1].weights.tolist() == walked(5).tolist()
    assert stopped([1, np.nan, np.nan, 9], patience=2)[0].epoch == 2


def test_the_best_comes_back_even_if_nothing_stopped():
    run, learner = stopped([1, 3, 2], patience=10)
    assert not run.stop
    np.testing.assert_array_equal(learner.weights, walked(2))


def test_a_value_that_nobody_records_is_named():
    with pytest.raises(ValueError, match=r"monitor='scroe'.*epoch, score, seconds"):
        train(RandomWalk(), 3, callbacks=[EarlyStopping("scroe"), Recorder([1, 2, 3])])


def test_a_value_that_comes_later_may_be_promised():
    assert stopped([None, None, 1], patience=1)[0].epoch == 2


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"patience": 0}, "patience=0 must be at least 1"),
        ({"min_delta": -0.1}, "min_delta=-0.1 must be at least 0"),
        ({"min_delta": np.nan}, "min_delta=nan must be at least 0"),
        ({"mode": "best"}, "mode='best' must be 'max' or 'min'"),
    ],
)
def test_bad_parameters(parameters, message):
    with pytest.raises(ValueError, match=message):
        EarlyStopping("score", **parameters)


@pytest.mark.parametrize("first", [1, 2, 3, 4])
def test_a_resumed_run_stops_where_the_whole_one_does(tmp_path, first):
    values = [1, 3, 2, 2.5, 4, 5]
    whole, expected = stopped(values, patience=2)
    callbacks = [
        EarlyStopping("score", patience=2),
        Recorder(values),
        Checkpoint(tmp_path / "c", resume=True),
    ]
    train(RandomWalk(), first, callbacks=callbacks)
    learner = RandomWalk()
    run = train(learner, 6, callbacks=callbacks)
    assert run.epoch == whole.epoch
    assert run.stop_reason == whole.stop_reason
    np.testing.assert_array_equal(learner.weights, expected.weights)
