"""Divergence from N(0, I), draws through which gradients go, and sparse codes."""

import numpy as np
import pytest

from ebm.kernels.program import Captured
from ebm.kernels.threads import limit_threads
from ebm.networks.codes import Sparsity, add_through_draw, kl_to_normal, kl_values, reparameterise
from ebm.networks.context import Context
from ebm.random import Random
from tests.networks.differences import close, differences
from tests.reference import losses as reference

DTYPES = [np.float32, np.float64]
rng = np.random.default_rng(1)
POSTERIOR = np.hstack([rng.normal(size=(6, 7)), 0.8 * rng.normal(size=(6, 7))])
SHARES = rng.dirichlet(np.ones(6))
H = rng.uniform(0.01, 0.99, (6, 7))


def clocked(step, batch=0, **options):
    return Context(random=Random(8), clock=np.array([step, batch], np.uint32), **options)


@pytest.mark.parametrize("dtype", DTYPES)
def test_divergence_is_the_integral(dtype):
    found = kl_values(POSTERIOR.astype(dtype), Context())
    assert found.dtype == dtype
    expected = reference.kl_to_normal(POSTERIOR[:, :7], POSTERIOR[:, 7:])
    np.testing.assert_allclose(found, expected, rtol=3e-6 if dtype == np.float32 else 1e-9)


def test_divergence_gradients_are_differences_times_beta():
    posterior = POSTERIOR.copy()
    values, d = kl_to_normal(posterior, SHARES, np.array([0.3]), Context())
    np.testing.assert_array_equal(values, kl_values(posterior, Context()))
    close(d, differences(lambda: 0.3 * SHARES @ kl_values(posterior, Context()), posterior))


def test_beta_is_that_of_the_batch_or_the_last():
    betas, posterior = np.array([0.0, 1.0, 2.0]), POSTERIOR.copy()
    _, once = kl_to_normal(posterior, SHARES, betas[1:2].copy(), Context())
    for batch, factor in ((0, 0), (1, 1), (2, 2), (7, 2)):
        _, d = kl_to_normal(posterior, SHARES, betas, clocked(0, batch))
        np.testing.assert_allclose(d, factor * once, rtol=1e-14)


def test_torch_agrees_on_the_divergence():
    torch = pytest.importorskip("torch")
    p = torch.tensor(POSTERIOR, requires_grad=True)
    q = torch.distributions.Normal(p[:, :7], (0.5 * p[:, 7:]).exp())
    values = torch.distributions.kl_divergence(q, torch.distributions.Normal(0.0, 1.0)).sum(1)
    (torch.tensor(SHARES) * values).sum().backward()
    found, d = kl_to_normal(POSTERIOR, SHARES, np.ones(1), Context())
    close(found, values.detach().numpy(), 1e-12)
    close(d, p.grad.numpy(), 1e-12)


@pytest.mark.parametrize("dtype", DTYPES)
def test_draws_have_the_posteriors_moments(dtype):
    """About the mean of 4000 draws, and their spread, at five standard errors."""
    n = 4000
    posterior = np.repeat(POSTERIOR[:1].astype(dtype), n, axis=0)
    z, eps = reparameterise(posterior, clocked(3))
    deviation = np.exp(0.5 * POSTERIOR[0, 7:])
    assert z.dtype == eps.dtype == dtype
    np.testing.assert_allclose(z, posterior[:, :7] + deviation * eps, rtol=1e-5, atol=1e-5)
    np.testing.assert_array_less(np.abs(z.mean(0) - POSTERIOR[0, :7]), 5 * deviation / np.sqrt(n))
    np.testing.assert_array_less(np.abs(z.std(0) / deviation - 1), 5 / np.sqrt(2 * n))


def test_draws_depend_on_update_and_place_alone():
    posterior = POSTERIOR.astype(np.float32)
    z, eps = reparameterise(posterior, clocked(3))
    np.testing.assert_array_equal(reparameterise(posterior[:4].copy(), clocked(3))[0], z[:4])
    assert not np.isclose(reparameterise(posterior, clocked(4))[1], eps).any()
    context = clocked(3)
    np.testing.assert_array_equal(reparameterise(posterior, context)[1], eps)
    assert not np.isclose(reparameterise(posterior, context)[1], eps).any()  # the second of a pass


def test_gradients_through_a_draw_are_differences_and_add():
    posterior, direction = POSTERIOR.copy(), rng.normal(size=(6, 7))
    _, eps = reparameterise(posterior, clocked(3))
    start = rng.normal(size=(6, 14))
    d = start.copy()
    add_through_draw(posterior, eps, direction, d)
    expected = differences(lambda: (direction * reparameterise(posterior, clocked(3))[0]).sum(), posterior)
    close(d - start, expected)


