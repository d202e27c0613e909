"""Seq2Seq: kinds of sources and targets, what it says and how likely that is, attention, files, interruptions."""

import pickle
import warnings

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

from ebm.kernels.threads import limit_threads
from ebm.storage import ModelFileError
from ebm_sklearn import Checkpoint, Seq2Seq, UnendedSequenceWarning, Vocabulary

RNG = np.random.default_rng(0)
X = ["".join(RNG.choice(list("abcd"), RNG.integers(1, 6))) for _ in range(60)]
Y = [x[::-1] for x in X]
SMALL = {"units": 12, "embedding_size": 6, "n_iter": 3, "batch_size": 16, "random_state": 0}


@pytest.fixture(scope="module")
def reverser():
    """One that has learnt to reverse."""
    return Seq2Seq(units=24, embedding_size=8, n_iter=60, batch_size=16, learning_rate=0.01, random_state=0).fit(X, Y)


def same(a, b):
    assert set(a.parameters_) == set(b.parameters_)
    for name, array in a.parameters_.items():
        np.testing.assert_array_equal(array, b.parameters_[name], err_msg=name)


def test_it_learns_to_reverse(reverser):
    assert reverser.score(X, Y) == 1.0
    said = reverser.predict(["abc", "d"])
    assert said.dtype == object
    assert list(said) == ["cba", "d"]
    assert reverser.history_[-1]["loss"] < 0.1
    assert reverser.longest_ == 5
    for weights, x in zip(reverser.attention_weights(X[:20]), X, strict=False):
        assert weights.shape == (len(x), len(x))
        np.testing.assert_allclose(weights.sum(axis=1), 1, rtol=1e-5)


def test_sources_and_targets_come_in_many_kinds():
    numbers = [np.array([ord(c) for c in x]) for x in X]
    frames = [np.eye(4, dtype=np.float32)[["abcd".index(c) for c in x]] for x in X]
    words = [[f"w{c}" for c in x] for x in X]
    for source, target, got in [(numbers, words, list), (frames, numbers, list), (words, Y, str),
                                ([list(map(int, x)) for x in numbers], Y, str)]:  # fmt: skip
        model = Seq2Seq(**SMALL).fit(source, target)
        assert (model.source_vocabulary_ is None) == (source is frames)
        assert model.n_features_in_ == (4 if source is frames else 1)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UnendedSequenceWarning)
            said = model.predict(source)
        assert all(isinstance(part, got) for part in said)
        assert model.transform(source).shape == (60, 24)
    assert model.score_samples(source, Y).dtype == np.float64


def test_what_x_holds_can_be_told():
    table = RNG.integers(0, 5, (20, 3))
    y = [[row[0]] for row in table]
    as_frames = Seq2Seq(**SMALL).fit(table, y)
    assert as_frames.source_vocabulary_ is None
    assert as_frames.n_features_in_ == 3
    as_tokens = Seq2Seq(source="tokens", **SMALL).fit(table, y)
    assert as_tokens.source_vocabulary_.tokens == tuple(range(5))
    lengths = [np.arange(1, n) for n in range(2, 12)]
    told = Seq2Seq(source="frames", **SMALL).fit(lengths, ["a"] * 10)
    assert told.source_vocabulary_ is None


def test_precision_is_that_of_the_frames():
    frames = [RNG.normal(size=(n, 2)) for n in (2, 3, 1, 4)]
    for dtype in (np.float32, np.float64):
        model = Seq2Seq(**SMALL).fit([x.astype(dtype) for x in frames], ["a", "b", "ab", "ba"])
        assert {array.dtype for array in model.parameters_.values()} == {np.dtype(dtype)}
        assert model.transform(frames).dtype == dtype


def test_log_probabilities_are_those_of_what_is_said(reverser):
    for width in (1, 3):
        said, log_p = reverser.predict(X, beam_width=width, return_log_probability=True)
        np.testing.assert_allclose(log_p, reverser.score_samples(X, said), rtol=1e-4, atol=1e-5)


def test_a_beam_says_nothing_less_likely():
    model = Seq2Seq(**SMALL).fit(X, Y)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UnendedSequenceWarning)
        _, greedy = model.predict(X, return_log_probability=True)
        _, beam = model.predict(X, beam_width=4, return_log_probability=True)
        ended = [len(y) < 2 * model.longest_ for y in model.predict(X)]
    assert (beam >= greedy - 1e-9)[ended].all()


def test_a_target_that_is_cut_off_is_reported(reverser):
    with pytest.warns(UnendedSequenceWarning, match="1 of 2 targets were cut off at max_length"):
        said = reverser.predict(["abcd", "ab"], max_length=3)
    assert said[0] == "dcb"
    assert clone(reverser).set_params(max_length=3).fit(X[:4], Y[:4]).max_length == 3


def test_without_attention_there_is_none_to_read():
    model = Seq2Seq(attention=False, **SMALL).fit(X, Y)
    assert not any("attention" in name for name in model.parameters_)
    with pytest.raises(ValueError, match="attention=False"):
        model.attention_weights(X)


def test_attention_of_given_targets(reverser):
    given = reverser.attention_weights(X[:5], ["ab", "c", "dd", "a", "abcd"])
    assert [w.shape for w in given] == [(n, len(x)) for n, x in zip((2, 1, 2, 1, 4), X, strict=False)]


