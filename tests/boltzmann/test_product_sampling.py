"""Moves of products of experts: chains that start at the target stay there, and broken twins do not."""

from dataclasses import dataclass, replace

import numpy as np
import pytest

from ebm.boltzmann import scale_mixture
from ebm.boltzmann.experts import EXPERTS
from ebm.boltzmann.product_annealing import TemperedExperts, log_partition
from ebm.boltzmann.product_learning import Moves, first_step_size
from ebm.boltzmann.product_of_experts import ProductOfExperts
from ebm.boltzmann.scale_mixture import scale_mixture_sweep
from ebm.errors import UntrustedEstimateWarning
from ebm.kernels.threads import limit_threads
from ebm.random import Random
from ebm.sampling.annealing import annealed_importance_sampling, temperatures
from ebm.sampling.hamiltonian import hamiltonian_move
from ebm.sampling.tempered import TemperedPath
from tests.boltzmann.models import p_value
from tests.boltzmann.test_product_of_experts import small_product

N_CHAINS = 20_000
BINS = 5  # a side; cells of equal probability


def in_cells(model, x):
    """p-value of 'x are exact samples', by cells of the activations of a square product."""
    y = model.activations(x)
    borders = [model.expert.quantile(alpha, np.arange(1, BINS) / BINS) for alpha in model.exponents]
    numbers = sum(np.searchsorted(b, column) * BINS**j for j, (b, column) in enumerate(zip(borders, y.T, strict=True)))
    n_cells = BINS**model.n_experts
    return p_value(np.bincount(numbers, minlength=n_cells), np.full(n_cells, 1 / n_cells))


def after(model, move, n_moves, seed=15):
    """p-value after chains that started at the target of ``model`` have moved."""
    x = model.sample(N_CHAINS, Random(seed))
    for step in range(n_moves):
        x = move(x, Random(seed + 1), step)
    return in_cells(model, x)


def hamiltonian(model, eps, n_leapfrog):
    return lambda x, random, step: hamiltonian_move(model, x, eps, n_leapfrog, random, step)[0]


MOVES = pytest.mark.parametrize(("scale", "n_leapfrog"), [(1.4, 1), (0.8, 6)], ids=["mala", "hmc"])


@pytest.mark.parametrize("name", list(EXPERTS))
@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
@MOVES
def test_the_target_is_stationary_under_hamiltonian_moves(name, dtype, scale, n_leapfrog):
    model = small_product(name, dtype=dtype)
    move = hamiltonian(model, scale / np.sqrt(model.stiffness), n_leapfrog)
    assert after(model, move, 1) > 1e-3
    assert after(model, move, 6) > 1e-3


