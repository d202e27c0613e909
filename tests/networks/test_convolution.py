"""Convolutional layers: their equations, derivatives, adjoint, threads and replay."""

from dataclasses import replace

import numpy as np
import pytest

from ebm.kernels import convolution, convolution_gradient
from ebm.kernels.activations import KINDS
from ebm.kernels.program import Captured
from ebm.kernels.threads import limit_threads
from ebm.kernels.window import Window
from ebm.networks.context import Context
from ebm.networks.convolution import Convolution, TransposedConvolution, _window
from ebm.random import Random
from tests.networks.convolutions import CASES, IDS, both_ways, images
from tests.reference import convolution as reference

DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])
cases = pytest.mark.parametrize(("shape", "layer"), CASES, ids=IDS)


def close(found, expected, dtype, scale=200):
    atol = scale * np.finfo(dtype).eps * max(1, np.abs(expected).max())
    np.testing.assert_allclose(found, expected, rtol=0, atol=atol)


@cases
@DTYPES
def test_equals_the_equations(shape, layer, dtype):
    x, parameters, dy = images(layer, shape, 3, dtype)
    window, w = _window(layer), parameters["weights"]
    found = both_ways(layer, x, parameters, dy)
    place = window.stride, window.padding
    if isinstance(layer, Convolution):
        expected = (
            reference.convolve(x, w, parameters["bias"], *place),
            reference.convolve_transposed(dy, w, 0, *place, shape[:2]),
            reference.weight_gradient(x, dy, window.kernel, *place),
        )
    else:
        expected = (
            reference.convolve_transposed(x, w, parameters["bias"], *place, dy.shape[1:3]),
            reference.convolve(dy, w, 0, *place),
            reference.weight_gradient(dy, x, window.kernel, *place),
        )
    for a, b in zip(found, (*expected, dy.sum(axis=(0, 1, 2), dtype=np.float64)), strict=True):
        assert a.dtype == dtype
        close(a, b, dtype)


@pytest.mark.parametrize("side", [0, 1], ids=["convolution", "transposed"])
def test_large_images_in_bands_equal_the_equations(side):
    """Images of which only some rows are worked on at a time, and such small ones that several are."""
    for n, shape, stride in ((1, (61, 50, 24), (2, 1)), (40, (3, 4, 5), (1, 1))):
        layer = [Convolution, TransposedConvolution][side](7, 3, stride, 1)
        x, parameters, dy = images(layer, shape, n, np.float64)
        w, place = parameters["weights"], (stride, (1, 1, 1, 1))
        y, dx, dw, _ = both_ways(layer, x, parameters, dy)
        if side:
            close(y, reference.convolve_transposed(x, w, parameters["bias"], *place, dy.shape[1:3]), np.float64)
            close(dx, reference.convolve(dy, w, 0, *place), np.float64)
        else:
            close(y, reference.convolve(x, w, parameters["bias"], *place), np.float64)
            close(dx, reference.convolve_transposed(dy, w, 0, *place, shape[:2]), np.float64)
        close(dw, reference.weight_gradient(*((dy, x) if side else (x, dy)), (3, 3), *place), np.float64)


@cases
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_equals_torch(shape, layer, dtype):
    torch = pytest.importorskip("torch")
    torch.set_num_threads(1)
    x, parameters, dy = images(layer, shape, 3, dtype)
    window = _window(layer)
    top, bottom, left, right = window.padding
    tensors = [torch.tensor(a, requires_grad=True) for a in (x, parameters["weights"], parameters["bias"])]
    turned = tensors[0].permute(0, 3, 1, 2)
    if isinstance(layer, Convolution):
        turned = torch.nn.functional.pad(turned, (left, right, top, bottom))
        y = torch.nn.functional.conv2d(turned, tensors[1].permute(3, 2, 0, 1), tensors[2], stride=window.stride)
    else:  # torch pads alike on both sides: cut the uneven part off what it makes without
        whole = torch.nn.functional.conv_transpose2d(
            turned, tensors[1].permute(3, 2, 0, 1).contiguous(), tensors[2], stride=window.stride
        )
        spare = (0, dy.shape[2] + left - whole.shape[3], 0, dy.shape[1] + top - whole.shape[2])
        extended = torch.nn.functional.pad(whole - tensors[2][:, None, None], [max(0, k) for k in spare])
        extended = extended + tensors[2][:, None, None]
        y = extended[:, :, top : top + dy.shape[1], left : left + dy.shape[2]]
    y = y.permute(0, 2, 3, 1)
    y.backward(torch.tensor(dy))
    expected = [y.detach(), *(t.grad for t in tensors)]
    for a, b in zip(both_ways(layer, x, parameters, dy), expected, strict=True):
        np.testing.assert_allclose(a, b.numpy(), rtol=0, atol=1e-5 * max(1, np.abs(b.numpy()).max()))


