"""Attention drawn: by arrays, and by an estimator."""

import numpy as np
import pytest

from ebm.plotting import draw_attention
from ebm_sklearn import AttentionDisplay, Seq2Seq

WEIGHTS = np.array([[0.1, 0.9, 0.0], [1.0, 0.0, 0.0]])


@pytest.fixture(scope="module")
def model():
    learning = {"n_iter": 80, "learning_rate": 0.02, "random_state": 0}
    return Seq2Seq(units=8, embedding_size=4, **learning).fit(["ab", "abc", "ca"], ["ba", "cba", "ac"])


def labels(axis):
    return [label.get_text() for label in axis.get_ticklabels()]


def test_weights_are_drawn_with_their_labels():
    drawn = draw_attention(WEIGHTS, "abc", ["x", "y"])
    np.testing.assert_array_equal(drawn.get_array(), WEIGHTS)
    assert drawn.get_clim() == (0, 1)
    assert labels(drawn.axes.xaxis) == list("abc")
    assert labels(drawn.axes.yaxis) == ["x", "y"]
    assert draw_attention(WEIGHTS, ax=drawn.axes).axes is drawn.axes


@pytest.mark.parametrize(
    ("given", "message"),
    [((WEIGHTS[0],), "must have shape"), ((WEIGHTS[:0],), "must have shape"), ((WEIGHTS, "ab"), "source has 2 labels"),
     ((WEIGHTS, "abc", "abc"), "target has 3 labels")],
)  # fmt: skip
def test_what_does_not_fit_is_refused(given, message):
    with pytest.raises(ValueError, match=message):
        draw_attention(*given)


def test_a_display_is_made_from_an_estimator(model):
    display = AttentionDisplay.from_estimator(model, "abc", "ca")
    np.testing.assert_array_equal(display.weights, model.attention_weights(["abc"], ["ca"])[0])
    assert labels(display.ax_.xaxis) == list("abc")
    assert labels(display.ax_.yaxis) == list("ca")
    assert display.im_.axes is display.ax_
    assert display.ax_.figure is display.figure_


@pytest.mark.filterwarnings("ignore::ebm_sklearn.UnendedSequenceWarning")
def test_what_is_said_is_drawn_where_no_target_is_given(model):
    said = model.predict(["abc"])[0]
    assert len(said) > 0
    assert AttentionDisplay.from_estimator(model, "abc").weights.shape == (len(said), 3)
    frames = Seq2Seq(units=4, n_iter=1, random_state=0).fit([np.ones((3, 2)), np.zeros((2, 2))], ["ab", "b"])
    display = AttentionDisplay.from_estimator(frames, np.ones((4, 2)), "ba")
    assert display.weights.shape == (2, 4)
    assert display.source is None


def test_no_attention_and_no_target_are_told(model):
    without = Seq2Seq(units=4, attention=False, n_iter=1).fit(["ab"], ["b"])
    with pytest.raises(ValueError, match="no attention"):
        AttentionDisplay.from_estimator(without, "ab", "b")
    silent = Seq2Seq(units=4, n_iter=0, random_state=0).fit(["ab"], ["b"])
    silent.parameters_["decoder.output.bias"][-1] = 50
    with pytest.raises(ValueError, match="empty"):
        AttentionDisplay.from_estimator(silent, "ab")
