"""SequenceGenerator: what it learns, what it makes, and what it refuses."""

import pickle
import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.metrics import accuracy_score
from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from ebm import storage
from ebm.recurrent.scrn import SCRNCell
from ebm.storage import ModelFileError
from ebm.training import Checkpoint
from ebm_sklearn import SequenceGenerator, UnendedSequenceWarning, Vocabulary

WORDS = ["zero", "one", "two", "three", "four", "five"]
TEXTS = ["abab", "ababab", "ab", "abababab", "cab", "cabab"] * 3


def captions(n=120, seed=0, noise=0.2):
    """Vectors around one of six places, and the word of each."""
    rng = np.random.default_rng(seed)
    kinds = rng.integers(len(WORDS), size=n)
    places = 1.5 * np.eye(len(WORDS), 5)
    return (places[kinds] + noise * rng.normal(size=(n, 5))).astype(np.float32), [WORDS[k] for k in kinds]


def small(**options):
    fixed = {"units": 12, "embedding_size": 5, "n_iter": 4, "n_jobs": 1, "random_state": 0}
    return SequenceGenerator(**{**fixed, **options})


@pytest.fixture(scope="module")
def captioner():
    return small(units=32, n_iter=60, learning_rate=0.01).fit(*captions())


@pytest.fixture(scope="module")
def language_model():
    return small(n_iter=30, learning_rate=0.01).fit(TEXTS)


def same(one, two):
    return [list(y) for y in one] == [list(y) for y in two]


# ---- learning ----