def everything(context, posterior, shares, h, dh):
    """A loss's worth of updates: divergence, draw, the way back, and a sparse code."""
    values, d = kl_to_normal(posterior, shares, np.array([0.5, 0.7], posterior.dtype), context)
    z, eps = reparameterise(posterior, context)
    add_through_draw(posterior, eps, z, d)
    penalty = Sparsity(0.2, 3.0).penalise(h, shares, dh, context)
    return values, d, z, penalty


def inputs(dtype=np.float32):
    return POSTERIOR.astype(dtype), SHARES.astype(dtype), H.astype(dtype), np.zeros((6, 7), dtype)


def test_one_thread_equals_two_bit_for_bit(monkeypatch):
    monkeypatch.setattr("ebm.kernels.threads.SMALL", 1)
    results = []
    for n in (1, 2):
        with limit_threads(n):
            arrays = inputs()
            results.append((*everything(clocked(5), *arrays), arrays[-1]))
    for one, two in zip(*results, strict=True):
        np.testing.assert_array_equal(one, two)


def test_replayed_updates_read_the_clock():
    context, arrays, kept = clocked(5, reuse=True), inputs(), []

    def update():
        context.rewind()
        kept[:] = everything(context, *arrays)

    captured = Captured(update)
    captured()
    first = [a.copy() for a in kept]
    context.clock += 1
    arrays[-1][...] = 0
    captured()
    again = inputs()
    expected = everything(clocked(6, 1), *again)
    for found, wanted in zip((*kept, arrays[-1]), (*expected, again[-1]), strict=True):
        np.testing.assert_array_equal(found, wanted)
    assert not np.isclose(first[2], kept[2]).any()


@pytest.mark.parametrize("dtype", DTYPES)
def test_sparsity_is_the_formula(dtype):
    shares, h = SHARES.astype(dtype), H.astype(dtype)
    found = Sparsity(0.2, 3.0).value(h, shares, Context())
    assert found.dtype == dtype
    np.testing.assert_allclose(found, reference.sparsity(H, SHARES, 0.2, 3.0), rtol=2e-6)


def test_sparsity_gradients_are_differences_and_add():
    h, start = H.copy(), rng.normal(size=H.shape)
    penalty, dh = Sparsity(0.2, 3.0), start.copy()
    value = penalty.penalise(h, SHARES, dh, Context())
    np.testing.assert_array_equal(value, penalty.value(h, SHARES, Context()))
    close(dh - start, differences(lambda: float(penalty.value(h, SHARES, Context())[0]), h))


@pytest.mark.parametrize("dtype", DTYPES)
def test_dead_and_saturated_units_have_finite_penalties(dtype):
    h = np.array([[0.0, 1.0, 0.05]] * 4, dtype)
    dh, shares = np.zeros_like(h), np.full(4, 0.25, dtype)
    penalty = Sparsity(0.05, 1.0).penalise(h, shares, dh, Context())
    assert np.isfinite(penalty).all()
    np.testing.assert_allclose(penalty, 0.05 * np.log(0.05e6) + 0.95 * np.log(0.95) + 0.95 * np.log(0.95e6)
                               + 0.05 * np.log(0.05), rtol=0.01)  # fmt: skip
    assert (dh[:, 0] < -1000).all()
    assert (dh[:, 1] > 1000).all()
    np.testing.assert_allclose(dh[:, 2], 0, atol=1e-6)


def test_what_does_not_fit_is_refused():
    context, posterior = Context(), POSTERIOR.copy()
    with pytest.raises(ValueError, match=r"posterior is float64\(6, 13\); give m means and m log-variances"):
        kl_values(posterior[:, :13].copy(), context)
    with pytest.raises(ValueError, match=r"betas is float64\(0,\)"):
        kl_to_normal(posterior, SHARES, np.zeros(0), context)
    with pytest.raises(ValueError, match=r"dz is float64\(6, 6\); give float64\(6, 7\)"):
        add_through_draw(posterior, H, H[:, :6].copy(), posterior)
    with pytest.raises(ValueError, match=r"shares is float64\(5,\)"):
        Sparsity().value(H, SHARES[:5].copy(), context)
    with pytest.raises(ValueError, match="dh is None"):
        Sparsity().penalise(H, SHARES, None, context)
    with pytest.raises(ValueError, match=r"rate must be in \(0, 1\), got 1"):
        Sparsity(rate=1)
    with pytest.raises(ValueError, match=r"weight must be a finite number >= 0, got -1"):
        Sparsity(weight=-1)
