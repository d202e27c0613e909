"""The negative bound as an objective: gradients, the divergence, the draw, labels, threads and replay."""

import numpy as np
import pytest

from ebm.autoencoder.likelihood import BernoulliLikelihood, GaussianLikelihood
from ebm.autoencoder.variational import Variational
from ebm.autoencoder.variational_layout import own_variational_layout, variational_layout
from ebm.kernels.program import Captured
from ebm.kernels.threads import limit_threads
from ebm.networks import codes
from ebm.networks.context import Context
from ebm.networks.dense import Dense
from ebm.networks.objective import Batch
from ebm.random import Random
from tests.networks.checks import close, differences
from tests.reference import variational as reference

LIKELIHOODS = {
    "bernoulli": BernoulliLikelihood(),
    "shared": GaussianLikelihood(),
    "features": GaussianLikelihood("features"),
    "fixed": GaussianLikelihood(0.3),
}


def made(likelihood="bernoulli", *, n_classes=0, hidden=(5,), dtype=np.float64, n=7, beta=1.7):
    layout = variational_layout(
        6, 3, hidden, activation="tanh", likelihood=LIKELIHOODS[likelihood], n_classes=n_classes
    )
    rng = np.random.default_rng(0)
    start = layout.initial(Random(0), dtype)
    parameters = {k: (v + 0.3 * rng.normal(size=v.shape)).astype(dtype) for k, v in start.items()}
    weights = rng.random(n)
    extra = {"labels": np.eye(n_classes, dtype=dtype)[rng.integers(0, n_classes, n)]} if n_classes else {}
    batch = Batch(rng.random((n, 6)).astype(dtype), (weights / weights.sum()).astype(dtype), extra)
    return Variational(layout, beta), parameters, batch


def gradient_of(objective, parameters, batch, **options):
    still = objective.statistics
    gradients = {k: np.full_like(v, np.nan) for k, v in parameters.items() if k not in still}
    values = objective.gradient(parameters, batch, gradients, Context(training=True, **options))
    return np.array(values), gradients


@pytest.mark.parametrize("n_classes", [0, 3])
@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_gradient(likelihood, n_classes):
    objective, parameters, batch = made(likelihood, n_classes=n_classes)

    def value():
        return float(batch.weights @ objective.values(parameters, batch, Context()))

    values, gradients = gradient_of(objective, parameters, batch)
    np.testing.assert_allclose(values, objective.values(parameters, batch, Context()), rtol=1e-13)
    assert set(gradients) == set(parameters) - set(objective.statistics)
    for name, gradient in gradients.items():
        close(gradient, differences(value, parameters[name]))


def test_values_are_reconstruction_plus_beta_times_the_divergence():
    objective, parameters, batch = made(beta=0.0)
    plain = objective.values(parameters, batch, Context())
    posterior, _ = objective.architecture.posterior(parameters, batch.x, None, Context())
    divergences = np.array([reference.divergence(q) for q in posterior])
    for beta in (1.0, 4.0):
        values = Variational(objective.architecture, beta).values(parameters, batch, Context())
        np.testing.assert_allclose(values - plain, beta * divergences, rtol=1e-10)


def test_the_draw_is_the_posterior_and_fresh_in_every_update():
    """Values with another clock differ; over many the codes have the posterior's mean and variance."""
    objective, parameters, batch = made()
    one, two = (objective.values(parameters, batch, Context(clock=np.array([t, 0], "u4"))) for t in (0, 1))
    assert (np.array(one) != np.array(two)).all()


