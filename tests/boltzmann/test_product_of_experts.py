"""Products of experts: energies, gradients, normaliser, exact samples, beside loops, differences and quadrature."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import kstest

from ebm.boltzmann.experts import EXPERTS, Logistic, StudentT
from ebm.boltzmann.product_of_experts import NAMES, ProductOfExperts
from ebm.random import Random
from tests.reference import experts as slow

BOTH = pytest.mark.parametrize("name", list(EXPERTS))
SHAPES = pytest.mark.parametrize("shape", [(3, 2), (1, 1), (3, 3), (2, 4)], ids=lambda s: f"{s[0]}x{s[1]}")


def small_product(name, shape=(2, 2), *, seed=0, least=0.9, dtype=np.float64):
    """Nothing at zero or one."""
    rng = np.random.default_rng(seed)
    weights, bias = rng.normal(size=shape), rng.normal(size=shape[1])
    parts = weights, bias, rng.uniform(least, least + 1, shape[1])
    return ProductOfExperts(*(part.astype(dtype) for part in parts), EXPERTS[name])


def differences(function, at, h=1e-6):
    """Central differences of a function of one array, at every entry."""
    out = np.zeros_like(at)
    for i in np.ndindex(at.shape):
        step = np.zeros_like(at)
        step[i] = h
        out[i] = (function(at + step) - function(at - step)) / (2 * h)
    return out


# ---- experts ----


@BOTH
@pytest.mark.parametrize("alpha", [0.8, 1.5, 4.0])
def test_an_experts_normaliser_is_its_integral(name, alpha):
    expert = EXPERTS[name]
    integral, _ = quad(lambda y: np.exp(-alpha * slow.potential(name, y)), -600, 600, points=[0], limit=500)
    outside = 0.0
    if name == "student_t":  # beyond 600 the density is a power
        outside = 2 * 2**alpha * 600 ** (1 - 2 * alpha) / (2 * alpha - 1)
    assert expert.log_normaliser(alpha) == pytest.approx(np.log(integral + outside), abs=1e-6)
    assert expert.log_normaliser(alpha) == pytest.approx(np.log(slow.normaliser(name, alpha)), rel=1e-12)
    numeric = differences(lambda a: float(expert.log_normaliser(a)), np.array(alpha))
    assert expert.log_normaliser_slope(alpha) == pytest.approx(float(numeric), rel=1e-6)
    second = differences(lambda a: float(expert.log_normaliser_slope(a)), np.array(alpha))
    assert expert.log_normaliser_bend(alpha) == pytest.approx(float(second), rel=1e-6)


@BOTH
@pytest.mark.parametrize("alpha", [0.8, 2.5])
def test_an_experts_quantiles_invert_its_distribution_function(name, alpha):
    z = slow.normaliser(name, alpha)
    for u in (0.02, 0.5, 0.7, 0.999):
        y = float(EXPERTS[name].quantile(alpha, np.array(u)))
        below, _ = quad(lambda t: np.exp(-alpha * slow.potential(name, t)) / z, 0, y)
        assert 0.5 + below == pytest.approx(u, abs=1e-8)


@BOTH
def test_an_experts_curvature_is_the_largest(name):
    expert, y, h = EXPERTS[name], np.linspace(-8, 8, 3201), 1e-4
    second = (expert.potential(y + h) - 2 * expert.potential(y) + expert.potential(y - h)) / h**2
    assert second.max() == pytest.approx(expert.curvature, rel=1e-5)
    np.testing.assert_allclose(expert.bend(y), second, atol=1e-6)


# ---- energy and gradients ----


@BOTH
@SHAPES
def test_energy_is_that_of_plain_loops(name, shape):
    model, x = small_product(name, shape), 2 * np.random.default_rng(1).normal(size=(5, shape[0]))
    parts = model.weights, model.bias, model.exponents
    np.testing.assert_allclose(model.energy(x), [slow.energy(name, *parts, row) for row in x], rtol=1e-12)


@BOTH
@SHAPES
def test_gradients_are_central_differences(name, shape):
    rng = np.random.default_rng(1)
    model, x, share = small_product(name, shape), 2 * rng.normal(size=(5, shape[0])), rng.dirichlet(np.ones(5))
    by_x = differences(lambda x: model.energy(x).sum(), x)
    np.testing.assert_allclose(model.energy_and_gradient(x)[1], by_x, rtol=1e-6, atol=1e-8)
    for part in NAMES:
        numeric = differences(lambda p, part=part: -share @ replace(model, **{part: p}).energy(x), getattr(model, part))
        np.testing.assert_allclose(model.mean_energy(x, share)[1][part], numeric, rtol=1e-6, atol=1e-8)


@BOTH
@pytest.mark.parametrize("shape", [(3, 2), (3, 3)])
def test_the_gradient_of_log_z_is_central_differences(name, shape):
    model = small_product(name, shape)
    for part, found in model.log_partition_gradient().items():
        numeric = differences(lambda p, part=part: replace(model, **{part: p}).log_partition, getattr(model, part))
        np.testing.assert_allclose(found, numeric, rtol=1e-6, atol=1e-8)


@BOTH
def test_stiffness_bounds_second_derivatives(name):
    for shape in ((3, 2), (2, 4)):
        model, rng = small_product(name, shape), np.random.default_rng(3)
        for x in 0.5 * rng.normal(size=(20, 1, shape[0])):
            hessian = np.array([
                (model.energy_and_gradient(x + h)[1] - model.energy_and_gradient(x - h)[1])[0] / 2e-5
                for h in 1e-5 * np.eye(shape[0])
            ])  # fmt: skip
            assert np.linalg.eigvalsh(hessian).max() <= model.stiffness * (1 + 1e-6)


# ---- the normalised distribution ----


def plane(model, half_width, n):
    """Points of a grid over the plane of activations, and the volume of a cell in x."""
    s, ds = np.linspace(-9, 9, n, retstep=True)
    t, spacing = half_width * np.sinh(s) / np.sinh(9), half_width * np.cosh(s) / np.sinh(9) * ds  # denser in the middle
    y = np.stack(np.meshgrid(t, t, indexing="ij"), axis=-1).reshape(-1, 2)
    volume = np.outer(spacing, spacing).ravel() / abs(np.linalg.det(model.weights))
    return (y - model.bias) @ np.linalg.inv(model.weights), volume


@pytest.mark.parametrize(("name", "half_width"), [("logistic", 60), ("student_t", 1e4)])
def test_the_square_density_integrates_to_one(name, half_width):
    model = small_product(name, least=1.4)
    x, volume = plane(model, half_width, 601)
    assert np.exp(model.log_density(x)) @ volume == pytest.approx(1, abs=1e-6)


@BOTH
def test_fewer_experts_than_features_also_integrate_to_one(name):
    model = small_product(name, (2, 1), least=2.0)
    t = np.linspace(-80, 80, 801)
    x = np.stack(np.meshgrid(t, t, indexing="ij"), axis=-1).reshape(-1, 2)
    assert np.exp(model.log_density(x)).sum() * (t[1] - t[0]) ** 2 == pytest.approx(1, abs=1e-3)


@BOTH
@pytest.mark.parametrize("shape", [(2, 2), (3, 2)])
def test_exact_samples_have_the_experts_activations(name, shape):
    model = small_product(name, shape)
    x = model.sample(4000, Random(3))
    for y, alpha in zip(model.activations(x).T, model.exponents, strict=True):
        uniform = kstest(y, lambda t, a=alpha: distribution(model.expert, a, t)).pvalue
        assert uniform > 1e-3
    if shape[0] > shape[1]:  # orthogonal to the experts: a standard normal number
        outside = np.linalg.svd(model.weights)[0][:, -1]
        assert kstest(x @ outside, "norm").pvalue > 1e-3
    assert not np.array_equal(x, model.sample(4000, Random(3), step=1))


def distribution(expert, alpha, y):
    """P(Y <= y), by interpolation between quantiles."""
    u = np.linspace(1e-6, 1 - 1e-6, 20_001)
    return np.interp(y, expert.quantile(alpha, u), u)


def test_a_product_is_sharper_than_each_expert_and_than_their_mixture():
    """Two Gaussians: precisions add in the product; in the mixture variances are averaged, and means spread."""
    means, variances = np.array([-1.0, 1.5]), np.array([1.0, 2.25])
    product_variance = 1 / (1 / variances).sum()
    mixture_variance = variances.mean() + means.var()
    assert product_variance == pytest.approx(9 / 13)
    assert mixture_variance == pytest.approx(1.625 + 1.5625)
    grid = np.linspace(-20, 20, 8001)
    densities = np.exp(-0.5 * (grid[:, None] - means) ** 2 / variances) / np.sqrt(2 * np.pi * variances)
    product, mixture = densities.prod(axis=1), densities.mean(axis=1)
    for density, exact in ((product, product_variance), (mixture, mixture_variance)):
        assert moments_on(grid, density)[1] == pytest.approx(exact, rel=1e-8)
    assert entropy_on(grid, product) == pytest.approx(0.5 * np.log(2 * np.pi * np.e * 9 / 13), rel=1e-8)
    assert entropy_on(grid, product) < min(entropy_on(grid, d) for d in densities.T)
    assert entropy_on(grid, mixture) > np.mean([entropy_on(grid, d) for d in densities.T])


@BOTH
def test_a_product_of_two_experts_on_a_line_is_sharper_than_their_mixture(name):
    model = ProductOfExperts(np.array([[0.8, 1.3]]), np.array([0.4, -1.2]), np.array([2.0, 2.5]), EXPERTS[name])
    grid = np.linspace(-400, 400, 80_001)
    product = np.exp(-model.energy(grid[:, None]))
    single = [ProductOfExperts(*(p[..., j : j + 1] for p in (model.weights, model.bias, model.exponents)), model.expert)
              for j in range(2)]  # fmt: skip
    experts = [np.exp(one.log_density(grid[:, None])) for one in single]
    assert entropy_on(grid, product) < min(entropy_on(grid, e) for e in experts)
    assert entropy_on(grid, sum(experts)) > np.mean([entropy_on(grid, e) for e in experts])


def moments_on(grid, density):
    p = density / density.sum()
    mean = p @ grid
    return mean, p @ (grid - mean) ** 2


def entropy_on(grid, density):
    """Differential entropy in nats."""
    p = density / density.sum()
    return float(-(p[p > 0] @ np.log(p[p > 0])) + np.log(grid[1] - grid[0]))


# ---- what cannot be ----


def test_whether_a_product_can_be_normalised():
    rng = np.random.default_rng(0)
    w, zero = rng.normal(size=(2, 4)), np.zeros(4)

    def fits(alpha, weights=w, expert=None):
        return ProductOfExperts(weights, zero, np.array(alpha, float), expert or StudentT()).is_normalisable

    assert fits([0.3, 0.3, 0.3, 0.3])  # 2 * 1.2 > 2 over the plane, 2 * 0.9 > 1 over a line
    assert not fits([0.2, 0.2, 0.2, 0.2])  # 2 * 0.8 < 2 over the plane
    assert not fits([0.1, 0.1, 0.1, 5.0])  # 2 * 0.3 < 1 over the line that the last expert does not see
    assert fits([0.01, 0.01, 0.01, 0.01], expert=Logistic())
    flat = np.vstack([w[0], 2 * w[0]])
    assert not fits([1, 1, 1, 1], flat)
    assert not fits([1, 1, 1, 1], flat, Logistic())


def test_the_line_that_no_strong_expert_sees_decays_too_slowly():
    """The criterion's third case, seen: the mass within a radius goes on growing; in the first it settles."""
    w = np.random.default_rng(0).normal(size=(2, 4))
    angles, grown = np.linspace(0, np.pi, 1001)[:-1], {}
    for alpha in ((1.3, 1.3, 1.3, 1.3), (0.1, 0.1, 0.1, 5.0)):
        model = ProductOfExperts(w, np.zeros(4), np.array(alpha), StudentT())
        radii = np.logspace(-2, 4, 301)
        rays = radii[:, None, None] * np.stack([np.cos(angles), np.sin(angles)], axis=1)
        shell = np.exp(-model.energy(rays.reshape(-1, 2))).reshape(len(radii), -1).sum(axis=1) * radii**2
        grown[alpha] = shell[-50:].sum() / shell.sum()  # mass per logarithm of the radius, in the last decade
    assert grown[(1.3, 1.3, 1.3, 1.3)] < 1e-4
    assert grown[(0.1, 0.1, 0.1, 5.0)] > 0.2


