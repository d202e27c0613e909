"""Bounds on log p(x) where it is known, and samples."""

import zlib

import numpy as np
import pytest

from ebm.autoencoder.likelihood import GaussianLikelihood
from ebm.autoencoder.variational_layout import own_variational_layout, variational_layout
from ebm.autoencoder.variational_model import VariationalModel
from ebm.kernels.importance import draw_codes
from ebm.kernels.threads import limit_threads
from ebm.networks.dense import Dense
from ebm.networks.shape import Flatten
from ebm.random import Random, Stream
from tests.autoencoder.linear_gaussian import D, S, exact_divergence, exact_log_p, known_model, some_data
from tests.reference import variational as reference

SHIFT, WIDENING = 0.3, 0.5


def error(differences):
    return np.std(differences, ddof=1) / np.sqrt(len(differences))


def test_with_the_exact_posterior_every_weight_is_the_evidence():
    model = known_model()
    x = some_data(model, 50)
    right = exact_log_p(model, x)
    for k in (1, 7):
        np.testing.assert_allclose(model.importance_bound(x, k, Random(0)), right, rtol=1e-10)
    gap = model.elbo(x, 400, Random(0)) - right
    assert abs(gap.mean()) < 4 * error(gap)


def test_bounds_rise_to_the_evidence():
    """ELBO < IWAE of 1, 10, 1000 <= log p(x); the ELBO lacks the divergence from the exact posterior."""
    model = known_model(shift=SHIFT, widening=WIDENING)
    x = some_data(model, 3000)
    right = exact_log_p(model, x)
    lacking = {k: right - model.importance_bound(x, k, Random(2)) for k in (1, 10)}
    lacking[1000] = right[:300] - model.importance_bound(x[:300], 1000, Random(2))
    means = {k: gap.mean() for k, gap in lacking.items()}
    elbo = right - model.elbo(x, 1, Random(3))
    for gap in (elbo, lacking[1]):
        assert abs(gap.mean() - exact_divergence(SHIFT, WIDENING)) < 4 * error(gap)
    assert means[1] > means[10] + 3 * error(lacking[10]) > means[1000] + 3 * error(lacking[1000])
    assert means[10] > 3 * error(lacking[10])
    assert abs(means[1000]) < 0.01 + 4 * error(lacking[1000])


@pytest.mark.parametrize("twin", ["wrong sign of the divergence", "no log q"])
def test_a_wrong_bound_is_caught(twin):
    """Both twins lie above log p(x) by far more than the three standard errors that are allowed."""
    model = known_model(shift=SHIFT, widening=WIDENING)
    x = some_data(model, 500)
    right = exact_log_p(model, x)
    if twin == "no log q":
        mean, log_variance = model.posterior(x)
        z = mean + np.exp(log_variance / 2) * np.random.default_rng(0).normal(size=mean.shape)
        log_q = [
            sum(reference.log_normal(*unit) for unit in zip(*row, strict=True))
            for row in zip(z, mean, log_variance, strict=True)
        ]
        wrong = model.importance_bound(x, 1, Random(0)) + np.array(log_q)
    else:
        divergences = np.array([reference.divergence(np.concatenate(q)) for q in zip(*model.posterior(x), strict=True)])
        wrong = model.elbo(x, 1, Random(0)) + 2 * divergences
    gap = wrong - right
    assert not abs(gap.mean() + exact_divergence(SHIFT, WIDENING)) < 4 * error(gap)
    assert twin == "no log q" or gap.mean() > 3 * error(gap)


def test_bounds_of_a_sample_do_not_depend_on_the_others():
    model = known_model(shift=SHIFT)
    x = some_data(model, 700)
    for bound in (lambda rows: model.importance_bound(rows, 5, Random(4)), lambda rows: model.elbo(rows, 5, Random(4))):
        whole = bound(x)
        np.testing.assert_allclose(bound(x[::-1])[::-1], whole, rtol=1e-13)
        np.testing.assert_allclose(bound(x[650:651]), whole[650:651], rtol=1e-13)
        with limit_threads(1):
            np.testing.assert_array_equal(bound(x), whole)
    assert (model.importance_bound(x, 5, Random(5)) != model.importance_bound(x, 5, Random(4))).all()
    np.testing.assert_allclose(  # more draws than rows that are taken at a time: 2000 = 1024 + 976
        model.importance_bound(x[:2], 2000, Random(1)), exact_log_p(model, x[:2]), atol=0.05
    )


