"""Sequences drawn from a model of tokens are of its distribution."""

import numpy as np
import pytest
from scipy.stats import chisquare

from ebm.networks.context import Context
from ebm.random import Random
from ebm.recurrent import drawing
from ebm.recurrent.drawing import Drawing, draw
from ebm.recurrent.learning import upload_batch
from ebm.recurrent.next_token import NextToken, log_probabilities
from tests.recurrent.token_models import all_sequences, moved, samples_of, token_model

LONGEST, N = 3, 4000
V = [0.7, -0.4]


def p_value(n_in=None, temperature=1.0, prefix=(), power=None):
    """Of the frequencies of all sequences up to a length, and of the rest."""
    model = token_model(n_tokens=2, n_in=n_in)
    parameters, sequences = moved(model, spread=1.0), all_sequences(2, LONGEST)
    vectors = None if n_in is None else np.tile(V, (N, 1))
    drawn = draw(model, parameters, N, Random(11), Drawing(temperature, 30, prefix), vectors)
    names = [tuple(y) for y in drawn.sequences]
    sequences = [y for y in sequences if tuple(y[: len(prefix)]) == prefix]
    counts = np.array([names.count(tuple(y)) for y in sequences])
    of_all = None if n_in is None else np.tile(V, (len(sequences), 1))
    p = np.exp(log_probabilities(model, parameters, samples_of(sequences, 2, of_all)))
    if prefix:
        p = p / p_of_prefix(model, parameters, prefix)
    observed, expected = np.append(counts, N - counts.sum()), N * np.append(p, 1 - p.sum())
    assert expected.min() > 5
    return chisquare(observed, expected).pvalue


def p_of_prefix(model, parameters, prefix):
    """The product of its tokens' probabilities."""
    batch = upload_batch(samples_of([np.array(prefix)], 2), Context().device)
    return np.exp(-NextToken(model).values(parameters, batch, Context())[:-1].sum())


@pytest.mark.parametrize("options", [{}, {"n_in": 2}, {"prefix": (1,)}], ids=["alone", "of a vector", "after a prefix"])
def test_samples_have_the_models_distribution(options):
    assert p_value(**options) > 1e-3


def test_broken_draws_are_caught(monkeypatch):
    assert p_value(temperature=0.5) < 1e-9
    step = drawing._step
    monkeypatch.setattr(drawing, "_step", lambda m, parameters, read, states, c: step(m, parameters, read, None, c))
    assert p_value() < 1e-9  # states that are not carried


def test_temperature_scales_log_probabilities():
    """First tokens at temperature T have probabilities proportional to p^(1 / T)."""
    model = token_model("simple")
    parameters = moved(model)
    parameters["output.weights"][...] = 0  # so every token has the same distribution
    parameters["output.bias"][:] = np.log([0.1, 0.2, 0.3, 0.4])
    for temperature in (0.5, 2.0):
        drawn = draw(model, parameters, N, Random(2), Drawing(temperature, 1))
        first = [y[0] if len(y) else 3 for y in drawn.sequences]
        p = np.array([0.1, 0.2, 0.3, 0.4]) ** (1 / temperature)
        assert chisquare(np.bincount(first, minlength=4), N * p / p.sum()).pvalue > 1e-3


def test_cold_samples_are_the_greedy_ones():
    model = token_model(n_in=2)
    parameters, vectors = moved(model), np.random.default_rng(0).normal(size=(50, 2))
    greedy = draw(model, parameters, 50, Random(0), Drawing(0, 20), vectors)
    cold = draw(model, parameters, 50, Random(0), Drawing(1e-6, 20), vectors)
    assert all(np.array_equal(a, b) for a, b in zip(greedy.sequences, cold.sequences, strict=True))
    other = draw(model, parameters, 50, Random(1), Drawing(0, 20), vectors)
    assert all(np.array_equal(a, b) for a, b in zip(greedy.sequences, other.sequences, strict=True))
    warm = draw(model, parameters, 50, Random(0), Drawing(1, 20), vectors)
    assert not all(np.array_equal(a, b) for a, b in zip(greedy.sequences, warm.sequences, strict=True))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_sequence_does_not_depend_on_the_others(dtype):
    model = token_model("lstm")
    parameters = moved(model, dtype=dtype)
    many, few = (draw(model, parameters, n, Random(5), Drawing(1, 40)) for n in (70, 3))
    assert all(np.array_equal(a, b) for a, b in zip(many.sequences[:3], few.sequences, strict=True))


def test_what_is_cut_off_is_told():
    model = token_model("simple", n_tokens=2)
    parameters = moved(model)
    long = draw(model, parameters, 500, Random(1), Drawing(1, 50))
    short = draw(model, parameters, 500, Random(1), Drawing(1, 2))
    assert long.ended.all()
    for whole, cut, ended in zip(long.sequences, short.sequences, short.ended, strict=True):
        assert np.array_equal(whole[:2], cut)
        assert ended == (len(whole) <= 2)  # also where the stop comes right after the last token that may be
    assert 0 < short.ended.sum() < 500


def test_bad_requests_are_refused():
    for bad in (
        {"temperature": -1},
        {"temperature": np.nan},
        {"max_length": 0},
        {"max_length": 2, "prefix": (0, 1, 0)},
    ):
        with pytest.raises(ValueError, match=r"temperature|max_length"):
            Drawing(**bad)
    model = token_model("simple")
    with pytest.raises(ValueError, match="prefix must hold tokens"):
        draw(model, moved(model), 1, Random(0), Drawing(prefix=(3,)))
    with pytest.raises(ValueError, match="takes none"):
        draw(model, moved(model), 1, Random(0), Drawing(), np.zeros((1, 2)))
