"""Model files of autoencoders on the command line: pictures and tables of samples, codes, bounds."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from matplotlib.image import imread
from typer.testing import CliRunner

from ebm_sklearn import Autoencoder, ConditionalVAE, VariationalAutoencoder
from ebm_sklearn.cli import app

rng = np.random.default_rng(0)
ROWS = rng.random((60, 12))
LABELS = np.array(["one", "two"])[rng.integers(0, 2, 60)]


def ebm(*arguments, expect=0):
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == expect, result.output
    return result


@pytest.fixture(params=["rows", "images", "colours", "labels"])
def model(request, tmp_path):
    """A model of samples that are rows of 12 features, 3x4 images, 2x2 ones in colour, or rows with labels."""
    given = {"n_iter": 2, "random_state": 0, "hidden_layer_sizes": (8,)}
    if request.param == "labels":
        found = ConditionalVAE(2, image_shape=(3, 4), **given).fit(ROWS, LABELS)
    else:
        shapes = {"rows": (12,), "images": (3, 4), "colours": (2, 2, 3)}
        found = VariationalAutoencoder(2, **given).fit(ROWS.reshape(60, *shapes[request.param]))
    found.save(tmp_path / "m.safetensors")
    return found


def test_samples_are_rows_of_a_table(model, tmp_path):
    for name in ("s.npy", "s.csv"):
        ebm("sample", tmp_path / "m.safetensors", "-o", tmp_path / name, "-n", 5, "--seed", 3)
    expected = model.sample(5, random_state=3).reshape(5, 12)
    np.testing.assert_array_equal(np.load(tmp_path / "s.npy"), expected)
    np.testing.assert_allclose(pd.read_csv(tmp_path / "s.csv"), expected, rtol=1e-6)


def test_pictures_show_the_means_that_sample_gives(model, tmp_path):
    from ebm.plotting import as_images, write_png

    shape = model.image_shape_ or (2, 6)
    options = () if model.image_shape_ else ("--shape", "2x6")
    ebm("sample", tmp_path / "m.safetensors", "-o", tmp_path / "s.png", "-n", 4, "--seed", 3, *options)
    write_png(tmp_path / "e.png", as_images(model.sample(4, random_state=3), shape))
    np.testing.assert_array_equal(imread(tmp_path / "s.png"), imread(tmp_path / "e.png"))


def test_bounds_are_told_as_bounds(model, tmp_path):
    np.save(tmp_path / "x.npy", ROWS)
    out = ebm("score", tmp_path / "m.safetensors", tmp_path / "x.npy", "--quiet").stdout
    assert f"mean lower bound on the log-likelihood: {model.score_samples(ROWS).mean():.4f} nats" in out
    assert "log Z" not in out


def test_what_an_autoencoder_lacks_is_told_and_info_reads_well(tmp_path):
    np.save(tmp_path / "x.npy", ROWS)
    Autoencoder(2, hidden_layer_sizes=(8,), n_iter=1).fit(ROWS).save(tmp_path / "m.safetensors")
    told = ebm("sample", tmp_path / "m.safetensors", "-o", tmp_path / "s.npy", expect=1).stderr
    assert "holds an Autoencoder, which has no sample" in " ".join(told.split())
    told = ebm("score", tmp_path / "m.safetensors", tmp_path / "x.npy", expect=1).stderr
    assert "holds an Autoencoder, whose scores are no log-likelihoods" in " ".join(told.split())
    lines = [line.split(maxsplit=1) for line in ebm("info", tmp_path / "m.safetensors").stdout.splitlines()]
    assert ["hidden_layer_sizes", "(8,)"] in lines


def test_the_package_runs_as_a_module():
    found = subprocess.run([sys.executable, "-m", "ebm_sklearn.cli", "--version"], capture_output=True, text=True)
    assert found.stdout.startswith("numba-ebm ")
