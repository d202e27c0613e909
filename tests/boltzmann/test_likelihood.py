"""log Z by annealing: the same numbers as by loops, brackets of the exact value, and honest verdicts."""

from functools import cache

import numpy as np
import pytest

from ebm.boltzmann.annealing import RBMPath
from ebm.boltzmann.enumeration import log_partition as exact_log_partition
from ebm.boltzmann.enumeration import state_blocks, visible_distribution
from ebm.boltzmann.learning import ContrastiveLearner, initial_model
from ebm.boltzmann.likelihood import enclose_log_partition, enclosure, log_partition, reverse_log_partition
from ebm.boltzmann.rbm import RBM
from ebm.boltzmann.rule import Rule
from ebm.data import TrainingData
from ebm.errors import UntrustedEstimateWarning
from ebm.kernels import threads
from ebm.optimizers.schedules import Linear
from ebm.random import Random
from ebm.sampling.annealing import (
    anneal_by_moves,
    annealed_importance_sampling,
    estimate,
    exact_value,
    reverse_annealed_importance_sampling,
    temperatures,
)
from tests.boltzmann.models import p_value, row_numbers, slow, small_model
from tests.reference import ais
from tests.reference.data import bars_and_stripes


def path_of(model, seed=3):
    base = np.random.default_rng(seed).normal(size=model.n_visible).astype(model.dtype)
    return RBMPath(model, base)


def exact_samples(model, n, seed=0):
    p = visible_distribution(model)
    drawn = np.random.default_rng(seed).choice(len(p), n, p=p)
    return ((drawn[:, None] >> np.arange(model.n_visible)) & 1).astype(model.dtype)


@cache
def trained(n_hidden, n=3, n_epochs=300, seed=0):
    """A model trained on bars and stripes, with means to start from."""
    data = TrainingData.from_array(bars_and_stripes(n))
    rule = Rule(learning_rate=0.1, batch_size=16, l2=0.0)
    learner = ContrastiveLearner(
        initial_model(data, n_hidden, Random(seed)), data, rule, Random(seed), n_epochs=n_epochs
    )
    for epoch in range(n_epochs):
        learner.begin_epoch(epoch)
        learner.update(0, learner.n_batches)
    return learner.model, data.mean


# ---- the path ----


