"""How the learning rate goes on in fit, and that partial_fit keeps it."""

import numpy as np
import pytest

from ebm.optimizers.schedules import Constant, Linear
from ebm_sklearn import RBM

X = (np.random.default_rng(0).random((200, 12)) < 0.3).astype(np.float64)
SETTINGS = {"n_components": 4, "n_iter": 4, "random_state": 0}


@pytest.mark.parametrize(
    ("by_name", "by_object"),
    [({"schedule": "linear"}, Linear(0.2, 0.0)), ({"schedule": "constant"}, Constant(0.2)), ({}, Linear(0.2, 0.0))],
)
def test_names_are_schedules(by_name, by_object):
    named = RBM(learning_rate=0.2, **by_name, **SETTINGS).fit(X)
    given = RBM(learning_rate=by_object, **SETTINGS).fit(X)
    np.testing.assert_array_equal(named.components_, given.components_)


def test_schedules_differ():
    linear, constant = (RBM(learning_rate=0.2, schedule=name, **SETTINGS).fit(X) for name in ("linear", "constant"))
    assert not np.allclose(linear.components_, constant.components_)


def test_partial_fit_never_stops_learning():
    rbm = RBM(learning_rate=0.2, **SETTINGS)
    for _ in range(2 * SETTINGS["n_iter"]):
        rbm.partial_fit(X)
    before = rbm.components_.copy()
    rbm.partial_fit(X)
    assert np.abs(rbm.components_ - before).max() > 1e-4


def test_a_wrong_name_is_refused():
    with pytest.raises(ValueError, match="schedule"):
        RBM(schedule="falling").fit(X)
