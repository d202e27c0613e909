"""Mixtures: densities, expectation-maximisation beside scikit-learn's, and what cannot be."""

import numpy as np
import pytest
from scipy.stats import multivariate_normal
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture

from ebm.boltzmann.mixture import COVARIANCES, BernoulliComponents, GaussianComponents, Mixture
from ebm.boltzmann.mixture_learning import MixtureLearner, best_start, em_step, first_mixture, spread_means
from ebm.random import Random
from tests.boltzmann.models import p_value
from tests.reference.experts import bernoulli_responsibilities

KINDS = pytest.mark.parametrize("covariance_type", COVARIANCES)
RNG = np.random.default_rng(0)
CENTRES = np.array([[0, 0, 0], [3, 1, -2], [-2, 3, 1.0]])
X = np.concatenate(
    [c + RNG.normal(size=(n, 3)) @ RNG.normal(size=(3, 3)) for n, c in zip((90, 60, 30), CENTRES, strict=True)]
)
EVEN = np.full(len(X), 1 / len(X))
BITS = (RNG.random((400, 6)) < np.where(np.arange(400)[:, None] < 150, 0.8, 0.15)).astype(float)


def small_mixture(covariance_type="full", seed=0, dtype=np.float64):
    rng = np.random.default_rng(seed)
    a = rng.normal(size=(3, 2, 2))
    covariances = {
        "full": a @ a.transpose(0, 2, 1) + 0.1 * np.eye(2),
        "diag": rng.uniform(0.5, 2, (3, 2)),
        "spherical": rng.uniform(0.5, 2, 3),
    }[covariance_type]
    components = GaussianComponents(2 * rng.normal(size=(3, 2)).astype(dtype), covariances.astype(dtype))
    return Mixture(np.array([0.2, 0.5, 0.3], dtype), components)


def steps(learner, n):
    values = [learner.log_likelihood]
    for _ in range(n):
        learner.update(0, 1)
        values.append(learner.log_likelihood)
    return np.array(values)


def full(components):
    c, d = components.covariances, components.means.shape[1]
    return c if c.ndim == 3 else [np.diag(np.broadcast_to(one, d)) for one in c]


# ---- densities ----


@KINDS
def test_gaussian_densities_are_scipys(covariance_type):
    mixture, x = small_mixture(covariance_type), 3 * np.random.default_rng(1).normal(size=(20, 2))
    parts = zip(mixture.weights, mixture.components.means, full(mixture.components), strict=True)
    joint = np.stack([w * multivariate_normal(m, c).pdf(x) for w, m, c in parts], axis=1)
    np.testing.assert_allclose(mixture.log_joint(x), np.log(joint), rtol=1e-10)
    np.testing.assert_allclose(mixture.log_density(x), np.log(joint.sum(axis=1)), rtol=1e-10)
    np.testing.assert_allclose(mixture.responsibilities(x), joint / joint.sum(axis=1, keepdims=True), rtol=1e-9)


def test_bernoulli_responsibilities_and_density_are_those_of_enumeration():
    rng = np.random.default_rng(2)
    mixture = Mixture(np.array([0.2, 0.5, 0.3]), BernoulliComponents(rng.uniform(0.05, 0.95, (3, 5))))
    states = ((np.arange(32)[:, None] >> np.arange(5)) & 1).astype(float)
    expected = [bernoulli_responsibilities(mixture.weights, mixture.components.means, x) for x in states]
    np.testing.assert_allclose(mixture.responsibilities(states), expected, rtol=1e-12)
    assert np.exp(mixture.log_density(states)).sum() == pytest.approx(1)


@KINDS
def test_samples_have_the_mixtures_moments(covariance_type):
    mixture = small_mixture(covariance_type)
    x, which = mixture.sample(40_000, Random(3))
    w, means, covariances = mixture.weights, mixture.components.means, np.array(full(mixture.components))
    assert p_value(np.bincount(which, minlength=3), w) > 1e-3
    mean = w @ means
    covariance = np.einsum("k,kij->ij", w, covariances) + np.einsum("k,ki,kj->ij", w, means - mean, means - mean)
    np.testing.assert_allclose(x.mean(axis=0), mean, atol=4.5 * np.sqrt(np.diag(covariance).max() / 40_000))
    np.testing.assert_allclose(np.cov(x.T), covariance, atol=0.05 * np.diag(covariance).max())