def test_the_weights_are_those_of_the_loops():
    model, betas = small_model(5, 3, seed=4), temperatures(6)
    path, random = path_of(model), Random(9)
    base = path.base_visible_bias
    states = ais.base_states(base, 12, 9)
    np.testing.assert_array_equal(path.start(12, random), states)
    forward = annealed_importance_sampling(path, 12, betas, random)
    wanted = ais.log_weights(slow(model), base, states, betas, 9)
    np.testing.assert_allclose(forward.log_weights, wanted, atol=1e-12)
    v = exact_samples(model, 12)
    back = reverse_annealed_importance_sampling(path, v, betas, random, first_step=100)
    wanted = ais.log_weights(slow(model), base, v, betas[::-1], 9, first_step=100)
    np.testing.assert_allclose(back.log_weights, wanted, atol=1e-12)
    assert back.value == pytest.approx(path.log_base - np.log(np.mean(np.exp(wanted))), abs=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
@pytest.mark.parametrize("density", [0.1, 0.7])
def test_the_fused_loop_equals_its_moves_on_any_number_of_threads(dtype, density, monkeypatch):
    monkeypatch.setattr(threads, "SMALL", 1)
    path = path_of(small_model(70, 37, dtype=dtype, scale=0.3))
    v = (np.random.default_rng(0).random((101, 70)) < density).astype(dtype)
    betas = temperatures(12)
    states, log_weights = anneal_by_moves(path, v, betas, Random(4), 20)
    fused = []
    for n in (1, 2, 3):
        with threads.limit_threads(n):
            fused_states, weights = path.anneal(v, betas, Random(4), 20)
        np.testing.assert_array_equal(fused_states, states)
        fused.append(weights)
    np.testing.assert_allclose(fused[0], log_weights, rtol=0, atol=4000 * np.finfo(dtype).eps)
    np.testing.assert_array_equal(fused[1], fused[0])
    np.testing.assert_array_equal(fused[2], fused[0])


def test_the_base_is_normalised_in_closed_form():
    path = path_of(small_model(5, 3))
    base = RBM(np.zeros((5, 3)), path.base_visible_bias, np.zeros(3))
    assert path.log_base == pytest.approx(exact_log_partition(base), abs=1e-13)
    zero_betas = [path.move(base.visible.states(5), 0.0, 1.0, Random(0), 1)[1]]
    model_log_z = np.log(visible_distribution(base) @ np.exp(zero_betas[0])) + path.log_base
    assert model_log_z == pytest.approx(exact_log_partition(path.model), abs=1e-12)


def at_beta(path, beta):
    """p_beta(v) by the definition: sums over h of exp(-(1 - beta) E_0 - beta E)."""
    oracle, base = slow(path.model), path.base_visible_bias
    f = np.array([
        sum(np.exp((1 - beta) * np.dot(base, v) - beta * oracle.energy(v, h)) for h in oracle.hidden_states())
        for v in oracle.visible_states()
    ])  # fmt: skip
    return f / f.sum()


class TwiceBeta(RBMPath):
    """Broken: the model's parameters are scaled by beta, and beta is applied again."""

    def move(self, v, old, new, random, step):
        scaled = (new * a for a in (self.model.weights, self.model.visible_bias, self.model.hidden_bias))
        return RBMPath(RBM(*scaled), self.base_visible_bias).move(v, old, new, random, step)


def stays(path, sampler, beta, n=20_000, n_sweeps=4):
    p = at_beta(path, beta)
    v = path.model.visible.states(path.model.n_visible)[np.random.default_rng(0).choice(len(p), n, p=p)]
    for step in range(n_sweeps):
        v, _ = sampler.move(v, beta, beta, Random(5), step)
    return p_value(np.bincount(row_numbers(v), minlength=len(p)), p)


@pytest.mark.parametrize("beta", [0.0, 0.35, 0.8, 1.0])
def test_moves_leave_the_distribution_at_beta_as_it_is(beta):
    path = path_of(small_model(5, 3, seed=1, scale=1.5))
    assert stays(path, path, beta) > 1e-3


@pytest.mark.parametrize("beta", [0.35, 0.8])
def test_a_beta_that_enters_twice_is_caught(beta):
    path = path_of(small_model(5, 3, seed=1, scale=1.5))
    assert stays(path, TwiceBeta(path.model, path.base_visible_bias), beta) < 1e-9


# ---- estimates ----


@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
def test_the_mean_weight_is_unbiased_both_ways(dtype):
    model = small_model(6, 4, dtype=dtype, seed=2)
    path, betas, n, exact = path_of(model), temperatures(5), 20_000, exact_log_partition(model)
    forward = annealed_importance_sampling(path, n, betas, Random(1))
    back = reverse_annealed_importance_sampling(path, exact_samples(model, n), betas, Random(1), first_step=50)
    for found in (forward, back):
        assert abs(found.value - exact) < 4 * found.standard_error
        assert 0 < found.standard_error < 0.05
        w = np.exp(found.log_weights - found.log_weights.max())
        assert found.standard_error == pytest.approx(w.std(ddof=1) / w.mean() / np.sqrt(n), rel=1e-9)
        assert found.effective_sample_size == pytest.approx(w.sum() ** 2 / (w**2).sum())


def test_the_bounds_hold_on_average():
    model, n_runs = small_model(6, 4, seed=2, scale=2.0), 200
    path, betas, exact = path_of(model), temperatures(3), exact_log_partition(model)
    v = exact_samples(model, 5 * n_runs).reshape(n_runs, 5, -1)
    low = [annealed_importance_sampling(path, 5, betas, Random(s)).value for s in range(n_runs)]
    high = [reverse_annealed_importance_sampling(path, v[s], betas, Random(s)).value for s in range(n_runs)]
    assert np.mean(low) + 4 * np.std(low) / np.sqrt(n_runs) < exact < np.mean(high) - 4 * np.std(high) / np.sqrt(n_runs)


@pytest.mark.parametrize(("n", "n_hidden"), [(3, 8), (3, 20), (4, 20)])
def test_trained_models_are_bracketed(n, n_hidden):
    model, mean = trained(n_hidden, n)
    exact = exact_log_partition(model)
    for seed in range(3):
        v = exact_samples(model, 100, seed)
        options = {"data_mean": mean, "random": Random(seed), "n_temperatures": 500}
        found = enclose_log_partition(model, v, **options, exact_below=0)
        assert found.trusted, found.verdict
        slack = 3 * found.lower.standard_error, 3 * found.upper.standard_error
        assert found.lower.value - slack[0] <= exact <= found.upper.value + slack[1]
        alone = log_partition(model, **options, exact_below=0)
        assert alone.value == found.lower.value


@pytest.mark.slow
@pytest.mark.parametrize("n_hidden", [12, 16, 20])
def test_models_of_digits_are_bracketed(n_hidden):
    from sklearn.datasets import load_digits

    data = TrainingData.from_array((load_digits().data > 7).astype(np.float32))
    rule = Rule(learning_rate=Linear(0.05, 0.0))
    learner = ContrastiveLearner(initial_model(data, n_hidden, Random(0)), data, rule, Random(0), n_epochs=60)
    for epoch in range(60):
        learner.begin_epoch(epoch)
        learner.update(0, learner.n_batches)
    model = learner.model
    exact = exact_log_partition(model)
    for seed in range(3):
        v = exact_by_hidden(model, 200, seed)
        found = enclose_log_partition(model, v, data_mean=data.mean, random=Random(seed), exact_below=0)
        assert found.trusted, found.verdict
        slack = 3 * found.lower.standard_error, 3 * found.upper.standard_error
        assert found.lower.value - slack[0] <= exact <= found.upper.value + slack[1]
        assert max(slack) < 0.05


def test_small_models_are_enumerated():
    model = small_model(30, 6, dtype=np.float32)
    found = log_partition(model, data_mean=np.full(30, 0.3), random=Random(0))
    assert (found.method, found.value, found.standard_error) == ("exact", exact_log_partition(model), 0.0)
    assert found.trusted
    both = enclose_log_partition(model, None, data_mean=np.full(30, 0.3), random=Random(0))
    assert both.lower.value == both.upper.value == found.value


def test_an_estimate_is_a_function_of_its_seed():
    model, options = small_model(6, 4), {"data_mean": np.full(6, 0.4), "n_temperatures": 20, "exact_below": 0}
    values = [log_partition(model, random=Random(seed), **options).value for seed in (1, 1, 2)]
    assert values[0] == values[1] != values[2]


# ---- verdicts ----


def test_too_few_temperatures_are_reported():
    model = small_model(12, 8, scale=2.5)
    with pytest.warns(UntrustedEstimateWarning, match=r"log Z is not to be trusted: .* of 100 chains are effective"):
        found = log_partition(model, data_mean=np.full(12, 0.5), random=Random(0), n_temperatures=3, exact_below=0)
    assert not found.trusted
    assert found.effective_sample_size < 10


def test_a_lucky_effective_sample_size_does_not_pass():
    # log weights of standard deviation 3: a true share of e^-9, which nearly a tenth of all runs measure as 0.1
    rng = np.random.default_rng(0)
    runs = [estimate(0.0, 3.0 * rng.normal(size=100) - 4.5, "ais") for _ in range(300)]
    lucky = [run for run in runs if run.effective_sample_size > 10]
    assert len(lucky) > 15
    assert not any(run.trusted for run in runs)
    good = [estimate(0.0, rng.normal(size=100) - 0.5, "ais") for _ in range(300)]
    assert np.mean([run.trusted for run in good]) > 0.98
    assert np.mean([abs(run.value) < 3 * run.standard_error for run in good]) > 0.95


def hidden_mode(n=40):
    """Uniform while the hidden unit is off; on, which is e^3 times likelier, it holds all visible units on.

    Chains from a uniform base never meet that mode (the unit's input is -89 there), and agree with each other.
    """
    return RBM(np.full((n, 1), 6.0), np.zeros(n), np.array([n * np.log(2) + 3.0 - n * np.log1p(np.exp(6.0))]))


def exact_by_hidden(model, n, seed=0):
    """Exact samples of v, by way of p(h)."""
    double = model.astype(np.float64)
    log_p = np.concatenate([-double.hidden_free_energy(h) for h in state_blocks(model.hidden, model.n_hidden)])
    p = np.exp(log_p - log_p.max())
    drawn = np.random.default_rng(seed).choice(len(p), n, p=p / p.sum())
    h = ((drawn[:, None] >> np.arange(model.n_hidden)) & 1).astype(model.dtype)
    return model.sample_visible(h, Random(seed).at(6))


def test_forward_runs_that_are_confidently_wrong_are_shown_by_reverse_ones():
    model, v = hidden_mode(), exact_by_hidden(hidden_mode(), 100)
    exact = exact_log_partition(model)
    assert exact == pytest.approx(40 * np.log(2) + np.log1p(np.exp(3.0)))
    options = {"random": Random(0), "n_temperatures": 300, "exact_below": 0}
    alone = log_partition(model, data_mean=np.full(40, 0.5), **options)
    assert alone.trusted, "if this fails the example has lost its point"
    assert alone.value < exact - 3.0 + 0.1
    assert alone.standard_error < 0.02
    with pytest.warns(UntrustedEstimateWarning, match="log Z between"):
        assert not enclose_log_partition(model, v, data_mean=np.full(40, 0.5), **options).trusted
    by_data = enclose_log_partition(model, v, data_mean=v.mean(axis=0), **options)
    assert by_data.trusted
    assert by_data.lower.value - 0.1 < exact < by_data.upper.value + 0.1


def test_disagreement_is_judged():
    one = exact_value(10.0)
    assert enclosure(one, one).trusted
    assert not enclosure(one, exact_value(11.5)).trusted
    assert not enclosure(exact_value(11.5), one).trusted
    assert not enclosure(one, exact_value(float("nan"))).trusted


# ---- refusals ----


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_chains": 1}, "n_chains must be at least 2, got 1"),
        ({"n_temperatures": 1}, "n_temperatures must be at least 2"),
        ({"data_mean": np.ones(5)}, r"data_mean must be 6 finite numbers, got \(5,\)"),
        ({"data_mean": np.full(6, np.nan)}, "data_mean must be 6 finite numbers"),
    ],
)
def test_bad_numbers_are_refused(options, message):
    options = {"data_mean": np.full(6, 0.5), "random": Random(0), "exact_below": 0} | options
    with pytest.raises(ValueError, match=message):
        log_partition(small_model(6, 4), **options)


def test_bad_betas_and_states_are_refused():
    path = path_of(small_model(6, 4))
    for betas in ([0.0, 0.5], [0.1, 1.0], [0.0, 0.7, 0.6, 1.0], [0.0]):
        with pytest.raises(ValueError, match="betas must rise from 0 to 1"):
            annealed_importance_sampling(path, 5, np.array(betas), Random(0))
    with pytest.raises(ValueError, match="states must have at least 2 rows"):
        reverse_log_partition(path.model, np.zeros((1, 6)), data_mean=np.full(6, 0.5), random=Random(0))
    with pytest.raises(ValueError, match=r"base_visible_bias must have shape \(6,\)"):
        RBMPath(path.model, np.zeros(5))


def test_extreme_parameters_give_an_untrusted_estimate():
    model = RBM(np.full((6, 4), np.inf), np.zeros(6), np.zeros(4))
    with pytest.warns(UntrustedEstimateWarning, match="weights are not finite"), np.errstate(invalid="ignore"):
        found = log_partition(model, data_mean=np.full(6, 0.5), random=Random(0), n_temperatures=5, exact_below=0)
    assert np.isnan(found.value)
