"""Losses, codes, steps and clipping on the device equal the CPU's, also after many updates."""

import numpy as np
import pytest

from ebm.device import get_device
from ebm.kernels.totals import add_total, tick
from ebm.networks.codes import Sparsity, add_through_draw, kl_to_normal, kl_values, reparameterise
from ebm.networks.context import Context
from ebm.networks.losses import (
    BernoulliCrossEntropy,
    GaussianNLL,
    SharedGaussianNLL,
    SoftmaxCrossEntropy,
    SquaredError,
)
from ebm.networks.parameters import FlatParameters
from ebm.optimizers.adam import Adam, AdamW
from ebm.optimizers.clipping import ClipByNorm, ClipByValue
from ebm.optimizers.schedules import Linear
from ebm.optimizers.sgd import SGD, RMSprop
from ebm.random import Random

DTYPES = [np.float32, np.float64]
CPU = get_device("cpu")
rng = np.random.default_rng(0)
A, T = 2 * rng.normal(size=(3, 6)), rng.random((3, 6))
WIDE = np.hstack([A, np.where(rng.random((3, 6)) < 0.3, 4, 0.5) * rng.normal(size=(3, 6))])
SHARES = rng.dirichlet(np.ones(3))
LOSSES = {
    "squared": (SquaredError(), A, T),
    "bernoulli": (BernoulliCrossEntropy(), A, T),
    "softmax": (SoftmaxCrossEntropy(), A, T),
    "labels": (SoftmaxCrossEntropy(), A, np.array([5, 6, 0])),
    "gaussian": (GaussianNLL(-2, 2), WIDE, T),
    "shared": (SharedGaussianNLL(-2, 2), A, T),
}


def alike(device, there, here):
    """Compare arrays of the device with those of the CPU, within roundings; NaN where NaN is."""
    tolerance = 100 * np.finfo(here.dtype).eps
    assert there.dtype == here.dtype
    np.testing.assert_allclose(device.download(there), here, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_losses_equal_the_cpu(device, dtype, name):
    loss, output, target = LOSSES[name]
    target = target if target.dtype == np.int64 else target.astype(dtype)
    own = {"log_variance": WIDE[1, 6:].astype(dtype)} if name == "shared" else {}
    found = []
    for where in (CPU, device):
        context = Context(where)
        a, t, w = (where.upload(x) for x in (output.astype(dtype), target, SHARES.astype(dtype)))
        parameters = {key: where.upload(x) for key, x in own.items()}
        gradients = {key: where.zeros(6, dtype) for key in own}
        values, d = loss.value_and_gradient(a, t, w, context, parameters, gradients)
        if own:  # adds to its own gradients
            loss.value_and_gradient(a, t, w, context, parameters, gradients)
        found.append((values, d, loss.values(a, t, context, parameters), *gradients.values()))
    for here, there in zip(*found, strict=True):
        alike(device, there, here)
    assert np.isnan(found[0][0]).sum() == (1 if name == "labels" else 0)


@pytest.mark.parametrize("m", [1, 6])
@pytest.mark.parametrize("dtype", DTYPES)
def test_posteriors_equal_the_cpu(device, dtype, m):
    found = []
    for where in (CPU, device):
        clock = where.upload(np.array([3, 1], np.uint32))
        context = Context(where, random=Random((7 << 32) + 5), clock=clock)
        posterior = where.upload(WIDE[:, : 2 * m].astype(dtype))
        shares, betas = where.upload(SHARES.astype(dtype)), where.upload(np.array([9, 0.5], dtype))
        values, d = kl_to_normal(posterior, shares, betas, context)
        z, eps = reparameterise(posterior, context)
        add_through_draw(posterior, eps, z, d)
        found.append((values, kl_values(posterior, context), z, eps, d))
    for here, there in zip(*found, strict=True):
        alike(device, there, here)


@pytest.mark.parametrize("dtype", DTYPES)
def test_sparse_codes_equal_the_cpu(device, dtype):
    found = []
    for where in (CPU, device):
        context, h, shares = Context(where), where.upload(T.astype(dtype)), where.upload(SHARES.astype(dtype))
        dh, rule = where.upload(A.astype(dtype)), Sparsity(0.2, 1.5)
        found.append((rule.penalise(h, shares, dh, context), rule.value(h, shares, context), dh))
    for here, there in zip(*found, strict=True):
        alike(device, there, here)


OPTIMIZERS = {
    "sgd": SGD(Linear(0.1), weight_decay=0.1),
    "momentum": SGD(Linear(0.1), momentum=0.9, weight_decay=0.1),
    "nesterov": SGD(0.1, momentum=0.9, nesterov=True),
    "rmsprop": RMSprop(Linear(0.1), weight_decay=0.1),
    "rmsprop momentum": RMSprop(0.1, momentum=0.9),
    "adam": Adam(Linear(0.1), weight_decay=0.1),
    "adamw": AdamW(Linear(0.1), weight_decay=0.1),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_steps_equal_the_cpu(device, dtype, name):
    """Three updates with clipping, a clock, decay of a part, and parameters by name."""
    optimizer, rule, found = OPTIMIZERS[name], ClipByNorm(0.5), []
    for where in (CPU, device):
        flat = FlatParameters({"bias": A[0, :3].astype(dtype), "weights": A[1:3].astype(dtype)}, device=where)
        gradients, n = flat.like(), flat.vector.size
        slots, parts = optimizer.slots(n, dtype, where), rule.slots(n, dtype, where)
        table = where.upload(optimizer.rates(np.arange(3) / 3).astype(dtype))
        clock, scale = where.zeros(2, np.uint32), where.upload(np.ones(1, dtype))
        for k in range(3):
            gradients.write({"bias": T[k, :3], "weights": T[[k, 0]]})
            rule.clip(gradients.vector, scale, parts)
            optimizer.step(flat.vector, gradients.vector, slots, table, clock, flat.n_decayed, scale)
            tick(clock)
        np.testing.assert_array_equal(where.download(clock), [3, 3])
        assert 0 < where.download(scale)[0] < 1
        found.append((flat.vector, *slots))
    for here, there in zip(*found, strict=True):
        alike(device, there, here)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n", [5, 4100])
def test_clipping_equals_the_cpu(device, dtype, n):
    found, g = [], np.tile(rng.normal(size=50), 82)[:n].astype(dtype)
    for where in (CPU, device):
        gradient, scale = where.upload(g), where.upload(np.ones(1, dtype))
        ClipByNorm(0.5).clip(gradient, scale, ClipByNorm(0.5).slots(n, dtype, where))
        ClipByValue(0.25).clip(gradient, scale, [])
        found.append((gradient, scale))
    for here, there in zip(*found, strict=True):
        alike(device, there, here)


@pytest.mark.parametrize("dtype", DTYPES)
def test_totals_equal_the_cpu(device, dtype):
    found = []
    for where in (CPU, device):
        out, values, weights = (
            where.zeros((2, 2), dtype),
            where.upload(A[0].astype(dtype)),
            where.upload(T[0].astype(dtype)),
        )
        for _ in range(3):
            add_total(values, weights, out, 1)
        found.append(where.download(out).sum(axis=1))
    np.testing.assert_allclose(found[1], found[0], rtol=20 * np.finfo(dtype).eps)
    assert found[1][0] == 0


def test_arrays_of_two_devices_are_refused(device):
    a, t = device.upload(A), T.copy()
    with pytest.raises(ValueError, match=r"target is .* on the same device as the rest"):
        SquaredError().values(a, t, Context(device))
