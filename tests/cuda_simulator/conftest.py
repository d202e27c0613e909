"""CUDA loops in numba.cuda's simulator, which replaces numba.cuda for a whole process.

Run it by itself: ``NUMBA_ENABLE_CUDASIM=1 pytest tests/cuda_simulator``. Arrays are tiny: threads are slow.
"""

import os
import threading

import pytest

from ebm.device import SimulatedDevice, get_device


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if os.environ.get("NUMBA_ENABLE_CUDASIM") == "1":
        return
    reason = "NUMBA_ENABLE_CUDASIM=1 is not set: the simulator must be chosen before Python starts"
    for item in items:
        if "cuda_simulator" in item.nodeid:
            item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session", autouse=True)
def patient_simulator() -> None:
    """Let the simulator wait for a block's threads: it asks without pause whether they live, and takes their time."""
    if os.environ.get("NUMBA_ENABLE_CUDASIM") != "1":
        return
    from numba.cuda.simulator.kernel import BlockThread

    def is_alive(thread: BlockThread) -> bool:
        if not thread.syncthreads_blocked:
            thread.join(1e-4)
        return threading.Thread.is_alive(thread)

    BlockThread.is_alive = is_alive


@pytest.fixture
def device() -> SimulatedDevice:
    found = get_device("cuda")
    assert isinstance(found, SimulatedDevice)
    return found
