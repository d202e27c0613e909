"""The commands: what they write is what the estimator gives, and what is wrong is said in one line."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from ebm import storage
from ebm.training import load_checkpoint
from ebm_sklearn import RBM, Autoencoder, BoltzmannMachine, MixtureOfExperts, ProductOfExperts
from ebm_sklearn.cli import app

runner = CliRunner()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Data of 16 binary features and a model of it."""
    path = tmp_path_factory.mktemp("cli")
    X = (np.random.default_rng(0).random((60, 16)) < np.linspace(0.1, 0.9, 16)).astype(np.uint8)
    np.save(path / "x.npy", X)
    RBM(n_components=6, n_iter=3, batch_size=20, random_state=1).fit(X).save(path / "m.safetensors")
    return path


def ebm(*arguments, expect=0):
    result = runner.invoke(app, [str(argument) for argument in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == expect, result.output
    return result


def error(*arguments):
    lines = ebm(*arguments, expect=1).stderr.splitlines()
    assert lines[-1].startswith("error: ")
    return lines[-1]


FIT = ["--n-components", 6, "--epochs", 3, "--batch-size", 20, "--seed", 1]


def test_fit_is_the_estimators_fit(folder, tmp_path):
    out = ebm("fit", folder / "x.npy", "-o", tmp_path / "m.safetensors", *FIT, "--quiet")
    assert out.stdout.startswith("fitted 16 x 6 units to 60 samples in 3 epochs")
    assert out.stderr == ""
    expected = RBM.load(folder / "m.safetensors")
    np.testing.assert_array_equal(RBM.load(tmp_path / "m.safetensors").components_, expected.components_)


def test_fit_takes_other_estimators(folder, tmp_path):
    path, given = tmp_path / "a.safetensors", ["--set", "hidden_layer_sizes=[9]", "--set", "loss=bernoulli"]
    out = ebm("fit", folder / "x.npy", "-o", path, "--estimator", "Autoencoder", *FIT, *given, "--quiet")
    assert out.stdout.startswith("fitted an Autoencoder to 60 samples in 3 epochs")
    options = {"hidden_layer_sizes": [9], "loss": "bernoulli", "n_iter": 3, "batch_size": 20, "random_state": 1}
    X = np.load(folder / "x.npy")
    expected = Autoencoder(6, **options).fit(X)
    np.testing.assert_array_equal(Autoencoder.load(path).transform(X), expected.transform(X))
    ebm("transform", path, folder / "x.npy", "-o", tmp_path / "z.npy", "--quiet")
    np.testing.assert_array_equal(np.load(tmp_path / "z.npy"), expected.transform(X))


def test_fit_refuses_estimators_and_options_that_are_none(folder, tmp_path):
    x, out = folder / "x.npy", tmp_path / "m.safetensors"
    assert "--estimator ConditionalVAE: there is Autoencoder, " in error(
        "fit", x, "-o", out, "--estimator", "ConditionalVAE"
    )
    assert "Autoencoder has no parameter n_gibbs" in error(
        "fit", x, "-o", out, "--estimator", "Autoencoder", "--n-gibbs", 2
    )
    assert not out.exists()


def test_fit_passes_every_parameter_on(folder, tmp_path):
    path = tmp_path / "m.safetensors"
    given = [
        "--learning",
        "cd",
        "--n-gibbs",
        2,
        "--learning-rate",
        0.01,
        "--binarize",
        0.5,
        "--device",
        "cpu",
    ]
    given += ["--n-jobs", 1, "--set", "l2=0.5", "--set", "centered=false", "--set", "n_chains=null"]
    ebm("fit", folder / "x.npy", "-o", path, *FIT, *given, "--quiet")
    parameters = RBM.load(path).get_params()
    expected = RBM(
        6, n_iter=3, batch_size=20, random_state=1, learning="cd", n_gibbs=2, learning_rate=0.01, binarize=0.5
    )
    expected.set_params(device="cpu", n_jobs=1, l2=0.5, centered=False)
    assert parameters == expected.get_params()


def test_fit_shows_progress(folder, tmp_path):
    assert "epoch 3/3: 100%" in ebm("fit", folder / "x.npy", "-o", tmp_path / "m.safetensors", *FIT).stderr


@pytest.mark.parametrize("suffix", [".npz", ".parquet", ".csv"])
def test_fit_reads_every_format(folder, tmp_path, suffix):
    X = np.load(folder / "x.npy")
    path = tmp_path / f"x{suffix}"
    frame = pd.DataFrame(X).add_prefix("pixel").assign(label="a")
    options = ["--drop", "label"]
    if suffix == ".npz":
        np.savez(path, X)
        options = []
    else:
        frame.to_parquet(path) if suffix == ".parquet" else frame.to_csv(path, index=False)
    ebm("fit", path, "-o", tmp_path / "m.safetensors", *FIT, *options, "--quiet")
    rbm = RBM.load(tmp_path / "m.safetensors")
    assert rbm.n_features_in_ == 16
    assert hasattr(rbm, "feature_names_in_") == (suffix != ".npz")


def test_fit_resumes_from_a_checkpoint(folder, tmp_path):
    options = [*FIT[:2], "--batch-size", 20, "--seed", 1, "--checkpoint", tmp_path / "run.ckpt", "--quiet"]
    options += [
        "--set",
        "l2=0.25",
        "--set",
        "schedule=constant",
    ]  # one that falls to 0 with the last epoch cannot be extended
    ebm("fit", folder / "x.npy", "-o", tmp_path / "m.safetensors", *options, "--epochs", 2)
    ebm("fit", folder / "x.npy", "-o", tmp_path / "m.safetensors", *options, "--epochs", 3, "--resume")
    X = np.load(folder / "x.npy")
    expected = RBM(n_components=6, n_iter=3, batch_size=20, l2=0.25, schedule="constant", random_state=1).fit(X)
    np.testing.assert_array_equal(RBM.load(tmp_path / "m.safetensors").components_, expected.components_)
    message = error("fit", folder / "x.npy", "-o", tmp_path / "m.safetensors", *options, "--resume", "--set", "l2=0.5")
    assert "belongs to another run: l2 was '0.25' and is now '0.5'" in message


@pytest.mark.parametrize("batch", [None, 7])
@pytest.mark.parametrize("suffix", [".npy", ".npz", ".parquet", ".csv"])
def test_transform_is_the_estimators_transform(folder, tmp_path, suffix, batch):
    target = tmp_path / f"f{suffix}"
    options = [] if batch is None else ["--batch", batch]
    out = ebm("transform", folder / "m.safetensors", folder / "x.npy", "-o", target, *options, "--n-jobs", 1)
    assert "60 rows of 16 -> 6 columns at" in out.stdout
    assert "rows/s" in out.stdout
    assert "MB/s" in out.stdout
    assert "100%" in out.stderr
    expected = RBM.load(folder / "m.safetensors").transform(np.load(folder / "x.npy"))
    if suffix == ".npy":
        np.testing.assert_array_equal(np.load(target, mmap_mode="r"), expected, strict=True)
    elif suffix == ".npz":
        np.testing.assert_array_equal(np.load(target)["arr_0"], expected)
    else:
        frame = pd.read_parquet(target) if suffix == ".parquet" else pd.read_csv(target)
        assert list(frame.columns) == [f"rbm{i}" for i in range(6)]
        np.testing.assert_allclose(frame.to_numpy(), expected, rtol=1e-6)


def test_sample_is_the_estimators_sample(folder, tmp_path):
    ebm("sample", folder / "m.safetensors", "-o", tmp_path / "s.npy", "-n", 9, "--sweeps", 5, "--seed", 3)
    expected = RBM.load(folder / "m.safetensors").sample(9, n_gibbs=5, random_state=3)
    np.testing.assert_array_equal(np.load(tmp_path / "s.npy"), expected)


@pytest.mark.parametrize("options", [[], ["--shape", "2x8"]])
def test_sample_draws_a_png(folder, tmp_path, options):
    from matplotlib.image import imread

    ebm("sample", folder / "m.safetensors", "-o", tmp_path / "s.png", "-n", 4, "--sweeps", 2, *options)
    picture = imread(tmp_path / "s.png")
    assert picture[..., 0].std() > 0
    assert list(tmp_path.iterdir()) == [tmp_path / "s.png"]


def test_pictures_do_not_put_states_through_binarize(folder, tmp_path):
    from ebm.plotting import as_images

    X = 255 * np.load(folder / "x.npy")
    rbm = RBM(n_components=6, n_iter=3, batch_size=20, binarize=127.0, random_state=1).fit(X)
    rbm.save(tmp_path / "m.safetensors")
    ebm("sample", tmp_path / "m.safetensors", "-o", tmp_path / "255.png", "-n", 4, "--seed", 0)
    ebm("sample", folder / "m.safetensors", "-o", tmp_path / "1.png", "-n", 4, "--seed", 0)  # the same model
    assert (tmp_path / "255.png").read_bytes() == (tmp_path / "1.png").read_bytes()
    assert as_images(rbm.sample(4), None).shape == (4, 4, 4)


def test_score_is_the_mean_of_score_samples(folder):
    out = ebm("score", folder / "m.safetensors", folder / "x.npy", "--batch", 25).stdout
    scores = RBM.load(folder / "m.safetensors").score_samples(np.load(folder / "x.npy"))
    assert f"mean log-likelihood: {scores.mean():.4f} nats per sample (60 samples)" in out
    assert f"{scores.std(ddof=1) / np.sqrt(60):.4f} from the samples, 0.0000 from log Z" in out
    assert ", exact, by enumeration" in out


def test_score_passes_the_verdict_on(tmp_path):
    """A model that annealing cannot estimate: the command says so instead of printing a number only."""
    rng = np.random.default_rng(0)
    rbm = RBM(n_components=30, n_iter=1, random_state=0).fit(rng.integers(0, 2, (50, 40)).astype(np.uint8))
    rbm.components_ = rng.normal(0, 1000, rbm.components_.shape).astype(np.float32)
    rbm.save(tmp_path / "m.safetensors")
    np.save(tmp_path / "x.npy", rng.integers(0, 2, (5, 40)).astype(np.uint8))
    result = ebm("score", tmp_path / "m.safetensors", tmp_path / "x.npy", "--quiet")
    assert result.stderr.count("warning: log Z is not to be trusted") == 1
    assert "not to be trusted" in result.stdout
    np.save(tmp_path / "wide.npy", np.zeros((3, 7)))
    wrong = ebm("score", tmp_path / "m.safetensors", tmp_path / "wide.npy", "--quiet", expect=1)
    assert "7 columns" in wrong.stderr
    assert "warning" not in wrong.stderr  # the long work has not begun


def test_score_takes_temperatures_and_chains(tmp_path):
    rng = np.random.default_rng(0)
    rbm = RBM(n_components=24, n_iter=1, random_state=0).fit(rng.integers(0, 2, (50, 30)).astype(np.uint8))
    rbm.save(tmp_path / "m.safetensors")
    np.save(tmp_path / "x.npy", rng.integers(0, 2, (5, 30)).astype(np.uint8))
    found = ebm("score", tmp_path / "m.safetensors", tmp_path / "x.npy", "--temperatures", 50, "--chains", 20).stdout
    log_z = rbm.estimate_log_partition(n_chains=20, n_temperatures=50)
    assert f"log Z: {log_z.value:.4f}, {log_z.verdict}" in found
    arguments = ("--temperatures", 50, "--chains", 20, "--method", "bridge")
    found = ebm("score", tmp_path / "m.safetensors", tmp_path / "x.npy", *arguments).stdout
    log_z = rbm.estimate_log_partition(n_chains=20, n_temperatures=50, method="bridge")
    assert f"log Z: {log_z.value:.4f}, {log_z.verdict}" in found
    refused = ebm("score", tmp_path / "m.safetensors", tmp_path / "x.npy", "--method", "guess", expect=1)
    assert "method must be 'ais', 'reverse_ais' or 'bridge'" in refused.stderr


def test_version():
    import ebm as library

    assert ebm("--version").stdout == f"numba-ebm {library.__version__}\n"


def test_info(folder, tmp_path):
    out = ebm("info", folder / "m.safetensors").stdout
    for part in (
        "RBM",
        "written by numba-ebm",
        "numpy",
        "float32 (6, 16)",
        "n_components",
        "last epoch",
        "seconds",
    ):
        assert part in out
    ebm(
        "fit",
        folder / "x.npy",
        "-o",
        tmp_path / "m.safetensors",
        *FIT,
        "--checkpoint",
        tmp_path / "c",
        "--quiet",
    )
    out = ebm("info", tmp_path / "c").stdout
    assert "checkpoint" in out
    assert "state/weights" in out


# What is wrong


def test_errors_come_in_one_line_and_before_any_work(folder, tmp_path):
    x, m, out = folder / "x.npy", folder / "m.safetensors", tmp_path / "out.safetensors"
    wide = tmp_path / "wide.npy"
    np.save(wide, np.zeros((3, 17), np.uint8))
    truncated = tmp_path / "t.safetensors"
    truncated.write_bytes(m.read_bytes()[:-10])
    storage.save(tmp_path / "k.safetensors", "DBN", {}, {})
    assert "there is no file" in error("fit", "missing.npy", "-o", out)
    assert "this needs .safetensors" in error("fit", x, "-o", tmp_path / "m.pkl")
    assert "there is no folder" in error("fit", x, "-o", tmp_path / "no" / "m.safetensors")
    assert "'learning' parameter of RBM" in error("fit", x, "-o", out, "--learning", "sgd")
    assert "--set l3=1: RBM has no parameter l3; it has batch_size," in error("fit", x, "-o", out, "--set", "l3=1")
    assert "--resume needs --checkpoint" in error("fit", x, "-o", out, "--resume")
    assert "expecting 16 features" in error("transform", m, wide, "-o", tmp_path / "f.npy")
    assert "unknown format '.txt'" in error("transform", m, x, "-o", tmp_path / "f.txt")
    assert "t.safetensors is not a readable model file" in error("info", truncated)
    assert "t.safetensors is not a readable model file" in error("transform", truncated, x, "-o", "f.npy")
    assert "holds a 'DBN'; estimators are" in error("score", tmp_path / "k.safetensors", x)
    assert "--shape 2: needed is HEIGHTxWIDTH" in error("sample", m, "-o", tmp_path / "s.png", "--shape", "2")
    assert "have 9 pixels" in error("sample", m, "-o", tmp_path / "s.png", "--shape", "3x3")
    assert {path.name for path in tmp_path.iterdir()} == {"wide.npy", "t.safetensors", "k.safetensors"}


def test_warnings_come_in_one_line(folder, tmp_path):
    np.save(tmp_path / "x.npy", 255 * np.load(folder / "x.npy"))
    result = ebm("fit", tmp_path / "x.npy", "-o", tmp_path / "m.safetensors", *FIT, "--quiet")
    assert result.stderr.startswith("warning: X has values from 0 to 255")
    assert len(result.stderr.splitlines()) == 1


def start(*arguments):
    command = [sys.executable, "-c", "from ebm_sklearn.cli import app; app()", *map(str, arguments)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)


def test_kill_9_and_resume(folder, tmp_path):
    """The resumed run ends with the uninterrupted run's parameters, bit for bit."""
    common = [folder / "x.npy", "-o", tmp_path / "m.safetensors", "--n-components", 6, "--seed", 1, "--quiet"]
    common += ["--checkpoint", tmp_path / "c", "--batch-size", 7, "--set", "schedule=constant"]
    process = start("fit", *common, "--epochs", 10**7)
    while not (tmp_path / "c").exists() or load_checkpoint(tmp_path / "c").first_epoch < 5:
        assert process.poll() is None
        time.sleep(0.02)
    process.kill()
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert not (tmp_path / "m.safetensors").exists()
    n_epochs = load_checkpoint(tmp_path / "c").first_epoch + 3
    ebm("fit", *common, "--epochs", n_epochs, "--resume")
    resumed = RBM.load(tmp_path / "m.safetensors")
    whole = RBM(n_components=6, random_state=1, batch_size=7, schedule="constant", n_iter=n_epochs)
    whole.fit(np.load(folder / "x.npy"))
    for name in ("components_", "intercept_hidden_", "intercept_visible_", "chains_"):
        np.testing.assert_array_equal(getattr(resumed, name), getattr(whole, name))
    assert [row["epoch"] for row in resumed.history_] == list(range(1, n_epochs + 1))


def test_ctrl_c_saves_what_has_been_learnt(folder, tmp_path):
    arguments = [folder / "x.npy", "-o", tmp_path / "m.safetensors", "--epochs", 10**7, "--n-components", 6]
    process = start("fit", *arguments, "--checkpoint", tmp_path / "c")
    try:
        shown = ""
        while "updates/s" not in shown.rpartition("epoch")[2]:  # some epochs are done
            shown += process.stderr.read(1)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 0
    assert "warning: Ctrl-C ended the fit" in err
    assert "fitted 16 x 6 units" in out
    assert np.isfinite(RBM.load(tmp_path / "m.safetensors").components_).all()


def test_ctrl_c_in_transform_leaves_no_file(folder, tmp_path, monkeypatch):
    def interrupted(self, X):
        raise KeyboardInterrupt

    monkeypatch.setattr(RBM, "transform", interrupted)
    result = ebm("transform", folder / "m.safetensors", folder / "x.npy", "-o", tmp_path / "f.npy", expect=130)
    assert result.stderr.endswith("interrupted\n")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("estimator", "log_z"),
    [
        (BoltzmannMachine(n_hidden=2, graph="restricted", n_iter=2, random_state=0), "log Z"),
        (ProductOfExperts(random_state=0), "log Z"),
        (MixtureOfExperts(2, random_state=0), None),
        (RBM(4, visible="gaussian", n_iter=2, random_state=0), "log Z"),
    ],
    ids=lambda one: type(one).__name__,
)
def test_every_density_is_scored_and_sampled(estimator, log_z, tmp_path):
    X = np.random.default_rng(0).normal(size=(200, 3))
    X = (X > 0).astype(float) if isinstance(estimator, BoltzmannMachine) else X
    np.save(tmp_path / "x.npy", X)
    estimator.fit(X).save(tmp_path / "m.safetensors")
    output = ebm("score", tmp_path / "m.safetensors", tmp_path / "x.npy", "--quiet").output
    assert f"mean log-likelihood: {estimator.score_samples(X).mean():.4f}" in output
    assert (log_z is None) == ("log Z" not in output)
    ebm("sample", tmp_path / "m.safetensors", "-o", tmp_path / "s.npy", "-n", 7, "--seed", 0)
    assert np.load(tmp_path / "s.npy").shape == (7, 3)
    np.save(tmp_path / "wide.npy", np.zeros((2, 4)))
    told = error("score", tmp_path / "m.safetensors", tmp_path / "wide.npy")
    assert "the table has 4 columns, the model 3 features" in told


def test_units_can_be_named_as_text(folder, tmp_path):
    codes = np.eye(3)[np.random.default_rng(0).integers(0, 3, (40, 2))].reshape(40, 6)
    np.save(tmp_path / "codes.npy", codes)
    ebm(
        "fit",
        tmp_path / "codes.npy",
        "-o",
        tmp_path / "m.safetensors",
        "--set",
        "visible=Categorical(3)",
        "--epochs",
        2,
    )
    assert RBM.load(tmp_path / "m.safetensors").sample(5).reshape(10, 3).sum(axis=1).tolist() == [1] * 10
