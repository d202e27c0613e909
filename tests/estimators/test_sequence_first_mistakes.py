"""What is given wrongly at first is refused in words that say what would be right; what looks right works."""

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

from ebm.recurrent.scrn import SCRNCell
from ebm.storage import ModelFileError
from ebm_sklearn import (
    AttentionDisplay,
    GradientFlowDisplay,
    RNNClassifier,
    RNNRegressor,
    Seq2Seq,
    SequenceGenerator,
    SequenceLabeler,
    SequenceScaler,
    Vocabulary,
)

X = [np.random.default_rng(0).normal(size=(length, 2)) for length in (3, 5, 4, 6, 3, 4)]
LABELS = np.array([0, 1, 0, 1, 1, 0])
OF_FRAMES = [(x[:, 0] > 0).astype(int) for x in X]
TEXTS = ["abc", "cab", "ba", "cc"]
SMALL = {"units": 4, "n_iter": 1, "random_state": 0}


def classifier(**options):
    return RNNClassifier(**{**SMALL, **options})


# ---- containers ----


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ((x for x in X), r"list of arrays \(length, n_features\).*got generator; .* list\(X\)"),
        (map(np.asarray, X), r"got map; .* list\(X\)"),
        (dict(enumerate(X)), "got dict$"),
        (None, "got NoneType$"),
        (3, "got int$"),
        (np.zeros((6, 2, 2, 2)), r"must have shape \(n_samples, length, n_features\)"),
    ],
)
def test_what_is_no_list_of_sequences_is_named(given, message):
    with pytest.raises(ValueError, match=message):
        SequenceScaler().fit(given)


def test_frames_may_be_arrays_in_an_array():
    """As Parquet files hold sequences of vectors."""
    nested = np.empty(len(X), object)
    for number, x in enumerate(X):
        nested[number] = np.empty(len(x), object)
        nested[number][:] = list(x)
    np.testing.assert_array_equal(SequenceScaler().fit(nested).mean_, SequenceScaler().fit(X).mean_)
    nested[1][2] = np.zeros(3)
    with pytest.raises(ValueError, match="sequence 1 of X must have shape"):
        SequenceScaler().fit(nested)


def test_series_of_polars_are_sequences():
    polars = pytest.importorskip("polars")
    for parts in ([x[:, 0] for x in X], X):
        series = polars.Series([part.tolist() for part in parts])
        np.testing.assert_array_equal(SequenceScaler().fit(series).mean_, SequenceScaler().fit(parts).mean_)


def test_a_data_frame_of_sequences_asks_for_its_column():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"sequence": X})
    with pytest.raises(ValueError, match=r"data frame with sequences in its cells: give their column, X\[name\]"):
        classifier().fit(frame, LABELS)
    classifier().fit(frame["sequence"], LABELS)


# ---- targets ----


def test_targets_of_frames_are_sent_to_who_takes_them():
    for y in (OF_FRAMES, [list(part) for part in OF_FRAMES], np.array(OF_FRAMES, object)):
        with pytest.raises(ValueError, match=r"one target for each sequence.* from 3 to 6.* take SequenceLabeler"):
            classifier().fit(X, y)
        with pytest.raises(ValueError, match="take SequenceRegressor"):
            RNNRegressor(**SMALL).fit(X, y)
    with pytest.raises(ValueError, match=r"sequence 0 of y must have shape \(length,\), a label a frame; got \(3, 2\)"):
        SequenceLabeler(**SMALL).fit(X, [np.stack([part, part], axis=1) for part in OF_FRAMES])


def test_values_are_told_plainly():
    with pytest.raises(ValueError, match=r"1 class: 0$"):
        classifier().fit(X, LABELS * 0)
    with pytest.raises(ValueError, match=r"one value, 1, but"):
        SequenceLabeler(**SMALL).fit(X, LABELS + 1)


def test_weights_are_refused_by_their_own_name():
    with pytest.raises(ValueError, match=r"class_weight must be finite and at least 0, got \{0: -1.0\}"):
        classifier(class_weight={0: -1.0}).fit(X, LABELS)
    labeler = SequenceLabeler(**SMALL).fit(X, OF_FRAMES)
    with pytest.raises(ValueError, match=r"sample_weight must have shape \(6,\)"):
        labeler.score(X, OF_FRAMES, sample_weight=[1.0])


# ---- parameters ----


@pytest.mark.parametrize(
    ("sizes", "message"), [((8, 0), r"\[1\] must be .* got 0"), ([2.5], r"\[0\] must be .* got 2.5")]
)
def test_sizes_of_layers_are_refused_by_their_own_name(sizes, message):
    with pytest.raises(ValueError, match="hidden_layer_sizes" + message):
        classifier(hidden_layer_sizes=sizes).fit(X, LABELS)
    with pytest.raises(ValueError, match="hidden_layer_sizes" + message):
        SequenceGenerator(**SMALL, hidden_layer_sizes=sizes).fit(np.eye(4), TEXTS)


def test_a_cell_that_cannot_attend_says_what_to_set():
    with pytest.raises(ValueError, match=r"attention=True needs cell='lstm', got cell='gru': .*attention=False"):
        Seq2Seq(**SMALL, cell="gru").fit(TEXTS, TEXTS)


@pytest.mark.parametrize("tokens", [Vocabulary(tuple("abcd")), range(5), "abcd", ["a", "b", "c"]])
def test_a_vocabulary_that_can_be_given_can_be_saved(tmp_path, tokens):
    texts = [[1, 2], [3]] if isinstance(tokens, range) else TEXTS
    SequenceGenerator(**SMALL, vocabulary=tokens).fit(texts).save(tmp_path / "model")
    loaded = SequenceGenerator.load(tmp_path / "model")
    assert loaded.vocabulary == (list(tokens) if isinstance(tokens, range) else tokens)
    Seq2Seq(**SMALL, source_vocabulary=tokens, target_vocabulary=tokens).fit(texts, texts).save(tmp_path / "model")
    assert Seq2Seq.load(tmp_path / "model").fit(texts, texts).target_vocabulary_.tokens == (
        tokens.tokens if isinstance(tokens, Vocabulary) else tuple(tokens)
    )


