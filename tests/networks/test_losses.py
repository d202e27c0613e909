"""Losses are their formulas, torch's, and their gradients are differences'."""

import numpy as np
import pytest

from ebm.kernels.program import Captured
from ebm.kernels.threads import limit_threads
from ebm.networks.context import Context
from ebm.networks.losses import (
    BernoulliCrossEntropy,
    GaussianNLL,
    SharedGaussianNLL,
    SoftmaxCrossEntropy,
    SquaredError,
)
from tests.networks.differences import close, differences
from tests.reference import losses as reference

DTYPES = [np.float32, np.float64]
rng = np.random.default_rng(0)
A, T = 2 * rng.normal(size=(5, 19)), rng.random((5, 19))
WIDE = np.hstack([A, 1.5 * rng.normal(size=(5, 19))])
SPREAD = 1.5 * rng.normal(size=19)
LABELS = np.array([3, 0, 18, 7, 7])
ONE_HOT = np.eye(19)[LABELS]
SHARES = rng.dirichlet(np.ones(5))
CASES = {
    "squared": (SquaredError(), A, T, lambda a, t: reference.squared_error(a, t)),
    "bernoulli": (BernoulliCrossEntropy(), A, T, lambda a, t: reference.cross_entropy(a, t)),
    "softmax": (SoftmaxCrossEntropy(), A, T, lambda a, t: reference.softmax_cross_entropy(a, t)),
    "labels": (SoftmaxCrossEntropy(), A, LABELS, lambda a, t: reference.softmax_cross_entropy(a, np.eye(19)[t])),
    "gaussian": (GaussianNLL(), WIDE, T, lambda a, t: reference.gaussian(a[:, :19], a[:, 19:], t)),
    "shared": (SharedGaussianNLL(), A, T, lambda a, t: reference.gaussian(a, np.tile(SPREAD, (5, 1)), t)),
}
every = pytest.mark.parametrize("name", CASES)


def arrays(name, dtype):
    """The loss, and copies of output, target, weights and the loss's own parameters and gradients."""
    loss, output, target, _ = CASES[name]
    target = target.copy() if target.dtype == np.int64 else target.astype(dtype)
    own = {"log_variance": SPREAD.astype(dtype)} if name == "shared" else {}
    gradients = {key: np.full_like(a, np.nan) for key, a in own.items()}
    return loss, output.astype(dtype), target, SHARES.astype(dtype), own, gradients


def run(name, dtype, context=None):
    loss, output, target, shares, own, gradients = arrays(name, dtype)
    values, d = loss.value_and_gradient(output, target, shares, context or Context(), own, gradients)
    return values, d, gradients.get("log_variance", np.zeros(0, dtype))


@every
@pytest.mark.parametrize("dtype", DTYPES)
def test_values_are_the_formulas(name, dtype):
    loss, output, target, _, own, _ = arrays(name, dtype)
    expected = CASES[name][3](output.astype(float), target)
    values = loss.values(output, target, Context(), own)
    assert values.dtype == dtype
    np.testing.assert_allclose(values, expected, rtol=100 * np.finfo(dtype).eps)
    np.testing.assert_array_equal(run(name, dtype)[0], values)


@every
def test_gradients_are_differences(name):
    loss, output, target, shares, own, gradients = arrays(name, np.float64)
    _, d = loss.value_and_gradient(output, target, shares, Context(), own, gradients)

    def total():
        return shares @ loss.values(output, target, Context(), own)

    close(d, differences(total, output))
    for key, parameter in own.items():
        close(gradients[key], differences(total, parameter))


@every
def test_gradients_keep_float32_and_agree_with_float64(name):
    for single, double in zip(run(name, np.float32), run(name, np.float64), strict=True):
        assert single.dtype == np.float32
        if double.size:
            close(single, double, rtol=2e-5)


