"""Learning by phases on the device equals the CPU's: units that are not binary, fast weights, tempering."""

import numpy as np
import pytest

from ebm.boltzmann.exact import NAMES
from ebm.boltzmann.learners import make_learner
from ebm.boltzmann.learning import initial_model
from ebm.boltzmann.rule import Rule
from ebm.boltzmann.unit_types import Binomial, Categorical, Gaussian, ReLU, Spin
from ebm.boltzmann.units import Bernoulli
from ebm.data import TrainingData
from ebm.random import Random

CASES = [
    (Gaussian(), Bernoulli(), "pcd"),
    (Gaussian(), ReLU(), "cd"),
    (Categorical(3), Spin(), "fpcd"),
    (Bernoulli(), Bernoulli(), "pt"),
    (Gaussian(), Bernoulli(), "pt"),
    (Binomial(3), Categorical(3), "pcd"),
]


@pytest.mark.parametrize(("visible", "hidden", "learning"), CASES, ids=lambda one: getattr(one, "name", one))
def test_the_device_learns_what_the_cpu_learns(device, visible, hidden, learning):
    rng = np.random.default_rng(0)
    codes = np.eye(3)[rng.integers(0, 3, (6, 2))].reshape(6, 6)
    data = TrainingData.from_array(codes if visible.name == "categorical" else rng.integers(0, 2, (6, 6)).astype(float))
    rule = Rule(learning=learning, batch_size=3, n_chains=2, n_temperatures=3, learning_rate=0.05)
    start = initial_model(data, 3, Random(1), visible=visible, hidden=hidden)
    here, there = (make_learner(start, data, rule, Random(1), n_epochs=2, device=place) for place in ("cpu", device))
    for learner in (here, there):
        learner.begin_epoch(0)
        learner.update(0, 2)
    for name in NAMES:
        np.testing.assert_allclose(getattr(there.model, name), getattr(here.model, name), atol=1e-12)
    assert np.abs(here.model.weights - start.weights).max() > 1e-4
    there.restore(here.state())
    for name, part in here.state().items():
        np.testing.assert_array_equal(there.state()[name], part)
