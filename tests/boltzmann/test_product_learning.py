"""Learning products of experts: independent components, and contrastive divergence beside maximum likelihood."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from sklearn.decomposition import FastICA

from ebm.boltzmann.experts import EXPERTS
from ebm.boltzmann.product_learning import (
    ContrastiveExpertLearner,
    MaximumLikelihoodLearner,
    Moves,
    initial_product,
)
from ebm.boltzmann.product_of_experts import ProductOfExperts
from ebm.boltzmann.rule import Rule
from ebm.boltzmann.whitening import whitening
from ebm.data import TrainingData
from ebm.optimizers.schedules import Linear
from ebm.random import Random
from ebm.training import train
from tests.boltzmann.test_product_of_experts import small_product

EQUAL = {"exponent": 2.0, "random": Random(1)}


def mixed(kind, n=3000, n_sources=4, seed=0):
    """Sources, mixing matrix, and whitened mixtures with their whitening matrix."""
    rng = np.random.default_rng(seed)
    sources = rng.laplace(size=(n, n_sources)) if kind == "laplace" else rng.standard_t(4, size=(n, n_sources))
    mixing = rng.normal(size=(n_sources, n_sources))
    x = sources @ mixing.T
    mean, matrix = whitening(x, np.full(n, 1 / n))
    return sources, mixing, x, (x - mean) @ matrix, matrix


def amari(p):
    """0 for a permutation of scaled sources, up to 1 (Amari, Cichocki & Yang 1996, over its largest value)."""
    p, n = np.abs(p), len(p)
    rows, columns = (p / p.max(axis=1, keepdims=True)).sum(), (p / p.max(axis=0, keepdims=True)).sum()
    return (rows + columns - 2 * n) / (2 * n * (n - 1))


def learnt(z, name, n_experts=None, n_steps=200, **options):
    data = TrainingData.from_array(z)
    start = initial_product(data, n_experts or z.shape[1], EXPERTS[name], **EQUAL)
    learner, values = MaximumLikelihoodLearner(start, data, **options), []
    for _ in range(n_steps):
        learner.update(0, 1)
        values.append(learner.objective)
        if learner.stuck or learner.gradient_size < 1e-6:
            break
    return learner, values


def test_amari_index_of_a_scaled_permutation_is_zero_and_of_equal_entries_one():
    assert amari(np.array([[0, 3.0], [-2, 0]])) == 0
    assert amari(np.ones((3, 3))) == pytest.approx(1)


@pytest.mark.parametrize("name", list(EXPERTS))
@pytest.mark.parametrize("kind", ["laplace", "student_t"])
def test_maximum_likelihood_finds_the_sources(kind, name):
    sources, mixing, x, z, matrix = mixed(kind)
    learner, values = learnt(z, name, learn_exponents=False)
    assert (np.diff(values) >= 0).all()
    assert learner.gradient_size < 1e-5
    unmixing = (matrix @ learner.model.weights).T
    assert amari(unmixing @ mixing) < 0.03
    correlations = np.abs(np.corrcoef(sources.T, unmixing @ x.T)[:4, 4:])
    assert (correlations.max(axis=0) > 0.995).all()
    assert sorted(correlations.argmax(axis=0)) == [0, 1, 2, 3]


@pytest.mark.parametrize("name", list(EXPERTS))
@pytest.mark.parametrize("kind", ["laplace", "student_t"])
def test_no_worse_a_likelihood_than_by_fast_icas_directions(kind, name):
    """Whose scales, which it leaves open, are the best ones for our experts."""
    _, _, x, z, matrix = mixed(kind)
    model = learnt(z, name, learn_exponents=False)[0].model
    theirs = np.linalg.solve(matrix, FastICA(whiten="unit-variance", random_state=0).fit(x).components_.T)

    def density(scales):
        return ProductOfExperts(theirs * scales, np.zeros(4), model.exponents, model.expert).log_density(z).mean()

    scales = np.ones(4)
    for _ in range(3):
        for j in range(4):
            found = minimize_scalar(lambda s, j=j: -density(np.where(np.arange(4) == j, s, scales)), (0.5, 2.0))
            scales[j] = found.x
    assert density(scales) <= model.log_density(z).mean() + 1e-9
    assert density(scales) > model.log_density(z).mean() - 0.02  # a fair opponent


def test_exponents_are_those_of_the_sources():
    """Sources of four degrees of freedom: alpha = 5/2."""
    *_, z, _ = mixed("student_t", n=20_000)
    learner, _ = learnt(z, "student_t")
    np.testing.assert_allclose(learner.model.exponents, 2.5, rtol=0.12)
    fixed, _ = learnt(z, "student_t", learn_exponents=False)
    assert learner.objective > fixed.objective + 1e-4


@pytest.mark.parametrize("name", list(EXPERTS))
@pytest.mark.parametrize("shape", [(3, 3), (3, 2)])
def test_the_objectives_gradient_is_central_differences(name, shape):
    data = TrainingData.from_array(np.random.default_rng(0).normal(size=(30, 3)), np.arange(30.0))
    learner = MaximumLikelihoodLearner(small_product(name, shape), data, l2=0.3)
    theta, h = learner.state()["x"], 1e-6
    steps = h * np.eye(theta.size)
    numeric = [(learner._objective(theta + s)[0] - learner._objective(theta - s)[0]) / (2 * h) for s in steps]
    np.testing.assert_allclose(learner._objective(theta)[1], numeric, rtol=1e-5, atol=1e-7)
    weights = learner.model.weights
    likelihood = data.weights / data.weights.sum() @ learner.model.log_density(data.dense)
    assert learner.log_likelihood == pytest.approx(likelihood)
    assert learner.objective == pytest.approx(likelihood - 0.15 * (weights**2).sum())


@pytest.mark.parametrize(("name", "least"), [("student_t", 2.0), ("logistic", 0.4)])
def test_the_guide_is_nearly_the_inverse_hessian_where_activations_are_independent(name, least):
    """As they are in samples of the model itself."""
    model = small_product(name, (3, 3), least=least)
    x = model.sample(40_000, Random(2))
    learner = MaximumLikelihoodLearner(model, TrainingData.from_array(x), learn_exponents=False)
    theta, h = learner.state()["x"], 1e-5
    steps = h * np.eye(15)[:12]  # exponents are not learnt
    hessian = np.array([learner._objective(theta + s)[1] - learner._objective(theta - s)[1] for s in steps])
    hessian = hessian[:, :12] / (2 * h)
    guide = learner._inverse_hessian(theta)
    inverse = np.array([guide(e)[:12] for e in np.eye(15)[:12]])
    np.testing.assert_allclose(inverse, inverse.T, atol=1e-10 * np.abs(inverse).max())
    assert np.linalg.eigvalsh(inverse).min() > 0
    eigenvalues = np.linalg.eigvals(inverse @ hessian).real
    assert eigenvalues.min() > 0.6
    assert eigenvalues.max() < 1.6
    plain = np.linalg.eigvalsh(hessian)
    assert plain.max() / plain.min() > 3 * eigenvalues.max() / eigenvalues.min()


@pytest.mark.parametrize("name", list(EXPERTS))
def test_the_guide_saves_steps(name):
    *_, z, _ = mixed("laplace", n_sources=8)
    guided = learnt(z, name, learn_exponents=False)
    data = TrainingData.from_array(z)
    plain = MaximumLikelihoodLearner(initial_product(data, 8, EXPERTS[name], **EQUAL), data, learn_exponents=False)
    plain._search.inverse_hessian = None
    for steps in range(1, 300):  # noqa: B007
        plain.update(0, 1)
        if plain.stuck or plain.gradient_size < 1e-6:
            break
    assert len(guided[1]) < steps


def test_fewer_experts_find_the_heavy_tails_among_gaussian_noise():
    rng = np.random.default_rng(0)
    sources = np.column_stack([rng.laplace(size=(4000, 2)), rng.normal(size=(4000, 3))])
    x = sources @ rng.normal(size=(5, 5)).T
    mean, matrix = whitening(x, np.full(4000, 1 / 4000))
    learner, values = learnt((x - mean) @ matrix, "logistic", n_experts=2, learn_exponents=False)
    assert (np.diff(values) >= 0).all()
    y = learner.model.activations((x - mean) @ matrix)
    assert (np.abs(np.corrcoef(y.T, sources.T)[:2, 2:4]).max(axis=0) > 0.98).all()


# ---- contrastive divergence ----


def contrastive(z, name, *, n_epochs=30, n_experts=None, learning="cd", moves=None, **options):
    data = TrainingData.from_array(z)
    rule = Rule(learning=learning, batch_size=100, learning_rate=Linear(0.1), l2=0)
    start = initial_product(data, n_experts or z.shape[1], EXPERTS[name], **EQUAL)
    return ContrastiveExpertLearner(
        start, data, rule, Random(1), n_epochs=n_epochs, moves=moves or Moves(), **options
    )  # fmt: skip


@pytest.mark.parametrize(
    ("name", "learning", "moves"),
    [
        ("student_t", "cd", Moves()),
        ("student_t", "cd", Moves(n_leapfrog=1)),
        ("student_t", "cd", Moves("gibbs")),
        ("student_t", "pcd", Moves()),
        ("logistic", "cd", Moves()),
    ],
    ids=["hmc", "mala", "gibbs", "pcd", "logistic"],
)
def test_contrastive_divergence_comes_near_maximum_likelihood(name, learning, moves):
    *_, z, _ = mixed("laplace", n=2000)
    best = learnt(z, name, learn_exponents=False)[0].objective
    learner = contrastive(z, name, learning=learning, moves=moves, learn_exponents=False)
    before = learner.model.log_density(z).mean()
    train(learner, 30)
    after = learner.model.log_density(z).mean()
    assert before < best - 0.08
    assert best - 0.02 < after <= best + 1e-9


def test_contrastive_divergence_with_fewer_experts_comes_near_maximum_likelihood():
    *_, z, _ = mixed("laplace", n=2000)
    best = learnt(z, "student_t", n_experts=2, learn_exponents=False)[0].objective
    learner = contrastive(z, "student_t", n_experts=2, learn_exponents=False)
    before = learner.model.log_density(z).mean()
    train(learner, 30)
    assert before < best - 0.05
    assert best - 0.02 < learner.model.log_density(z).mean() <= best + 1e-9


def test_steps_adapt_until_nine_in_ten_moves_are_accepted():
    *_, z, _ = mixed("laplace", n=2000)
    learner = contrastive(z, "student_t", n_experts=6)
    shares = []
    for epoch in range(12):
        learner.begin_epoch(epoch)
        for batch in range(learner.n_batches):
            learner.update(batch, batch + 1)
            shares.append(learner.accepted)
    assert np.mean(shares[100:]) == pytest.approx(0.9, abs=0.03)


@pytest.mark.parametrize("learning", ["cd", "pcd"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
def test_a_run_can_be_cut(learning, dtype):
    z = mixed("laplace", n=350)[3].astype(dtype)
    whole, part = (contrastive(z, "student_t", n_experts=6, learning=learning) for _ in range(2))
    train(whole, 4)
    train(part, 2)
    other = contrastive(z, "student_t", n_experts=6, learning=learning)
    other.restore(part.state())
    train(other, 4, first_epoch=2)
    for name, array in whole.state().items():
        np.testing.assert_array_equal(other.state()[name], array)
    assert whole.model.dtype == dtype
    with pytest.raises(ValueError, match="state has"):
        contrastive(z, "student_t", n_experts=5, learning=learning).restore(part.state())


def test_weights_count_as_repeats_do():
    z = mixed("laplace", n=400)[3]
    weights = np.random.default_rng(0).integers(0, 3, 400)
    data = TrainingData.from_array(z, weights), TrainingData.from_array(np.repeat(z, weights, axis=0))
    found = []
    for one in data:
        learner = MaximumLikelihoodLearner(initial_product(one, 4, EXPERTS["logistic"], **EQUAL), one)
        learner.update(0, 5)
        found.append(learner.model.weights)
    np.testing.assert_allclose(*found, rtol=1e-8)


# ---- what cannot be ----


def test_bad_starts_are_refused():
    z = mixed("laplace", n=50)[3]
    data = TrainingData.from_array(z)
    many = initial_product(data, 5, EXPERTS["student_t"], **EQUAL)
    with pytest.raises(ValueError, match="5 experts of 4 features"):
        MaximumLikelihoodLearner(many, data)
    square = initial_product(data, 4, EXPERTS["student_t"], **EQUAL)
    with pytest.raises(ValueError, match="cannot be normalised"):
        MaximumLikelihoodLearner(replace(square, weights=np.ones((4, 4))), data)
    with pytest.raises(ValueError, match="does not fit data of 4 columns in float64"):
        MaximumLikelihoodLearner(square.astype(np.float32), data)
    wide, logistic = replace(many, exponents=np.full(5, 0.3)), replace(square, expert=EXPERTS["logistic"])
    with pytest.raises(ValueError, match=r"must be above 0\.5, the least is 0\.3"):
        ContrastiveExpertLearner(wide, data, Rule(learning="cd"), Random(0), n_epochs=1, moves=Moves())
    with pytest.raises(ValueError, match="learning must be 'cd' or 'pcd', got 'exact'"):
        ContrastiveExpertLearner(square, data, Rule(learning="exact"), Random(0), n_epochs=1, moves=Moves())
    with pytest.raises(ValueError, match="sampler='gibbs' takes Student-t experts, got 'logistic'"):
        ContrastiveExpertLearner(logistic, data, Rule(learning="cd"), Random(0), n_epochs=1, moves=Moves("gibbs"))


def test_whitening():
    rng = np.random.default_rng(0)
    x, share = rng.normal(size=(200, 3)) @ rng.normal(size=(3, 3)) * [1e6, 1, 1e-5], rng.dirichlet(np.ones(200))
    mean, matrix = whitening(x, share)
    z = (x - mean) @ matrix
    np.testing.assert_allclose((share * z.T) @ z, np.eye(3), atol=1e-6)
    other = whitening(x * [1, 1e3, 1e-3] + 7, share)
    np.testing.assert_allclose((x * [1, 1e3, 1e-3] + 7 - other[0]) @ other[1], z, atol=1e-5)  # other units
    with pytest.raises(ValueError, match="feature 1 is constant"):
        whitening(np.column_stack([x[:, 0], np.full(200, 0.1)]), share)
    with pytest.raises(ValueError, match=r"its 3 features have rank 2 \(n_samples=200\)"):
        whitening(np.column_stack([x[:, :2], x[:, 0] + x[:, 1]]), share)
