"""What every layer must pass: gradients by central differences, adjointness, threads, replay."""

import numpy as np

from ebm.kernels.program import Captured
from ebm.kernels.threads import limit_threads
from ebm.networks.context import Context
from ebm.random import Random

STEP = 1e-5


def with_parameters(layer, shape, *, seed=0, dtype=np.float64, spread=0.3):
    """First parameters, moved off what they begin with: gradients at zero biases would hide errors."""
    rng = np.random.default_rng(seed)
    found = layer.initial(shape, Random(seed), dtype)
    return {name: (array + spread * rng.normal(size=array.shape)).astype(dtype) for name, array in found.items()}


def passed(layer, parameters, x, dy, **options):
    """Forward and backward: y, dx and the gradients."""
    context = Context(**options)
    y, cache = layer.forward(parameters, x, context)
    gradients = {k: np.full_like(v, np.nan) for k, v in parameters.items() if k not in layer.statistics}
    dx = layer.backward(parameters, cache, dy, gradients, context)
    return np.array(y), np.array(dx), gradients


def differences(function, x):
    """Central differences of a number by every element of x, which is put back."""
    out = np.empty(x.shape)
    for i in np.ndindex(*x.shape):
        before = x[i]
        x[i] = before + STEP
        high = function()
        x[i] = before - STEP
        out[i] = (high - function()) / (2 * STEP)
        x[i] = before
    return out


def close(found, right, tolerance=1e-7):
    """Whether arrays agree, relative to the largest element."""
    scale = max(np.abs(right).max(initial=0), 1e-3)
    np.testing.assert_allclose(found, right, rtol=0, atol=tolerance * scale)


def check_gradients(layer, shape, n=4, seed=0, **options):
    """d <dy, y> by parameters and input = central differences in float64."""
    rng = np.random.default_rng(seed)
    parameters, x = with_parameters(layer, shape, seed=seed), rng.normal(size=(n, *shape))
    dy = rng.normal(size=(n, *layer.output_shape(shape)))

    def value():
        return float((dy * layer.forward(parameters, x, Context(**options))[0]).sum())

    _, dx, gradients = passed(layer, parameters, x, dy, **options)
    close(dx, differences(value, x))
    for name, gradient in gradients.items():
        close(gradient, differences(value, parameters[name]))


def check_adjoint(layer, shape, n=5, seed=1, **options):
    """<J v, u> = <v, J^T u>, with J v by jvp."""
    rng = np.random.default_rng(seed)
    parameters, x = with_parameters(layer, shape, seed=seed), rng.normal(size=(n, *shape))
    context = Context(**options)
    y, cache = layer.forward(parameters, x, context)
    v, u = rng.normal(size=x.shape), rng.normal(size=y.shape)
    gradients = {k: np.empty_like(array) for k, array in parameters.items()}
    left = float((layer.jvp(parameters, cache, v, context) * u).sum())
    right = float((v * layer.backward(parameters, cache, u, gradients, context)).sum())
    np.testing.assert_allclose(left, right, rtol=1e-10)


def check_threads_and_replay(layer, shape, n=200, seed=2, **options):
    """Bit for bit the same by 1 and 2 threads, and when recorded and replayed."""
    rng = np.random.default_rng(seed)
    parameters = with_parameters(layer, shape, seed=seed, dtype=np.float32)
    x = rng.normal(size=(n, *shape)).astype(np.float32)
    dy = rng.normal(size=(n, *layer.output_shape(shape))).astype(np.float32)
    results = []
    for n_threads in (1, 2):
        with limit_threads(n_threads):
            y, dx, gradients = passed(layer, parameters, x, dy, **options)
            results.append([y, dx, *gradients.values()])
    assert all((a == b).all() for a, b in zip(*results, strict=True))
    context = Context(reuse=True, **options)
    kept, gradients = {}, {k: np.empty_like(v) for k, v in parameters.items() if k not in layer.statistics}

    def update():
        context.rewind()
        kept["y"], cache = layer.forward(parameters, x, context)
        kept["dx"] = layer.backward(parameters, cache, dy, gradients, context)

    captured = Captured(update)
    captured()
    for array in (kept["y"], kept["dx"], *gradients.values()):
        array[...] = np.nan
    captured(2)
    for found, right in zip([kept["y"], kept["dx"], *gradients.values()], results[0], strict=True):
        assert (found == right).all()
