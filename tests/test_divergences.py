"""Divergences against closed forms, quadrature, other ways to the same number, and their own properties."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import multivariate_normal, norm, wasserstein_distance

from ebm import divergences as d

RNG = np.random.default_rng(3)


@pytest.fixture(autouse=True)
def seeded():
    RNG.bit_generator.state = np.random.default_rng(3).bit_generator.state  # whichever tests ran before


def distributions(*shape):
    return RNG.dirichlet(np.full(shape[-1], 0.7), size=shape[:-1])


def test_kl_of_two_coins_and_its_infinity():
    p, q = 0.3, 0.6
    want = p * np.log(p / q) + (1 - p) * np.log((1 - p) / (1 - q))
    assert d.kl([p, 1 - p], [q, 1 - q]) == pytest.approx(want, rel=1e-14)
    assert d.kl([0.5, 0.5, 0.0], [1.0, 0.0, 0.0]) == np.inf
    assert d.kl([1.0, 0.0], [0.5, 0.5]) == pytest.approx(np.log(2))


def test_kl_is_positive_not_symmetric_and_adds_over_independent_parts():
    p, q = distributions(50, 6), distributions(50, 6)
    assert (d.kl(p, q) > 0).all()
    assert (d.kl(p, p) == 0).all()
    assert np.abs(d.kl(p, q) - d.kl(q, p)).max() > 0.1
    r, s = distributions(50, 4), distributions(50, 4)
    joint, other = ((a[:, :, None] * b[:, None, :]).reshape(50, -1) for a, b in ((p, r), (q, s)))
    np.testing.assert_allclose(d.kl(joint, other), d.kl(p, q) + d.kl(r, s), rtol=1e-12)


def test_maximum_likelihood_is_the_least_kl():
    data, models = distributions(8), distributions(200, 8)
    log_likelihood = (data * np.log(models)).sum(axis=1)
    np.testing.assert_allclose(d.kl(data, models), -log_likelihood - d.entropy(data), rtol=1e-10)
    assert np.argmin(d.kl(data, models)) == np.argmax(log_likelihood)


@pytest.mark.parametrize("weight", [0.5, 0.2])
def test_js_is_the_information_of_the_coin_that_chose(weight):
    p, q = distributions(7), distributions(7)
    joint = np.stack([weight * p, (1 - weight) * q])
    assert d.js(p, q, weight) == pytest.approx(d.mutual_information(joint), rel=1e-12)
    assert d.js([1.0, 0.0], [0.0, 1.0], weight) == pytest.approx(d.entropy([weight, 1 - weight]), rel=1e-12)
    assert d.js(p, p, weight) == pytest.approx(0, abs=1e-15)


def test_mutual_information_by_kl_and_of_independent_parts():
    joint = distributions(20).reshape(4, 5)
    independent = np.outer(joint.sum(1), joint.sum(0))
    assert d.mutual_information(joint) == pytest.approx(d.kl(joint.ravel(), independent.ravel()), rel=1e-12)
    assert d.mutual_information(independent) == pytest.approx(0, abs=1e-14)


def covariance(n):
    a = RNG.normal(size=(n, n))
    return a @ a.T + 0.3 * np.eye(n)


def test_kl_of_gaussians_is_its_integral_and_its_sample_mean():
    m0, s0, m1, s1 = 0.3, 0.7, -1.1, 1.6

    def integrand(x):
        return norm.pdf(x, m0, s0) * (norm.logpdf(x, m0, s0) - norm.logpdf(x, m1, s1))

    assert d.kl_gaussian(m0, s0**2, m1, s1**2) == pytest.approx(quad(integrand, -10, 10)[0], rel=1e-9)
    a, b = (RNG.normal(size=3), covariance(3)), (RNG.normal(size=3), covariance(3))
    p, q = multivariate_normal(*a), multivariate_normal(*b)
    x = p.rvs(200_000, random_state=1)
    terms = p.logpdf(x) - q.logpdf(x)
    assert abs(d.kl_gaussian(*a, *b) - terms.mean()) < 4 * terms.std() / np.sqrt(len(x))
    assert d.kl_gaussian(*a, *a) == pytest.approx(0, abs=1e-12)
    diagonal = d.kl_gaussian([0.0, 1.0], [2.0, 3.0], [0.5, 0.5], 1.5)
    assert diagonal == pytest.approx(d.kl_gaussian(0, 2, 0.5, 1.5) + d.kl_gaussian(1, 3, 0.5, 1.5), rel=1e-12)


def test_wasserstein_of_gaussians_on_the_line_is_that_of_their_quantiles():
    t = (np.arange(200_000) + 0.5) / 200_000
    x, y = norm.ppf(t, 0.4, 0.8), norm.ppf(t, -1.0, 2.0)
    exact = np.sqrt(1.4**2 + 1.2**2)
    assert d.wasserstein_gaussian(0.4, 0.64, -1.0, 4.0) == pytest.approx(exact, rel=1e-12)
    assert d.wasserstein_1d(x, y, order=2) == pytest.approx(exact, rel=1e-4)
    a, b = covariance(3), covariance(3)
    q = np.linalg.qr(RNG.normal(size=(3, 3)))[0]
    turned = d.wasserstein_gaussian(np.zeros(3), q @ a @ q.T, np.zeros(3), q @ b @ q.T)
    assert turned == pytest.approx(d.wasserstein_gaussian(np.zeros(3), a, np.zeros(3), b), rel=1e-10)


@pytest.mark.parametrize("order", [1.0, 2.0, 3.5])
def test_the_line_agrees_with_linear_programming_and_with_scipy(order):
    x, y = RNG.normal(size=9), RNG.normal(1, 2, size=6)
    v, w = RNG.random(9), RNG.random(6)
    v[2] = 0.0
    found = d.wasserstein_1d(x, y, order=order, x_weights=v, y_weights=w)
    problem = d.transport(v / v.sum(), w / w.sum(), np.abs(x[:, None] - y) ** order)
    assert found == pytest.approx(problem.cost ** (1 / order), rel=1e-9)
    if order == 1:
        assert found == pytest.approx(wasserstein_distance(x, y, v, w), rel=1e-12)


def test_primal_equals_dual_and_kantorovich_rubinstein_holds():
    points = RNG.normal(size=(12, 2))
    cost = np.linalg.norm(points[:, None] - points, axis=2)
    p, q = distributions(12), distributions(12)
    found = d.transport(p, q, cost)
    f, g = found.potentials
    assert found.cost == pytest.approx(found.dual, rel=1e-9)
    np.testing.assert_allclose(found.plan.sum(1), p, atol=1e-12)
    np.testing.assert_allclose(found.plan.sum(0), q, atol=1e-12)
    assert (f[:, None] + g <= cost + 1e-9).all()
    slope_one = (cost - g).min(axis=1)  # the largest f that g allows varies by at most the distance
    assert (np.abs(slope_one[:, None] - slope_one) <= cost + 1e-9).all()
    assert slope_one @ (p - q) == pytest.approx(found.cost, rel=1e-9)


@pytest.mark.parametrize("scale", [1e-9, 1e6])
def test_transport_of_masses_that_differ_by_many_orders(scale):
    points = np.linspace(-7, 7, 701)[::20]
    p = 0.4 * norm.pdf(points, -2.2, 0.6) + 0.6 * norm.pdf(points, 2.2, 0.9)
    q = norm.pdf(points, 3.0, 0.25)
    p, q = p / p.sum(), q / q.sum()  # down to 1e-250
    found = d.transport(p, q, scale * np.abs(points[:, None] - points))
    exact = scale * d.wasserstein_1d(points, points, x_weights=p, y_weights=q)
    assert found.cost == pytest.approx(exact, rel=1e-5)
    assert found.dual == pytest.approx(found.cost, rel=1e-7)


def test_mmd_has_its_expectation_and_vanishes_on_average_for_equal_distributions():
    s, shift = 1.3, 0.8  # Gaussians of variance 1 on the line: every term is an integral of Gaussians
    exact = 2 * s / np.sqrt(s**2 + 2) * (1 - np.exp(-(shift**2) / (2 * (s**2 + 2))))
    runs = [
        [d.mmd2(RNG.normal(size=(60, 1)), RNG.normal(m, size=(50, 1)), bandwidth=s) for _ in range(400)]
        for m in (shift, 0.0)
    ]
    for run, want in zip(runs, (exact, 0.0), strict=True):
        assert abs(np.mean(run) - want) < 4 * np.std(run) / np.sqrt(len(run))
    x = RNG.normal(size=(30, 4))
    assert d.mmd2(x, x, unbiased=False) == pytest.approx(0, abs=1e-12)
    assert np.mean([d.mmd2(x, x[RNG.permutation(30)], unbiased=False, bandwidth=1) for _ in range(3)]) < 1e-12


def linear_gaussian(n_samples, widen):
    """log-weights of z ~ q for x = W z + b + noise, and the exact log p(x); q is the posterior, moved and widened."""
    w, b, noise = RNG.normal(size=(4, 2)), RNG.normal(size=4), 0.6
    x = RNG.normal(size=4)
    exact = multivariate_normal(b, w @ w.T + noise**2 * np.eye(4)).logpdf(x)
    posterior = np.linalg.inv(np.eye(2) + w.T @ w / noise**2)
    mean = posterior @ w.T @ (x - b) / noise**2
    q = multivariate_normal(mean + 0.2 * (widen > 1), widen * posterior)
    z = q.rvs(n_samples, random_state=4)
    joint = norm.logpdf(z).sum(1) + norm.logpdf(x, z @ w.T + b, noise).sum(1)
    return joint - q.logpdf(z), exact, d.kl_gaussian(q.mean, q.cov, mean, posterior)


def test_bounds_on_evidence_where_the_truth_is_known():
    log_w, exact, gap = linear_gaussian(40_000, 1.5)
    bounds = [d.evidence(log_w, k) for k in (1, 10, 100)]
    assert abs(bounds[0].elbo - (exact - gap)) < 4 * bounds[0].elbo_error
    assert bounds[0].importance == pytest.approx(bounds[0].elbo, rel=1e-12)
    rising = [bound.importance for bound in bounds]
    assert rising == sorted(rising)
    assert bounds[2].elbo < bounds[2].importance < exact + 3 * bounds[2].importance_error
    assert exact - rising[2] < 0.1 * gap
    log_w, exact, _ = linear_gaussian(100, 1.0)  # the posterior itself: every weight is p(x)
    np.testing.assert_allclose(d.evidence(log_w, 10)[::2], [exact, exact, 100], rtol=1e-9)


def test_weights_by_a_wrong_density_are_caught():
    """The mistake: weights by another density than that of the samples lift the bound above the truth."""
    log_w, exact, _ = linear_gaussian(40_000, 1.0)
    shuffled = log_w + RNG.normal(0.5, 1, size=log_w.shape)
    wrong = d.evidence(shuffled, 100)
    assert wrong.importance > exact + 3 * wrong.importance_error  # what the test above would refuse


X = np.linspace(-8, 8, 801)


def two_modes(weight=0.5):
    p = weight * norm.pdf(X, -2.5, 0.6) + (1 - weight) * norm.pdf(X, 2.5, 0.8)
    return p / p.sum()


def test_projections_of_two_modes():
    p = two_modes(0.4)
    cover = d.project_gaussian(X, p, "m")
    assert cover.mean == pytest.approx(p @ X, abs=1e-6)
    assert cover.std == pytest.approx(np.sqrt(p @ (X - p @ X) ** 2), abs=1e-6)
    assert cover.divergence == pytest.approx(d.kl(p, cover.q), rel=1e-9)
    left, right = (d.project_gaussian(X, p, "i", start) for start in ((-2.0, 1.0), (2.0, 1.0)))
    assert (left.mean, left.std) == (pytest.approx(-2.5, abs=0.02), pytest.approx(0.6, abs=0.02))
    assert (right.mean, right.std) == (pytest.approx(2.5, abs=0.02), pytest.approx(0.8, abs=0.02))
    assert left.divergence == pytest.approx(-np.log(0.4), abs=0.01)  # one mode of weight w is log 1/w away
    assert right.divergence == pytest.approx(-np.log(0.6), abs=0.01)
    for found, other in ((cover, left), (cover, right)):
        assert d.kl(p, found.q) < d.kl(p, other.q)
        assert d.kl(other.q, p) < d.kl(found.q, p)


def test_a_projection_is_least_in_its_neighbourhood():
    p = two_modes()
    for direction, divergence in (("m", lambda q: d.kl(p, q)), ("i", lambda q: d.kl(q, p))):
        found = d.project_gaussian(X, p, direction, (1.0, 2.0))
        for mean, std in ((0.05, 1.0), (-0.05, 1.0), (0.0, 1.03), (0.0, 0.97)):
            q = norm.pdf(X, found.mean + mean, found.std * std)
            assert divergence(q / q.sum()) > found.divergence


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: d.kl([0.5, 0.6], [0.5, 0.5]), r"p must sum to 1 .* misses by 0\.1"),
        (lambda: d.kl([0.5, 0.5], [1.5, -0.5]), r"q must be finite and non-negative, its least value is -0\.5"),
        (lambda: d.kl([0.5, 0.5], [0.2, 0.3, 0.5]), "p has 2 states and q has 3"),
        (lambda: d.entropy([np.nan, 1.0]), "p must be finite"),
        (lambda: d.js([1.0], [1.0], 1.0), r"weight must be between 0 and 1, got 1\.0"),
        (lambda: d.mutual_information([0.5, 0.5]), "joint has 1 dimensions; give at least 2"),
        (lambda: d.kl_gaussian(0, -1.0, 0, 1), "covariance0 must be positive definite"),
        (lambda: d.kl_gaussian([0, 0], [[1, 0.5], [0, 1]], [0, 0], 1), "covariance0 must be symmetric"),
        (lambda: d.kl_gaussian([0, 0], 1, 0, 1), "2 and 1 dimensions"),
        (lambda: d.kl_gaussian([0, 0], np.eye(3), 0, 1), r"mean0 \(2,\) and covariance0 \(3, 3\) do not fit"),
        (lambda: d.wasserstein_1d([], [1.0]), r"x must be a non-empty 1-D array"),
        (lambda: d.wasserstein_1d([1.0], [1.0], order=0.5), r"order must be at least 1 and finite, got 0\.5"),
        (lambda: d.wasserstein_1d([1.0], [1.0], y_weights=[-1.0]), "y_weights must be 1 non-negative numbers"),
        (lambda: d.transport([1.0], [0.5, 0.5], [[1.0]]), r"cost \(1, 1\) must be finite and of shape \(1, 2\)"),
        (lambda: d.mmd2([[1.0]], [[1.0], [2.0]]), "x must be a finite 2-D array of at least 2 rows"),
        (lambda: d.mmd2(np.ones((2, 2)), np.ones((2, 3))), "x has 2 columns and y has 3"),
        (lambda: d.mmd2(np.ones((2, 2)), np.ones((2, 2))), r"bandwidth must be positive, got 0\.0"),
        (lambda: d.evidence(np.zeros(10), 4), "n_importance must divide the 10 samples"),
        (lambda: d.evidence([np.inf, 0.0], 1), "log_weights must be finite"),
        (lambda: d.project_gaussian([0.0, 1.0], [0.5, 0.5], "x"), "direction must be"),
        (lambda: d.project_gaussian([0.0, 1.0], [0.0, 1.0], "i"), "p must be positive on every point"),
        (lambda: d.project_gaussian([0.0, 1.0], [0.0, 1.0], "m"), "p stands on a single point"),
        (lambda: d.project_gaussian([0.0], [0.5, 0.5], "m"), r"points \(1,\) and p \(2,\)"),
        (lambda: d.project_gaussian([0.0, 1.0], [0.5, 0.5], "i", (9.0, 1.0)), r"start must be .* got \(9\.0, 1\.0\)"),
        (lambda: d.kl_gaussian(np.nan, 1, 0, 1), "mean0 and covariance0 must be finite"),
    ],
)  # fmt: skip
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