@every
@pytest.mark.parametrize("dtype", DTYPES)
def test_torch_agrees(name, dtype):
    torch = pytest.importorskip("torch")
    torch.set_num_threads(1)
    F = torch.nn.functional
    loss, output, target, shares, own, gradients = arrays(name, dtype)
    a, t, w = torch.tensor(output, requires_grad=True), torch.tensor(target), torch.tensor(shares)
    spread = torch.tensor(SPREAD.astype(dtype), requires_grad=True)
    if name == "squared":
        values = F.mse_loss(a, t, reduction="none").sum(1)
    elif name == "bernoulli":
        values = F.binary_cross_entropy_with_logits(a, t, reduction="none").sum(1)
    elif name in ("softmax", "labels"):
        values = F.cross_entropy(a, t, reduction="none")
    else:
        s = a[:, 19:] if name == "gaussian" else spread.expand(5, 19)
        values = F.gaussian_nll_loss(a[:, :19], t, s.exp(), full=True, eps=1e-12, reduction="none").sum(1)
    (w * values).sum().backward()
    rtol = 1e-5 if dtype == np.float32 else 1e-12
    found, d = loss.value_and_gradient(output, target, shares, Context(), own, gradients)
    close(found, values.detach().numpy(), rtol)
    close(d, a.grad.numpy(), rtol)
    if own:
        close(gradients["log_variance"], spread.grad.numpy(), rtol)


@every
def test_one_thread_equals_two_bit_for_bit(name, monkeypatch):
    monkeypatch.setattr("ebm.kernels.threads.SMALL", 1)
    results = []
    for n in (1, 2):
        with limit_threads(n):
            results.append(run(name, np.float32))
    for one, two in zip(*results, strict=True):
        np.testing.assert_array_equal(one, two)


@every
def test_a_replayed_update_equals_an_eager_one(name):
    loss, output, target, shares, own, gradients = arrays(name, np.float32)
    context, kept = Context(reuse=True), {}

    def update():
        context.rewind()
        kept["values"], kept["d"] = loss.value_and_gradient(output, target, shares, context, own, gradients)

    captured = Captured(update)
    captured()
    output[...] = output[::-1].copy()
    shares[...] = shares[::-1].copy()
    captured()
    own_again = {key: np.zeros_like(a) for key, a in gradients.items()}
    values, d = loss.value_and_gradient(output, target, shares, Context(), own, own_again)
    np.testing.assert_array_equal(kept["values"], values)
    np.testing.assert_array_equal(kept["d"], d)
    for key, gradient in gradients.items():
        np.testing.assert_array_equal(gradient, own_again[key])


@pytest.mark.parametrize("name", ["squared", "bernoulli", "shared"])
def test_images_are_flattened(name):
    loss, output, target, shares, own, gradients = arrays(name, np.float32)
    image, goal = output[:, :18].reshape(5, 3, 3, 2).copy(), target[:, :18].reshape(5, 3, 3, 2).copy()
    own = {key: a[:18].copy() for key, a in own.items()}
    gradients = {key: a[:18].copy() for key, a in gradients.items()}
    values, d = loss.value_and_gradient(image, goal, shares, Context(), own, gradients)
    flat = image.reshape(5, 18), goal.reshape(5, 18)
    expected, d_flat = loss.value_and_gradient(*flat, shares, Context(), own, gradients)
    assert d.shape == (5, 3, 3, 2)
    np.testing.assert_array_equal(values, expected)
    np.testing.assert_array_equal(d.reshape(5, 18), d_flat)


def test_a_sample_without_a_share_gives_no_gradient():
    _, output, target, shares, _, _ = arrays("bernoulli", np.float32)
    shares[2] = 0
    _, d = BernoulliCrossEntropy().value_and_gradient(output, target, shares, Context())
    assert (d[2] == 0).all()
    assert (d[1] != 0).all()


def test_far_logits_lose_nothing():
    a = np.array([[90.0, -90.0, 200.0], [-200.0, 90.0, -1e4]], np.float32)
    t = np.array([[1, 0, 1], [1, 0, 1]], np.float32)
    np.testing.assert_allclose(BernoulliCrossEntropy().values(a, t, Context()), [0, 10290], atol=1e-30)
    numbers = SoftmaxCrossEntropy().values(a, np.array([2, 2]), Context())
    np.testing.assert_allclose(numbers, [0, 10090], atol=1e-30)


