"""Estimators in files: what comes back, and what is refused."""

import errno
import json
import os

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from ebm import storage
from ebm.optimizers.schedules import Exponential, Linear
from ebm_sklearn import RBM, EarlyStopping, ModelFileError, PseudoLikelihood

X = (np.random.default_rng(0).random((40, 6)) < 0.4).astype(np.float32)


def small(**parameters):
    return RBM(**{"n_components": 4, "n_iter": 3, "random_state": 0, **parameters})


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.safetensors"


def changed(path, arrays=None, **metadata):
    """Save the model file anew with other arrays or metadata; ``values`` replace single values."""
    old_arrays, old = storage.load(path, "RBM")
    values = {**old["values"], **metadata.pop("values", {})}
    kept = {name: array for name, array in {**old_arrays, **(arrays or {})}.items() if array is not None}
    storage.save(path, "RBM", kept, {**old, "values": values, **metadata})


@pytest.mark.parametrize("parameters", [{}, {"learning": "cd"}, {"learning": "exact"}, {"centered": False}])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_what_is_loaded_is_what_was_saved_and_goes_on_exactly(path, parameters, dtype):
    rbm = small(**parameters).fit(X.astype(dtype))
    rbm.save(path)
    copy = RBM.load(path)
    assert copy.get_params() == rbm.get_params()
    assert copy.history_ == rbm.history_
    assert (copy.n_iter_, copy.n_features_in_) == (3, 6)
    for name in ("components_", "intercept_hidden_", "intercept_visible_", "mean_"):
        np.testing.assert_array_equal(getattr(copy, name), getattr(rbm, name))
        assert getattr(copy, name).dtype == getattr(rbm, name).dtype
    assert hasattr(copy, "chains_") == hasattr(rbm, "chains_")
    np.testing.assert_array_equal(copy.score_samples(X), rbm.score_samples(X))
    np.testing.assert_array_equal(copy.sample(4), rbm.sample(4))
    np.testing.assert_array_equal(copy.partial_fit(X).components_, rbm.partial_fit(X).components_)


def test_feature_names_schedules_and_the_estimate_of_log_z_are_kept(path):
    pd = pytest.importorskip("pandas")
    rbm = small(learning_rate=Linear(0.1, 0.01), momentum=Exponential(0.9, 0.5), binarize=0.5)
    rbm.fit(pd.DataFrame(X, columns=list("abcdef")))
    kept = rbm.estimate_log_partition(exact=False, n_chains=20, n_temperatures=50)
    rbm.save(path)
    copy = RBM.load(path)
    assert list(copy.feature_names_in_) == list("abcdef")
    assert (copy.learning_rate, copy.momentum) == (Linear(0.1, 0.01), Exponential(0.9, 0.5))
    assert (copy.log_partition_.value, copy.log_partition_.method) == (kept.value, "ais")
    np.testing.assert_array_equal(copy.log_partition_.log_weights, kept.log_weights)


def test_callbacks_and_moved_random_states_are_left_behind(path):
    callbacks = [PseudoLikelihood(), EarlyStopping("pseudo_likelihood")]
    small(callbacks=callbacks, random_state=np.random.RandomState(0)).fit(X).save(path)
    copy = RBM.load(path)
    assert copy.callbacks is None
    assert copy.random_state is None
    assert copy.history_[-1]["pseudo_likelihood"] < 0


def test_a_schedule_of_ones_own_cannot_be_saved(path):
    rbm = small(learning_rate=lambda progress: 0.1 + 0 * progress).fit(X)
    with pytest.raises(TypeError, match=r"learning_rate=.* cannot be saved"):
        rbm.save(path)
    assert not path.exists()


def test_a_full_disk_leaves_the_old_file(path, monkeypatch):
    small().fit(X).save(path)
    before = path.read_bytes()

    def full(handle):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        small(random_state=1).fit(X).save(path)
    monkeypatch.undo()
    assert path.read_bytes() == before
    assert os.listdir(path.parent) == [path.name]
    RBM.load(path)


@pytest.mark.parametrize("keep", [0, 4, 100, -1])
def test_truncated_files_are_refused(path, keep):
    small().fit(X).save(path)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(ModelFileError, match="model"):
        RBM.load(path)


