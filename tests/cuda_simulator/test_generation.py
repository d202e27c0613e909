"""Models of tokens on a GPU: the loss of the next token, and its gradients, are the CPU's."""

import numpy as np
import pytest

from ebm.networks.context import Context
from ebm.recurrent.batch import SequenceBatch
from ebm.recurrent.learning import upload_batch
from ebm.recurrent.next_token import NextToken
from ebm_sklearn import SequenceGenerator
from tests.recurrent.token_models import moved, samples_of, token_model

SEQUENCES = [np.array(y, np.int64) for y in ([0, 1, 2, 2], [1], [], [2, 0, 0])]


@pytest.mark.parametrize("kind", ["simple", "lstm", "gru", "scrn", "mixed"])
@pytest.mark.parametrize("n_in", [None, 2])
def test_gradients_are_the_cpus(device, kind, n_in):
    model = token_model(kind, n_in=n_in, hidden=() if n_in is None else (3,))
    vectors = None if n_in is None else np.random.default_rng(1).normal(size=(4, n_in))
    parameters, samples = moved(model), samples_of(SEQUENCES, vectors=vectors)
    weights, found = np.random.default_rng(2).uniform(0.1, 1, samples.main.n_frames), []
    for place in (Context().device, device):
        batch = upload_batch(samples, place)
        batch = SequenceBatch(batch.frames, batch.packings, place.upload(weights), batch.extra)
        there = {name: place.upload(array) for name, array in parameters.items()}
        gradients = {name: place.upload(np.full_like(array, 9)) for name, array in parameters.items()}
        values = NextToken(model).gradient(there, batch, gradients, Context(place))
        found.append({"values": values} | gradients)
    for name, array in found[0].items():
        np.testing.assert_allclose(device.download(found[1][name]), array, rtol=0, atol=1e-12, err_msg=name)


def test_a_fit_on_the_device_is_the_cpus(device):
    texts = ["ab", "abc", "b", "abc"]
    fits = [
        SequenceGenerator(units=5, n_layers=2, embedding_size=3, dropout=0.2, n_iter=2, device=place, random_state=0)
        for place in ("cpu", "cuda")
    ]
    one, two = (fit.fit(texts).parameters_ for fit in fits)
    for name, array in one.items():
        np.testing.assert_allclose(two[name], array, rtol=0, atol=1e-5, err_msg=name)
