"""The loop: what it calls, in which order, and what it does when learning diverges."""

import pickle

import numpy as np
import pytest
from random_walk import RandomWalk, Recorder

from ebm.training import DivergenceError, columns, loop, train

HOOKS = ["on_restore", "on_train_begin", "on_epoch_begin", "on_chunk", "on_epoch_end", "on_train_end"]


class Listener:
    def __init__(self, log, name, order=0):
        self.log, self.name, self.order = log, name, order

    def __getattr__(self, hook):
        if hook not in HOOKS:
            raise AttributeError(hook)
        return lambda run, *arguments: self.log.append((self.name, hook, *arguments))


def test_every_batch_of_every_epoch_is_done_once():
    learner = RandomWalk()
    run = train(learner, 3)
    done = [(epoch, batch) for epoch, first, last in learner.calls for batch in range(first, last)]
    assert done == [(epoch, batch) for epoch in range(3) for batch in range(7)]
    assert run.epoch == 2
    assert [row["epoch"] for row in run.history] == [1, 2, 3]
    seconds = [row["seconds"] for row in run.history]
    assert seconds == sorted(seconds)
    assert not run.interrupted


def test_chunks_follow_the_clock(monkeypatch):
    clock = iter(np.arange(0, 1000, 0.005))  # every look at the clock: 5 ms later
    monkeypatch.setattr(loop, "perf_counter", lambda: next(clock))
    learner = RandomWalk()
    learner.n_batches = 200
    train(learner, 1)
    sizes = [last - first for _, first, last in learner.calls]
    assert sizes == [1, 8, 64, 127]  # an update always takes 5 ms here, so chunks grow as fast as they may
    monkeypatch.setattr(loop, "perf_counter", iter(np.arange(0, 10_000, 1.0)).__next__)
    learner.calls.clear()
    train(learner, 1)
    assert {last - first for _, first, last in learner.calls} == {1}


def test_callbacks_are_told_in_order():
    log = []
    learner = RandomWalk()
    learner.n_batches = 1
    train(learner, 1, callbacks=[Listener(log, "late", 5), Listener(log, "a"), Listener(log, "b")])
    names = ["a", "b", "late"]
    expected = [(name, hook) for hook in HOOKS for name in names]
    assert [entry[:2] for entry in log] == expected
    assert ("a", "on_chunk", 1, 1) in log


def test_a_later_run_goes_on_where_the_first_ended():
    whole = RandomWalk()
    train(whole, 5)
    parts = RandomWalk()
    first = train(parts, 2)
    second = train(parts, 5, first_epoch=2, history=first.history)
    np.testing.assert_array_equal(parts.weights, whole.weights)
    assert [row["epoch"] for row in second.history] == [1, 2, 3, 4, 5]
    assert second.history[2]["seconds"] > first.history[1]["seconds"]
    assert len(first.history) == 2  # not the same list


def test_what_is_recorded_is_in_the_history():
    run = train(RandomWalk(), 3, callbacks=[Recorder([np.float32(0.5), None, 2])])
    assert run.history[0]["score"] == 0.5
    assert type(run.history[0]["score"]) is float
    table = columns(run.history)
    np.testing.assert_array_equal(table["score"], [0.5, np.nan, 2.0])
    np.testing.assert_array_equal(table["epoch"], [1, 2, 3])
    assert columns([]) == {}


@pytest.mark.parametrize("epoch", [0, 2])
def test_divergence_keeps_the_last_good_parameters(epoch):
    good = RandomWalk()
    train(good, epoch)
    log = []
    learner = RandomWalk(diverge_at=(epoch, 3))
    with pytest.raises(DivergenceError, match=rf"not finite, or .* in epoch {epoch + 1}.*learning_rate") as caught:
        train(learner, 5, callbacks=[Listener(log, "a")])
    np.testing.assert_array_equal(learner.weights, good.weights)
    np.testing.assert_array_equal(learner.momentum, good.momentum)
    assert log[-1] == ("a", "on_train_end")
    assert len(caught.value.history) == epoch
    copy = pickle.loads(pickle.dumps(caught.value))
    assert (str(copy), copy.epoch, copy.history) == (str(caught.value), epoch + 1, caught.value.history)


def test_the_end_is_told_after_an_error():
    log = []
    learner = RandomWalk()
    learner.update = lambda first, last: 1 / 0
    with pytest.raises(ZeroDivisionError):
        train(learner, 1, callbacks=[Listener(log, "a")])
    assert log[-1] == ("a", "on_train_end")


def test_callbacks_that_are_none():
    learner = RandomWalk()
    with pytest.raises(TypeError, match=r"Recorder is a class; give an object, Recorder\(\.\.\.\)"):
        train(learner, 1, callbacks=[Recorder])
    with pytest.raises(TypeError, match="3 has none of the methods on_restore"):
        train(learner, 1, callbacks=[3])
    assert learner.calls == []
