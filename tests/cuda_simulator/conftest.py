"""CUDA loops in numba.cuda's simulator, which replaces numba.cuda for a whole process.

Run it by itself: ``NUMBA_ENABLE_CUDASIM=1 pytest tests/cuda_simulator``. Arrays are tiny: threads are slow.
"""

import os

import pytest

from ebm.device import SimulatedDevice, get_device


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if os.environ.get("NUMBA_ENABLE_CUDASIM") == "1":
        return
    reason = "NUMBA_ENABLE_CUDASIM=1 is not set: the simulator must be chosen before Python starts"
    for item in items:
        if "cuda_simulator" in item.nodeid:
            item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture
def device() -> SimulatedDevice:
    found = get_device("cuda")
    assert isinstance(found, SimulatedDevice)
    return found
