"""Attention on CUDA equals the CPU's, alone and in a whole model; a whole fit runs there."""

import numpy as np
import pytest

from ebm.networks.context import Context
from ebm.optimizers.adam import Adam
from ebm.random import Random
from ebm.recurrent.learning import SequenceLearner, upload_batch
from tests.recurrent.attending import Case
from tests.recurrent.transductions import made, parameters_of, samples_of

TOLERANCE = {np.float32: 1e-5, np.float64: 1e-12}


def close(found, exact, dtype, name=""):
    assert found.dtype == exact.dtype == dtype, name
    scale = max(1, np.abs(exact).max(initial=0))
    np.testing.assert_allclose(found, exact, rtol=0, atol=TOLERANCE[dtype] * scale, err_msg=name)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_cell_that_attends_equals_the_cpus(device, dtype):
    case, there = Case(dtype), Context(device)
    y, finals, cache, (_, _, targets) = case.forward(there)
    here_y, here_finals, matrices = case.outputs()
    close(targets.unpack(device.download(y)), here_y, dtype, "y")
    for a, b in zip(finals, here_finals, strict=True):
        close(device.download(a), b, dtype, "final")
    for a, b in zip(cache.matrices(there), matrices, strict=True):
        close(a, b, dtype, "weights")
    here, found = case.backward(), case.backward(Context(device))
    for name, array in here.items():
        close(found[name], array, dtype, name)


@pytest.mark.parametrize("kind", ["attention, two layers, frames", "none"])
def test_models_have_the_cpus_gradients(device, kind):
    model = made(kind)
    samples, parameters, found = samples_of(model, 3), parameters_of(model), []
    for place in ("cpu", device):
        context = Context(place)
        batch = upload_batch(samples, context.device)
        n = batch.frames["y"].shape[0]
        batch = batch.__class__(batch.frames, batch.packings, context.device.upload(np.full(n, 1 / n)), batch.extra)
        on = {name: context.device.upload(array) for name, array in parameters.items()}
        gradients = {name: context.device.upload(np.full_like(array, 9)) for name, array in parameters.items()}
        values = model.log_likelihood().gradient(on, batch, gradients, context)
        found.append({name: context.device.download(array) for name, array in {**gradients, "": values}.items()})
    for name, array in found[0].items():
        close(found[1][name], array, np.float64, name)


def test_learning_goes_the_cpus_way(device):
    model = made("attention")
    samples, start, found = samples_of(model, 4, dtype=np.float32, longest=2), parameters_of(model, np.float32), []
    for place in ("cpu", device):
        learner = SequenceLearner(start, model.log_likelihood(), samples, Adam(0.01), Random(2), n_epochs=2,
                                  batch_size=2, clipping=None, device=place)  # fmt: skip
        for epoch in range(2):
            learner.begin_epoch(epoch)
            learner.update(0, learner.n_batches)
        found.append(learner.parameters)
    for name, array in found[0].items():
        np.testing.assert_allclose(found[1][name], array, atol=2e-4, err_msg=name)
