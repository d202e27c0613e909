"""Energies and conditionals are those of the definition, by sums over all states."""

import numpy as np
import pytest

from ebm.boltzmann.rbm import RBM
from tests.boltzmann.models import slow, small_model

TOLERANCE = {np.float32: 2e-5, np.float64: 1e-12}


@pytest.fixture(params=[(5, 4), (4, 5), (1, 1), (6, 1)], ids=str)
def shape(request):
    return request.param


@pytest.fixture(params=[np.float32, np.float64], ids=["float32", "float64"])
def dtype(request):
    return request.param


def test_energies_are_those_of_the_definition(shape, dtype):
    model = small_model(*shape, dtype=dtype, scale=1.5)
    oracle = slow(model)
    v, h = model.visible.states(shape[0], dtype), model.hidden.states(shape[1], dtype)
    pairs = [(a, b) for a in v for b in h]
    energy = model.energy(*(np.array(part) for part in zip(*pairs, strict=True)))
    wanted = [oracle.energy(a, b) for a, b in pairs]
    np.testing.assert_allclose(energy, wanted, atol=TOLERANCE[dtype])
    np.testing.assert_allclose(model.free_energy(v), [oracle.free_energy(x) for x in v], atol=TOLERANCE[dtype])
    turned = slow(RBM(model.weights.T, model.hidden_bias, model.visible_bias))
    hidden = [turned.free_energy(x) for x in h]
    np.testing.assert_allclose(model.hidden_free_energy(h), hidden, atol=TOLERANCE[dtype])
    assert energy.dtype == model.free_energy(v).dtype == dtype


def test_conditionals_are_ratios_of_sums(shape, dtype):
    model = small_model(*shape, dtype=dtype, scale=1.5)
    oracle = slow(model)
    v, h = model.visible.states(shape[0], dtype), model.hidden.states(shape[1], dtype)
    np.testing.assert_allclose(model.hidden_mean(v), [oracle.hidden_given(x) for x in v], atol=TOLERANCE[dtype])
    np.testing.assert_allclose(model.visible_mean(h), [oracle.visible_given(x) for x in h], atol=TOLERANCE[dtype])
    np.testing.assert_allclose(model.reconstruct(v), model.visible_mean(model.hidden_mean(v)), rtol=0)


def test_probability_from_free_energy_is_the_summed_joint():
    model = small_model(6, 4, scale=1.3)
    joint, log_z = slow(model).joint()
    np.testing.assert_allclose(np.exp(-model.free_energy(model.visible.states(6)) - log_z), joint.sum(axis=1))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"visible_bias": np.zeros(4)}, r"weights \(3, 2\) need .* got \(4, 2\)"),
        ({"hidden_bias": np.zeros((2, 1))}, r"weights \(3, 2\) need"),
        ({"weights": np.zeros((3, 2), np.float32)}, r"one dtype.*float32.*float64"),
        ({"weights": np.zeros((3, 2), int)}, "float32 or float64"),
    ],
)
def test_parameters_that_do_not_fit_are_refused(change, message):
    parameters = {
        "weights": np.zeros((3, 2)),
        "visible_bias": np.zeros(3),
        "hidden_bias": np.zeros(2),
    } | change
    with pytest.raises(ValueError, match=message):
        RBM(**parameters)


@pytest.mark.parametrize("method", ["free_energy", "hidden_mean", "energy"])
def test_states_of_another_width_are_refused(method):
    model, wrong = small_model(3, 2), np.zeros((4, 5))
    with pytest.raises(ValueError, match=r"fit|mismatch"):
        getattr(model, method)(*([wrong, np.zeros((4, 2))] if method == "energy" else [wrong]))