def test_bernoulli_samples_have_the_enumerated_distribution():
    mixture = Mixture(np.array([0.3, 0.7]), BernoulliComponents(np.array([[0.9, 0.8, 0.2], [0.1, 0.4, 0.6]])))
    states = ((np.arange(8)[:, None] >> np.arange(3)) & 1).astype(float)
    x, _ = mixture.sample(20_000, Random(1))
    counts = np.bincount((x @ [1, 2, 4]).astype(int), minlength=8)
    assert p_value(counts, np.exp(mixture.log_density(states))) > 1e-3


# ---- expectation-maximisation ----


@KINDS
def test_em_never_lowers_the_likelihood(covariance_type):
    start = first_mixture(X, EVEN, 3, Random(0), covariance_type=covariance_type, reg_covar=0.0)
    values = steps(MixtureLearner(start, X, EVEN), 60)
    assert (np.diff(values) > -1e-12).all()
    assert values[-1] > values[0] + 0.01


def test_em_never_lowers_the_likelihood_of_bernoulli_components():
    share = np.full(400, 1 / 400)
    values = steps(MixtureLearner(first_mixture(BITS, share, 3, Random(0), component="bernoulli"), BITS, share), 80)
    assert (np.diff(values) > -1e-12).all()
    assert values[-1] > values[0] + 0.01


@pytest.mark.parametrize("fault", ["weights", "covariances"])
def test_a_broken_m_step_is_caught(fault):
    """Weights given to the wrong components, or covariances half as large again: the likelihood falls."""
    learner = MixtureLearner(first_mixture(X, EVEN, 3, Random(0)), X, EVEN)
    learner.update(0, 60)
    honest = em_step(learner.model, X, EVEN)
    weights, c = honest.weights, honest.components
    if fault == "weights":
        broken = Mixture(np.roll(weights, 1), c)
    else:
        broken = Mixture(weights, GaussianComponents(c.means, 1.5 * c.covariances))
    assert EVEN @ honest.log_density(X) >= learner.log_likelihood - 1e-9
    assert EVEN @ broken.log_density(X) < learner.log_likelihood - 1e-3


@KINDS
def test_em_equals_scikit_learns_from_the_same_start(covariance_type):
    start = first_mixture(X, EVEN, 3, Random(4), covariance_type=covariance_type)
    c = start.components.covariances
    theirs = GaussianMixture(
        3,
        covariance_type=covariance_type,
        weights_init=start.weights,
        means_init=start.components.means,
        precisions_init=np.linalg.inv(c) if c.ndim == 3 else 1 / c,
        max_iter=25,
        tol=0,
    )
    with pytest.warns(ConvergenceWarning):
        theirs.fit(X)
    learner = MixtureLearner(start, X, EVEN)
    learner.update(0, 25)
    ours = learner.model
    np.testing.assert_allclose(ours.weights, theirs.weights_, rtol=1e-6)
    np.testing.assert_allclose(ours.components.means, theirs.means_, rtol=1e-6)
    np.testing.assert_allclose(ours.components.covariances, theirs.covariances_, rtol=1e-6)
    np.testing.assert_allclose(ours.log_density(X), theirs.score_samples(X), rtol=1e-6)
    np.testing.assert_allclose(ours.responsibilities(X), theirs.predict_proba(X), rtol=1e-6, atol=1e-12)
    assert ours.n_parameters == theirs._n_parameters()


def test_the_bernoulli_groups_are_found():
    share = np.full(400, 1 / 400)
    learner = MixtureLearner(best_start(BITS, share, 2, Random(0), 3, component="bernoulli"), BITS, share)
    learner.update(0, 100)
    groups = learner.model.responsibilities(BITS).argmax(axis=1)
    truth = np.arange(400) < 150
    assert max(np.mean(groups == truth), np.mean(groups != truth)) > 0.95
    assert sorted(learner.model.weights) == pytest.approx([150 / 400, 250 / 400], abs=0.03)


def test_weights_count_as_repeats_do():
    counts = np.random.default_rng(1).integers(1, 4, len(X))
    start = first_mixture(X, EVEN, 2, Random(0))
    weighted, repeated = MixtureLearner(start, X, counts / counts.sum()), np.repeat(X, counts, axis=0)
    other = MixtureLearner(start, repeated, np.full(len(repeated), 1 / len(repeated)))
    weighted.update(0, 10)
    other.update(0, 10)
    np.testing.assert_allclose(weighted.model.components.means, other.model.components.means, rtol=1e-9)
    np.testing.assert_allclose(weighted.model.components.covariances, other.model.components.covariances, rtol=1e-9)


