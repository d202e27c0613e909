"""Gradients within bounds, running totals, and the clock."""

import numpy as np
import pytest

from ebm.device import get_device
from ebm.kernels.program import Captured
from ebm.kernels.threads import limit_threads
from ebm.kernels.totals import add_total, tick
from ebm.optimizers.clipping import ClipByNorm, ClipByValue
from ebm.optimizers.sgd import SGD

CPU = get_device("cpu")
DTYPES = [np.float32, np.float64]
G = np.random.default_rng(0).normal(size=10_000)


def scale_of(clipping, gradient):
    scale = np.ones(1, gradient.dtype)
    clipping.clip(gradient, scale, clipping.slots(gradient.size, gradient.dtype, CPU))
    return scale[0]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n", [1, 4096, 4097, 10_000])
def test_norm_is_scaled_down_to_the_largest(dtype, n):
    g = G[:n].astype(dtype)
    norm = np.linalg.norm(g.astype(float))
    for largest, expected in ((norm / 3, 1 / 3), (2 * norm, 1.0)):
        before = g.copy()
        np.testing.assert_allclose(scale_of(ClipByNorm(largest), g), expected, rtol=20 * np.finfo(dtype).eps)
        np.testing.assert_array_equal(g, before)
    assert scale_of(ClipByNorm(1.0), np.zeros(n, dtype)) == 1


def test_torch_agrees_on_a_clipped_step():
    torch = pytest.importorskip("torch")
    w = torch.zeros(10_000, dtype=torch.float64)
    w.grad = torch.tensor(G)
    torch.nn.utils.clip_grad_norm_([w], 2.0)
    torch.optim.SGD([w], lr=0.1).step()
    moved, clock, scale, rule = np.zeros(10_000), np.zeros(2, np.uint32), np.ones(1), ClipByNorm(2.0)
    rule.clip(G, scale, rule.slots(10_000, np.float64, CPU))
    SGD(0.1).step(moved, G, [], np.full((1, 1), 0.1), clock, 0, scale)
    np.testing.assert_allclose(moved, w.numpy(), rtol=1e-7)  # torch adds 1e-6 to the norm


@pytest.mark.parametrize("dtype", DTYPES)
def test_entries_are_held_within_bounds(dtype):
    g = G.astype(dtype)
    expected = np.clip(g, -dtype(0.5), dtype(0.5))
    assert scale_of(ClipByValue(0.5), g) == 1
    np.testing.assert_array_equal(g, expected)


@pytest.mark.parametrize("clipping", [ClipByNorm(1.0), ClipByValue(1.0)])
def test_nan_is_not_hidden(clipping):
    for place in (0, 4096, 9999):
        g = G.astype(np.float32)
        g[place] = np.nan
        scale = scale_of(clipping, g)
        assert np.isnan(scale * g[place])


def test_one_thread_equals_two_bit_for_bit(monkeypatch):
    monkeypatch.setattr("ebm.kernels.threads.SMALL", 1)
    results = []
    for n in (1, 2):
        with limit_threads(n):
            g = G.astype(np.float32)
            results.append((scale_of(ClipByNorm(1.0), g), scale_of(ClipByValue(1.0), g), g))
    for one, two in zip(*results, strict=True):
        np.testing.assert_array_equal(one, two)


def test_replayed_clipping_reads_the_gradient_anew():
    g, scale, rule = G.astype(np.float32), np.ones(1, np.float32), ClipByNorm(1.0)
    slots = rule.slots(g.size, g.dtype, CPU)
    captured = Captured(lambda: rule.clip(g, scale, slots))
    captured()
    first = scale[0]
    g *= 2
    captured()
    np.testing.assert_allclose(scale[0], first / 2, rtol=1e-6)


def test_bounds_must_be_above_zero():
    for kind in (ClipByNorm, ClipByValue):
        with pytest.raises(ValueError, match="largest must be a finite number > 0, got 0"):
            kind(0)


@pytest.mark.parametrize("dtype", DTYPES)
def test_totals_add_weighted_values(dtype):
    values, weights = G[:300].astype(dtype), np.abs(G[300:600]).astype(dtype)
    out = np.zeros((2, 2), dtype)
    add_total(values, weights, out, 1)
    add_total(values[:9].copy(), weights[:9].copy(), out, 1)
    expected = values.astype(float) @ weights + values[:9].astype(float) @ weights[:9]
    np.testing.assert_allclose(out[1].astype(float).sum(), expected, rtol=100 * np.finfo(dtype).eps)
    np.testing.assert_array_equal(out[0], 0)


def test_many_updates_in_float32_add_up():
    """A plain sum in float32 would be off by far more (which the last line shows)."""
    out, one = np.zeros((1, 2), np.float32), np.ones(1, np.float32)
    value = np.array([0.1], np.float32)
    captured = Captured(lambda: add_total(value, one, out))
    captured(200_000)
    exact = 200_000 * float(value[0])
    np.testing.assert_allclose(out.astype(float).sum(), exact, rtol=1e-9)
    assert abs(float(np.cumsum(np.full(200_000, value[0]))[-1]) - exact) > 1e-4 * exact


def test_a_loss_that_is_nan_stays_so():
    out, one = np.zeros((1, 2), np.float32), np.ones(1, np.float32)
    for value in (1.0, np.nan, 1.0):
        add_total(np.array([value], np.float32), one, out)
    assert np.isnan(out.sum())


def test_the_clock_ticks_in_replays():
    clock = np.array([5, 0], np.uint32)
    Captured(lambda: tick(clock))(4)
    np.testing.assert_array_equal(clock, [9, 4])


def test_what_does_not_fit_is_refused():
    values, out = np.zeros(3, np.float32), np.zeros((2, 2), np.float32)
    with pytest.raises(ValueError, match=r"index must be in \[0, 2\), got 2"):
        add_total(values, values, out, 2)
    with pytest.raises(ValueError, match=r"weights is float32\(2,\)"):
        add_total(values, values[:2].copy(), out)
    with pytest.raises(ValueError, match=r"out is float32\(2, 3\); give float32\(2, 2\)"):
        add_total(values, values, np.zeros((2, 3), np.float32))
    with pytest.raises(ValueError, match=r"clock is uint32\(3,\)"):
        tick(np.zeros(3, np.uint32))
