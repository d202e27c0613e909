"""Estimators of recurrent networks: what they give back, for sequences in any order and company."""

import gc
import pickle
import weakref

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone

from ebm.recurrent import outputs
from ebm.recurrent.gru import GRUCell
from ebm.recurrent.learning import SequenceLearner
from ebm.recurrent.scrn import SCRNCell
from ebm.training import Checkpoint, CheckpointError
from ebm_sklearn._sequence_input import boxed
from ebm_sklearn.rnn_classifier import RNNClassifier
from ebm_sklearn.rnn_regressor import RNNRegressor
from ebm_sklearn.sequence_labeler import SequenceLabeler
from ebm_sklearn.sequence_regressor import SequenceRegressor
from tests.estimators.recurrent_data import ALIGNED, CLASSIFIERS, KINDS, equal_parameters, made, problem, ragged, same

kinds = pytest.mark.parametrize("kind", KINDS)


def answers(estimator, X):
    """All that an estimator tells of sequences."""
    names = (
        "predict",
        "transform",
        *(("predict_proba", "predict_log_proba") if hasattr(estimator, "classes_") else ()),
    )
    return {name: getattr(estimator, name)(X) for name in names}


@kinds
def test_answers_have_the_shapes_of_the_question(kind):
    X, y = problem(kind)
    found = made(kind).fit(X, y)
    told = answers(found, X[:5])
    if kind in ALIGNED:
        assert isinstance(told["predict"], list)
        assert [part.shape for part in told["predict"]] == [part.shape for part in y[:5]]
        assert [part.shape for part in told["transform"]] == [(len(x), 6) for x in X[:5]]
    else:
        assert told["predict"].shape == y[:5].shape
        assert told["transform"].shape == (5, 6)
    names = found.get_feature_names_out()
    assert len(names) == 6
    assert names[0] == f"{kind.__name__.lower()}0"


@pytest.mark.parametrize("kind", ALIGNED)
def test_aligned_answers_come_in_the_container_that_was_given(kind):
    X, y = problem(kind)
    found = made(kind).fit(X, y)
    in_list = found.predict(X)
    in_box = found.predict(boxed(X))
    assert isinstance(in_box, np.ndarray)
    assert same(in_list, list(in_box))
    cube = np.stack([x[:1].repeat(3, axis=0) for x in X])
    assert found.predict(cube).shape == (len(X), 3)
    assert_array_equal(found.predict(cube)[:, 0], found.predict(cube[:, 0]))


@pytest.mark.parametrize("kind", CLASSIFIERS)
def test_probabilities_sum_to_one_and_have_these_logarithms(kind):
    X, y = problem(kind)
    found = made(kind).fit(X, y)
    p, log_p = (
        np.concatenate([np.atleast_2d(part) for part in m(X)]) for m in (found.predict_proba, found.predict_log_proba)
    )
    assert p.dtype == log_p.dtype == np.float32
    assert_allclose(p.sum(axis=1), 1, rtol=1e-6)
    assert_allclose(np.log(p), log_p, rtol=1e-5, atol=1e-6)


@kinds
@pytest.mark.parametrize("options", [{}, {"bidirectional": True, "n_layers": 2, "hidden_layer_sizes": (5,)}])
def test_answers_depend_on_neither_order_nor_company(kind, options, monkeypatch):
    """To the last bit: also one by one, and in blocks of other sizes."""
    X, y = problem(kind)
    found = made(kind, **options).fit(X, y)
    whole, order = answers(found, X), np.random.default_rng(1).permutation(len(X))
    turned, alone = answers(found, [X[i] for i in order]), [answers(found, [x]) for x in X]
    monkeypatch.setattr(outputs, "FRAMES_AT_ONCE", 7)
    blocked = answers(found, X)
    for name, all_at_once in whole.items():
        assert same(blocked[name], all_at_once)
        for place, i in enumerate(order):
            assert same(turned[name][place], all_at_once[i])
            assert same(alone[i][name][0], all_at_once[i])


@kinds
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_precision_stays(kind, dtype):
    X, y = problem(kind, dtype=dtype)
    found = made(kind, cell="gru").fit(X, y)
    assert {array.dtype for array in found.parameters_.values()} == {np.dtype(dtype)}
    other = [x.astype(np.float64 if dtype == np.float32 else np.float32) for x in X]
    for given in (X, other):
        parts = found.transform(given)
        assert {part.dtype for part in parts} == {np.dtype(dtype)}


