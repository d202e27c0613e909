"""Normalisation over the batch and over features: the formulas, torch, running statistics, errors."""

import numpy as np
import pytest

from ebm.networks.context import Context
from ebm.networks.normalisation import BatchNormalisation, LayerNormalisation
from tests.networks.layer_cases import SEED, Case, outcomes
from tests.reference import network_layers as reference

DTYPES = [np.float32, np.float64]
SHAPES = [(7,), (4, 6, 3)]
n = 150


def case(layer, shape, training=True):
    return Case("", layer, shape, n if len(shape) == 1 else 9, training)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
def test_over_the_batch_as_by_the_formula(dtype, shape):
    given = case(BatchNormalisation(momentum=0.3, epsilon=1e-3), shape)
    before, x = given.parameters(dtype), given.x(dtype)
    rows = x.reshape(-1, shape[-1])
    found = outcomes(given, dtype, given.context())
    y, means, variances = reference.normalised(rows, before["scale"], before["shift"], 1e-3)
    tolerance = 30 * np.finfo(dtype).eps
    np.testing.assert_allclose(found["y"].reshape(y.shape), y, rtol=tolerance, atol=tolerance)
    unbiased = variances * len(rows) / (len(rows) - 1)
    for name, moment in (("running_mean", means), ("running_variance", unbiased)):
        np.testing.assert_allclose(found[name], 0.7 * before[name] + 0.3 * moment, rtol=tolerance, atol=tolerance)


def test_statistics_keep_their_digits_far_from_zero():
    """The sum of squares less the square of the sum would have none left."""
    x = (1e4 + np.random.default_rng(0).normal(size=(1000, 3))).astype(np.float32)
    layer, context = BatchNormalisation(momentum=1.0), Context(training=True)
    parameters = layer.initial((3,), SEED, np.float32)
    layer.forward(parameters, x, context)
    np.testing.assert_allclose(parameters["running_mean"], x.mean(0, dtype=np.float64), rtol=1e-6)
    np.testing.assert_allclose(parameters["running_variance"], x.var(0, ddof=1, dtype=np.float64), rtol=1e-4)


@pytest.mark.parametrize("dtype", DTYPES)
def test_prediction_takes_running_statistics_and_leaves_them(dtype):
    given = case(BatchNormalisation(), (7,), training=False)
    p, x = given.parameters(dtype), given.x(dtype)
    found = outcomes(given, dtype, given.context())
    y = (x - p["running_mean"]) / np.sqrt(p["running_variance"] + 1e-5) * p["scale"] + p["shift"]
    np.testing.assert_allclose(found["y"], y, rtol=0, atol=100 * np.finfo(dtype).eps)
    for name in ("running_mean", "running_variance"):
        np.testing.assert_array_equal(found[name], p[name])


@pytest.mark.parametrize("dtype", DTYPES)
def test_over_features_as_by_the_formula(dtype):
    given = case(LayerNormalisation(epsilon=1e-3), (3, 7))
    p, x = given.parameters(dtype), given.x(dtype)
    y = reference.layer_normalised(x.reshape(-1, 7), p["scale"], p["shift"], 1e-3)
    found = outcomes(given, dtype, given.context())["y"]
    tolerance = 30 * np.finfo(dtype).eps
    np.testing.assert_allclose(found.reshape(y.shape), y, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("shape", SHAPES)
def test_torch_normalises_a_batch_alike(shape, training):
    torch = pytest.importorskip("torch")
    given = case(BatchNormalisation(), shape, training)
    p, x, (_, dy) = given.parameters(np.float32), given.x(np.float32), given.changes(np.float32)
    theirs = (torch.nn.BatchNorm1d if len(shape) == 1 else torch.nn.BatchNorm2d)(shape[-1])
    names = ("weight", "bias", "running_mean", "running_var")
    ours = ("scale", "shift", "running_mean", "running_variance")
    theirs.load_state_dict(dict(zip(names, (torch.tensor(p[name]) for name in ours), strict=True)), strict=False)
    theirs.train(training)
    channels_first, back = ((0, 3, 1, 2), (0, 2, 3, 1)) if len(shape) == 3 else ((0, 1), (0, 1))
    inputs = torch.tensor(x, requires_grad=True)
    y = theirs(inputs.permute(channels_first)).permute(back)
    y.backward(torch.tensor(dy))
    found = outcomes(given, np.float32, given.context())
    compare(found, y, inputs, theirs)
    for mine, name in zip(ours[2:], names[2:], strict=True):
        np.testing.assert_allclose(found[mine], getattr(theirs, name).numpy(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("shape", SHAPES)
def test_torch_normalises_features_alike(shape):
    torch = pytest.importorskip("torch")
    given = case(LayerNormalisation(), shape)
    p, x, (_, dy) = given.parameters(np.float32), given.x(np.float32), given.changes(np.float32)
    theirs = torch.nn.LayerNorm(shape[-1])
    theirs.load_state_dict({"weight": torch.tensor(p["scale"]), "bias": torch.tensor(p["shift"])})
    inputs = torch.tensor(x, requires_grad=True)
    y = theirs(inputs)
    y.backward(torch.tensor(dy))
    compare(outcomes(given, np.float32, given.context()), y, inputs, theirs)


def compare(found, y, inputs, theirs):
    """Within 1e-5 of the largest element: sums of many terms lose digits where they cancel."""
    pairs = {
        "y": y.detach(), "dx": inputs.grad, "d scale": theirs.weight.grad, "d shift": theirs.bias.grad,
    }  # fmt: skip
    for name, exact in pairs.items():
        exact = exact.numpy()
        np.testing.assert_allclose(found[name], exact, rtol=0, atol=1e-5 * np.abs(exact).max(), err_msg=name)


@pytest.mark.parametrize("layer", [BatchNormalisation(), LayerNormalisation()], ids=repr)
def test_inputs_of_another_width_are_refused(layer):
    parameters = layer.initial((3,), SEED, np.float32)
    with pytest.raises(ValueError, match=r"is float32\(3,\); give float32\(5,\)"):
        layer.forward(parameters, np.ones((4, 5), np.float32), Context())


def test_one_row_has_no_variance_to_learn_from():
    layer, x = BatchNormalisation(), np.ones((1, 3), np.float32)
    parameters = layer.initial((3,), SEED, np.float32)
    with pytest.raises(ValueError, match=r"x \(1, 3\) has one value for each feature"):
        layer.forward(parameters, x, Context(training=True))
    np.testing.assert_allclose(layer.forward(parameters, x, Context())[0], 1, rtol=1e-4)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: BatchNormalisation(momentum=1.5), r"momentum must be a number in \[0, 1\], got 1.5"),
        (lambda: BatchNormalisation(epsilon=0), "epsilon must be a finite number above 0, got 0"),
        (lambda: LayerNormalisation(epsilon=float("nan")), "epsilon must be a finite number above 0, got nan"),
        (lambda: LayerNormalisation().output_shape(()), "LayerNormalisation takes samples with at least one feature"),
    ],
)
def test_bad_parameters_are_told(make, message):
    with pytest.raises(ValueError, match=message):
        make()
