"""The parameter ``truncation`` of estimators of sequences, and the picture of how gradients go back."""

import matplotlib
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError

from ebm.networks.context import Context
from ebm.networks.packing import Packing
from ebm.networks.sequential import Sequential
from ebm.random import Random
from ebm.recurrent.gradient_flow import gradient_flow, gradient_norms, product_singular_values, state_jacobians
from ebm.recurrent.lstm import LSTMCell
from ebm.recurrent.simple import SimpleCell
from ebm.training import Checkpoint
from ebm_sklearn.gradient_flow_display import GradientFlowDisplay
from ebm_sklearn.rnn_classifier import RNNClassifier
from ebm_sklearn.sequence_generator import SequenceGenerator
from ebm_sklearn.sequence_labeler import SequenceLabeler
from tests.estimators.recurrent_data import ALIGNED, KINDS, equal_parameters, made, problem

matplotlib.use("agg")
from matplotlib import pyplot as plt

kinds = pytest.mark.parametrize("kind", KINDS)


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


@kinds
def test_what_reaches_the_first_frame_changes_nothing_and_less_does(kind):
    X, y = problem(kind)
    whole = made(kind).fit(X, y)
    assert equal_parameters(whole, made(kind, truncation=8).fit(X, y))
    assert not equal_parameters(whole, made(kind, truncation=1).fit(X, y))


@pytest.mark.parametrize("kind", ALIGNED)
def test_chunks(kind):
    X, y = problem(kind)
    assert equal_parameters(made(kind).fit(X, y), made(kind, truncation=(9, 9)).fit(X, y))
    short = made(kind, truncation=(3, 4)).fit(X, y)
    assert equal_parameters(short, made(kind, truncation=[3, 4]).fit(X, y))
    assert not equal_parameters(short, made(kind).fit(X, y))
    assert short.get_params()["truncation"] == clone(short).truncation == (3, 4)


@pytest.mark.parametrize("kind", ALIGNED)
def test_chunked_fits_go_on_exactly(kind, tmp_path):
    X, y = problem(kind)
    options = {"truncation": (2, 5), "cell": "gru"}
    whole = made(kind, n_iter=4, **options).fit(X, y)
    parts = made(kind, **options)
    for _ in range(4):
        parts.partial_fit(X, y)
    assert equal_parameters(whole, parts)
    checkpoint = Checkpoint(tmp_path / "run.safetensors", resume=True)
    made(kind, n_iter=2, callbacks=[checkpoint], **options).fit(X, y)
    assert equal_parameters(whole, made(kind, n_iter=4, callbacks=[checkpoint], **options).fit(X, y))


def test_long_sequences_are_learnt_in_chunks():
    """What was two frames ago, in sequences of 2000 frames: twenty updates an epoch instead of one."""
    rng = np.random.default_rng(0)
    X = [rng.normal(size=(2000, 1)).astype(np.float32) for _ in range(4)]
    y = [np.concatenate([[0, 0], x[:-2, 0] > 0]).astype(int) for x in X]
    labeler = SequenceLabeler(units=12, n_iter=12, truncation=(100, 110), random_state=0).fit(X, y)
    assert labeler.score(X, y) > 0.97


@kinds
@pytest.mark.parametrize("truncation", [-1, 2.5, "all", (3, 2), (0, 2), (1, 2, 3), (1.5, 2)], ids=str)
def test_bad_values_are_refused(kind, truncation):
    X, y = problem(kind)
    with pytest.raises(ValueError, match="truncation"):
        made(kind, truncation=truncation).fit(X, y)


def test_chunks_that_have_no_meaning_are_refused():
    X, y = problem(RNNClassifier)
    with pytest.raises(ValueError, match=r"truncation=\(2, 3\) needs an output at every frame"):
        made(RNNClassifier, truncation=(2, 3)).fit(X, y)
    X, y = problem(SequenceLabeler)
    with pytest.raises(ValueError, match="reads sequences from their ends"):
        made(SequenceLabeler, truncation=(2, 3), bidirectional=True).fit(X, y)
    made(SequenceLabeler, truncation=2, bidirectional=True).fit(X, y)


def test_generators_take_it_too():
    """A model of tokens, by itself or of vectors; chunks have no first states but the first one's."""
    rng = np.random.default_rng(0)
    texts = ["".join(rng.choice(list("abc"), length)) for length in rng.integers(3, 12, size=20)]
    options = {"units": 5, "n_iter": 2, "random_state": 0}
    whole = SequenceGenerator(**options).fit(texts)
    for truncation, equal in ((20, True), ((20, 20), True), (1, False), ((2, 4), False)):
        assert equal_parameters(whole, SequenceGenerator(truncation=truncation, **options).fit(texts)) is equal
    vectors = rng.normal(size=(20, 2))
    told = SequenceGenerator(**options).fit(vectors, texts)
    assert not equal_parameters(told, SequenceGenerator(truncation=1, **options).fit(vectors, texts))
    with pytest.raises(ValueError, match="first states are made of vectors"):
        SequenceGenerator(truncation=(2, 4), **options).fit(vectors, texts)


