"""Stacks: layers that learn alone, unrolled; noise and sparsity in gradients; RBMs as layers; classes on a code."""

import numpy as np
import pytest

from ebm.autoencoder.classification import Classification
from ebm.autoencoder.layout import dense_layout, own_layout
from ebm.autoencoder.model import AutoencoderModel
from ebm.autoencoder.reconstruction import Reconstruction
from ebm.autoencoder.stacked import LayerWeights, Stack, unrolled
from ebm.data import TrainingData
from ebm.networks.codes import Sparsity
from ebm.networks.context import Context
from ebm.networks.corruption import GaussianNoise, Masking, SaltAndPepper, corrupt
from ebm.networks.dense import Dense
from ebm.networks.dropout import Dropout
from ebm.networks.objective import Batch
from ebm.networks.sequential import Sequential
from ebm.random import Random, Stream
from tests.boltzmann.models import small_model
from tests.networks.checks import close, differences


def shares(n):
    weights = np.random.default_rng(5).random(n)
    return weights / weights.sum()


def moved(parameters, seed=0):
    rng = np.random.default_rng(seed)
    return {name: array + 0.3 * rng.normal(size=array.shape) for name, array in parameters.items()}


@pytest.mark.parametrize("corruption", [GaussianNoise(0.4), Masking(0.3), SaltAndPepper(0.3)])
@pytest.mark.parametrize("sparsity", [None, Sparsity(0.1, 0.7)])
@pytest.mark.parametrize("tied", [False, True])
def test_gradient_with_the_noise_held_fixed(corruption, sparsity, tied):
    layout = dense_layout(6, 3, (5,), activation="tanh", code_activation="sigmoid", tied=tied)
    objective = Reconstruction(layout, "bernoulli", corruption, sparsity)
    parameters = moved(layout.initial(Random(0), np.float64))
    batch = Batch(np.random.default_rng(1).random((7, 6)), shares(7))
    noise = {"random": Random(3), "clock": np.array([5, 0], np.uint32)}

    def value():
        found = float(batch.weights @ objective.values(parameters, batch, Context(**noise)))
        if sparsity is not None:  # activations are those of the corrupted samples
            x = corrupt(batch.x, corruption, noise["random"], 5)
            z, _ = layout.encoder.forward(layout.of_encoder(parameters), x, Context())
            found += float(sparsity.value(z, batch.weights, Context())[0])
        return found

    gradients = {name: np.full_like(array, np.nan) for name, array in parameters.items()}
    objective.gradient(parameters, batch, gradients, Context(training=True, **noise))
    for name, gradient in gradients.items():
        close(gradient, differences(value, parameters[name]))


def test_noise_is_fresh_in_every_update_and_targets_are_clean():
    layout = dense_layout(6, 3)
    parameters, x = layout.initial(Random(0), np.float64), np.random.default_rng(0).random((4, 6))
    objective, found = Reconstruction(layout, corruption=GaussianNoise(0.5)), []
    for step in (0, 1):
        context = Context(random=Random(3), clock=np.array([step, 0], np.uint32))
        found.append(np.array(objective.values(parameters, Batch(x, shares(4)), context)))
        noisy = corrupt(x, GaussianNoise(0.5), Random(3), step)
        right = ((AutoencoderModel(layout, parameters).reconstruct(noisy) - x) ** 2).sum(axis=1)
        np.testing.assert_allclose(found[-1], right, rtol=1e-12)
    assert (found[0] != found[1]).all()


class _OneStream(Context):
    """Gives masking and dropout the same random numbers."""

    def noise(self, stream):
        return super().noise(Stream.MASKING)


def test_masking_is_dropout_of_inputs_up_to_its_factor():
    """f(m x) with weights W is f(m x / (1 - r)) with weights (1 - r) W: the same losses, gradients times (1 - r)."""
    r, x = 0.4, np.random.default_rng(0).random((9, 6))
    masked = Reconstruction(dense_layout(6, 4, code_activation="tanh"), corruption=Masking(r))
    dropped = Reconstruction(own_layout([Dropout(r), Dense(4, "tanh")], [Dense(6)], (6,)))
    parameters = moved(masked.architecture.initial(Random(0), np.float64))
    others = {name.replace("encoder.0", "encoder.1"): array for name, array in parameters.items()}
    others["encoder.1.weights"] = (1 - r) * parameters["encoder.0.weights"]
    results = []
    for objective, given in ((masked, parameters), (dropped, others)):
        gradients = {name: np.empty_like(array) for name, array in given.items()}
        context = _OneStream(training=True, random=Random(1))
        values = np.array(objective.gradient(given, Batch(x, shares(9)), gradients, context))
        results.append((values, gradients))
    (values, gradients), (same, scaled) = results
    np.testing.assert_allclose(values, same, rtol=1e-12)
    np.testing.assert_allclose((1 - r) * scaled["encoder.1.weights"], gradients["encoder.0.weights"], rtol=1e-10)
    np.testing.assert_allclose(scaled["decoder.0.weights"], gradients["decoder.0.weights"], rtol=1e-10)


def layer(n_in, n_out, seed, dtype=np.float64):
    rng = np.random.default_rng(seed)
    arrays = [rng.normal(size=shape).astype(dtype) for shape in ((n_in, n_out), n_out, n_in, (n_out, n_in))]
    return LayerWeights(*arrays)


