"""What needs a real GPU: ``python -m pytest tests/gpu``. Skipped, with the reason, where there is none."""

from pathlib import Path

import pytest

from ebm.device import CudaDevice

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.gpu)


@pytest.fixture(scope="session")
def device() -> CudaDevice:
    try:
        return CudaDevice()
    except RuntimeError as error:
        pytest.skip(str(error))


@pytest.fixture(autouse=True)
def _on_the_devices_stream(device):
    with device.active():
        yield
    device.synchronize()