def test_bernoulli_bound_is_that_of_the_formula():
    layout = variational_layout(5, 2, (4,), activation="tanh")
    rng = np.random.default_rng(0)
    p = {k: v + 0.3 * rng.normal(size=v.shape) for k, v in layout.initial(Random(0), np.float64).items()}
    model, x = VariationalModel(layout, p), (rng.random((3, 5)) < 0.5).astype(float)
    found = model.importance_bound(x, 3, Random(6))
    for row in range(3):
        posterior = np.concatenate(model.posterior(x[row : row + 1]), axis=1)
        weights = []
        for i in range(3):
            z, ratio = np.empty((1, 2)), np.empty(1)
            name = np.array([zlib.crc32(x[row])])
            draw_codes(posterior, name, np.array([i]), Random(6).at(Stream.IMPORTANCE), z, ratio)
            probabilities = model.decode(z)[0]
            logits = np.log(probabilities / (1 - probabilities))
            weights.append(np.exp(reference.bernoulli_log(x[row], logits) + reference.log_ratio(posterior[0], z[0])))
        np.testing.assert_allclose(found[row], np.log(np.mean(weights)), rtol=1e-9)


def test_samples_are_those_of_the_density():
    model = known_model()
    x = model.sample(40_000, Random(0), means=False)
    w, b = model.parameters["decoder.0.weights"], model.parameters["decoder.0.bias"]
    covariance = w.T @ w + S * np.eye(D)
    np.testing.assert_allclose(x.mean(axis=0), b, atol=5 * np.sqrt(covariance.diagonal().max() / 40_000))
    np.testing.assert_allclose(np.cov(x.T), covariance, atol=0.06)
    means = model.sample(40_000, Random(0))
    np.testing.assert_allclose(np.cov(means.T), w.T @ w, atol=0.06)
    np.testing.assert_array_equal(model.sample(10, Random(0)), means[:10])
    assert (model.sample(10, Random(1)) != means[:10]).any()


def test_samples_of_a_bernoulli_decoder_are_zeros_and_ones_with_its_means():
    layout = variational_layout(4, 1)
    model = VariationalModel(layout, layout.initial(Random(3), np.float32))
    x, means = (model.sample(20_000, Random(0), means=m) for m in (False, True))
    assert set(np.unique(x)) == {0.0, 1.0}
    assert ((means > 0) & (means < 1)).all()
    np.testing.assert_allclose(x.mean(axis=0), means.mean(axis=0), atol=0.02)
    low = means[:, 0] < np.median(means[:, 0])
    assert x[low, 0].mean() < x[~low, 0].mean() - 0.05


def test_labels_choose_the_class():
    layout = variational_layout(4, 2, n_classes=3, likelihood=GaussianLikelihood("features"))
    rng = np.random.default_rng(0)
    p = {k: v + rng.normal(size=v.shape) for k, v in layout.initial(Random(0), np.float64).items()}
    model, x = VariationalModel(layout, p), rng.normal(size=(6, 4))
    labels = np.eye(3)[[0, 1, 2, 0, 1, 2]]
    bounds = model.class_bounds(x, 4, Random(0))
    own = model.importance_bound(x, 4, Random(0), labels)
    np.testing.assert_allclose(bounds[np.arange(6), [0, 1, 2, 0, 1, 2]], own, rtol=1e-12)
    z = model.encode(x, labels)
    joined = np.hstack([x, labels]) @ p["encoder.0.weights"] + p["encoder.0.bias"]
    np.testing.assert_allclose(z, joined[:, :2], rtol=1e-12)
    decoded = np.hstack([z, labels]) @ p["decoder.0.weights"] + p["decoder.0.bias"]
    np.testing.assert_allclose(model.reconstruct(x, labels), decoded, rtol=1e-12)
    assert model.sample(6, Random(0), labels).shape == (6, 4)


def test_codes_are_left_as_they_are():
    architecture = own_variational_layout([Dense(12)], [Flatten()], (6,))
    model = VariationalModel(architecture, architecture.initial(Random(0), np.float32))
    z = Random(1).normal((5, 6), Stream.WEIGHTS)
    before = z.copy()
    model.decode(z)
    assert np.array_equal(z, before)


def test_bounds_of_one_sample_are_those_among_many_to_the_bit():
    model, random = known_model(shift=SHIFT), Random(4)
    x = some_data(model, 50)
    for bound in (model.importance_bound, model.elbo):
        alone = np.concatenate([bound(x[i : i + 1], 64, random) for i in range(50)])
        np.testing.assert_array_equal(alone, bound(x, 64, random))
