"""Activations, softmax, embeddings, shapes and dropout: the formulas, torch, errors."""

import numpy as np
import pytest

from ebm.kernels.embedding import look_up
from ebm.kernels.softmax import softmax
from ebm.networks.activation import Activation
from ebm.networks.context import Context
from ebm.networks.dropout import Dropout
from ebm.networks.embedding import Embedding, check_tokens
from ebm.networks.shape import Flatten, Reshape
from tests.networks.layer_cases import EMBEDDING, SEED
from tests.reference import network_layers as reference

DTYPES = [np.float32, np.float64]
rng = np.random.default_rng(0)
TOKENS = rng.integers(0, 9, (6, 4))


# ---- activations ----


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n", [1, 5, 70])
def test_softmax_is_the_formula(dtype, n):
    x = (5 * rng.normal(size=(4, n))).astype(dtype)
    out = np.empty_like(x)
    softmax(x, out)
    np.testing.assert_allclose(out, reference.softmax(x), rtol=20 * np.finfo(dtype).eps)


def test_softmax_of_large_numbers_is_finite_and_of_nan_is_nan():
    x = np.array([[1e30, 0, -1e30], [0, np.nan, 1]], np.float32)
    out = np.empty_like(x)
    softmax(x, out)
    np.testing.assert_allclose(out[0], [1, 0, 0], atol=1e-30)
    assert np.isnan(out[1]).all()