@pytest.mark.parametrize("output_padding", [0, 1])
def test_equals_torch_layers(output_padding):
    torch = pytest.importorskip("torch")
    torch.set_num_threads(1)
    layer = TransposedConvolution(3, 5, 2, 2, output_padding, activation="relu")
    x, parameters, dy = images(layer, (7, 6, 8), 2, np.float32)
    peer = torch.nn.ConvTranspose2d(8, 3, 5, 2, 2, output_padding)
    with torch.no_grad():
        peer.weight.copy_(torch.tensor(parameters["weights"]).permute(3, 2, 0, 1))
        peer.bias.copy_(torch.tensor(parameters["bias"]))
    y = torch.relu(peer(torch.tensor(x).permute(0, 3, 1, 2))).permute(0, 2, 3, 1)
    y.backward(torch.tensor(dy))
    found = both_ways(layer, x, parameters, dy)
    np.testing.assert_allclose(found[0], y.detach().numpy(), atol=1e-5)
    np.testing.assert_allclose(found[2], peer.weight.grad.permute(2, 3, 1, 0).numpy(), atol=2e-4, rtol=1e-5)
    np.testing.assert_allclose(found[3], peer.bias.grad.numpy(), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("activation", ["identity", "tanh", "relu", "softplus", "elu"])
@pytest.mark.parametrize(
    "layer", [Convolution(2, 3, 2, 1), TransposedConvolution(2, 3, 2, 1, 1)], ids=["convolution", "transposed"]
)
def test_gradients_are_differences(layer, activation):
    layer = replace(layer, activation=activation)
    x, parameters, dy = images(layer, (4, 3, 2), 2, np.float64)
    _, dx, dw, db = both_ways(layer, x, parameters, dy)

    def loss():
        return float((layer.forward(parameters, x, Context())[0] * dy).sum())

    for array, gradient in ((x, dx), (parameters["weights"], dw), (parameters["bias"], db)):
        flat, found = array.reshape(-1), gradient.reshape(-1)
        for k in range(0, flat.size, 3):
            before, step = flat[k], 1e-5
            flat[k] = before + step
            up = loss()
            flat[k] = before - step
            down = loss()
            flat[k] = before
            assert abs((up - down) / (2 * step) - found[k]) <= 1e-7 * max(1, abs(gradient).max())


@pytest.mark.parametrize(
    "layer",
    [Convolution(3, 3, 2, 1, "tanh"), TransposedConvolution(3, 4, 2, 1, 1, "elu")],
    ids=["convolution", "transposed"],
)
def test_backward_is_the_adjoint_of_the_derivative(layer):
    x, parameters, u = images(layer, (5, 4, 2), 3, np.float64)
    v = np.random.default_rng(9).normal(size=x.shape)
    context = Context()
    _, cache = layer.forward(parameters, x, context)
    along = layer.jvp(parameters, cache, v, context)
    gradients = {name: np.empty_like(a) for name, a in parameters.items()}
    back = layer.backward(parameters, cache, u, gradients, context)
    np.testing.assert_allclose((along * u).sum(), (v * back).sum(), rtol=1e-12)
    shifted = [layer.forward(parameters, x + s * 1e-6 * v, context)[0] for s in (1, -1)]
    np.testing.assert_allclose(along, (shifted[0] - shifted[1]) / 2e-6, atol=1e-8)


@DTYPES
def test_a_transposed_convolution_is_the_adjoint_of_the_convolution(dtype):
    """<conv(x), y> = <x, transposed(y)> with one array of weights, and not with weights turned round."""
    there, back = (
        Convolution(6, (3, 4), (2, 3), (1, 0, 2, 1)),
        TransposedConvolution(2, (3, 4), (2, 3), (1, 0, 2, 1), (0, 2)),
    )
    x, parameters, y = images(there, (8, 9, 2), 2, dtype)  # the last column is seen by no output
    weights = parameters["weights"]
    assert back.output_shape(y.shape[1:]) == x.shape[1:]
    assert back.initial(y.shape[1:], Random(0), dtype)["weights"].shape == weights.shape
    made, _ = there.forward({"weights": weights, "bias": np.zeros(6, dtype)}, x, Context())
    inner = (made * y).sum(dtype=np.float64)

    def other(w):
        undone, _ = back.forward({"weights": w, "bias": np.zeros(2, dtype)}, y, Context())
        return (undone * x).sum(dtype=np.float64)

    assert abs(other(weights) - inner) < 1e-5 * abs(inner)
    assert abs(other(np.ascontiguousarray(weights[::-1])) - inner) > 1e-2 * abs(inner)


@pytest.mark.parametrize(("shape", "layer"), [CASES[2], CASES[7]], ids=[IDS[2], IDS[7]])
@DTYPES
def test_any_number_of_threads_makes_the_same(monkeypatch, shape, layer, dtype):
    from ebm.kernels import threads

    monkeypatch.setattr(threads, "SMALL", 1)
    x, parameters, dy = images(layer, shape, 9, dtype)
    found = []
    for n in (1, 2, 3):
        with limit_threads(n):
            found.append(both_ways(layer, x, parameters, dy))
    for a, b, c in zip(*found, strict=True):
        np.testing.assert_array_equal(a, b)
        np.testing.assert_array_equal(a, c)


@pytest.mark.parametrize(
    "layer", [Convolution(4, 3, 2, 1, "tanh"), TransposedConvolution(4, 3, 2, 1, activation="tanh")]
)
def test_replayed_equals_eager(layer):
    x, parameters, dy = images(layer, (6, 6, 3), 4, np.float32)
    context, gradients, kept = Context(reuse=True), {k: np.empty_like(a) for k, a in parameters.items()}, {}

    def step():
        context.rewind()
        y, cache = layer.forward(parameters, x, context)
        kept["y"], kept["dx"] = y, layer.backward(parameters, cache, dy, gradients, context)

    replay = Captured(step)
    replay()
    x[:] = np.random.default_rng(5).normal(size=x.shape)
    dy[:] = np.random.default_rng(6).normal(size=dy.shape)
    parameters["weights"][:] *= 2
    with limit_threads(2):
        replay(2)
    expected = both_ways(layer, x, parameters, dy)
    for a, b in zip((kept["y"], kept["dx"], gradients["weights"], gradients["bias"]), expected, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("layer", [Convolution(4, 3, 1, 1, "relu"), TransposedConvolution(4, 3, 2, 1)])
def test_gradients_add_up_within_a_pass(layer):
    x, parameters, dy = images(layer, (5, 5, 2), 3, np.float64)
    context, gradients = Context(), {k: np.empty_like(a) for k, a in parameters.items()}
    singles = []
    for part in (slice(0, 1), slice(1, 3)):
        _, cache = layer.forward(parameters, x[part].copy(), context)
        assert layer.backward(parameters, cache, dy[part].copy(), gradients, context, wants_input=False) is None
        singles.append(both_ways(layer, x[part].copy(), parameters, dy[part].copy())[2:])
    for name, one, two in zip(("weights", "bias"), *singles, strict=True):
        np.testing.assert_allclose(gradients[name], one + two, rtol=1e-12, atol=1e-12)


def test_inputs_are_left_alone():
    for shape, layer in CASES:
        x, parameters, dy = images(layer, shape, 2, np.float32)
        before = x.copy(), dy.copy()
        both_ways(layer, x, parameters, dy)
        np.testing.assert_array_equal(x, before[0])
        np.testing.assert_array_equal(dy, before[1])


def test_what_is_not_finite_stays_where_it_is_seen():
    layer = Convolution(2, 3)
    x, parameters, _ = images(layer, (8, 8, 40), 2, np.float32)
    x[0, 0, 0, 0] = np.nan
    y, _ = layer.forward(parameters, x, Context())
    assert np.isnan(y[0, 0, 0]).all()
    assert np.isnan(y).sum() == 2


def test_initial_weights_spread_as_said():
    he = Convolution(50, 5).initial((9, 9, 20), Random(3), np.float32)
    assert he["weights"].shape == (5, 5, 20, 50)
    assert he["weights"].dtype == np.float32
    np.testing.assert_allclose(he["weights"].std(), np.sqrt(2 / 500), rtol=0.02)
    assert not he["bias"].any()
    glorot = Convolution(50, 5, init="glorot").initial((9, 9, 20), Random(3), np.float64)
    bound = np.sqrt(6 / (25 * 70))
    assert 0.99 * bound < np.abs(glorot["weights"]).max() < bound
    back = TransposedConvolution(50, 4, 2).initial((9, 9, 20), Random(3), np.float64)
    assert back["weights"].shape == (4, 4, 50, 20)
    np.testing.assert_allclose(back["weights"].std(), np.sqrt(2 / 80), rtol=0.02)


def test_outputs_keep_the_spread_of_their_inputs():
    """He's bound: rectified outputs have the second moment of the inputs, also where each meets a part of the taps."""
    for layer in (Convolution(30, 3, activation="relu"), TransposedConvolution(30, 4, 2, activation="relu")):
        x, parameters, _ = images(layer, (20, 20, 16), 4, np.float64)
        parameters["bias"][:] = 0
        y = layer.forward(parameters, x, Context())[0][:, 3:-3, 3:-3]
        assert abs((y**2).mean() - 1) < 0.2


def test_shapes():
    assert Convolution(8, 5, 2, 2).output_shape((28, 28, 1)) == (14, 14, 8)
    assert TransposedConvolution(1, 5, 2, 2, 1).output_shape((14, 14, 8)) == (28, 28, 1)
    assert Convolution(8, 4, padding="same").output_shape((7, 9, 1)) == (7, 9, 8)
    assert TransposedConvolution(8, 4, padding="same").output_shape((7, 9, 1)) == (7, 9, 8)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Convolution(0, 3), "channels is 0"),
        (lambda: Convolution(3, 0), "kernel_size is 0"),
        (lambda: Convolution(3, (3, 3, 3)), "kernel_size"),
        (lambda: Convolution(3, 3, 0), "stride is 0"),
        (lambda: Convolution(3, 3, 1, -1), "padding is -1"),
        (lambda: Convolution(3, 3, 2, "same"), "where the stride is 1"),
        (lambda: Convolution(3, 3, activation="swosh"), "activation is 'swosh'"),
        (lambda: Convolution(3, 3, init="zero"), "init is 'zero'"),
        (lambda: TransposedConvolution(3, 3, 2, 0, 2), "output_padding is 2"),
        (lambda: Convolution(3, 5).output_shape((6, 4, 1)), "images of 6 x 4 .* smaller than the kernel of 5 x 5"),
        (lambda: Convolution(3, 5).output_shape((6,)), r"shape \(6,\)"),
        (lambda: TransposedConvolution(3, 3, 1, 2).output_shape((2, 2, 1)), "take less padding"),
    ],
)
def test_bad_parameters_are_told(make, words):
    with pytest.raises(ValueError, match=words):
        make()