def test_a_set_is_no_vocabulary():
    """Its order, which would number the tokens, is another in another process."""
    with pytest.raises(ValueError, match=r"vocabulary is a set, .* give sorted\(vocabulary\)"):
        SequenceGenerator(**SMALL, vocabulary=set("abc")).fit(TEXTS)
    for name in ("source_vocabulary", "target_vocabulary"):
        with pytest.raises(ValueError, match=f"{name} is a set"):
            Seq2Seq(**SMALL, **{name: frozenset("abc")}).fit(TEXTS, TEXTS)


# ---- requests ----


def test_a_step_is_as_careful_as_predict():
    with pytest.raises(NotFittedError):
        classifier().step([0.0, 0.0])
    single = [x.astype(np.float32) for x in X]
    rnn = classifier().fit(single, LABELS)
    first = rnn.step_proba(single[0][0])
    for bad, message in (
        ([0.0, np.nan], "frame contains NaN: .*feature 1"),
        ([1e300, 0.0], "too large for dtype"),
        (["a", "b"], "must hold real numbers"),
    ):
        with pytest.raises(ValueError, match=message):
            rnn.step(bad)
    second = rnn.step_proba(np.asarray(single[0][1], object))  # what was refused has left the state alone
    np.testing.assert_array_equal([first, second], rnn.predict_proba([single[0][:1], single[0][:2]]))


def test_requests_that_make_no_sense_are_refused():
    generator = SequenceGenerator(**SMALL).fit(TEXTS)
    for options, message in (
        ({"temperature": "hot"}, "temperature must be a finite number of at least 0, got 'hot'"),
        ({"max_length": 2.5}, "max_length must be an integer of at least 1, got 2.5"),
        ({"prefix": 5}, "sequence 0 of prefix must be a string, or a list of strings or integers; got 5"),
    ):
        with pytest.raises(ValueError, match=message):
            generator.sample(**options)
    model = Seq2Seq(**SMALL).fit(TEXTS, TEXTS)
    with pytest.raises(ValueError, match=r"beam_width must be an integer of at least 1, got 2.5"):
        model.predict(TEXTS, beam_width=2.5)


@pytest.mark.filterwarnings("ignore::ebm_sklearn.UnendedSequenceWarning")
def test_a_generous_limit_takes_no_memory():
    """10^12 tokens would be 7 TiB, of sequences that end after a few."""
    generator = SequenceGenerator(**{**SMALL, "n_iter": 200, "max_length": 10**12}).fit(TEXTS)
    assert generator.sample(2, random_state=0).shape == (2,)
    model = Seq2Seq(**{**SMALL, "n_iter": 30, "max_length": 10**12}).fit(TEXTS, list("abcd"))
    assert model.predict(TEXTS, beam_width=2).shape == model.predict(TEXTS).shape == (4,)


# ---- files ----


@pytest.mark.parametrize("data", [(TEXTS,), (np.eye(4), TEXTS)])
def test_a_file_of_other_features_than_its_network_reads_is_refused(tmp_path, data):
    model = SequenceGenerator(**SMALL).fit(*data)
    other = Seq2Seq(**SMALL).fit(data[0], TEXTS)
    for estimator in (model, other):
        estimator.n_features_in_ = 3
        estimator.save(tmp_path / "model")
        with pytest.raises(ModelFileError, match=r"the network reads .*, but n_features_in is 3"):
            type(estimator).load(tmp_path / "model")


@pytest.mark.parametrize("cell", [None, "lstm", [], {"part": "Dense", "fields": {"units": 4}}])
def test_a_file_with_no_cell_is_refused(tmp_path, monkeypatch, cell):
    model = Seq2Seq(**SMALL).fit(TEXTS, TEXTS)
    arrays, values = model._saved()
    values["architecture"]["cell"] = cell
    monkeypatch.setattr(Seq2Seq, "_saved", lambda self: (arrays, values))
    model.save(tmp_path / "model")
    with pytest.raises(ModelFileError, match=r"cell must be a cell of ebm.recurrent"):
        Seq2Seq.load(tmp_path / "model")


# ---- pictures ----


def test_only_what_attends_is_asked_where_it_looks():
    with pytest.raises(ValueError, match="RNNClassifier has no attention: give a Seq2Seq"):
        AttentionDisplay.from_estimator(classifier().fit(X, LABELS), X[0])


def test_a_low_or_narrow_picture_of_attention_has_room_for_its_labels():
    for shape, labels in (((2, 60), {"target": "ab"}), ((60, 2), {"source": "ab"})):
        display = AttentionDisplay(np.full(shape, 1 / 60), **labels).plot()
        display.figure_.canvas.draw()
        axis = display.ax_.yaxis if "target" in labels else display.ax_.xaxis
        first, second = (label.get_window_extent() for label in axis.get_ticklabels())
        assert not first.overlaps(second)


def test_gradients_of_several_estimators_go_into_one_picture():
    names, ax = ["tanh", SCRNCell(3, 2)], None
    for cell in names:
        display = GradientFlowDisplay.from_estimator(classifier(cell=cell).fit(X, LABELS), X, ax=ax)
        ax = display.ax_
    solid = [line for line in ax.lines if line.get_linestyle() == "-"]
    assert [line.get_label() for line in solid] == ["tanh", "SCRNCell"]
    assert solid[0].get_color() != solid[1].get_color()
