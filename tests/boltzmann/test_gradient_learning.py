"""The learner of any unit types: equal to the fused one where both can, right where only it can."""

from dataclasses import replace

import numpy as np
import pytest

from ebm.boltzmann import enumeration
from ebm.boltzmann.exact import NAMES, centre, statistics
from ebm.boltzmann.gradient_learning import LARGEST_GAIN, LEAST_VARIANCE, GradientLearner, _gain
from ebm.boltzmann.learners import make_learner
from ebm.boltzmann.learning import ContrastiveLearner, first_chains, initial_model
from ebm.boltzmann.phases import ContrastivePhase, FastPhase, PersistentPhase
from ebm.boltzmann.rbm import RBM
from ebm.boltzmann.rule import Rule
from ebm.boltzmann.unit_types import Binomial, Categorical, Gaussian, NoisyReLU, ReLU, Spin
from ebm.boltzmann.units import Bernoulli
from ebm.data import TrainingData
from ebm.optimizers.schedules import Linear
from ebm.random import Random
from ebm.sampling.gibbs import gibbs
from tests.boltzmann.models import small_model

RULE = Rule(learning_rate=0.2, momentum=0.4, l2=0.01, l1=0.003, batch_size=7, n_gibbs=2)


def binary_data(n_visible, n=23, seed=5):
    rng = np.random.default_rng(seed)
    return TrainingData.from_array(rng.integers(0, 2, (n, n_visible)).astype(float), rng.random(n) + 0.1)


def run(learner, n_epochs):
    for epoch in range(n_epochs):
        learner.begin_epoch(epoch)
        learner.update(0, learner.n_batches)
    return learner


@pytest.mark.parametrize("centered", [True, False])
@pytest.mark.parametrize("learning", ["cd", "pcd"])
def test_it_equals_the_fused_learner_on_binary_units(learning, centered):
    model, data, rule = small_model(6, 4, seed=1), binary_data(6), replace(RULE, learning=learning, centered=centered)
    fused = run(ContrastiveLearner(model, data, rule, Random(3), n_epochs=3), 3)
    start = first_chains(rule.chains, 4, Random(3)).astype(float)

    def phase(model):
        return ContrastivePhase(2, Random(3)) if learning == "cd" else PersistentPhase(2, Random(3), start)

    general = run(GradientLearner(model, data, rule, Random(3), phase, n_epochs=3), 3)
    for name in NAMES:
        np.testing.assert_allclose(getattr(general.model, name), getattr(fused.model, name), atol=1e-12)


@pytest.mark.parametrize("visible", [Bernoulli(), Gaussian()], ids=lambda unit: unit.name)
def test_fast_weights_follow_their_recursion(visible):
    """fast = 0.95 fast + rate d, with the centred natural gradient d, without decay, and a rate that does not fall."""
    data = binary_data(5) if visible.name == "bernoulli" else TrainingData.from_array(data_for(Gaussian()))
    model = initial_model(data, 3, Random(2), visible=visible, weight_scale=0.5)
    rule = replace(RULE, learning="fpcd", n_chains=4, l2=0.5, learning_rate=Linear(0.2))
    learner = make_learner(model, data, rule, Random(3), n_epochs=1)
    phase, fast = learner._phase, {name: np.zeros_like(getattr(model, name)) for name in NAMES}
    measure, gradients = phase.measure, []

    def listen(inside, v):
        free, first = measure(inside, v), 7 * len(gradients)
        clamped = statistics(inside, v, learner._shares[first : first + 7])
        plain = {name: clamped[name] - free[name] for name in clamped}
        gradients.append(centre(plain, learner._mu, learner._offset))
        return free

    phase.measure = listen
    learner.begin_epoch(0)
    for batch in range(2):
        learner.update(batch, batch + 1)
        for name in NAMES:
            fast[name] = 0.95 * fast[name] + 0.2 * gradients[batch][name]
            np.testing.assert_allclose(phase.fast[name], fast[name], atol=1e-13)
    assert isinstance(phase, FastPhase)


