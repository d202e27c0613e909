"""The check of CUDA kernels without a GPU fails where it should."""

import numpy as np
import pytest

pytest.importorskip("numba_cuda")
from numba import types

from tests import cuda_check, cuda_signatures

ROW = types.Array(types.float32, 1, "C")
TENTH = np.float32(0.1)


def clean(x):
    for i in range(cuda.grid(1), x.size, cuda.gridsize(1)):  # noqa: F821  (the launcher's)
        x[i] *= TENTH


def widens(x):
    for i in range(cuda.grid(1), x.size, cuda.gridsize(1)):  # noqa: F821
        x[i] *= 0.1


def keeps_a_stack(x):
    local = cuda.local.array(64, types.float32)  # noqa: F821
    for i in range(64):
        local[int(x[i]) & 63] = x[i]
    x[cuda.grid(1)] = local[int(x[1]) & 63]  # noqa: F821


def does_not_compile(x):
    x.nothing()


def verdicts(monkeypatch, loops, listed):
    monkeypatch.setattr(cuda_check, "all_loops", lambda: loops)
    monkeypatch.setattr(cuda_signatures, "signatures", lambda real: listed)
    return {row["kernel"]: row["verdict"] for row in cuda_check.check_capability("80") if row["dtype"] == "float32"}


def test_faults_are_found(monkeypatch):
    loops = {f.__name__: f for f in (clean, widens, keeps_a_stack, does_not_compile)}
    found = verdicts(monkeypatch, loops, {name: [(ROW,)] for name in loops})
    assert found["clean"] == "ok"
    assert "float64 instructions" in found["widens"]
    assert "bytes of stack" in found["keeps_a_stack"]
    assert found["does_not_compile"].startswith("FAIL")


def test_loops_and_signatures_must_match(monkeypatch):
    found = verdicts(monkeypatch, {"listed": clean, "unlisted": clean}, {"listed": [(ROW,)], "gone": [(ROW,)]})
    assert found["listed"] == "ok"
    assert "no signatures" in found["unlisted"]
    assert "no such loop" in found["gone"]


def test_every_loop_is_found():
    assert cuda_check.all_loops().keys() == cuda_signatures.signatures(types.float32).keys()