@kinds
def test_arrays_are_the_lists_of_their_rows(kind):
    X, y = problem(kind)
    X, y = [x[:1].repeat(4, axis=0) for x in X], [t[:1].repeat(4) for t in y] if kind in ALIGNED else y
    in_list, in_cube = made(kind).fit(X, y), made(kind).fit(np.stack(X), np.stack(y) if kind in ALIGNED else y)
    assert equal_parameters(in_list, in_cube)


@kinds
def test_partial_fit_is_fit_epoch_by_epoch(kind):
    X, y = problem(kind)
    options = {"dropout": 0.3, "recurrent_dropout": 0.2, "n_layers": 2, "batch_size": 8}
    whole = made(kind, n_iter=4, **options).fit(X, y)
    bit_by_bit = made(kind, n_iter=4, **options)
    for _ in range(4):
        bit_by_bit.partial_fit(X, y)
    assert equal_parameters(whole, bit_by_bit)
    assert bit_by_bit.n_iter_ == 4
    assert [row["loss"] for row in whole.history_] == [row["loss"] for row in bit_by_bit.history_]


@kinds
def test_a_network_stays_what_it_was_when_parameters_are_set(kind):
    X, y = problem(kind)
    found = made(kind, n_layers=2, bidirectional=True).fit(X, y)
    before, architecture = answers(found, X), found.architecture_
    found.set_params(units=9, n_layers=1, bidirectional=False, cell="gru", hidden_layer_sizes=(3,), activation="tanh")
    if kind not in ALIGNED:
        found.set_params(pooling="mean")
    for name, values in answers(found, X).items():
        assert same(before[name], values)
    found.partial_fit(X, y)
    assert found.architecture_ == architecture
    assert found.fit(X, y).transform(X)[0].shape[-1] == 9


@kinds
def test_copies_answer_alike(kind):
    X, y = problem(kind)
    found = made(kind, cell=GRUCell(5)).fit(X, y)
    if not found.architecture_["bidirectional"]:
        found.step(X[0][0])  # a stream is no part of what is pickled
    again = pickle.loads(pickle.dumps(found))
    assert all(same(values, answers(again, X)[name]) for name, values in answers(found, X).items())
    assert not hasattr(clone(found), "parameters_")
    assert clone(found).get_params()["cell"] == GRUCell(5)


@kinds
def test_weights_are_repetitions(kind):
    """In batches of all samples, whose order does not matter but for rounding."""
    X, y = problem(kind, dtype=np.float64, n=24)
    weights = np.random.default_rng(1).integers(0, 3, size=24)
    options = {"batch_size": 100, "n_iter": 20, "learning_rate": 1e-3}
    weighted = made(kind, **options).fit(X, y, sample_weight=weights)
    where = np.repeat(np.arange(24), weights)
    repeated = made(kind, **options).fit([X[i] for i in where], [y[i] for i in where])
    for name, array in weighted.parameters_.items():
        assert_allclose(array, repeated.parameters_[name], rtol=1e-7, atol=1e-9)


@kinds
def test_scores_count_weights(kind):
    X, y = problem(kind)
    found = made(kind).fit(X, y)
    first = np.arange(len(X)) < 10
    assert found.score(X, y, sample_weight=first.astype(float)) == pytest.approx(found.score(X[:10], y[:10]), abs=1e-6)


def test_scores_are_over_frames():
    X, y = problem(SequenceLabeler)
    found = made(SequenceLabeler).fit(X, y)
    assert found.score(X, y) == np.mean(np.concatenate(found.predict(X)) == np.concatenate(y))
    X, y = problem(SequenceRegressor)
    found = made(SequenceRegressor).fit(X, y)
    told, true = np.concatenate(found.predict(X)), np.concatenate(y).astype(np.float64)
    assert found.score(X, y) == pytest.approx(1 - np.mean((told - true) ** 2) / np.var(true))


@pytest.mark.parametrize("kind", CLASSIFIERS)
def test_balanced_classes_weigh_alike(kind):
    """A rare class that cannot be told from the other is predicted about as often when the weights are balanced."""
    rng = np.random.default_rng(0)
    X = [rng.normal(size=(length, 1)).astype(np.float32) for length in rng.integers(2, 6, size=300)]
    rare = [(rng.uniform(size=len(x)) < 0.1).astype(int) for x in X]
    y = [r[0] for r in rare] if kind is RNNClassifier else rare
    options = {"n_iter": 30, "learning_rate": 0.02, "batch_size": 300}
    means = []
    for class_weight in (None, "balanced", {0: 1.0, 1: 9.0}):
        p = made(kind, class_weight=class_weight, **options).fit(X, y).predict_proba(X)
        means.append(np.concatenate([np.atleast_2d(part) for part in p]).mean(axis=0)[1])
    assert means[0] < 0.25
    assert_allclose(means[1:], 0.5, atol=0.12)