@pytest.mark.parametrize("tied", [False, True])
def test_unrolled_is_up_the_layers_and_back(tied):
    sigmoid = lambda a: 1 / (1 + np.exp(-a))  # noqa: E731
    stack = Stack(6, (5, 4, 3), "sigmoid", "tanh", tied=tied)
    layers = [layer(6, 5, 0), layer(5, 4, 1), layer(4, 3, 2)]
    if tied:
        layers = [LayerWeights(one.weights, one.hidden_bias, one.visible_bias) for one in layers]
    model = AutoencoderModel(stack.network(), unrolled(layers, tied=tied))
    x = np.random.default_rng(3).random((8, 6))
    h = x
    for one, f in zip(layers, (sigmoid, sigmoid, np.tanh), strict=True):
        h = f(h @ one.weights + one.hidden_bias)
    np.testing.assert_allclose(model.encode(x), h, rtol=1e-12)
    for one, g in zip(reversed(layers), (sigmoid, sigmoid, lambda a: a), strict=True):
        h = g(h @ (one.weights.T if one.back is None else one.back) + one.visible_bias)
    np.testing.assert_allclose(model.reconstruct(x), h, rtol=1e-12)


def test_a_stack_of_rbms_is_unrolled():
    """A deep belief network's start: tied or not, the network is means up and means down."""
    low, high = small_model(6, 4, dtype=np.float64), small_model(4, 3, dtype=np.float64, seed=1)
    x = np.random.default_rng(0).integers(0, 2, (9, 6)).astype(np.float64)
    code = high.hidden_mean(low.hidden_mean(x))
    down = low.visible_mean(high.visible_mean(code))
    for tied in (True, False):
        network = Stack(6, (4, 3), loss="bernoulli", tied=tied).network()
        model = AutoencoderModel(
            network, unrolled([LayerWeights.of(low), LayerWeights.of(high)], tied=tied), "bernoulli"
        )
        np.testing.assert_allclose(model.encode(x), code, rtol=1e-12)
        np.testing.assert_allclose(model.reconstruct(x), down, rtol=1e-12)


@pytest.mark.parametrize(
    ("activation", "losses", "outputs"),
    [("sigmoid", ["squared", "bernoulli"], ["identity"] * 2), ("relu", ["squared"] * 2, ["identity", "relu"])],
)
def test_layers_reconstruct_what_they_are_given(activation, losses, outputs):
    stack = Stack(6, (5, 3), activation, "identity", corruption=Masking(0.3))
    for k, (loss, output) in enumerate(zip(losses, outputs, strict=True)):
        objective = stack.objective(k)
        assert objective.loss == loss
        assert objective.corruption == Masking(0.3)
        (decoder,) = objective.architecture.decoder.layers
        assert (decoder.activation, decoder.units) == (output, (6, 5)[k])
    layers = [moved(stack.objective(k).architecture.initial(Random(k), np.float64)) for k in range(2)]
    x = np.random.default_rng(0).random((8, 6))
    data = TrainingData.from_array(x, np.arange(1.0, 9.0))
    codes = stack.codes(data, layers[:1])
    np.testing.assert_array_equal(codes.weights, data.weights)
    first = AutoencoderModel(stack.objective(0).architecture, layers[0])
    np.testing.assert_array_equal(codes.rows(np.arange(8)), first.encode(x))
    network = stack.network()
    start = network.initial(Random(9), np.float64)
    whole = AutoencoderModel(network, stack.started(start, layers))
    np.testing.assert_allclose(whole.encode(x), stack.codes(data, layers).rows(np.arange(8)), rtol=1e-14)
    half = stack.started(start, layers[:1])
    assert (half["encoder.0.weights"] == layers[0]["encoder.0.weights"]).all()
    assert (half["decoder.1.weights"] == layers[0]["decoder.0.weights"]).all()
    assert (half["encoder.1.weights"] == start["encoder.1.weights"]).all()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Stack(6, (5, 3), "relu", "sigmoid", sparsity=Sparsity()), "must be 'sigmoid', got 'relu'"),
        (lambda: unrolled([layer(6, 5, 0), layer(4, 3, 1)]), "layer 1 takes 4 features, but the one below gives 5"),
        (lambda: LayerWeights(np.zeros((3, 2)), np.zeros(3), np.zeros(3)), r"need biases of shapes \(2,\) and \(3,\)"),
        (lambda: LayerWeights(np.zeros((3, 2)), np.zeros(2), np.zeros(3), np.zeros((3, 2))), r"back of shape \(2, 3\)"),
    ],
)
def test_what_does_not_fit_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_classification_gradient_and_probabilities():
    objective = Classification(Sequential([Dense(5, "tanh"), Dense(4, "sigmoid")]), 3, (6,))
    parameters = moved(objective.initial(Random(0), np.float64))
    rng = np.random.default_rng(1)
    labels = np.eye(3)[rng.integers(0, 3, 7)]
    batch = Batch(rng.random((7, 6)), shares(7), {"labels": labels})
    gradients = {name: np.full_like(array, np.nan) for name, array in parameters.items()}
    values = objective.gradient(parameters, batch, gradients, Context(training=True))
    p = objective.probabilities(parameters, batch.x)
    np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-14)
    np.testing.assert_allclose(values, -np.log((p * labels).sum(axis=1)), rtol=1e-12)
    for name, gradient in gradients.items():
        close(
            gradient,
            differences(
                lambda: float(batch.weights @ objective.values(parameters, batch, Context())), parameters[name]
            ),
        )
    logits = objective.codes(parameters, batch.x) @ parameters["head.weights"] + parameters["head.bias"]
    np.testing.assert_allclose(np.log(p), logits - np.log(np.exp(logits).sum(axis=1, keepdims=True)), rtol=1e-9)