def test_files_of_something_else_are_refused(path):
    storage.save(path, "Autoencoder", {}, {})
    with pytest.raises(ModelFileError, match="holds a 'Autoencoder', not a 'RBM'"):
        RBM.load(path)
    save_file({"weights": np.zeros(3)}, path)
    with pytest.raises(ModelFileError, match="not one that numba-ebm wrote"):
        RBM.load(path)
    with pytest.raises(FileNotFoundError):
        RBM.load(path.parent / "nothing")


def test_newer_files_are_refused_by_name(path):
    small().fit(X).save(path)
    arrays = load_file(path)
    save_file(arrays, path, metadata={"format_version": "99", "kind": "RBM", "metadata": "{}"})
    with pytest.raises(ModelFileError, match=r"newer format version '99'.*upgrade"):
        RBM.load(path)


def test_a_header_that_promises_terabytes_is_refused_without_allocating(path):
    header = {
        "__metadata__": {"format_version": "1", "kind": "RBM", "metadata": "{}"},
        "components_": {"dtype": "F32", "shape": [1 << 20, 1 << 20], "data_offsets": [0, 1 << 42]},
    }
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text)
    with pytest.raises(ModelFileError, match="not a readable model file"):
        RBM.load(path)


@pytest.mark.parametrize(
    ("arrays", "metadata", "message"),
    [
        ({"components_": None}, {}, "lacks a matrix 'components_'"),
        ({"components_": np.zeros(4, np.float32)}, {}, "lacks a matrix 'components_'"),
        ({"components_": np.zeros((4, 6), np.int64)}, {}, "not float32 or float64"),
        ({"intercept_hidden_": None}, {}, "lacks the array 'intercept_hidden_'"),
        ({"intercept_visible_": np.zeros(7, np.float32)}, {}, r"'intercept_visible_' is float32\(7,\)"),
        ({"intercept_visible_": np.zeros(6, np.float64)}, {}, "'intercept_visible_' is float64"),
        ({"components_": np.full((4, 6), np.nan, np.float32)}, {}, "not finite"),
        ({"mean_": np.zeros(5)}, {}, "'mean_' is float64"),
        ({"chains_": np.zeros((3, 5), np.float32)}, {}, "'chains_'"),
        ({"motion/weights_velocity": np.zeros((4, 6), np.float32)}, {}, "weights_velocity"),
        ({"motion/visible_offset": np.zeros(4, np.float32)}, {}, "visible_offset"),
        ({"motion/sweeps_done": np.zeros(1, np.float32)}, {}, "sweeps_done"),
        ({}, {"values": {"seed": "0"}}, "the seed is '0'"),
        ({}, {"values": {"seed": -1}}, "the seed is -1"),
        ({}, {"values": {"weight_seen": 0}}, "weight of the data seen is 0"),
        ({}, {"values": {"log_partition": {"value": 1.0}}}, "estimate of log Z is damaged"),
        ({}, {"values": {"log_partition": 3}}, "estimate of log Z is damaged"),
        ({}, {"values": {"n_iter_": -1}}, "number of epochs"),
        ({}, {"values": {"history_": [3]}}, "history"),
        ({}, {"parameters": 3}, "parameters are a int"),
        ({}, {"parameters": {"n_components": 4, "evil": 1}}, r"RBM has no parameters \['evil'\]"),
        ({}, {"parameters": {"n_components": -4}}, "'n_components' parameter"),
        ({}, {"parameters": {"learning_rate": {"schedule": "os"}}}, "no schedule is called 'os'"),
        ({}, {"parameters": {"learning_rate": {"schedule": "np"}}}, "no schedule is called 'np'"),
        ({}, {"parameters": {"learning_rate": {"schedule": "Linear", "x": 1}}}, "Linear cannot be made"),
        ({}, {"feature_names_in_": ["a"]}, "1 feature names for 6 features"),
        ({}, {"feature_names_in_": 7}, "no list of strings"),
    ],
)
def test_files_that_do_not_fit_together_are_refused(path, arrays, metadata, message):
    small().fit(X).save(path)
    changed(path, arrays, **metadata)
    with pytest.raises(ModelFileError, match=message):
        RBM.load(path)