@pytest.mark.parametrize("label", [-1, 19, 2**40])
def test_a_label_that_is_no_class_is_nan_and_harms_no_other(label):
    loss, output, target, shares, _, _ = arrays("labels", np.float32)
    good, d_good = loss.value_and_gradient(output, target, shares, Context())
    target[1] = label
    values, d = loss.value_and_gradient(output, target, shares, Context())
    assert np.isnan(values[1])
    assert np.isnan(d[1]).all()
    others = [0, 2, 3, 4]
    np.testing.assert_array_equal(values[others], good[others])
    np.testing.assert_array_equal(d[others], d_good[others])


@pytest.mark.parametrize("shared", [False, True])
def test_log_variances_are_held_and_can_come_back(shared):
    """Each feature is beyond a bound; descent must lead back where it can, and not further out."""
    s, e = np.array([-9.0, -9.0, 9.0, 9.0]), np.array([0.0, 1.0, 0.0, 100.0])
    held, mean, target = np.clip(s, -2, 3), np.zeros((1, 4)), e[None].copy()
    share, gradients = np.ones(1), {"log_variance": np.zeros(4)}
    if shared:
        loss, own = SharedGaussianNLL(-2, 3), {"log_variance": s}
        values, _ = loss.value_and_gradient(mean, target, share, Context(), own, gradients)
        slopes = gradients["log_variance"]
    else:
        output = np.hstack([mean, s[None]])
        values, d = GaussianNLL(-2, 3).value_and_gradient(output, target, share, Context())
        slopes = d[0, 4:]
    np.testing.assert_allclose(values, reference.gaussian(mean, held[None], target))
    at_the_bound = 0.5 * (1 - e**2 * np.exp(-held))
    np.testing.assert_allclose(slopes, [0, at_the_bound[1], at_the_bound[2], 0])


def test_a_second_use_adds_to_the_gradient():
    loss, output, target, shares, own, gradients = arrays("shared", np.float64)
    context = Context()
    loss.value_and_gradient(output, target, shares, context, own, gradients)
    once = gradients["log_variance"].copy()
    loss.value_and_gradient(output, target, shares, context, own, gradients)
    np.testing.assert_allclose(gradients["log_variance"], 2 * once, rtol=1e-14)


def test_only_one_loss_has_parameters():
    assert [name for name, case in CASES.items() if case[0].initial(3, np.float32)] == ["shared"]
    first = SharedGaussianNLL().initial(3, np.float32)["log_variance"]
    np.testing.assert_array_equal(first, np.zeros(3, np.float32))


def test_what_does_not_fit_is_refused():
    loss, output, target, shares, _, _ = arrays("squared", np.float32)
    context = Context()
    with pytest.raises(ValueError, match=r"target is float32\(5, 18\); give float32\(5, 19\)"):
        loss.values(output, target[:, :18].copy(), context)
    with pytest.raises(ValueError, match=r"target is float64"):
        loss.values(output, T, context)
    with pytest.raises(ValueError, match=r"shares is float32\(4,\)"):
        loss.value_and_gradient(output, target, shares[:4].copy(), context)
    with pytest.raises(ValueError, match=r"output is int64"):
        loss.values(output.astype(int), target, context)
    with pytest.raises(ValueError, match=r"target is int32\(5,\); give int64\(5,\)"):
        SoftmaxCrossEntropy().values(output, LABELS.astype(np.int32), context)
    with pytest.raises(ValueError, match="needs samples and features"):
        loss.values(output[:0], target[:0], context)
    with pytest.raises(ValueError, match=r"output is float32\(5, 19\); give float32\(5, 38\)"):
        GaussianNLL().values(output, target, context)
    with pytest.raises(ValueError, match="needs its log_variance there"):
        SharedGaussianNLL().values(output, target, context)
    with pytest.raises(ValueError, match="lowest must be below highest"):
        GaussianNLL(3, 3)