def test_captions_of_new_vectors_are_right_and_end_by_themselves(captioner):
    X, y = captions(seed=1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # that a sequence was cut off
        assert accuracy_score(y, captioner.predict(X)) == 1.0
    sequences, ended = captioner.sample(X=X, return_ended=True)
    assert ended.all()
    assert accuracy_score(y, sequences) > 0.95
    assert captioner.score(X, y) > -0.1


def test_bits_per_symbol_reach_the_entropy_of_the_source():
    """Two tokens at random, ended with probability 1 / 4: log2 3 - (3 / 8 + 3 / 8) log2 (3 / 2) ... ..."""
    rng = np.random.default_rng(3)
    sequences = [rng.integers(2, size=rng.geometric(0.25)) for _ in range(3000)]
    found = small(n_iter=10, learning_rate=0.01, schedule="linear").fit(sequences[:2000])
    first = 1.0  # the first token always comes: no empty sequences
    rest = 0.25 * np.log2(4) + 0.75 * np.log2(8 / 3)
    held_out = sequences[2000:]
    symbols = sum(len(y) + 1 for y in held_out)
    entropy = (len(held_out) * first + (symbols - len(held_out)) * rest) / symbols
    assert found.bits_per_symbol(held_out) == pytest.approx(entropy, abs=0.03)


@pytest.mark.parametrize("cell", ["tanh", "relu", "gru", "lstm_peephole", "deep_transition", SCRNCell(12, 6)])
def test_every_cell_captions(cell):
    X, y = captions()
    found = small(cell=cell, n_layers=2, n_iter=40, learning_rate=0.01, hidden_layer_sizes=[16]).fit(X, y)
    assert accuracy_score(y, found.predict(X)) > 0.95


def test_early_stopping_keeps_the_best():
    X, y = captions(noise=1.5)
    found = small(n_iter=200, learning_rate=0.02, early_stopping=True, n_iter_no_change=3).fit(X, y)
    losses = [row["validation_loss"] for row in found.history_]
    assert found.n_iter_ < 200
    assert len(losses) - 1 - int(np.argmin(losses)) <= 3
    with pytest.raises(AttributeError, match="partial_fit"):
        found.partial_fit(X, y)


# ---- going on ----


class Killed(BaseException):
    pass


class Kill:
    def __init__(self, epoch):
        self.epoch = epoch

    def on_epoch_end(self, run):
        if run.epoch == self.epoch:
            raise Killed


def assert_same_parameters(one, two):
    for name, array in one.parameters_.items():
        assert_array_equal(array, two.parameters_[name])


def test_killed_and_resumed_is_uninterrupted(tmp_path):
    options = {"n_iter": 6, "schedule": "linear", "dropout": 0.2, "n_layers": 2}
    through = small(**options).fit(*captions())
    kept = Checkpoint(tmp_path / "run", resume=True)
    with pytest.raises(Killed):
        small(**options, callbacks=[kept, Kill(3)]).fit(*captions())
    assert_same_parameters(through, small(**options, callbacks=[kept]).fit(*captions()))


@pytest.mark.parametrize("data", [captions(), (TEXTS,)], ids=["of vectors", "alone"])
def test_partial_fit_and_files_go_on_exactly(tmp_path, data):
    through = small(dropout=0.1).fit(*data)
    steps = small(dropout=0.1)
    for _ in range(2):
        steps.partial_fit(*data)
    steps.save(tmp_path / "model")
    loaded = SequenceGenerator.load(tmp_path / "model")
    assert loaded.vocabulary_ == steps.vocabulary_
    for one in (steps, loaded):
        for _ in range(2):
            one.partial_fit(*data)
        assert_same_parameters(through, one)
        assert one.score(*data) == through.score(*data)
    X = data[0] if len(data) == 2 else None
    with pytest.warns(UnendedSequenceWarning):
        assert same(loaded.sample(3, X, max_length=1), through.sample(3, X, max_length=1))
    assert pickle.loads(pickle.dumps(loaded)).score(*data) == through.score(*data)


def test_chunks_share_the_vocabulary_that_is_given():
    found = small(vocabulary="abc").partial_fit(["ab"]).partial_fit(["cc"])
    assert found.vocabulary_.tokens == ("a", "b", "c")
    with pytest.raises(ValueError, match="unknown token 'd'"):
        found.partial_fit(["abd"])


def test_files_that_do_not_fit_are_refused(tmp_path, language_model):
    language_model.save(tmp_path / "model")
    arrays, metadata = storage.load(tmp_path / "model", "SequenceGenerator")
    bad = [
        {"tokens": ["a", "b"]},
        {"tokens": ["a", "a", "b"]},
        {"tokens": [1, 2, 3]},
        {"tokens": None},
        {"longest": -1},
    ]
    bad += [{"architecture": {**metadata["values"]["architecture"], name: value}} for name, value in BAD_SHAPES]
    for values in bad:
        changed = {**metadata, "values": {**metadata["values"], **values}}
        storage.save(tmp_path / "bad", "SequenceGenerator", arrays, changed)
        with pytest.raises(ModelFileError):
            SequenceGenerator.load(tmp_path / "bad")


BAD_SHAPES = [("units", 10**9), ("units", 7), ("cell", "unknown"), ("n_tokens", 9), ("n_inputs", 3), ("more", 1)]


# ---- making sequences ----


def test_samples_are_reproducible_and_do_not_depend_on_their_number(captioner, language_model):
    ten = language_model.sample(10, random_state=3)
    assert same(ten, language_model.sample(10, random_state=3))
    assert same(ten[:2], language_model.sample(2, random_state=3))
    assert not same(ten, language_model.sample(10, random_state=4))
    assert same(ten, clone(language_model).set_params(n_jobs=2).fit(TEXTS).sample(10, random_state=3))
    X = captions(seed=2)[0]
    many = captioner.sample(3, X, temperature=3.0, random_state=1, return_ended=True)[0]
    few = captioner.sample(3, X[:2], temperature=3.0, random_state=1, return_ended=True)[0]
    assert len(many) == 3 * len(X)
    assert same(many[:6], few)


def test_more_sequences_than_go_together(monkeypatch, language_model):
    monkeypatch.setattr("ebm_sklearn._generator_use.AT_ONCE", 7)
    parts = language_model.sample(20, random_state=3, return_ended=True)[0]
    monkeypatch.undo()
    assert same(parts, language_model.sample(20, random_state=3, return_ended=True)[0])


def test_temperature_zero_is_greedy(captioner, language_model):
    X = captions(seed=2)[0]
    assert same(captioner.predict(X), captioner.sample(X=X, temperature=0))
    assert len(set(language_model.sample(20, temperature=0))) == 1
    assert len(set(language_model.sample(20))) > 1


def test_a_prefix_is_gone_on_from(language_model):
    assert all(y.startswith("cab") for y in language_model.sample(10, prefix="cab"))


def test_what_is_cut_off_is_told(captioner):
    X = np.concatenate([captions()[0]] * 2)
    with pytest.warns(UnendedSequenceWarning, match=r"\d+ of \d+ sequences were cut off"):
        cut = captioner.sample(X=X, max_length=3, temperature=0)
    again, ended = captioner.sample(X=X, max_length=3, temperature=0, return_ended=True)
    assert same(cut, again)
    assert_array_equal(ended, [y in ("one", "two") for y in cut])
    with pytest.warns(UnendedSequenceWarning):
        clone(captioner).set_params(max_length=1, n_iter=1).fit(*captions()).predict(X)


@pytest.mark.parametrize(
    ("sequences", "first"),
    [
        ([["the", "cat"], ["a", "cat"]] * 8, ["the", "cat"]),
        ([np.array([5, 7, 1000000]), [7]] * 8, [5, 7, 1000000]),
        (np.array([[1, 2], [2, 1]] * 8), [1, 2]),
    ],
    ids=["words", "integers", "array"],
)
def test_sequences_come_as_they_were_given(sequences, first):
    X = np.tile(np.eye(2), (8, 1))
    found = small(n_iter=100, learning_rate=0.02).fit(X, sequences)
    predicted = found.predict(X)
    assert predicted.dtype == object
    assert predicted[0] == first
    assert small().fit(sequences).score_samples(sequences).shape == (16,)


def test_a_column_of_whole_numbers_is_sequences_of_one_token():
    X, y = np.tile(np.eye(3, dtype=np.float32), (8, 1)), np.tile([4, 5, 9], 8)
    found = small(n_iter=100, learning_rate=0.02).fit(X, y)
    assert same(found.predict(X), y[:, None].tolist())
    assert_array_equal(found.score_samples(X, y), found.score_samples(X, y[:, None].astype(float)[:, 0]))


# ---- probabilities and features ----


def test_scores_are_what_they_say(captioner):
    X, y = captions(seed=4)
    log_p = captioner.score_samples(X, y)
    symbols = np.array([len(word) + 1 for word in y])
    bits = -log_p.sum() / symbols.sum() / np.log(2)
    assert captioner.bits_per_symbol(X, y) == pytest.approx(bits, rel=1e-12)
    assert captioner.score(X, y) == -captioner.bits_per_symbol(X, y)
    of_symbols = captioner.score_symbols(X, y)
    assert [part.size for part in of_symbols] == symbols.tolist()
    assert_allclose([part.sum() for part in of_symbols], log_p, rtol=1e-12)
    assert_allclose(of_symbols[0][:2], captioner.score_symbols(X[:1], [y[0][:2]])[0][:2], rtol=1e-5)
    w = np.arange(1.0, len(y) + 1)
    expected = -(w * log_p).sum() / (w * symbols).sum() / np.log(2)
    assert captioner.score(X, y, sample_weight=w) == pytest.approx(-expected, rel=1e-12)


def test_what_one_sample_gives_does_not_depend_on_the_others(captioner, language_model):
    X, y = captions(seed=5)
    order = np.random.default_rng(0).permutation(len(y))
    of_order = [y[i] for i in order]
    assert same(captioner.predict(X)[order], captioner.predict(X[order]))
    assert_array_equal(captioner.score_samples(X, y)[order], captioner.score_samples(X[order], of_order))
    assert_array_equal(captioner.transform(X)[order], captioner.transform(X[order]))
    assert same(captioner.predict(X)[:1], captioner.predict(X[:1]))
    assert_array_equal(captioner.transform(X)[3:4], captioner.transform(X[3:4]))
    for made in (language_model.score_samples, language_model.transform):
        assert_array_equal(made(TEXTS)[[2]], made(TEXTS[2:3]))


def test_features_tell_of_what_was_read(captioner, language_model):
    states = language_model.transform(["ab", "abab", "a"])
    assert states.shape == (3, 12)
    assert np.abs(states[0] - states[2]).max() > 0.1
    assert captioner.transform(captions()[0]).shape == (120, 32)
    assert list(language_model.get_feature_names_out()[:2]) == ["sequencegenerator0", "sequencegenerator1"]
    assert not hasattr(language_model, "predict")


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_precision_is_that_of_the_vectors(dtype):
    X, y = captions()
    found = small(n_iter=1).fit(X.astype(dtype), y)
    assert {array.dtype for array in found.parameters_.values()} == {np.dtype(dtype)}
    assert found.transform(X).dtype == dtype


@pytest.mark.parametrize("data", [captions(n=24), (TEXTS,)], ids=["of vectors", "alone"])
def test_a_weight_of_two_is_a_sequence_there_twice(data):
    n = len(data[-1])
    weights = np.random.default_rng(0).integers(0, 4, size=n)
    rows = np.repeat(np.arange(n), weights)
    repeated = [part[rows] if isinstance(part, np.ndarray) else [part[i] for i in rows] for part in data]
    vocabulary = sorted(set("".join(data[-1])))  # a token may have no weight
    options = {"batch_size": 200, "n_iter": 20, "vocabulary": vocabulary}
    one = small(**options).fit(*data, sample_weight=weights)
    two = small(**options).fit(*repeated)
    assert_allclose(one.score_samples(*data), two.score_samples(*data), rtol=1e-3, atol=1e-3)
    ignored = small(**options).fit(*data)
    assert np.abs(one.score_samples(*data) - ignored.score_samples(*data)).max() > 0.01


# ---- in scikit-learn ----


def test_in_grid_searches_and_pipelines():
    X, y = captions()
    search = GridSearchCV(
        make_pipeline(StandardScaler(), small(n_iter=15, learning_rate=0.02)),
        {"sequencegenerator__units": [2, 24]},
        cv=3,
        n_jobs=2,
    ).fit(X, y)
    assert search.best_params_ == {"sequencegenerator__units": 24}
    assert accuracy_score(y, search.predict(X)) > 0.9
    predicted = cross_val_predict(search.best_estimator_, X, y, cv=2)
    assert accuracy_score(y, predicted) > 0.9


def test_language_models_are_searched_for():
    search = GridSearchCV(small(vocabulary="abcd"), {"n_iter": [1, 30]}, cv=3, n_jobs=2).fit(TEXTS)
    assert search.best_params_ == {"n_iter": 30}
    assert (cross_val_score(small(), TEXTS, cv=3) > -np.log2(4)).all()


# ---- what is refused ----


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ((["ab", ""],), "sequence 1 of X is empty"),
        (([],), "at least one sequence"),
        (("abab",), "one string"),
        ((np.eye(3),), "strings or integers"),
        (([["a", 1]],), "not both"),
        ((np.eye(3), ["a", "b"]), "inconsistent numbers of samples"),
        ((np.full((2, 2), np.nan), ["a", "b"]), "NaN"),
        ((np.eye(2), [0.5, 1.0]), "whole numbers"),
        ((np.eye(2), ["a", ""]), "sequence 1 of y is empty"),
    ],
)
def test_bad_data_is_refused(data, message):
    with pytest.raises(ValueError, match=message):
        small().fit(*data)


