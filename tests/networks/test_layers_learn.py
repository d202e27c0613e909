"""Networks of these layers learn in recorded updates: by any number of threads, and when resumed."""

import numpy as np
import pytest

from ebm.autoencoder.layout import own_layout
from ebm.autoencoder.reconstruction import Reconstruction
from ebm.data import TrainingData
from ebm.kernels.threads import limit_threads
from ebm.networks.activation import Activation
from ebm.networks.corruption import GaussianNoise, Masking, SaltAndPepper
from ebm.networks.dense import Dense
from ebm.networks.dropout import Dropout
from ebm.networks.learning import NetworkLearner
from ebm.networks.normalisation import BatchNormalisation, LayerNormalisation
from ebm.networks.pyramid import PyramidDown, PyramidUp
from ebm.networks.shape import Flatten, Reshape
from ebm.optimizers.adam import Adam
from ebm.random import Random
from ebm.training import train

SHAPE = (6, 5, 1)
ENCODER = [
    BatchNormalisation(), PyramidDown(), Flatten(), Dense(12), BatchNormalisation(), Activation("relu"),
    Dropout(0.1), Dense(6),
]  # fmt: skip
DECODER = [LayerNormalisation(), Dense(9), Reshape((3, 3, 1)), PyramidUp((6, 5)), Flatten(), Dense(30)]
LAYOUT = own_layout(ENCODER, DECODER, SHAPE)


def images(n=60, dtype=np.float32):
    """Smooth images: a few numbers tell them."""
    rng, places = np.random.default_rng(0), np.linspace(0, np.pi, 30)
    return (rng.random((n, 3)) @ np.cos(np.outer(np.arange(3), places)) / 3 + 0.5).astype(dtype)


def learner(corruption=None, batch_size=20, n_epochs=30):
    data = TrainingData.from_array(images())
    objective, start = Reconstruction(LAYOUT, corruption=corruption), LAYOUT.initial(Random(3), np.float32)
    return NetworkLearner(start, objective, data, Adam(0.01), Random(5), n_epochs=n_epochs, batch_size=batch_size)


def test_such_a_network_learns():
    one = learner()
    before = one.loss_of(TrainingData.from_array(images()))
    train(one, 30)
    assert one.is_sound()
    assert one.loss_of(TrainingData.from_array(images())) < before / 4
    assert (one.parameters["encoder.0.running_mean"] != 0).all()


@pytest.mark.parametrize("corruption", [None, GaussianNoise(0.2), Masking(0.3), SaltAndPepper(0.3)], ids=repr)
def test_threads_and_pauses_change_nothing(corruption):
    found = []
    for n_threads in (1, 2):
        with limit_threads(n_threads):
            one = learner(corruption)
            train(one, 3)
            found.append(one.state())
    before, after = learner(corruption), learner(corruption)
    train(before, 1)
    after.restore(before.state())
    train(after, 3, first_epoch=1)
    for state in (found[1], after.state()):
        assert state.keys() == found[0].keys()
        for name, array in found[0].items():
            np.testing.assert_array_equal(state[name], array, err_msg=name)


def test_a_last_batch_of_one_sample_is_told():
    one = learner(batch_size=59)
    one.begin_epoch(0)
    one.update(0, 1)  # images of 30 places, and rows: the encoder's second normalisation has one value a feature
    with pytest.raises(ValueError, match=r"x \(1, 12\) has one value for each feature"):
        one.update(1, 2)
