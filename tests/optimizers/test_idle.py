"""Parameters without a gradient: their motion ends at zero, not among subnormal numbers, which are slow."""

import numpy as np
import pytest

from ebm.device import get_device
from ebm.optimizers.adam import Adam
from ebm.optimizers.sgd import SGD, RMSprop

CPU = get_device("cpu")


@pytest.mark.parametrize(
    "optimizer", [SGD(0.1, momentum=0.9), RMSprop(0.01, decay=0.9, momentum=0.5), Adam(0.01, beta2=0.9)]
)
def test_motion_ends(optimizer):
    w, g = np.ones(5, np.float32), np.array([1, -1, 1e-3, np.nan, 0], np.float32)
    slots, clock = optimizer.slots(5, np.float32, CPU), np.zeros(2, np.uint32)
    table = optimizer.rates(np.zeros(1)).astype(np.float32)
    for _ in range(2000):
        optimizer.step(w, g, slots, table, clock, 0, np.ones(1, np.float32))
        g[:3] = 0
    for slot in slots:
        assert (slot[[0, 1, 2, 4]] == 0).all()
        assert np.isnan(slot[3])
    assert np.isnan(w[3])
