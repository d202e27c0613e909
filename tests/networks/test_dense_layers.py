"""Dense layers and chains of them: gradients, torch with the same weights, ties, errors."""

import numpy as np
import pytest

from ebm.kernels.activations import KINDS
from ebm.networks.context import Context
from ebm.networks.dense import Dense, TransposedDense
from ebm.networks.sequential import Sequential
from ebm.random import Random
from tests.networks.checks import check_adjoint, check_gradients, check_threads_and_replay, close, passed

CHAIN = Sequential([Dense(7, "tanh"), TransposedDense(5, "softplus"), Dense(3, bias=False)])


@pytest.mark.parametrize("activation", KINDS)
@pytest.mark.parametrize("kind", [Dense, TransposedDense])
def test_gradients(kind, activation):
    check_gradients(kind(6, activation), (5,))
    check_adjoint(kind(6, activation), (5,))


def test_gradients_of_a_chain():
    check_gradients(CHAIN, (4,))
    check_adjoint(CHAIN, (4,))


def test_threads_and_replay():
    check_threads_and_replay(Sequential([Dense(300, "relu"), Dense(70, "sigmoid"), TransposedDense(130)]), (90,))


def test_input_gradient_is_left_out_where_nobody_wants_it():
    layer = Sequential([Dense(3), Dense(2)])
    parameters = layer.initial((4,), Random(0), np.float64)
    x, dy = np.ones((2, 4)), np.ones((2, 2))
    context = Context()
    _, cache = layer.forward(parameters, x, context)
    gradients = {name: np.empty_like(array) for name, array in parameters.items()}
    assert layer.backward(parameters, cache, dy, gradients, context, wants_input=False) is None
    _, _, right = passed(layer, parameters, x, dy)
    assert all((gradients[name] == right[name]).all() for name in right)


def test_tied_weights_add_their_gradients():
    """W serves both layers: its gradient is the sum of what each would give."""
    encoder, decoder = Dense(3, "tanh"), TransposedDense(5)
    w, rng = encoder.initial((5,), Random(0), np.float64), np.random.default_rng(0)
    both = {"bias": np.zeros(5), "weights": w["weights"]}
    x, dy = rng.normal(size=(4, 5)), rng.normal(size=(4, 5))
    context = Context()
    z, first = encoder.forward(w, x, context)
    _, second = decoder.forward(both, z, context)
    shared = {"weights": np.full((5, 3), np.nan), "bias": np.empty(3)}
    dz = decoder.backward(both, second, dy, {"weights": shared["weights"], "bias": np.empty(5)}, context)
    encoder.backward(w, first, dz, shared, context)
    _, dz_alone, of_decoder = passed(decoder, both, np.array(z), dy)
    _, _, of_encoder = passed(encoder, w, x, dz_alone)
    close(shared["weights"], of_encoder["weights"] + of_decoder["weights"], 1e-14)


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float32, 1e-5), (np.float64, 1e-13)])
def test_equals_torch(dtype, tolerance):
    torch = pytest.importorskip("torch")
    names = {"sigmoid": torch.sigmoid, "tanh": torch.tanh, "relu": torch.relu, "elu": torch.nn.functional.elu}
    names |= {"softplus": torch.nn.functional.softplus, "leaky_relu": torch.nn.functional.leaky_relu}
    rng = np.random.default_rng(0)
    x, dy = rng.normal(size=(50, 30)).astype(dtype), rng.normal(size=(50, 40)).astype(dtype)
    for activation, function in names.items():
        layer = Sequential([Dense(20, activation), Dense(40, activation)])
        parameters = layer.initial((30,), Random(1), dtype)
        theirs = {name: torch.tensor(array, requires_grad=True) for name, array in parameters.items()}
        tx = torch.tensor(x, requires_grad=True)
        hidden = function(tx @ theirs["0.weights"] + theirs["0.bias"])
        output = function(hidden @ theirs["1.weights"] + theirs["1.bias"])
        output.backward(torch.tensor(dy))
        y, dx, gradients = passed(layer, parameters, x, dy)
        close(y, output.detach().numpy(), tolerance)
        close(dx, tx.grad.numpy(), tolerance)
        for name, gradient in gradients.items():
            close(gradient, theirs[name].grad.numpy(), tolerance)


def test_same_start_from_the_same_seed():
    first, again, other = (CHAIN.initial((4,), Random(seed), np.float32) for seed in (0, 0, 1))
    assert list(first) == ["0.weights", "0.bias", "1.weights", "1.bias", "2.weights"]
    assert all((first[name] == again[name]).all() for name in first)
    assert (first["0.weights"] != other["0.weights"]).any()
    assert not np.array_equal(first["0.weights"].ravel()[:15], first["2.weights"].ravel()[:15])


@pytest.mark.parametrize(("units", "activation"), [(0, "relu"), (2.5, "relu"), (True, "relu"), (2, "swish")])
def test_bad_layers_are_refused(units, activation):
    with pytest.raises(ValueError, match="must be"):
        Dense(units, activation)


@pytest.mark.parametrize("kind", [Dense, TransposedDense])
def test_samples_of_any_shape_are_taken_as_rows(kind):
    check_gradients(kind(3, "tanh"), (2, 2, 1))
    x, layer = np.random.default_rng(0).normal(size=(5, 2, 3)), kind(4)
    parameters = layer.initial((2, 3), Random(0), np.float64)
    assert (
        passed(layer, parameters, x, np.ones((5, 4)))[0]
        == passed(layer, parameters, x.reshape(5, 6), np.ones((5, 4)))[0]
    ).all()


@pytest.mark.parametrize("kind", [Dense, TransposedDense])
def test_weights_of_another_shape_are_refused(kind):
    parameters, x = kind(4).initial((6,), Random(0), np.float32), np.ones((5, 6), np.float32)
    with pytest.raises(ValueError, match="but 9 units on 6 inputs take"):
        kind(9).forward(parameters, x, Context())


def test_only_parameters_are_kept_where_they_are_constant():
    """Panels of W stay from pass to pass; those of a batch's gradient, in the same memory, must not."""
    layer, rng = Dense(3), np.random.default_rng(0)
    parameters = layer.initial((4,), Random(0), np.float64)
    context = Context(reuse=True, constant=True)
    x, dy = rng.standard_normal((5, 4)), np.empty((5, 3))
    gradients = {name: np.empty_like(array) for name, array in parameters.items()}
    for _ in range(2):
        dy[...] = rng.standard_normal(dy.shape)
        context.rewind()
        _, cache = layer.forward(parameters, x, context)
        layer.backward(parameters, cache, dy, gradients, context)
        np.testing.assert_allclose(gradients["weights"], x.T @ dy, atol=1e-12)