def test_bad_parameters_are_refused():
    for bad in ({"cell": "scrn"}, {"units": 0}, {"dropout": 1.0}, {"max_length": 0}, {"vocabulary": 3}):
        with pytest.raises(ValueError, match=next(iter(bad))):
            small(**bad).fit(TEXTS)
    with pytest.raises(ValueError, match="there twice"):
        small(vocabulary="aab").fit(TEXTS)
    with pytest.raises(ValueError, match="hidden_layer_sizes"):
        small(hidden_layer_sizes=(0,)).fit(*captions())


def test_bad_requests_are_refused(captioner, language_model):
    X, y = captions()
    for asked, message in (
        (lambda: language_model.score(["abx"]), "sequence 0 of X has the unknown token 'x' at place 2"),
        (lambda: language_model.sample(prefix="x"), "sequence 0 of prefix has the unknown token"),
        (lambda: language_model.sample(X=X), "X must be None"),
        (lambda: language_model.score(X, y), "y must be None"),
        (lambda: captioner.score(X), "y must be"),
        (lambda: captioner.sample(2), "give them as X"),
        (lambda: captioner.sample(0, X), "n_samples"),
        (lambda: captioner.predict(X[:, :2]), "features"),
        (lambda: captioner.sample(X=X, temperature=-1), "temperature"),
        (lambda: captioner.partial_fit(TEXTS), "y must be"),
    ):
        with pytest.raises(ValueError, match=message):
            asked()


def test_a_vocabulary_may_be_given_in_any_form():
    tokens = [small(vocabulary=v, n_iter=1).fit(TEXTS).vocabulary_ for v in ("abc", ["a", "b", "c"], Vocabulary("abc"))]
    assert tokens[0] == tokens[1] == tokens[2]