@pytest.mark.parametrize("name", ["sigmoid", "tanh", "relu", "leaky_relu", "softplus", "elu", "softmax"])
def test_torch_activates_alike(name):
    torch = pytest.importorskip("torch")
    x, dy = rng.normal(size=(2, 5, 3, 4)).astype(np.float32)
    inputs = torch.tensor(x, requires_grad=True)
    functions = torch.nn.functional
    y = functions.softmax(inputs, -1) if name == "softmax" else getattr(functions, name)(inputs)
    y.backward(torch.tensor(dy))
    layer, context = Activation(name), Context()
    found, cache = layer.forward({}, x, context)
    np.testing.assert_allclose(found, y.detach().numpy(), rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(layer.backward({}, cache, dy, {}, context), inputs.grad.numpy(), rtol=1e-5, atol=1e-6)


# ---- embeddings ----


@pytest.mark.parametrize("kind", [np.int32, np.int64])
@pytest.mark.parametrize("dtype", DTYPES)
def test_embedding_looks_up_and_sums(dtype, kind):
    tokens, context = TOKENS.astype(kind), Context()
    parameters = EMBEDDING.initial((4,), SEED, dtype)
    y, cache = EMBEDDING.forward(parameters, tokens, context)
    np.testing.assert_array_equal(y, parameters["weights"][TOKENS])
    dy, gradients = rng.normal(size=y.shape).astype(dtype), {"weights": np.full((9, 5), 7, dtype)}
    exact = reference.table_gradient(TOKENS, dy, 9)
    for times in (1, 2):
        assert EMBEDDING.backward(parameters, cache, dy, gradients, context) is None
        np.testing.assert_allclose(gradients["weights"], times * exact, atol=20 * np.finfo(dtype).eps)


def test_torch_embeds_alike():
    torch = pytest.importorskip("torch")
    parameters = EMBEDDING.initial((4,), SEED, np.float32)
    theirs = torch.nn.Embedding.from_pretrained(torch.tensor(parameters["weights"]), freeze=False)
    y = theirs(torch.tensor(TOKENS))
    dy, gradients, context = rng.normal(size=y.shape).astype(np.float32), {"weights": np.empty((9, 5), "f")}, Context()
    y.backward(torch.tensor(dy))
    found, cache = EMBEDDING.forward(parameters, TOKENS, context)
    EMBEDDING.backward(parameters, cache, dy, gradients, context)
    np.testing.assert_array_equal(found, y.detach().numpy())
    np.testing.assert_allclose(gradients["weights"], theirs.weight.grad.numpy(), rtol=1e-5, atol=1e-6)


def test_gradient_of_a_table_does_not_depend_on_threads(monkeypatch):
    from ebm.kernels import threads

    monkeypatch.setattr(threads, "SMALL", 1)
    dy, results = rng.normal(size=(6, 4, 5)).astype(np.float32), []
    for n in (1, 2, 3):
        with threads.limit_threads(n):
            results.append({"weights": np.empty((9, 5), np.float32)})
            EMBEDDING.backward({}, TOKENS, dy, results[-1], Context())
    for other in results[1:]:
        np.testing.assert_array_equal(other["weights"], results[0]["weights"])


@pytest.mark.parametrize(
    ("tokens", "message"),
    [
        (np.array([[0, 9]]), r"tokens must be in \[0, 9\), but 9 is among them"),
        (np.array([[0, -1]], np.int32), r"tokens must be in \[0, 9\), but -1 is among them"),
        (np.array([[0.0, 1.0]]), "tokens are float64; give int32 or int64"),
        (np.array([[True]]), "tokens are bool; give int32 or int64"),
    ],
)
def test_bad_tokens_are_refused(tokens, message):
    with pytest.raises(ValueError, match=message):
        check_tokens(tokens, 9)
    with pytest.raises(ValueError, match=message):
        EMBEDDING.forward(EMBEDDING.initial((2,), SEED, np.float32), tokens, Context())


def test_tokens_that_nobody_checked_become_nan():
    out = np.empty((3, 5), np.float32)
    look_up(np.array([-1, 2, 9]), np.ones((9, 5), np.float32), out)
    assert np.isnan(out[[0, 2]]).all()
    np.testing.assert_array_equal(out[1], 1)
    check_tokens(np.zeros((0, 3), np.int64), 9)


# ---- shapes ----


def test_shapes_change_without_moving_anything():
    x = rng.normal(size=(3, 2, 6))
    for layer, shape in ((Reshape((3, 4)), (3, 3, 4)), (Flatten(), (3, 12))):
        y, cache = layer.forward({}, x, Context())
        assert y.shape == shape
        assert np.shares_memory(x, y)
        np.testing.assert_array_equal(layer.backward({}, cache, y, {}, Context()), x)


# ---- dropout ----


@pytest.mark.parametrize("dtype", DTYPES)
def test_dropout_keeps_the_mean_and_drops_at_its_rate(dtype):
    x, layer = np.ones((400, 50), dtype), Dropout(0.3)
    y, _ = layer.forward({}, x, Context(training=True, random=SEED))
    dropped = (y == 0).mean()
    assert abs(dropped - 0.3) < 4 * np.sqrt(0.3 * 0.7 / x.size)
    np.testing.assert_allclose(y[y != 0], 1 / 0.7, rtol=1e-6)
    assert abs(y.mean() - 1) < 4 * np.sqrt(0.3 / 0.7 / x.size)


def test_dropout_drops_nothing_at_prediction():
    x = np.ones((3, 5), np.float32)
    y, cache = Dropout(0.9).forward({}, x, Context())
    assert y is x
    assert cache is None


def test_dropout_of_two_layers_and_of_two_updates_differs():
    x, layer = np.ones((8, 40), np.float32), Dropout()
    context = Context(training=True, random=SEED)
    first, second = (layer.forward({}, x, context)[0] for _ in range(2))
    context.rewind()
    again = layer.forward({}, x, context)[0]
    context.rewind()
    context.clock[0] = 1
    later = layer.forward({}, x, context)[0]
    np.testing.assert_array_equal(again, first)
    for other in (second, later):
        assert 0.3 < (other != first).mean() < 0.7


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Dropout(1.0), r"rate must be a number in \[0, 1\), got 1.0"),
        (lambda: Dropout("half"), r"rate must be a number in \[0, 1\), got 'half'"),
        (lambda: Activation("swish"), "name must be one of 'identity', .*; got 'swish'"),
        (lambda: Activation("softmax").output_shape((3, 0)), "softmax is over the last axis"),
        (lambda: Embedding(0, 3), "n_tokens must be an integer of at least 1, got 0"),
        (lambda: Embedding(3, 2.5), "width must be an integer of at least 1, got 2.5"),
        (lambda: Reshape([3]), r"shape must be a tuple of positive integers, got \[3\]"),
        (lambda: Reshape((3, -1)), "shape must be an integer of at least 1, got -1"),
        (lambda: Reshape((3, 4)).output_shape((5,)), r"samples of shape \(5,\) have 5 elements, but .* takes 12"),
    ],
)
def test_bad_parameters_are_told(make, message):
    with pytest.raises(ValueError, match=message):
        make()
