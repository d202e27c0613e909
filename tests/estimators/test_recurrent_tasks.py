"""What recurrent networks can learn: speakers, delays, and tasks that ask for a long memory."""

import numpy as np
import pytest
from sklearn.pipeline import make_pipeline

from benchmarks.sequences import japanese_vowels
from ebm.recurrent.lstm import LSTMCell
from ebm_sklearn.rnn_classifier import RNNClassifier
from ebm_sklearn.rnn_regressor import RNNRegressor
from ebm_sklearn.sequence_labeler import SequenceLabeler
from ebm_sklearn.sequence_scaler import SequenceScaler
from tests.recurrent.tasks import adding, copying, delayed, temporal_order


@pytest.fixture(scope="module")
def speakers():
    try:
        return japanese_vowels()
    except FileNotFoundError as error:
        pytest.skip(str(error))


@pytest.mark.parametrize("options", [{}, {"cell": "gru"}, {"bidirectional": True}], ids=str)
def test_speakers_are_told_by_their_vowels(speakers, options):
    """With the defaults: 270 utterances to learn from, 370 to be judged by, 9 speakers."""
    (X, y), (unseen, speaker) = speakers
    pipeline = make_pipeline(SequenceScaler(), RNNClassifier(**options, n_iter=30, random_state=0)).fit(X, y)
    assert pipeline.score(unseen, speaker) >= 0.95


def test_a_symbol_three_frames_back_is_remembered():
    X, y = delayed(300)
    labeler = SequenceLabeler(n_iter=30, random_state=0).fit(X, y)
    assert labeler.score(*delayed(200, seed=1)) >= 0.99


def test_a_network_without_a_memory_of_three_frames_cannot_know_it():
    """A mistake in time, such as a state that is not handed on, would show so: cut off, gradients see no delay."""
    X, y = delayed(300)
    labeler = SequenceLabeler(n_iter=30, random_state=0, truncation=0).fit(X, y)
    assert labeler.score(*delayed(200, seed=1)) < 0.9


@pytest.mark.slow
def test_two_numbers_among_a_hundred_are_added():
    """An LSTM does; a tanh network of the same width stays with the constant answer, whose error is 1/6."""
    X, y = adding(5000, 100)
    unseen, total = adding(500, 100, seed=1)
    options = {"units": 32, "batch_size": 50, "n_iter": 15, "random_state": 0}
    assert np.mean((RNNRegressor(**options).fit(X, y).predict(unseen) - total) ** 2) < 0.01
    assert np.mean((RNNRegressor(cell="tanh", **options).fit(X, y).predict(unseen) - total) ** 2) > 0.12


@pytest.mark.slow
def test_symbols_are_copied_after_a_delay():
    delay = 30
    X, y = copying(10000, delay)
    unseen, labels = copying(500, delay, seed=1)
    labeler = SequenceLabeler(cell="gru", n_iter=15, random_state=0).fit(X, y)
    log_p = np.take_along_axis(labeler.predict_log_proba(unseen), labels[..., None], axis=2)
    without_memory = 10 * np.log(8) / (delay + 20)
    assert -log_p.mean() < 0.25 * without_memory


@pytest.mark.slow
def test_the_order_of_two_symbols_is_remembered():
    """Two symbols some 40 frames apart, the second 40 to 60 frames before the end: four classes, chance is 1/4."""
    X, y = temporal_order(10000)
    unseen = temporal_order(500, seed=1)
    rnn = RNNClassifier(cell=LSTMCell(32, forget_bias=3.0), learning_rate=5e-3, random_state=0)
    for _ in range(15):
        if rnn.partial_fit(X, y).score(*unseen) >= 0.99:
            break
    assert rnn.score(*unseen) >= 0.99