def test_gradient_through_the_draw_is_that_of_the_expectation():
    """Mean and log-variance of a single posterior, against E log p(x given z) summed over a fine grid."""
    layout = variational_layout(4, 1, (3,), activation="tanh")
    rng = np.random.default_rng(3)
    p = {k: v + rng.normal(size=v.shape) for k, v in layout.initial(Random(0), np.float64).items()}
    x = (rng.random(4) < 0.5).astype(float)
    nodes = np.linspace(-8, 8, 2001)
    shares = np.exp(-(nodes**2) / 2)

    def expected():
        hidden = np.tanh(x @ p["encoder.0.weights"] + p["encoder.0.bias"])
        mu, s = hidden @ p["encoder.1.weights"] + p["encoder.1.bias"]
        z = (mu + np.exp(s / 2) * nodes)[:, None]
        logits = np.tanh(z @ p["decoder.0.weights"] + p["decoder.0.bias"]) @ p["decoder.1.weights"]
        logits = logits + p["decoder.1.bias"]
        loss = np.array([-reference.bernoulli_log(x, row) for row in logits])
        return float(shares @ loss / shares.sum()) + reference.divergence(np.array([mu, s]))

    right = differences(expected, p["encoder.1.bias"])
    n, objective = 4000, Variational(layout)
    batch, found = Batch(np.tile(x, (n, 1)), np.full(n, 1 / n)), []
    for t in range(25):
        _, gradients = gradient_of(objective, p, batch, clock=np.array([t, 0], np.uint32))
        found.append(gradients["encoder.1.bias"])
    error = np.std(found, axis=0, ddof=1) / 5
    assert (np.abs(right) > 8 * error).all()  # so that a missing term would be seen
    assert (np.abs(np.mean(found, axis=0) - right) < 4 * error).all()


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_threads_and_replay(likelihood):
    objective, parameters, batch = made(likelihood, n_classes=3, hidden=(64,), dtype=np.float32, n=300)
    results = []
    for n_threads in (1, 2):
        with limit_threads(n_threads):
            values, gradients = gradient_of(objective, parameters, batch)
            results.append([values, *gradients.values()])
    assert all((a == b).all() for a, b in zip(*results, strict=True))
    context, kept = Context(training=True, reuse=True), {}
    gradients = {k: np.empty_like(v) for k, v in gradients.items()}

    def update():
        context.rewind()
        kept["values"] = objective.gradient(parameters, batch, gradients, context)

    captured = Captured(update)
    captured()
    for array in (kept["values"], *gradients.values()):
        array[...] = np.nan
    captured(2)
    for found, right in zip([kept["values"], *gradients.values()], results[0], strict=True):
        assert (found == right).all()


def test_equals_torch():
    torch = pytest.importorskip("torch")
    torch.set_num_threads(1)
    objective, parameters, batch = made(dtype=np.float32, hidden=(8,))
    values, gradients = gradient_of(objective, parameters, batch)
    p = {name: torch.tensor(array, requires_grad=True) for name, array in parameters.items()}
    x, weights = torch.tensor(batch.x), torch.tensor(batch.weights)
    hidden = torch.tanh(x @ p["encoder.0.weights"] + p["encoder.0.bias"])
    mu, s = (hidden @ p["encoder.1.weights"] + p["encoder.1.bias"]).chunk(2, dim=1)
    eps = np.array(codes.reparameterise(np.zeros((7, 6), np.float32), Context())[1])  # as a fresh context draws it
    z = mu + torch.exp(s / 2) * torch.tensor(eps)
    logits = torch.tanh(z @ p["decoder.0.weights"] + p["decoder.0.bias"]) @ p["decoder.1.weights"]
    logits = logits + p["decoder.1.bias"]
    loss = torch.nn.functional.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(1)
    right = loss + 1.7 * 0.5 * (s.exp() + mu**2 - 1 - s).sum(1)
    (weights * right).sum().backward()
    np.testing.assert_allclose(values, right.detach().numpy(), rtol=1e-5)
    for name, gradient in gradients.items():
        close(gradient, p[name].grad.numpy(), 1e-5)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: own_variational_layout([Dense(3)], [Dense(6)], (6,)), r"even number of outputs.*\(3,\)"),
        (lambda: own_variational_layout([], [Dense(4)], (2, 2, 1)), r"even number of outputs.*\(2, 2, 1\)"),
        (lambda: own_variational_layout([Dense(4)], [Dense(5)], (6,)), r"decoder gives samples of shape \(5,\)"),
        (lambda: variational_layout(6, 0), "units must be an integer of at least 1, got 0"),
        (lambda: Variational(variational_layout(6, 2), -1.0), "beta must be a finite number >= 0, got -1.0"),
        (lambda: Variational(variational_layout(6, 2), float("nan")), "beta must be"),
        (lambda: GaussianLikelihood("wide"), "noise_variance must be 'shared', 'features' or a number.*'wide'"),
        (lambda: GaussianLikelihood(0.0), "noise_variance must be"),
        (lambda: GaussianLikelihood(-1.0), "noise_variance must be"),
        (lambda: GaussianLikelihood(float("nan")), "noise_variance must be"),
        (lambda: GaussianLikelihood(1e7), "noise_variance must be"),
    ],
)
def test_what_does_not_fit_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_labels_are_asked_for_by_networks_with_classes_alone():
    for n_classes, labels in ((0, np.ones((7, 3))), (3, None)):
        objective, parameters, batch = made(n_classes=n_classes)
        extra = {} if labels is None else {"labels": labels}
        with pytest.raises(ValueError, match=f"labels of {n_classes} classes"):
            objective.values(parameters, Batch(batch.x, batch.weights, extra), Context())
