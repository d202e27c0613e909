"""Replicas as persistent chains of learning: the ladder follows the parameters, and modes keep their weights."""

from dataclasses import replace

import numpy as np
import pytest

from ebm.boltzmann.enumeration import log_partition, visible_distribution
from ebm.boltzmann.rbm import RBM
from ebm.boltzmann.tempered_rbm import TemperedRBM
from ebm.random import Random
from ebm.sampling.ladder import BetaLadder
from ebm.sampling.parallel_tempering import ParallelTempering

N = 10


def two_pictures():
    """A picture seven times and its negative three times, each with every single pixel flipped once more."""
    one = (np.arange(N) % 3 == 0).astype(np.float64)
    near = np.abs(one - np.vstack([np.zeros(N), np.eye(N)]))
    return np.vstack([np.repeat(near, 7, axis=0), np.repeat(1 - near, 3, axis=0)])


def learnt(negative_phase, n_updates=1500, rate=0.1):
    """Gradient ascent with a given way to draw from the model."""
    data = two_pictures()
    model = RBM(0.01 * np.random.default_rng(0).normal(size=(N, 8)), np.zeros(N), np.zeros(8))
    for update in range(n_updates):
        v = negative_phase(model)
        h_data, h_model, now = model.hidden_mean(data), model.hidden_mean(v), rate * (1 - update / n_updates)
        weights = model.weights + now * (data.T @ h_data / len(data) - v.T @ h_model / len(v))
        visible = model.visible_bias + now * (data.mean(axis=0) - v.mean(axis=0))
        hidden = model.hidden_bias + now * (h_data.mean(axis=0) - h_model.mean(axis=0))
        model = RBM(weights, visible, hidden)
    return model


def share_of_pictures(model):
    """Probability of what is nearer to the picture than to its negative."""
    states = model.visible.states(N, np.float64)
    near = np.abs(states - two_pictures()[0]).sum(axis=1)
    p = visible_distribution(model)
    return p[near < N / 2].sum() + p[near == N / 2].sum() / 2


def replicas(n_chains, n_levels=6):
    """Parallel tempering whose ladder is set to the present parameters before each call."""
    base = np.zeros(N)
    state = {}

    def negative_phase(model):
        family = TemperedRBM(model, base)
        if "tempering" not in state:
            ladder = BetaLadder(family, np.linspace(0, 1, n_levels))
            state["tempering"] = ParallelTempering(ladder, n_chains, Random(3))
        tempering = state["tempering"]
        tempering.ladder = replace(tempering.ladder, family=family)
        return family.visible(tempering.run(1))

    return negative_phase


def test_replicas_learn_the_weights_of_both_modes():
    model, data = learnt(replicas(20)), two_pictures()
    _, counts = np.unique(data, axis=0, return_counts=True)
    best = float((counts / len(data)) @ np.log(counts / len(data)))
    found = float(np.mean(-model.free_energy(data)) - log_partition(model))
    assert best - 1 < found < best  # independent pixels would be more than 3 below
    assert share_of_pictures(model) == pytest.approx(0.7, abs=0.1)
