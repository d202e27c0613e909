"""The CUDA loops of normalisation, activations, dropout, embeddings, pyramids and corruption equal the CPU's."""

from dataclasses import replace

import numpy as np
import pytest

from ebm.autoencoder.layout import own_layout
from ebm.autoencoder.reconstruction import Reconstruction
from ebm.data import TrainingData
from ebm.kernels.column_totals import ROWS
from ebm.networks.activation import Activation
from ebm.networks.context import Context
from ebm.networks.corruption import GaussianNoise, Masking, SaltAndPepper
from ebm.networks.dense import Dense
from ebm.networks.dropout import Dropout
from ebm.networks.embedding import check_tokens
from ebm.networks.learning import NetworkLearner
from ebm.networks.normalisation import BatchNormalisation, LayerNormalisation
from ebm.networks.pyramid import from_laplacian_pyramid, laplacian_pyramid
from ebm.networks.shape import Flatten
from ebm.optimizers.adam import Adam
from ebm.random import Random
from ebm.training import train
from tests.networks.layer_cases import CASES, EMBEDDING, SEED, outcomes

DTYPES = [np.float32, np.float64]


def close(found, exact, dtype, name=""):
    """As close as sums in another order can be."""
    eps = np.finfo(dtype).eps
    np.testing.assert_allclose(found, exact, rtol=64 * eps, atol=64 * eps * max(1, np.abs(exact).max()), err_msg=name)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_layers_equal_the_cpus(device, case, dtype):
    if not isinstance(case.layer, BatchNormalisation):
        case = replace(case, n=3)
    here = outcomes(case, dtype, case.context(step=3))
    there = outcomes(case, dtype, case.context(step=3, device=device), device.upload)
    for name, array in there.items():
        assert type(array) is type(device.zeros(1, dtype)), name
        close(device.download(array), here[name], dtype, name)


def test_batches_have_more_than_one_block_of_rows():
    rows = {case.n for case in CASES if case.shape == (3,) and case.training}
    assert max(rows) > ROWS


def test_a_second_gradient_of_a_pass_is_added(device):
    case = CASES[0]
    parameters = {name: device.upload(a) for name, a in case.parameters(np.float64).items()}
    gradients = {name: device.zeros(a.shape, np.float64) for name, a in parameters.items()}
    context, kept = case.context(device=device), []
    _, cache = case.layer.forward(parameters, device.upload(case.x(np.float64)), context)
    for _ in range(2):
        case.layer.backward(parameters, cache, device.upload(case.changes(np.float64)[1]), gradients, context)
        kept.append(device.download(gradients["scale"]))
    np.testing.assert_allclose(kept[1], 2 * kept[0], rtol=1e-12)


@pytest.mark.parametrize("kind", [np.int32, np.int64])
@pytest.mark.parametrize("dtype", DTYPES)
def test_embeddings_equal_the_cpus(device, dtype, kind):
    rng = np.random.default_rng(0)
    tokens, dy = rng.integers(0, 9, (3, 4)).astype(kind), rng.normal(size=(3, 4, 5)).astype(dtype)
    found = []
    for place in ("cpu", device):
        context = Context(place)
        upload = context.device.upload
        parameters = {"weights": upload(EMBEDDING.initial((4,), SEED, dtype)["weights"])}
        gradients = {"weights": upload(np.full((9, 5), 7, dtype))}
        y, cache = EMBEDDING.forward(parameters, upload(tokens), context)
        for _ in range(2):
            EMBEDDING.backward(parameters, cache, upload(dy), gradients, context)
        found.append([context.device.download(a) for a in (y, gradients["weights"])])
    for here, there in zip(*found, strict=True):
        close(there, here, dtype)


def test_tokens_on_a_device_can_be_checked(device):
    with pytest.raises(ValueError, match="but 9 is among them"):
        check_tokens(device.upload(np.array([3, 9])), 9)
    y, _ = EMBEDDING.forward(
        {"weights": device.zeros((9, 5), np.float32)}, device.upload(np.array([[3, 9]])), Context(device)
    )
    np.testing.assert_array_equal(np.isnan(device.download(y))[0, :, 0], [False, True])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kind", [GaussianNoise(0.5), Masking(0.3), SaltAndPepper(0.4)], ids=repr)
@pytest.mark.parametrize("n", [1, 6, 7])
def test_corruption_equals_the_cpus(device, kind, dtype, n):
    x, found = np.random.default_rng(0).normal(size=(5, n)).astype(dtype), []
    for place in ("cpu", device):
        context = Context(place, random=SEED)
        context.device.write(context.clock, np.array([9, 0], np.uint32))
        out = context.empty(x.shape, dtype)
        kind.apply(context.device.upload(x), out, context)
        found.append(context.device.download(out))
    if isinstance(kind, GaussianNoise):
        close(found[1], found[0], dtype)
    else:
        np.testing.assert_array_equal(found[1], found[0])


def test_a_pyramid_of_a_device_comes_back(device):
    x = np.random.default_rng(0).normal(size=(1, 5, 6, 2))
    there = laplacian_pyramid(device.upload(x), 2)
    for a, b in zip(there, laplacian_pyramid(x, 2), strict=True):
        close(device.download(a), b, np.float64)
    close(device.download(from_laplacian_pyramid(there)), x, np.float64)


def test_a_network_of_them_learns_as_on_the_cpu(device):
    encoder = [BatchNormalisation(), Flatten(), Dense(3), Activation("softmax"), Dropout(0.2), LayerNormalisation()]
    layout, found = own_layout(encoder, [Dense(4)], (2, 2, 1)), []
    data = TrainingData.from_array(np.random.default_rng(0).random((6, 4)))
    for place in ("cpu", device):
        start, objective = layout.initial(Random(0), np.float64), Reconstruction(layout, corruption=Masking(0.3))
        learner = NetworkLearner(start, objective, data, Adam(0.1), Random(1), n_epochs=2, batch_size=3, device=place)
        train(learner, 2)
        found.append(learner.state())
    for name, array in found[0].items():
        np.testing.assert_allclose(found[1][name], array, rtol=1e-9, atol=1e-11, err_msg=name)