@pytest.mark.parametrize("shape", [(2, 2), (3, 2)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
def test_the_target_is_stationary_under_gibbs_sampling_of_scales(dtype, shape):
    model = small_product("student_t", shape, dtype=dtype)
    for n_moves in (1, 4):
        assert after(model, lambda *at: scale_mixture_sweep(model, *at), n_moves) > 1e-3


# ---- more experts than features: one feature, whose distribution a grid knows ----


def on_a_line(name):
    rng = np.random.default_rng(2)
    return ProductOfExperts(rng.normal(size=(1, 3)), rng.normal(size=3), np.array([0.8, 1.1, 1.4]), EXPERTS[name])


def line(model, n=200_001):
    grid = np.sinh(np.linspace(-9, 9, n))
    mass = np.exp(-model.energy(grid[:, None])) * np.cosh(np.linspace(-9, 9, n))
    return grid, np.cumsum(mass) / mass.sum(), float(np.log(mass.sum() * 18 / (n - 1)))


@pytest.mark.parametrize(("name", "sampler"), [("student_t", "hmc"), ("student_t", "gibbs"), ("logistic", "hmc")])
def test_many_experts_on_a_line_are_stationary(name, sampler):
    model = on_a_line(name)
    grid, below, _ = line(model)
    x = np.interp(np.random.default_rng(0).random(N_CHAINS), below, grid)[:, None]
    move = hamiltonian(model, first_step_size(model), 4)
    if sampler == "gibbs":
        move = lambda *at: scale_mixture_sweep(model, *at)  # noqa: E731
    for step in range(4):
        x = move(x, Random(8), step)
    counts = np.histogram(np.interp(x[:, 0], grid, below), np.linspace(0, 1, 21))[0]
    assert p_value(counts, np.full(20, 1 / 20)) > 1e-3


# ---- broken twins ----


@dataclass(frozen=True, eq=False)
class Wrong:
    """A model whose energy or gradient is changed."""

    model: ProductOfExperts
    energy_of: ProductOfExperts
    sign: float = 1.0

    def energy_and_gradient(self, x):
        return self.energy_of.energy(x), self.sign * self.model.energy_and_gradient(x)[1]


def unadjusted(model, eps, n_leapfrog):
    """Broken: whatever comes out is accepted."""

    def move(x, random, step):
        rng = np.random.default_rng([random.seed, step])
        p = rng.normal(size=x.shape)
        for _ in range(n_leapfrog):
            p = p - 0.5 * eps * model.energy_and_gradient(x)[1]
            x = x + eps * p
            p = p - 0.5 * eps * model.energy_and_gradient(x)[1]
        return x

    return move


@pytest.mark.parametrize("name", list(EXPERTS))
@MOVES
def test_moves_that_are_all_accepted_are_caught(name, scale, n_leapfrog):
    model = small_product(name)
    assert after(model, unadjusted(model, scale / np.sqrt(model.stiffness), n_leapfrog), 8) < 1e-9
    assert after(model, unadjusted(model, 0.05 / np.sqrt(model.stiffness), n_leapfrog), 8) > 1e-3  # what the step hides


@pytest.mark.parametrize("name", list(EXPERTS))
@MOVES
def test_a_forgotten_bias_is_caught(name, scale, n_leapfrog):
    model = small_product(name)
    broken = replace(model, bias=0 * model.bias)
    assert after(model, hamiltonian(broken, scale / np.sqrt(model.stiffness), n_leapfrog), 6) < 1e-9


@pytest.mark.parametrize("name", list(EXPERTS))
def test_acceptance_heals_a_gradient_of_the_wrong_sign_and_shows_it(name):
    """Any force gives moves that keep volume and can be reversed: right, and useless. Unaccepted ones are caught."""
    model, eps = small_product(name), 1.2
    eps /= np.sqrt(model.stiffness)
    wrong = Wrong(model, model, -1.0)
    assert after(model, hamiltonian(wrong, eps, 6), 4) > 1e-3
    x = model.sample(2000, Random(1))
    right = hamiltonian_move(model, x, eps, 6, Random(2), 0)[1].mean()
    assert hamiltonian_move(wrong, x, eps, 6, Random(2), 0)[1].mean() < 0.5 * right
    assert after(model, unadjusted(wrong, 0.1 / np.sqrt(model.stiffness), 6), 8) < 1e-9


@pytest.mark.parametrize("fault", ["bias", "rate", "precision"])
def test_broken_gibbs_sampling_is_caught(fault, monkeypatch):
    model = small_product("student_t")
    broken, honest = model, scale_mixture.draw_scales
    if fault == "bias":  # forgotten where x is drawn, not where u is
        monkeypatch.setattr(scale_mixture, "draw_scales", lambda _, *at: honest(model, *at))
        broken = replace(model, bias=0 * model.bias)
    if fault == "rate":  # 1 + y^2 instead of 1 + y^2 / 2

        def wrong(model, x, random, step):
            y = model.activations(x)
            return honest(model, x, random, step) * (1 + y * y / 2) / (1 + y * y)

        monkeypatch.setattr(scale_mixture, "draw_scales", wrong)
    if fault == "precision":  # scales counted twice
        monkeypatch.setattr(scale_mixture, "draw_scales", lambda *at: 2 * honest(*at))
    assert after(model, lambda *at: scale_mixture_sweep(broken, *at), 4) < 1e-9


# ---- runs ----


def test_a_run_is_the_same_cut_by_chains_and_for_any_number_of_threads():
    model = small_product("logistic", (40, 60), dtype=np.float32)
    x = np.random.default_rng(0).normal(size=(3000, 40)).astype(np.float32)
    with limit_threads(1):
        one, accepted = hamiltonian_move(model, x, 0.2, 3, Random(3), 7)
    assert 0 < accepted.mean() < 1
    with limit_threads(2):
        two, _ = hamiltonian_move(model, x, 0.2, 3, Random(3), 7)
    np.testing.assert_array_equal(one, two)
    part, _ = hamiltonian_move(model, x[1000:], 0.2, 3, Random(3), 7, first_chain=1000)
    np.testing.assert_allclose(part, one[1000:], rtol=1e-4, atol=1e-4)  # products of other shapes round differently


def test_a_step_for_every_chain():
    model, x = small_product("logistic"), np.random.default_rng(0).normal(size=(3, 2))
    sizes = np.array([0.1, 0.3, 0.9])
    together, _ = hamiltonian_move(model, x, sizes, 2, Random(0), 0)
    for row, size in enumerate(sizes):
        alone, _ = hamiltonian_move(model, x[row : row + 1], size, 2, Random(0), 0, first_chain=row)
        np.testing.assert_allclose(together[row], alone[0], rtol=1e-12)


def test_a_trajectory_to_infinity_is_not_accepted():
    model = ProductOfExperts(1e20 * np.eye(2, dtype=np.float32), np.zeros(2, np.float32), np.ones(2, np.float32))
    x = np.full((4, 2), 1e-20, np.float32)
    with np.errstate(all="ignore"):
        y, accepted = hamiltonian_move(model, x, 1e15, 2, Random(0), 0)
    assert not accepted.any()
    np.testing.assert_array_equal(y, x)


def test_bad_moves_are_refused():
    model, x = small_product("logistic"), np.zeros((2, 2))
    with pytest.raises(ValueError, match="n_leapfrog must be at least 1, got 0"):
        hamiltonian_move(model, x, 0.1, 0, Random(0), 0)
    with pytest.raises(ValueError, match="step_size must be above 0, got -1"):
        hamiltonian_move(model, x, -1, 1, Random(0), 0)
    with pytest.raises(ValueError, match="only Student-t experts are mixtures of Gaussians here, got 'logistic'"):
        scale_mixture_sweep(model, x, Random(0), 0)
    with pytest.raises(ValueError, match="cannot be normalised"):
        scale_mixture_sweep(ProductOfExperts(np.ones((2, 2)), np.ones(2), np.ones(2)), x, Random(0), 0)
    for wrong, message in (({"sampler": "x"}, "sampler must be"), ({"n_leapfrog": 0}, "n_leapfrog must be"),
                           ({"target": 1.0}, r"target must lie in \(0, 1\)")):  # fmt: skip
        with pytest.raises(ValueError, match=message):
            Moves(**wrong)


# ---- log Z by annealing ----


@pytest.mark.parametrize("name", list(EXPERTS))
@pytest.mark.parametrize("many", [False, True])
def test_annealing_finds_log_z(name, many):
    """Exact in closed form for a square product, by quadrature for many experts on a line."""
    model = on_a_line(name) if many else small_product(name, least=1.5)
    exact = line(model)[2] if many else model.log_partition
    path = TemperedPath(TemperedExperts(model))
    found = annealed_importance_sampling(path, 400, temperatures(200), Random(1))
    assert found.trusted
    assert abs(found.value - exact) < 4 * found.standard_error + 0.01
    assert found.standard_error < 0.1
    told = log_partition(model, Random(1), n_chains=400, n_temperatures=200)
    assert told.method == ("ais" if many else "exact")
    assert told.value == pytest.approx(exact, abs=0.1)


def test_a_tempered_familys_potential_is_its_energys_difference():
    model, rng = small_product("logistic", (2, 4)), np.random.default_rng(0)
    x, family = rng.normal(size=(6, 2)), TemperedExperts(small_product("logistic", (2, 4)))
    np.testing.assert_allclose(family.potential(x), model.energy(x) - 0.5 * (x**2).sum(axis=1))
    assert family.log_base == pytest.approx(np.log(2 * np.pi))


@pytest.mark.parametrize("beta", [0.0, 0.4, 1.0])
def test_a_tempered_sweep_leaves_its_distribution(beta):
    """On a line, where a grid knows f_beta."""
    model = on_a_line("student_t")
    t = np.linspace(-9, 9, 200_001)
    grid = np.sinh(t)
    log_f = -(1 - beta) * 0.5 * grid**2 - beta * model.energy(grid[:, None])
    mass = np.exp(log_f - log_f.max()) * np.cosh(t)
    below = np.cumsum(mass) / mass.sum()
    x = np.interp(np.random.default_rng(0).random(N_CHAINS), below, grid)[:, None]
    family = TemperedExperts(model)
    for step in range(3):
        x = family.sweep(x, np.full(N_CHAINS, beta), Random(4), step)
    counts = np.histogram(np.interp(x[:, 0], grid, below), np.linspace(0, 1, 21))[0]
    assert p_value(counts, np.full(20, 1 / 20)) > 1e-3


def test_an_estimate_that_must_not_be_believed_warns_and_no_estimate_without_z():
    model = small_product("logistic", (12, 20), seed=3)
    with pytest.warns(UntrustedEstimateWarning, match="not to be trusted"):
        log_partition(model, Random(0), n_chains=20, n_temperatures=3)
    flat = ProductOfExperts(np.ones((2, 4)), np.zeros(4), np.ones(4))
    with pytest.raises(ValueError, match="must span all 2 features"):
        log_partition(flat, Random(0))
