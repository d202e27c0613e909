"""Enumeration in blocks equals enumeration of the joint by its definition."""

import numpy as np
import pytest

from ebm.boltzmann import enumeration
from ebm.boltzmann.rbm import RBM
from tests.boltzmann.models import slow, small_model


@pytest.mark.parametrize("shape", [(5, 4), (4, 5), (1, 1), (7, 2), (2, 7)], ids=str)
@pytest.mark.parametrize("block", [4, 4096])
def test_enumeration_equals_the_joint(shape, block, monkeypatch):
    monkeypatch.setattr(enumeration, "BLOCK", block)
    model = small_model(*shape, scale=1.5)
    joint, log_z = slow(model).joint()
    v, h = model.visible.states(shape[0]), model.hidden.states(shape[1])
    assert enumeration.log_partition(model) == pytest.approx(log_z, abs=1e-11)
    np.testing.assert_allclose(enumeration.visible_distribution(model), joint.sum(axis=1), atol=1e-14)
    moments = enumeration.moments(model)
    np.testing.assert_allclose(moments.visible, joint.sum(axis=1) @ v, atol=1e-12)
    np.testing.assert_allclose(moments.hidden, joint.sum(axis=0) @ h, atol=1e-12)
    np.testing.assert_allclose(moments.pairs, v.T @ joint @ h, atol=1e-12)
    np.testing.assert_allclose(enumeration.log_likelihood(model, v), np.log(joint.sum(axis=1)), atol=1e-11)


def test_states_come_in_the_units_order():
    unit = small_model(3, 14).hidden
    blocks = list(enumeration.state_blocks(unit, 14))
    assert len(blocks) == 4
    np.testing.assert_array_equal(np.concatenate(blocks), unit.states(14))


def test_log_partition_of_independent_units_is_closed():
    b, c = np.linspace(-3, 2, 9), np.linspace(-1, 4, 13)
    model = RBM(np.zeros((9, 13)), b, c)
    wanted = np.log1p(np.exp(b)).sum() + np.log1p(np.exp(c)).sum()
    assert enumeration.log_partition(model) == pytest.approx(wanted, rel=1e-14)


def test_deep_energies_do_not_overflow():
    model = RBM(np.full((6, 3), 300.0), np.full(6, -10.0), np.full(3, 50.0))
    # one state, all units on, holds all but e^-900 of the probability
    assert enumeration.log_partition(model) == pytest.approx(6 * 3 * 300 - 6 * 10 + 3 * 50, rel=1e-14)
    np.testing.assert_allclose(enumeration.moments(model).pairs, 1.0)
    assert enumeration.visible_distribution(model)[-1] == 1.0


def test_float32_models_are_summed_in_double():
    model = small_model(9, 8, dtype=np.float32)
    double = model.astype(np.float64)
    assert enumeration.log_partition(model) == enumeration.log_partition(double)
    assert enumeration.moments(model).pairs.dtype == np.float64


def test_the_limit_is_told():
    model = small_model(26, 27)
    for function in (enumeration.log_partition, enumeration.moments, enumeration.visible_distribution):
        with pytest.raises(ValueError, match=r"layer.* has 2\*\*26 states; at most 2\*\*25"):
            function(model)
    enumeration.check_enumerable(small_model(25, 300))
