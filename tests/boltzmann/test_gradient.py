"""Gradients: exact = central differences; CD-k = its closed expectation, which tends to the exact."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from ebm.boltzmann.enumeration import log_likelihood
from ebm.boltzmann.exact import exact_gradient
from ebm.boltzmann.learners import make_learner
from ebm.boltzmann.learning import ContrastiveLearner
from ebm.boltzmann.rule import Rule
from ebm.data import TrainingData
from ebm.random import Random
from tests.boltzmann.models import row_numbers, small_model

NAMES = ("weights", "visible_bias", "hidden_bias")
PLAIN = Rule(learning_rate=1.0, momentum=0.0, l2=0.0, centered=False, shuffle=False)


def weighted_data(n_visible, n=9, seed=5):
    rng = np.random.default_rng(seed)
    share = rng.random(n)
    return rng.integers(0, 2, (n, n_visible)).astype(float), share / share.sum()


def differences(model, v, share, step=1e-5):
    """Central differences of sum_r share_r log p(v_r) in every parameter."""
    out = {}
    for name in NAMES:
        start = getattr(model, name)
        slopes = np.empty_like(start)
        for place in np.ndindex(start.shape):
            ends = []
            for sign in (1, -1):
                moved = start.copy()
                moved[place] += sign * step
                ends.append(share @ log_likelihood(replace(model, **{name: moved}), v))
            slopes[place] = (ends[0] - ends[1]) / (2 * step)
        out[name] = slopes
    return out


def largest_error(gradient, wanted):
    return max(np.abs(gradient[name] - wanted[name]).max() for name in NAMES)


@pytest.mark.parametrize("shape", [(5, 3), (3, 5)], ids=str)
def test_the_exact_gradient_is_the_slope_of_the_likelihood(shape):
    model = small_model(*shape, seed=2, scale=1.2)
    v, share = weighted_data(shape[0])
    assert largest_error(exact_gradient(model, v, share), differences(model, v, share)) < 1e-9


def test_the_exact_learner_ascends_that_slope():
    model = small_model(5, 3, seed=2)
    v, share = weighted_data(5)
    rule = replace(PLAIN, learning="exact", batch_size=len(v))
    learner = make_learner(model, TrainingData.from_array(v, share), rule, Random(0), n_epochs=1)
    learner.begin_epoch(0)
    learner.update(0, 1)
    change = {name: getattr(learner.model, name) - getattr(model, name) for name in NAMES}
    assert largest_error(change, differences(model, v, share)) < 1e-9


def of_states(model, v, share):
    """Wrong: the data's hidden units are rounded to states."""
    h = np.round(model.hidden_mean(v))
    right = exact_gradient(model, v, share)
    return right | {"weights": right["weights"] + (share[:, None] * v).T @ (h - model.hidden_mean(v))}


def of_the_mean_field(model, v, share):
    """Wrong: the model's pairs are products of its means."""
    right = exact_gradient(model, v, share)
    mean_v = share @ v - right["visible_bias"]
    mean_h = share @ model.hidden_mean(v) - right["hidden_bias"]
    return right | {"weights": (share[:, None] * v).T @ model.hidden_mean(v) - np.outer(mean_v, mean_h)}


def unweighted(model, v, share):
    """Wrong: sample weights are forgotten."""
    return exact_gradient(model, v, np.full(len(v), 1 / len(v)))


def without_bias(model, v, share):
    """Wrong: conditionals forget the hidden biases."""
    return exact_gradient(replace(model, hidden_bias=0 * model.hidden_bias), v, share)


@pytest.mark.parametrize("wrong", [of_states, of_the_mean_field, unweighted, without_bias])
def test_a_wrong_gradient_is_caught(wrong):
    model = small_model(5, 3, seed=2, scale=1.2)
    v, share = weighted_data(5)
    assert largest_error(wrong(model, v, share), differences(model, v, share)) > 1e-3


def expected_cd(model, v, share, k):
    """E[CD-k] by the transition matrix of the visible chain, T = p(h | v) p(v' | h), summed over h."""
    states_v, states_h = model.visible.states(model.n_visible), model.hidden.states(model.n_hidden)
    up = _probabilities(model.hidden_mean(states_v), states_h)
    down = _probabilities(model.visible_mean(states_h), states_v)
    p = np.bincount(row_numbers(v), weights=share, minlength=len(states_v))
    p = p @ np.linalg.matrix_power(up @ down, k)
    h = model.hidden_mean(states_v)
    data = (share[:, None] * v).T @ model.hidden_mean(v), share @ v, share @ model.hidden_mean(v)
    chains = (p[:, None] * states_v).T @ h, p @ states_v, p @ h
    return {name: a - b for name, a, b in zip(NAMES, data, chains, strict=True)}


def _probabilities(mean, states):
    """p(state) of independent units, (n_rows, n_states)."""
    return np.prod(np.where(states[None] == 1, mean[:, None], 1 - mean[:, None]), axis=2)


def test_cd_approaches_the_exact_gradient_as_k_grows():
    model = small_model(5, 3, seed=2)
    v, share = weighted_data(5)
    exact = exact_gradient(model, v, share)
    errors = [largest_error(expected_cd(model, v, share, k), exact) for k in (1, 2, 4, 8, 16)]
    assert errors[0] > 0.05
    assert all(later < 0.4 * earlier for earlier, later in pairwise(errors))
    assert errors[-1] < 1e-8


@pytest.mark.parametrize("k", [1, 3, 16])
@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
def test_the_learners_cd_is_that_expectation(dtype, k):
    model = small_model(5, 3, seed=2)
    v, share = weighted_data(5)
    copies = 4000
    rule = replace(PLAIN, learning="cd", n_gibbs=k, batch_size=copies * len(v))
    counts = np.round(share * copies * len(v)).astype(int)
    counts[0] += copies * len(v) - counts.sum()
    data = TrainingData.from_array(np.repeat(v, counts, axis=0).astype(dtype))
    learner = ContrastiveLearner(model.astype(dtype), data, rule, Random(3), n_epochs=1)
    learner.begin_epoch(0)
    learner.update(0, 1)
    change = {name: getattr(learner.model, name) - getattr(model, name) for name in NAMES}
    wanted = expected_cd(model, v, counts / counts.sum(), k)
    # a mean of 36,000 chains of values in [0, 1]: standard error at most 0.5 / 190
    assert largest_error(change, wanted) < 4 * 0.5 / np.sqrt(copies * len(v))
    if k == 16:
        assert largest_error(change, exact_gradient(model, v, counts / counts.sum())) < 0.012