def test_kernels_refuse_what_does_not_fit():
    window = Window((3, 3), (1, 1), (0, 0, 0, 0))
    x, w, b = np.zeros((2, 5, 5, 2)), np.zeros((3, 3, 2, 4)), np.zeros(4)
    packed = np.zeros(convolution.packed_size(9, 2, 4, x.dtype))
    identity = KINDS["identity"]
    for bad in (
        (x, w, b[:3], window, identity, np.zeros((2, 3, 3, 4)), packed),
        (x, w, b, window, identity, np.zeros((2, 4, 3, 4)), packed),
        (x, w[:, :, :1], b, window, identity, np.zeros((2, 3, 3, 4)), packed),
        (x.astype(np.float32), w, b, window, identity, np.zeros((2, 3, 3, 4)), packed),
        (x, w, b, window, identity, np.zeros((2, 3, 3, 4)), packed[1:]),
    ):
        with pytest.raises(ValueError, match=r"do not fit together|out is|dtypes are|packed is"):
            convolution.convolve(*bad)
    room = np.zeros(convolution.packed_size(9, 4, 2, x.dtype))
    with pytest.raises(ValueError, match="of which"):
        convolution.convolve_transposed(
            np.zeros((2, 3, 3, 4)), w, b[:2], window, identity, np.zeros((2, 6, 5, 2)), room
        )
    with pytest.raises(ValueError, match="do not fit"):
        convolution_gradient.weight_gradient(x, np.zeros((2, 3, 4, 4)), window, False, w)