def test_the_best_of_several_starts_is_at_least_as_likely():
    singles = []
    for step in range(6):
        learner = MixtureLearner(first_mixture(X, EVEN, 4, Random(0), step=step), X, EVEN)
        learner.update(0, 10)
        singles.append(learner.log_likelihood)
    best = MixtureLearner(best_start(X, EVEN, 4, Random(0), 6), X, EVEN)
    assert best.log_likelihood == pytest.approx(max(singles))
    assert max(singles) > min(singles) + 1e-3


def test_first_means_are_far_from_each_other():
    """Two tight groups: in units of their features' deviations the second mean is in the other group."""
    x = np.concatenate([RNG.normal(0, 0.01, (50, 2)), RNG.normal(5, 0.01, (50, 2))]) * [1, 1e6]
    for step in range(10):
        means = spread_means(x, np.full(100, 0.01), 2, Random(0), step)
        assert abs(means[0, 0] - means[1, 0]) > 4


@pytest.mark.parametrize("component", ["gaussian", "bernoulli"])
def test_a_run_can_be_cut_and_float32_stays(component):
    data = (X if component == "gaussian" else BITS).astype(np.float32)
    share = np.full(len(data), 1 / len(data))
    start = first_mixture(data, share, 2, Random(0), component=component)
    whole, part, other = (MixtureLearner(start, data, share) for _ in range(3))
    whole.update(0, 9)
    part.update(0, 4)
    other.restore(part.state())
    other.update(0, 5)
    for name, array in whole.state().items():
        assert array.dtype == np.float32
        np.testing.assert_array_equal(other.state()[name], array)
    assert whole.model.sample(3, Random(0))[0].dtype == np.float32
    assert whole.log_likelihood > MixtureLearner(start, data, share).log_likelihood


# ---- what cannot be ----


@KINDS
def test_a_component_of_one_sample_is_refused_without_regularisation(covariance_type):
    x = np.concatenate([X, [[1e3, 1e3, 1e3]]])
    share = np.full(len(x), 1 / len(x))

    def collapse():
        for step in range(20):
            kinds = {"covariance_type": covariance_type, "reg_covar": 0.0}
            MixtureLearner(first_mixture(x, share, 4, Random(0), step=step, **kinds), x, share).update(0, 20)

    with pytest.raises(ValueError, match=r"component \d+ is not positive definite.*reg_covar above 0"):
        collapse()
    start = first_mixture(x, share, 4, Random(0), covariance_type=covariance_type)
    assert np.isfinite(steps(MixtureLearner(start, x, share), 20)).all()


def test_bad_starts_are_refused():
    with pytest.raises(ValueError, match="n_components=4 must be at most the number of samples, n_samples=3"):
        first_mixture(X[:3], EVEN[:3] / EVEN[:3].sum(), 4, Random(0))
    with pytest.raises(ValueError, match="component must be 'gaussian' or 'bernoulli', got 'poisson'"):
        first_mixture(X, EVEN, 2, Random(0), component="poisson")
    with pytest.raises(ValueError, match="covariance_type must be one of"):
        first_mixture(X, EVEN, 2, Random(0), covariance_type="tied")
    with pytest.raises(ValueError, match="covariances must have shape"):
        GaussianComponents(np.zeros((2, 3)), np.ones((2, 2)))
    with pytest.raises(ValueError, match="means must lie between 0 and 1, got 0"):
        BernoulliComponents(np.array([[0.0, 0.5]]))
    for weights in (np.ones(2), np.array([1.0]), np.array([1.5, -0.5])):
        with pytest.raises(ValueError, match="weights must be 2 numbers of at least 0 that sum to 1"):
            Mixture(weights, BernoulliComponents(np.full((2, 2), 0.5)))


def test_equal_rows_have_a_start():
    x = np.ones((6, 2))
    start = first_mixture(x, np.full(6, 1 / 6), 3, Random(0))
    assert np.isfinite(MixtureLearner(start, x, np.full(6, 1 / 6)).log_likelihood)


def test_an_empty_component_stays_empty():
    mixture = Mixture(np.array([1.0, 0.0]), BernoulliComponents(np.full((2, 3), 0.5)))
    np.testing.assert_allclose(mixture.responsibilities(np.ones((2, 3))), [[1, 0], [1, 0]])