def test_chains_of_fast_pcd_move_under_both():
    data, model = binary_data(5), small_model(5, 3, seed=2)
    rule = replace(RULE, learning="fpcd", n_chains=4, momentum=0.0)
    learner = make_learner(model, data, rule, Random(3), n_epochs=1)
    learner.begin_epoch(0)
    learner.update(0, 1)
    phase, inside = learner._phase, learner.model
    both = replace(inside, **{name: getattr(inside, name) + phase.fast[name] for name in NAMES})
    _, h = gibbs(both, phase.chains.copy(), 2, Random(3), first_step=phase.sweeps_done)
    learner.update(1, 2)
    np.testing.assert_array_equal(phase.chains, h)
    plain = run(make_learner(model, data, replace(rule, learning="pcd"), Random(3), n_epochs=1), 1)
    assert np.abs(plain.model.weights - run(learner, 1).model.weights).max() > 1e-3


@pytest.mark.parametrize("mean", [0.0, 20.0])
def test_replicas_go_on_changing_places_while_precisions_grow(mean):
    """The base keeps its mean: a frozen natural bias would send it to mean / precision."""
    v = samples_of(gaussian_truth(), 500) * [1, 0.2, 0.5, 4] + mean
    data = TrainingData.from_array(v)
    rule = Rule(learning="pt", learning_rate=0.05, batch_size=100, n_chains=20, n_temperatures=10, l2=0.0)
    learner = make_learner(initial_model(data, 3, Random(2), visible=Gaussian()), data, rule, Random(2), n_epochs=40)
    run(learner, 40)
    assert learner.model.visible.precision.max() > 1.5 / v.var(axis=0).max()
    learner._phase.tempering.replicas.forget()
    run(learner, 10)
    assert learner._phase.tempering.statistics.acceptance.min() > 0.1


def gaussian_truth():
    """Four normals: the hidden units move the means by up to 2.5 deviations."""
    shifts, deviation = np.array([[2.0, 0.5], [-1.5, 1.5], [0.0, -2.5], [1.0, 1.0]]), np.array([0.5, 3.0, 1.0, 0.2])
    mean = np.array([2.0, -0.4, 0.0, 8.0])
    hidden_bias = -0.5 * (shifts**2).sum(axis=0) - (mean / deviation) @ shifts + np.array([0.3, -0.2])
    visible = Gaussian(1 / deviation**2)
    return RBM(shifts / deviation[:, None], mean / deviation**2, hidden_bias, visible, Bernoulli())


def samples_of(model, n, seed=1):
    """Exact samples of a Gaussian RBM: hidden states by enumeration, then its normals."""
    rng = np.random.default_rng(seed)
    h = model.hidden.states(model.n_hidden)
    free_energy = model.hidden_free_energy(h)
    p = np.exp(free_energy.min() - free_energy)
    drawn = h[rng.choice(len(h), n, p=p / p.sum())]
    a = model.visible.precision
    return model.visible_mean(drawn) + rng.normal(size=(n, model.n_visible)) / np.sqrt(a)


@pytest.mark.parametrize("learning", ["exact", "pcd"])
def test_means_and_variances_of_gaussian_units_are_learnt(learning):
    """Features with deviations from 0.2 to 5 and means from -0.4 to 8, at a usual rate; truth within sampling error."""
    truth = gaussian_truth()
    v = samples_of(truth, 4000)
    data = TrainingData.from_array(v)
    rule = Rule(learning=learning, learning_rate=Linear(0.1), batch_size=100, l2=0.0, n_chains=400)
    start = initial_model(data, 4, Random(2), visible=Gaussian(), weight_scale=0.1)
    learner = run(make_learner(start, data, rule, Random(2), n_epochs=60), 60)
    best, found = enumeration.log_likelihood(truth, v).mean(), enumeration.log_likelihood(learner.model, v).mean()
    assert enumeration.log_likelihood(start, v).mean() < best - 0.3
    assert found > best - (0.002 if learning == "exact" else 0.02)
    np.testing.assert_allclose(learner.model.visible.precision, truth.visible.precision, rtol=0.1)


