"""From sequence to sequence: gradients of everything, ragged batches, threads, learning that is replayed."""

import numpy as np
import pytest

from ebm.kernels.threads import limit_threads
from ebm.networks.context import Context
from ebm.optimizers.adam import Adam
from ebm.random import Random
from ebm.recurrent.encoder_decoder_layout import encoder_decoder
from ebm.recurrent.learning import SequenceLearner, upload_batch
from ebm.recurrent.simple import SimpleCell
from tests.networks.differences import close, differences
from tests.recurrent.transductions import KINDS, N_TOKENS, made, parameters_of, samples_of, with_weights


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_are_central_differences(kind):
    model = made(kind)
    objective, parameters, batch = model.log_likelihood(), parameters_of(model), with_weights(samples_of(model, 3))
    found = {name: np.full_like(array, np.nan) for name, array in parameters.items()}
    values = objective.gradient(parameters, batch, found, Context())
    close(values, objective.values(parameters, batch, Context()), 1e-14)

    def loss():
        return float(batch.weights @ objective.values(parameters, batch, Context()))

    for name, array in parameters.items():
        expected = differences(loss, array)
        np.testing.assert_allclose(found[name], expected, rtol=1e-7, atol=1e-8, err_msg=name)


def test_gradients_with_dropout_are_those_of_the_same_masks():
    model = made("attention, two layers, frames", dropout=0.3)
    objective, parameters, batch = model.log_likelihood(), parameters_of(model), with_weights(samples_of(model, 3))

    def context():
        return Context(training=True, random=Random(8))

    found = {name: np.full_like(array, np.nan) for name, array in parameters.items()}
    objective.gradient(parameters, batch, found, context())
    for name in ("decoder.attention.energy_weights", "encoder.0.forward.bias", "decoder.embedding.weights"):
        expected = differences(lambda: float(batch.weights @ objective.values(parameters, batch, context())),
                               parameters[name])  # fmt: skip
        np.testing.assert_allclose(found[name], expected, rtol=1e-7, atol=1e-8, err_msg=name)


@pytest.mark.parametrize("kind", ["attention", "none"])
def test_a_ragged_batch_is_each_pair_alone(kind):
    model = made(kind)
    objective, parameters, samples = model.log_likelihood(), parameters_of(model), samples_of(model, 6)

    def values(some):
        batch = upload_batch(some, Context().device)
        return batch.packings["y"].unpack(objective.values(parameters, batch, Context()))

    alone = [values(samples.subset(np.array([s]))) for s in range(6)]
    np.testing.assert_allclose(values(samples), np.concatenate(alone), rtol=1e-13)


def learner_of(kind, dtype=np.float32, samples=samples_of, **options):
    model = made(kind)
    samples = samples(model, 24, dtype=dtype, longest=3)
    options = {"n_epochs": 4, "batch_size": 8, **options}
    start = parameters_of(model, dtype)
    return SequenceLearner(start, model.log_likelihood(), samples, Adam(0.01), Random(2), **options)


def trained(learner, epochs=range(4)):
    for epoch in epochs:
        learner.begin_epoch(epoch)
        learner.update(0, learner.n_batches)
    return learner.parameters


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", ["attention", "none, two layers, one way"])
def test_threads_do_not_change_a_bit(kind, dtype):
    found = []
    for n in (1, 2):
        with limit_threads(n):
            found.append(trained(learner_of(kind, dtype)))
    for name, array in found[0].items():
        assert array.dtype == dtype
        np.testing.assert_array_equal(array, found[1][name])


def test_replayed_updates_are_those_that_ran(monkeypatch):
    """Samples of one length: every batch is a replay of the first; without recording they run one by one."""
    replayed = learner_of("attention", samples=_alike)
    trained(replayed)
    assert replayed._updates
    monkeypatch.setattr("ebm.recurrent.learning.MOST_RECORDED", 0)
    direct = learner_of("attention", samples=_alike)
    trained(direct)
    assert not direct._updates
    for name, array in replayed.parameters.items():
        np.testing.assert_array_equal(array, direct.parameters[name])


def _alike(model, n, *, dtype, longest):
    found = samples_of(model, 40 * n, dtype=dtype, longest=longest)
    same = (found.sequences["x"].lengths == 2) & (found.sequences["y"].lengths == 3)
    return found.subset(np.flatnonzero(same)[:n])


def test_resumed_learning_is_the_same():
    whole = trained(learner_of("attention"))
    half = learner_of("attention")
    trained(half, range(2))
    other = learner_of("attention")
    other.restore(half.state())
    for name, array in trained(other, range(2, 4)).items():
        np.testing.assert_array_equal(array, whole[name])


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="n_source_tokens or n_features"):
        encoder_decoder(N_TOKENS, SimpleCell(3))
    with pytest.raises(ValueError, match="must be an LSTMCell"):
        encoder_decoder(N_TOKENS, SimpleCell(3), n_features=2, attention_size=2)
    with pytest.raises(ValueError, match="n_layers"):
        encoder_decoder(N_TOKENS, SimpleCell(3), n_features=2, n_layers=0)
