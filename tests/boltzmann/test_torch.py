"""Free energies, conditionals, likelihoods and gradients are those that torch computes, by autograd."""

from pathlib import Path

import numpy as np
import pytest

from ebm.boltzmann.rbm import RBM
from tests.fixtures.cases import NAMES, compare, problem

FILE = Path(__file__).parents[1] / "fixtures" / "rbm_torch.npz"


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float32, 3e-6), (np.float64, 1e-12)])
def test_as_committed(dtype, tolerance):
    with np.load(FILE) as found:
        model = RBM(*(found[f"model/{name}"].astype(dtype) for name in NAMES))
        found = dict(found)
        if dtype == np.float32:  # its uniforms are others, so its chains are
            found = {name: part for name, part in found.items() if not name.startswith(("plain", "centred"))}
        compare(found, model, found["v"].astype(dtype), found["weights"], tolerance)


@pytest.mark.slow
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float32, 1e-5), (np.float64, 1e-11)])
@pytest.mark.parametrize("shape", [(7, 5), (12, 33), (14, 3)], ids=str)
def test_live(shape, dtype, tolerance):
    pytest.importorskip("torch")
    from tests.fixtures.torch_oracle import oracle

    for seed in range(3):
        model, v, weights = problem(*shape, seed, dtype)
        compare(oracle(model, v, weights), model, v, weights, tolerance)