def test_units_of_measure_do_not_matter():
    v = samples_of(gaussian_truth(), 300)
    found = []
    for factor in (1.0, 64.0):
        data = TrainingData.from_array(v * factor)
        start = initial_model(data, 2, Random(2), visible=Gaussian())
        learner = run(make_learner(start, data, Rule(learning="exact", batch_size=50), Random(2), n_epochs=3), 3)
        found.append(enumeration.log_likelihood(learner.model, v * factor).mean() + 4 * np.log(factor))
    assert found[0] == pytest.approx(found[1], abs=1e-9)


def test_a_column_that_does_not_vary_meets_the_floor():
    v = np.column_stack([np.full(100, 5.0), np.random.default_rng(0).normal(size=100)])
    data = TrainingData.from_array(v)
    rule = Rule(learning="exact", learning_rate=0.5, batch_size=100)
    learner = run(
        make_learner(initial_model(data, 2, Random(2), visible=Gaussian()), data, rule, Random(2), n_epochs=80), 80
    )
    variance = 1 / learner.model.visible.precision
    assert learner.is_sound()
    assert variance[0] == pytest.approx(LEAST_VARIANCE, rel=1e-6)
    assert 0.3 < variance[1] < 1.5


@pytest.mark.parametrize("hidden", [Gaussian(), ReLU()], ids=["gaussian", "relu"])
def test_real_units_on_both_sides_stay_integrable(hidden):
    """Data on a line drive the gain to its bound, where there still is a distribution."""
    rng = np.random.default_rng(0)
    v = rng.normal(size=(300, 1)) * np.array([1.0, -2.0, 0.5]) + 0.05 * rng.normal(size=(300, 3))
    data = TrainingData.from_array(v)
    rule = Rule(learning="pcd", learning_rate=0.1, batch_size=50, l2=0.0)
    start = initial_model(data, 2, Random(2), visible=Gaussian(), hidden=hidden)
    learner = run(make_learner(start, data, rule, Random(2), n_epochs=60), 60)
    assert learner.is_sound()
    assert _gain(learner._standing()) <= LARGEST_GAIN + 1e-9


LAYERS = [Bernoulli(), Spin(), Gaussian(), ReLU(), NoisyReLU(), Binomial(3), Categorical(3)]


def data_for(unit, n=30):
    rng = np.random.default_rng(1)
    if isinstance(unit, Categorical):
        return np.eye(3)[rng.integers(0, 3, (n, 2))].reshape(n, 6)
    low, high = np.clip(unit.domain, -2, 3)
    x = rng.uniform(low, high, (n, 6))
    return x if unit.levels is None else np.where(x > (low + high) / 2, high, low)


@pytest.mark.parametrize("learning", ["cd", "pcd", "fpcd", "pt"])
@pytest.mark.parametrize("hidden", LAYERS, ids=lambda unit: unit.name)
@pytest.mark.parametrize("visible", LAYERS, ids=lambda unit: unit.name)
def test_every_pair_learns_and_resumes_exactly(visible, hidden, learning):
    data = TrainingData.from_array(data_for(visible))
    rule = replace(RULE, learning=learning, learning_rate=0.05, n_temperatures=3)
    start = initial_model(data, 6, Random(2), visible=visible, hidden=hidden)
    whole = run(make_learner(start, data, rule, Random(2), n_epochs=4), 2)
    half = make_learner(whole.model, data, rule, Random(2), n_epochs=4)
    half.restore(whole.state())
    for learner in (whole, half):
        for epoch in (2, 3):
            learner.begin_epoch(epoch)
            learner.update(0, learner.n_batches)
    assert whole.is_sound()
    for name, part in whole.state().items():
        np.testing.assert_array_equal(half.state()[name], part)
    assert np.abs(whole.model.weights - start.weights).max() > 1e-4


def test_a_state_that_does_not_fit_is_refused():
    data = TrainingData.from_array(data_for(Gaussian()))
    learner = make_learner(initial_model(data, 3, Random(2), visible=Gaussian()), data, RULE, Random(2), n_epochs=1)
    state = learner.state()
    with pytest.raises(ValueError, match="'log_variance'"):
        learner.restore({**state, "log_variance": np.zeros(2)})
