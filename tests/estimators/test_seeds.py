"""One place in the streams of a seed serves one purpose, also across what an estimator does after a fit."""

import numpy as np
import pytest

from ebm.random import Random, Stream
from ebm_sklearn import RBM, BoltzmannMachine, ProductOfExperts, RBMClassifier

RNG = np.random.default_rng(0)
BITS = (RNG.random((60, 6)) < 0.4).astype(np.float64)
NUMBERS = RNG.laplace(size=(60, 3))
LABELS = np.arange(60) % 2
AIS = {"n_chains": 20, "n_temperatures": 30}
FORCED = AIS | {"exact": False}
EACH = {
    "experts, cd": (ProductOfExperts(5, learning="cd", learning_rate=0.01, n_iter=2, random_state=0), NUMBERS, AIS),
    "experts, pcd": (ProductOfExperts(5, learning="pcd", learning_rate=0.01, n_iter=2, random_state=0), NUMBERS, AIS),
    "rbm, pt": (RBM(4, learning="pt", n_iter=2, random_state=0), BITS, FORCED),
    "rbm, pcd": (RBM(4, n_iter=2, random_state=0), BITS, FORCED | {"method": "bridge", "n_gibbs": 5}),
    "classifier": (RBMClassifier(4, n_iter=2, random_state=0), BITS, FORCED),
    "machine": (BoltzmannMachine(n_hidden=2, n_iter=2, random_state=0), BITS, FORCED),
}


@pytest.fixture
def places(monkeypatch):
    """Where numbers were asked for: seed, stream, step."""
    found = set()
    at, uniform = Random.at, Random.uniform

    def noted_at(self, stream, step=0, first_row=0):
        found.add((self.seed, int(stream), int(step)))
        return at(self, stream, step, first_row)

    def noted_uniform(self, shape, stream, step=0, *rest, **named):
        found.add((self.seed, int(stream), int(step)))
        return uniform(self, shape, stream, step, *rest, **named)

    monkeypatch.setattr(Random, "at", noted_at)
    monkeypatch.setattr(Random, "uniform", noted_uniform)
    return found


@pytest.mark.filterwarnings(
    "ignore::ebm.errors.UntrustedEstimateWarning", "ignore::sklearn.exceptions.ConvergenceWarning"
)
@pytest.mark.parametrize("name", EACH)
def test_no_estimate_of_log_z_draws_where_learning_drew(name, places):
    estimator, x, options = EACH[name]
    estimator.fit(x, LABELS)
    learning = set(places)
    places.clear()
    first = estimator.estimate_log_partition(**options)
    assert learning
    assert len(places) > 1
    assert not places & learning
    assert {stream for seed, stream, _ in places if seed == estimator._seed} == {int(Stream.LOG_PARTITION)}
    assert estimator.estimate_log_partition(**options).value == first.value