def test_class_weights_are_weights_of_samples():
    X, y = problem(RNNClassifier)
    by_class = made(RNNClassifier, class_weight={"up": 3.0, "down": 1.0}).fit(X, y)
    by_sample = made(RNNClassifier).fit(X, y, sample_weight=np.where(y == "up", 3.0, 1.0))
    assert equal_parameters(by_class, by_sample)


def test_classes_may_come_later():
    X, y = problem(RNNClassifier)
    found = made(RNNClassifier).partial_fit(X[:5], ["up"] * 5, classes=["up", "sideways", "down"]).partial_fit(X, y)
    assert found.classes_.tolist() == ["down", "sideways", "up"]
    assert found.predict_proba(X).shape == (40, 3)


@kinds
def test_steps_answer_as_whole_sequences_do(kind):
    X, y = problem(kind)
    found = made(kind, n_layers=2, hidden_layer_sizes=(4,)).fit(X, y)
    for x in X[:4]:
        found.reset_state()
        steps = [found.step(frame) for frame in x]
        told = (
            found.predict([x])[0]
            if kind in ALIGNED
            else np.stack([found.predict([x[: t + 1]])[0] for t in range(len(x))])
        )
        if kind in CLASSIFIERS:
            assert list(told) == steps
        else:
            assert_allclose(np.stack(steps), told, rtol=1e-5, atol=1e-6)
    found.reset_state()
    if kind in CLASSIFIERS:
        first = found.predict_proba([X[0][:1]])[0].reshape(-1)
        assert_allclose(found.step_proba(X[0][0]), first, rtol=1e-5)


def test_a_stream_is_of_what_was_learnt_last():
    X, y = problem(RNNClassifier)
    found = made(RNNClassifier).fit(X, y)
    before = found.step_proba(X[0][0])
    found.partial_fit(X, y)
    assert (found.step_proba(X[0][0]) != before).any()
    assert_allclose(found.fit(X, y).step_proba(X[0][0]), before, rtol=1e-6)


def test_what_cannot_go_frame_by_frame_says_so():
    X, y = problem(RNNClassifier)
    with pytest.raises(ValueError, match="bidirectional layer cannot go on from states"):
        made(RNNClassifier, bidirectional=True).fit(X, y).step(X[0][0])
    with pytest.raises(ValueError, match="a mean over frames is known at the end only"):
        made(RNNClassifier, pooling="mean").fit(X, y).step(X[0][0])
    with pytest.raises(ValueError, match=r"frame has shape \(3,\), but a frame here is \(2,\)"):
        made(RNNClassifier).fit(X, y).step(np.zeros(3))


@kinds
def test_names_of_features(kind):
    X, y = problem(kind)
    frames = [pd.DataFrame(x, columns=["a", "b"]) for x in X]
    found = made(kind).fit(frames, y)
    assert found.feature_names_in_.tolist() == ["a", "b"]
    assert same(found.predict(frames), found.predict(frames))
    with pytest.raises(ValueError, match="feature names"):
        found.predict([frame.rename(columns={"a": "c"}) for frame in frames])


class Killed(Exception):
    pass


class Kill:
    """Stops the process, as it were, after an epoch."""

    def __init__(self, after):
        self.after = after

    def on_epoch_begin(self, run):
        if run.epoch + 1 == self.after:
            raise Killed


@kinds
@pytest.mark.parametrize("early_stopping", [False, True])
def test_killed_and_resumed_is_uninterrupted(tmp_path, kind, early_stopping):
    X, y = problem(kind)
    options = {"n_iter": 6, "schedule": "linear", "dropout": 0.2, "n_layers": 2, "batch_size": 8, "l2": 1e-4}
    options |= {"recurrent_dropout": 0.3}
    options |= {"early_stopping": early_stopping, "n_iter_no_change": 4, "learning_rate": 0.02}
    through = made(kind, **options).fit(X, y)
    kept = Checkpoint(tmp_path / "run", resume=True)
    with pytest.raises(Killed):
        made(kind, **options, callbacks=[kept, Kill(3)]).fit(X, y)
    resumed = made(kind, **options, callbacks=[kept]).fit(X, y)
    assert equal_parameters(through, resumed)
    assert len(through.history_) == len(resumed.history_)


