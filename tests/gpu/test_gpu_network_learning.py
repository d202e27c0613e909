"""Learning of networks on a GPU: the simulator's tests, graphs beside eager launches, whole fits beside the CPU's."""

import numpy as np
import pytest

from ebm.autoencoder.layout import own_layout
from ebm.autoencoder.reconstruction import Reconstruction
from ebm.autoencoder.variational import Variational
from ebm.autoencoder.variational_layout import variational_layout
from ebm.data import TrainingData
from ebm.networks.convolution import Convolution, TransposedConvolution
from ebm.networks.corruption import Masking
from ebm.networks.dense import Dense
from ebm.networks.dropout import Dropout
from ebm.networks.learning import NetworkLearner
from ebm.networks.normalisation import BatchNormalisation
from ebm.networks.shape import Flatten, Reshape
from ebm.optimizers.adam import Adam
from ebm.optimizers.clipping import ClipByNorm
from ebm.random import Random
from ebm.training import train
from ebm_sklearn import Autoencoder, VariationalAutoencoder
from tests.cuda_simulator.test_network_learning import (  # noqa: F401  (the same tests, on the GPU)
    test_estimator,
    test_layers,
    test_learner,
)
from tests.gpu.devices import Eager, OwnProduct

SIDE, HALF, HIDDEN, N_EPOCHS = 12, 6, 40, 3
N_SAMPLES, BATCH = 230, 50  # the last batch is smaller
DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def pictures(dtype, n):
    """A bright bar each, in [0, 1]."""
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:SIDE, :SIDE]
    angle, place = rng.uniform(0, np.pi, (2, n, 1, 1))
    along = np.cos(angle) * (rows - SIDE / 2) + np.sin(angle) * (columns - SIDE / 2)
    return np.exp(-((along - 2 * place + np.pi) ** 2) / 4).reshape(n, -1).astype(dtype)


def dense():
    """Noise of both kinds, and statistics of a batch."""
    encoder = [Dense(HIDDEN, "relu"), BatchNormalisation(), Dropout(0.2), Dense(8)]
    layout = own_layout(encoder, [Dense(HIDDEN, "tanh"), Dense(SIDE**2)], (SIDE**2,))
    return layout, Reconstruction(layout, "bernoulli", corruption=Masking(0.2))


def convolutional():
    encoder = [Convolution(6, 3, 2, 1, "relu"), Flatten(), Dense(8)]
    decoder = [
        Dense(6 * HALF**2, "relu"),
        Reshape((HALF, HALF, 6)),
        TransposedConvolution(1, 3, 2, 1, 1, "sigmoid"),
        Flatten(),
    ]
    layout = own_layout(encoder, decoder, (SIDE, SIDE, 1))
    return layout, Reconstruction(layout)


def variational():
    layout = variational_layout(SIDE**2, 6, (HIDDEN,))
    return layout, Variational(layout, 0.5)


KINDS = pytest.mark.parametrize("kind", [dense, convolutional, variational], ids=lambda kind: kind.__name__)


def learner(kind, dtype, device, clipping=None):
    layout, objective = kind()
    data, start = TrainingData.from_array(pictures(dtype, N_SAMPLES)), layout.initial(Random(0), dtype)
    options = {"n_epochs": N_EPOCHS, "batch_size": BATCH, "clipping": clipping, "device": device}
    return NetworkLearner(start, objective, data, Adam(1e-3, weight_decay=1e-3), Random(1), **options)


def fit(made, first=0, last=N_EPOCHS):
    """Learn, and return the state with the loss of the last epoch."""
    for epoch in range(first, last):
        made.begin_epoch(epoch)
        made.update(0, 2)
        made.update(2, made.n_batches)
    return {**made.state(), "loss": np.array(made.mean_loss)}