# ---- pictures ----

FRAMES = [np.random.default_rng(0).normal(size=(length, 2)) for length in (30, 40)]


def test_lines_are_the_flows_of_cells():
    simple, lstm = SimpleCell(8), LSTMCell(8)
    cells = {name: (cell, cell.initial(2, Random(0), np.float64)) for name, cell in (("tanh", simple), ("lstm", lstm))}
    display = GradientFlowDisplay.from_cells(cells, FRAMES, n_lags=20)
    first, second = (gradient_flow(*cells[name], FRAMES, n_lags=20) for name in cells)
    expected = [first.norms, first.bound, second.norms, second.forget]
    assert len(display.lines_) == 4
    for line, values in zip(display.lines_, expected, strict=True):
        np.testing.assert_array_equal(line.get_xdata(), np.arange(21))
        np.testing.assert_allclose(line.get_ydata(), values)
    labels = [line.get_label() for line in display.lines_]
    assert labels == ["tanh", "tanh, bound", "lstm", "lstm, forget gates"]
    assert [line.get_linestyle() for line in display.lines_] == ["-", "--", "-", "--"]
    assert display.ax_.get_yscale() == "log"
    assert (display.ax_.get_xlabel(), display.ax_.get_ylabel()) == ("frames back", "norm of the Jacobian")
    axes = plt.figure().add_subplot()
    assert len(display.plot(bounds=False, ax=axes).lines_) == 2
    assert display.figure_ is axes.figure


@pytest.mark.parametrize("bidirectional", [False, True])
def test_lines_of_an_estimator_are_its_layers(bidirectional):
    X, y = problem(RNNClassifier)
    rnn = made(RNNClassifier, cell="gru", n_layers=2, bidirectional=bidirectional).fit(X, y)
    long = [x for x in X if len(x) > 5][:4]
    display = GradientFlowDisplay.from_estimator(rnn, long, n_lags=4)
    ways = [", forward", ", backward"] if bidirectional else [""]
    labels = [f"gru, layer {layer}{way}" for layer in (1, 2) for way in ways]
    assert [line.get_label() for line in display.lines_] == labels
    assert len(display.lines_[0].get_xdata()) == 5
    own = {name.removeprefix("body.0."): a for name, a in rnn.parameters_.items() if name.startswith("body.0.")}
    if bidirectional:  # the last cell of layer 1 reads from the last frame on
        back = {name.removeprefix("backward."): a for name, a in own.items() if name.startswith("backward.")}
        right = gradient_flow(rnn._network().body.layers[0].cell, back, [x[::-1] for x in long], n_lags=4)
        np.testing.assert_allclose(display.flows[1].norms, right.norms)
    else:
        right = gradient_flow(rnn._network().body.layers[0].cell, own, long, n_lags=4)
        np.testing.assert_allclose(display.flows[0].norms, right.norms)
        upper = {name.removeprefix("body.1."): a for name, a in rnn.parameters_.items() if name.startswith("body.1.")}
        alone = Sequential(rnn._network().body.layers[:1])
        lower = {f"0.{name}": a for name, a in own.items()}
        read = [alone.forward(lower, x, Context(packing=Packing([len(x)])))[0] for x in long]
        right = gradient_flow(rnn._network().body.layers[1].cell, upper, read, n_lags=4)
        np.testing.assert_allclose(display.flows[1].norms, right.norms, rtol=1e-5)


def test_one_layer_has_the_cells_name_or_one_that_is_given():
    X, y = problem(SequenceLabeler)
    labeler = made(SequenceLabeler, cell="tanh").fit(X, y)
    long = [x for x in X if len(x) > 5]
    lines = GradientFlowDisplay.from_estimator(labeler, long).lines_
    assert [line.get_label() for line in lines] == ["tanh", "tanh, bound"]
    assert GradientFlowDisplay.from_estimator(labeler, long, name="mine").lines_[0].get_label() == "mine"


def test_what_has_no_flow_is_refused():
    with pytest.raises(NotFittedError):
        GradientFlowDisplay.from_estimator(RNNClassifier(), FRAMES)
    with pytest.raises(ValueError, match="PCA has no recurrent layers"):
        GradientFlowDisplay.from_estimator(PCA().fit(FRAMES[0]), FRAMES)
    with pytest.raises(ValueError, match="curves must be at least one"):
        GradientFlowDisplay([]).plot()


def test_gradients_by_lag_are_bounded_by_the_picture():
    """|dL/ds| k frames back is at most its first norm times the largest singular value of the product."""
    cell = SimpleCell(8)
    jacobians = state_jacobians(cell, cell.initial(2, Random(0), np.float64), FRAMES[0])
    v = np.random.default_rng(1).normal(size=(30, 8))
    last = gradient_norms(jacobians, v)[:, -1]
    assert (last <= last[0] * product_singular_values(jacobians)[:, 0] * (1 + 1e-12)).all()