@kinds
def test_a_checkpoint_is_of_its_data(tmp_path, kind):
    X, y = problem(kind)
    kept = Checkpoint(tmp_path / "run", resume=True)
    made(kind, callbacks=[kept]).fit(X, y)
    again = made(kind, callbacks=[kept])
    with pytest.raises(CheckpointError, match="data was"):
        again.fit([*X[1:], X[0]], [*y[1:], y[0]])
    turned = y[::-1] if kind in (RNNClassifier, RNNRegressor) else [part[::-1] for part in y]
    with pytest.raises(CheckpointError, match="y was"):
        again.fit(X, turned)


@kinds
def test_early_stopping_keeps_the_best(kind):
    X, y = problem(kind, n=100)
    found = made(kind, n_iter=300, learning_rate=0.05, early_stopping=True, n_iter_no_change=3).fit(X, y)
    losses = [row["validation_loss"] for row in found.history_]
    assert found.n_iter_ < 300
    assert len(losses) - 1 - int(np.argmin(losses)) <= 3
    with pytest.raises(AttributeError, match="partial_fit"):
        found.partial_fit(X, y)


@kinds
def test_number_of_jobs_changes_nothing(kind):
    X, y = problem(kind)
    one, two = (made(kind, units=40, n_jobs=n).fit(X, y) for n in (1, 2))
    assert equal_parameters(one, two)
    assert same(one.predict(X), two.predict(X))


def test_learners_are_let_go_of_at_once(monkeypatch):
    """Their arrays are large, and Python looks for circles seldom."""
    learners, place = weakref.WeakSet(), SequenceLearner._place_samples
    monkeypatch.setattr(SequenceLearner, "_place_samples", lambda self: (learners.add(self), place(self)))
    X, y = problem(RNNClassifier)
    gc.disable()
    try:
        made(RNNClassifier).fit(X, y).partial_fit(X, y)
    finally:
        gc.enable()
    assert not learners


def test_states_are_dropped_in_learning_alone():
    X, y = problem(RNNClassifier)
    through, dropped = (made(RNNClassifier, recurrent_dropout=rate).fit(X, y) for rate in (0.0, 0.5))
    assert not equal_parameters(through, dropped)
    assert same(dropped.predict_proba(X), dropped.predict_proba(X))
    with pytest.raises(ValueError, match="a cell that is given has its own"):
        made(RNNClassifier, cell=GRUCell(6), recurrent_dropout=0.5).fit(X, y)


@pytest.mark.parametrize(
    "cell", ["lstm_peephole", "gru", "gru_before", "tanh", "relu", "deep_transition", SCRNCell(6, 3)]
)
def test_every_cell_learns(cell):
    X, y = problem(RNNClassifier, n=100)
    found = made(RNNClassifier, cell=cell, n_iter=60, units=12).fit(X, y)
    assert found.history_[-1]["loss"] < 0.3 * found.history_[0]["loss"]


def test_regression_begins_at_the_mean():
    X = ragged()
    y = [np.full(len(x), 5.0, np.float32) for x in X]
    found = made(SequenceRegressor, n_iter=0).fit(X, y)
    assert_allclose(found.parameters_["head.0.bias"], [5.0])
    found = made(RNNRegressor, n_iter=0).fit(X, np.arange(40.0), sample_weight=[1.0] * 2 + [0.0] * 38)
    assert_allclose(found.parameters_["head.0.bias"], [0.5])


def test_means_over_frames_are_what_is_read():
    X, y = problem(RNNClassifier)
    last = made(RNNClassifier).fit(X, y)
    mean = made(RNNClassifier, pooling="mean").fit(X, y)
    aligned = made(SequenceLabeler).fit(*problem(SequenceLabeler))
    for estimator, summary in ((last, lambda h: h[-1]), (mean, lambda h: h.mean(axis=0))):
        aligned.parameters_ = {**aligned.parameters_, **{k: v for k, v in estimator.parameters_.items() if "body" in k}}
        expected = np.stack([summary(h) for h in aligned.transform(X)])
        assert_allclose(estimator.transform(X), expected, rtol=1e-5, atol=1e-6)