@KINDS
@DTYPES
def test_a_replayed_graph_equals_eager_launches(device, kind, dtype):
    expected = fit(learner(kind, dtype, Eager(), ClipByNorm(1.0)))
    state = fit(learner(kind, dtype, device, ClipByNorm(1.0)))
    for name, array in expected.items():
        np.testing.assert_array_equal(state[name], array, err_msg=name)


@KINDS
def test_a_fit_in_float64_equals_the_cpus(device, kind):
    """With cuBLAS, and with our own product."""
    expected = fit(learner(kind, np.float64, "cpu", ClipByNorm(1.0)))
    for place in (device, OwnProduct()):
        state = fit(learner(kind, np.float64, place, ClipByNorm(1.0)))
        for name, array in expected.items():
            np.testing.assert_allclose(state[name], array, rtol=1e-6, atol=1e-8, err_msg=name)


@KINDS
def test_a_fit_moves_from_the_device_to_the_cpu_and_back(device, kind):
    expected = fit(learner(kind, np.float64, "cpu"))
    for places in ((device, "cpu"), ("cpu", device)):
        before, after = (learner(kind, np.float64, place) for place in places)
        after.restore({name: a for name, a in fit(before, 0, 1).items() if name != "loss"})
        state = fit(after, 1)
        for name, array in expected.items():
            np.testing.assert_allclose(state[name], array, rtol=1e-6, atol=1e-8, err_msg=name)


@KINDS
def test_the_loss_of_other_samples_equals_the_cpus(device, kind):
    others = TrainingData.from_array(pictures(np.float64, 31))
    made = [learner(kind, np.float64, place) for place in ("cpu", device)]
    here, there = (one.loss_of(others) for one in made)
    assert there == pytest.approx(here, rel=1e-10)


def test_what_diverged_is_seen(device):
    made = learner(dense, np.float32, device)
    state = made.state()
    assert made.is_sound()
    state["encoder.0.bias"][0] = np.nan
    made.restore(state)
    assert not made.is_sound()


def test_a_learner_learns_off_the_devices_stream(device):
    """What it writes must be there when its graph runs, whichever stream the caller holds."""
    expected = fit(learner(dense, np.float32, device))
    with device.xp.cuda.Stream.null:
        state = fit(learner(dense, np.float32, device))
    for name, array in expected.items():
        np.testing.assert_array_equal(state[name], array, err_msg=name)


ESTIMATORS = [
    Autoencoder(8, hidden_layer_sizes=(64,), n_iter=5, early_stopping=True),
    Autoencoder(8, channels=(6, 8), kernel_size=3, image_shape=(SIDE, SIDE, 1), n_iter=3),
    VariationalAutoencoder(6, hidden_layer_sizes=(64,), n_iter=5, clip_norm=10.0),
]


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=["dense", "convolutional", "variational"])
def test_whole_fits_in_float32_stay_by_the_cpus(device, estimator):
    """Adam divides by the size of a gradient, so that roundings grow with the updates, slowly."""
    X, found = pictures(np.float32, 3 * N_SAMPLES), []
    for place in ("cpu", device):
        estimator.set_params(device=place, random_state=0).fit(X)
        rows = [[row[name] for name in row if "loss" in name] for row in estimator.history_]
        found.append((np.array(rows), estimator.reconstruct(X), estimator.transform(X)))
    (losses, back, codes), (losses_there, back_there, codes_there) = found
    assert losses[-1, 0] < 0.9 * losses[0, 0]
    np.testing.assert_allclose(losses_there, losses, rtol=1e-3)
    assert back_there.dtype == codes_there.dtype == np.float32
    np.testing.assert_allclose(back_there, back, rtol=0, atol=0.01)
    assert np.abs(codes_there - codes).max() < 0.01 * np.abs(codes).max()


def test_train_runs_the_whole_loop(device):
    found = []
    for place in ("cpu", device):
        made = learner(dense, np.float64, place)
        train(made, N_EPOCHS)
        found.append(made.mean_loss)
    assert found[1] == pytest.approx(found[0], rel=1e-8)
