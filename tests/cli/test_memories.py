"""The commands on models that are no RBMs: what they can do, and a clear error for the rest."""

import numpy as np
import pytest
from typer.testing import CliRunner

from ebm_sklearn import HeteroAssociativeMemory, HopfieldNetwork
from ebm_sklearn.cli import app

X = np.random.default_rng(0).integers(0, 2, (5, 40)).astype(np.float32)


@pytest.fixture
def files(tmp_path):
    np.save(tmp_path / "cues.npy", np.where(np.arange(40) < 4, 1 - X, X))
    HopfieldNetwork(random_state=0).fit(X).save(tmp_path / "network")
    HeteroAssociativeMemory().fit(X, X[:, :3]).save(tmp_path / "pairs")
    return tmp_path


def run(*arguments):
    return CliRunner().invoke(app, [str(a) for a in arguments])


def test_a_network_recalls_from_a_table(files):
    found = run("transform", files / "network", files / "cues.npy", "-o", files / "out.npy", "--quiet")
    assert found.exit_code == 0, found.output
    np.testing.assert_array_equal(np.load(files / "out.npy"), X)


def test_memories_are_described(files):
    found = run("info", files / "network")
    assert "HopfieldNetwork" in found.output
    assert "float32 (40, 40)" in found.output
    assert "epoch" not in found.output


def test_what_a_model_cannot_do_is_said(files):
    asked = {"score": [], "sample": ["-o", files / "out.npy"]}
    for command, options in asked.items():
        data = [] if command == "sample" else [files / "cues.npy"]
        found = run(command, files / "network", *data, *options)
        assert found.exit_code != 0
        told = {"score": "whose scores are no log-likelihoods", "sample": "which has no sample"}[command]
        assert f"holds a HopfieldNetwork, {told}" in " ".join(found.output.split())
    found = run("transform", files / "pairs", files / "cues.npy", "-o", files / "out.npy")
    assert "holds a HeteroAssociativeMemory, which has no transform" in " ".join(found.output.split())