def test_no_density_without_a_normaliser():
    many = small_product("logistic", (2, 4))
    for ask in (
        lambda: many.log_partition,
        lambda: many.log_density(np.zeros((1, 2))),
        lambda: many.sample(2, Random(0)),
    ):
        with pytest.raises(
            ValueError, match=r"known for at most as many experts as features, .* 4 experts of 2 features"
        ):
            ask()
    flat = ProductOfExperts(np.ones((2, 2)), np.zeros(2), np.ones(2))
    with pytest.raises(ValueError, match="cannot be normalised: its weights must be independent"):
        _ = flat.log_partition
    heavy = ProductOfExperts(np.eye(2), np.zeros(2), np.full(2, 0.5))
    with pytest.raises(ValueError, match=r"exponents above 0.5 \(the least is 0.5\)"):
        _ = heavy.log_partition


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ((np.ones((2, 3)), np.ones(2), np.ones(3)), r"weights \(2, 3\) need bias and exponents"),
        ((np.ones(3), np.ones(3), np.ones(3)), r"weights \(3,\) need"),
        ((np.ones((2, 3)), np.ones(3, np.float32), np.ones(3)), "share one dtype"),
        ((np.ones((2, 3)), np.ones(3), np.array([1.0, 0.0, 1.0])), "exponents must be above 0, the least is 0.0"),
        ((np.ones((2, 3)), np.ones(3), np.array([1.0, np.nan, 1.0])), "exponents must be above 0"),
    ],
)
def test_parameters_that_do_not_fit_are_refused(parts, message):
    with pytest.raises(ValueError, match=message):
        ProductOfExperts(*parts)


@BOTH
def test_float32_stays_float32(name):
    model = small_product(name, (3, 2)).astype(np.float32)
    x = model.sample(5, Random(0))
    energy, gradient = model.energy_and_gradient(x)
    for array in (x, energy, gradient, *model.mean_energy(x, np.full(5, 0.2, np.float32))[1].values()):
        assert array.dtype == np.float32
    assert all(part.dtype == np.float32 for part in model.log_partition_gradient().values())
