"""The objective of autoencoders: gradients by central differences, sparsity, RBMs as autoencoders."""

import numpy as np
import pytest

from ebm.autoencoder.layout import dense_layout, own_layout
from ebm.autoencoder.model import AutoencoderModel
from ebm.autoencoder.reconstruction import Reconstruction
from ebm.networks.codes import Sparsity
from ebm.networks.context import Context
from ebm.networks.dense import Dense
from ebm.networks.objective import Batch
from ebm.networks.shape import Flatten
from ebm.random import Random, Stream
from tests.boltzmann.models import small_model
from tests.networks.checks import close, differences

LAYOUTS = {
    "linear": dense_layout(6, 2),
    "deep": dense_layout(6, 2, (5, 4), activation="tanh", code_activation="sigmoid"),
    "tied": dense_layout(6, 2, (4,), activation="softplus", code_activation="sigmoid", tied=True),
}


@pytest.mark.parametrize("loss", ["squared", "bernoulli"])
@pytest.mark.parametrize("name", LAYOUTS)
@pytest.mark.parametrize("sparsity", [None, Sparsity(0.1, 0.7)])
def test_gradient(name, loss, sparsity):
    layout, rng = LAYOUTS[name], np.random.default_rng(0)
    if sparsity is not None and name == "linear":
        layout = dense_layout(6, 2, code_activation="sigmoid")
    objective = Reconstruction(layout, loss, sparsity=sparsity)
    parameters = {k: v + 0.3 * rng.normal(size=v.shape) for k, v in layout.initial(Random(0), np.float64).items()}
    weights = rng.random(7)
    batch = Batch(rng.random((7, 6)), weights / weights.sum())

    def value():
        context = Context()
        found = float(batch.weights @ objective.values(parameters, batch, context))
        if sparsity is not None:
            z, _ = layout.encoder.forward(layout.of_encoder(parameters), batch.x, context)
            found += float(sparsity.value(z, batch.weights, context)[0])
        return found

    gradients = {k: np.full_like(v, np.nan) for k, v in parameters.items()}
    values = objective.gradient(parameters, batch, gradients, Context(training=True))
    np.testing.assert_allclose(values, objective.values(parameters, batch, Context()))
    for k, gradient in gradients.items():
        close(gradient, differences(value, parameters[k]))


def test_rbm_is_a_tied_autoencoder():
    """One step up and down of an RBM's means is the reconstruction of a tied autoencoder with its parameters."""
    rbm = small_model(6, 4, dtype=np.float64)
    layout = dense_layout(6, 4, code_activation="sigmoid", tied=True)
    parameters = {
        "encoder.0.weights": rbm.weights,
        "encoder.0.bias": rbm.hidden_bias,
        "decoder.0.bias": rbm.visible_bias,
    }
    model = AutoencoderModel(layout, parameters, "bernoulli")
    v = np.random.default_rng(0).integers(0, 2, (9, 6)).astype(np.float64)
    np.testing.assert_allclose(model.encode(v), rbm.hidden_mean(v), rtol=1e-12)
    np.testing.assert_allclose(model.reconstruct(v), rbm.visible_mean(rbm.hidden_mean(v)), rtol=1e-12)


def test_models_take_any_number_of_rows():
    layout = LAYOUTS["deep"]
    model = AutoencoderModel(layout, layout.initial(Random(0), np.float32))
    x = np.random.default_rng(0).random((2500, 6)).astype(np.float32)
    whole = model.reconstruct(x)
    assert (whole[2040:2060] == model.decode(model.encode(x[2040:2060]))).all()
    assert model.reconstruct(x[:0]).shape == (0, 6)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: own_layout([Dense(3)], [Dense(5)], (6,)), r"decoder gives samples of shape \(5,\)"),
        (lambda: own_layout([], [Dense(4)], (2, 2, 1)), "encoder must end with rows"),
        (lambda: dense_layout(6, 0), "units must be an integer of at least 1, got 0"),
        (lambda: dense_layout(6, 2, (3, -1)), "units must be an integer of at least 1, got -1"),
        (lambda: dense_layout(6, 2, (3,), activation="swish"), "activation must be one of"),
    ],
)
def test_layers_that_do_not_fit_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize("loss", ["squared", "bernoulli"])
def test_codes_are_left_as_they_are(loss):
    architecture = own_layout([Dense(6)], [Flatten()], (6,))
    model = AutoencoderModel(architecture, architecture.initial(Random(0), np.float32), loss)
    z = Random(1).normal((5, 6), Stream.WEIGHTS)
    before = z.copy()
    model.decode(z)
    assert np.array_equal(z, before)