def test_unknown_tokens_are_refused(reverser):
    with pytest.raises(ValueError, match="sequence 1 of X has the unknown token 'z' at place 2"):
        reverser.predict(["ab", "abz"])
    with pytest.raises(ValueError, match="sequence 0 of y has the unknown token 'z' at place 0"):
        reverser.score(["ab"], ["zb"])
    wide = Seq2Seq(source_vocabulary="abcdz", target_vocabulary=Vocabulary(tuple("abcdz")), **SMALL).fit(X, Y)
    wide.score_samples(["z"], ["z"])
    with pytest.raises(ValueError, match="unknown token"):
        Seq2Seq(source_vocabulary="abc", **SMALL).fit(X, Y)


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (["ab", ""], ["a", "b"], "sequence 1 of X is empty"),
        (["ab", "b"], ["a", ""], "sequence 1 of y is empty"),
        (["ab", "b"], ["a"], "inconsistent numbers of samples"),
        (["ab"], None, "requires y to be passed, but the target y is None"),
        ([np.zeros((2, 3)), np.zeros((2, 2))], ["a", "b"], "sequence 1 of X has 2 features"),
        ([np.array([[0.0, np.nan]])], ["a"], "contains NaN: sequence 0, frame 0, feature 1"),
        (["ab"], [[0.5, 1.0]], "must hold strings or integers"),
    ],
)
def test_bad_input_is_told(x, y, message):
    with pytest.raises(ValueError, match=message):
        Seq2Seq(**SMALL).fit(x, y)


def test_bad_parameters_are_told():
    for wrong in ({"beam_width": 0}, {"length_penalty": 2.0}, {"embedding_size": 0}, {"source": "strings"},
                  {"dropout": 1.0}, {"max_length": 0}):  # fmt: skip
        with pytest.raises(ValueError, match=next(iter(wrong))):
            Seq2Seq(**{**SMALL, **wrong}).fit(X, Y)
    with pytest.raises(ValueError, match="attend"):
        Seq2Seq("tanh", **SMALL).fit(X, Y)


@pytest.mark.parametrize("options", [{}, {"attention": False, "n_layers": 2, "cell": "tanh"}, {"bidirectional": False}])
def test_saved_and_loaded_it_goes_on(tmp_path, options):
    model = Seq2Seq(**{**SMALL, **options}).fit(X, Y)
    model.save(tmp_path / "model")
    loaded = Seq2Seq.load(tmp_path / "model")
    same(model, loaded)
    assert loaded.target_vocabulary_ == model.target_vocabulary_
    assert loaded.source_vocabulary_ == model.source_vocabulary_
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UnendedSequenceWarning)
        np.testing.assert_array_equal(model.predict(X), loaded.predict(X))
    same(model.partial_fit(X, Y), loaded.partial_fit(X, Y))


def test_files_of_other_models_are_refused(tmp_path):
    model = Seq2Seq(**SMALL).fit(X, Y)
    model.architecture_ = {**model.architecture_, "n_tokens": 7}
    model.save(tmp_path / "model")
    with pytest.raises(ModelFileError):
        Seq2Seq.load(tmp_path / "model")


def test_partial_fit_is_fit_in_pieces():
    whole, parts = Seq2Seq(**SMALL).fit(X, Y), Seq2Seq(**SMALL)
    for _ in range(3):
        parts.partial_fit(X, Y)
    same(whole, parts)


def test_killed_and_resumed_is_the_same(tmp_path):
    class Killed(Exception):
        pass

    class Kill:
        def on_epoch_end(self, run):
            if run.epoch == 1:
                raise Killed

    path = tmp_path / "run"
    whole = Seq2Seq(**SMALL).fit(X, Y)
    with pytest.raises(Killed):
        Seq2Seq(**SMALL, callbacks=[Checkpoint(path), Kill()]).fit(X, Y)
    same(whole, Seq2Seq(**SMALL, callbacks=[Checkpoint(path)]).fit(X, Y))


def test_threads_do_not_change_a_bit():
    with limit_threads(1):
        one = Seq2Seq(**SMALL).fit(X, Y)
    with limit_threads(2):
        same(one, Seq2Seq(**SMALL).fit(X, Y))


def test_weights_leave_out_and_early_stopping_holds_out():
    weights = np.array([1.0] * 30 + [0.0] * 30)
    assert set("".join(X[:30])) == set("abcd")
    same(Seq2Seq(**SMALL).fit(X, Y, weights), Seq2Seq(**SMALL).fit(X[:30], Y[:30]))
    model = Seq2Seq(**SMALL, early_stopping=True).fit(X, Y)
    assert "validation_loss" in model.history_[0]
    assert not hasattr(model, "partial_fit")


def test_it_is_searched():
    search = GridSearchCV(Seq2Seq(**SMALL), {"units": [4, 8]}, cv=2, error_score="raise")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UnendedSequenceWarning)
        search.fit(X, Y)
    assert 0 <= search.best_score_ <= 1


def test_what_scikit_learn_checks_by_differences(reverser):
    """Order, subsets, pickles and a second fit: its own checks subtract predictions, which are sequences here."""
    said = reverser.predict(X)
    np.testing.assert_array_equal(reverser.predict(X[::-1]), said[::-1])
    np.testing.assert_array_equal(np.concatenate([reverser.predict(X[k : k + 7]) for k in range(0, 60, 7)]), said)
    copy = pickle.loads(pickle.dumps(reverser))
    np.testing.assert_array_equal(copy.predict(X), said)
    twice = Seq2Seq(**SMALL).fit(X, Y)
    same(clone(twice).fit(X, Y), twice.fit(X, Y))
    heavy = Seq2Seq(**{**SMALL, "batch_size": 100}).fit(X[:20], Y[:20], np.full(20, 2.0))
    again = Seq2Seq(**{**SMALL, "batch_size": 100}).fit(X[:20] * 2, Y[:20] * 2)
    for name, array in heavy.parameters_.items():
        np.testing.assert_allclose(again.parameters_[name], array, atol=1e-4)
