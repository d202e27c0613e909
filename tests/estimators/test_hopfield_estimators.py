"""HopfieldNetwork, ModernHopfield and HeteroAssociativeMemory at work, in scikit-learn and in files."""

import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import RidgeClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, Normalizer, StandardScaler, normalize

from ebm import storage
from ebm.boltzmann.storage_rules import hebb, pseudo_inverse, storkey
from ebm_sklearn import (
    DenseAssociativeMemory,
    HeteroAssociativeMemory,
    HopfieldNetwork,
    ModelFileError,
    ModernHopfield,
    OutOfRangeWarning,
)

rng = np.random.default_rng(0)
X = rng.integers(0, 2, (8, 90)).astype(np.float32)
Y = rng.integers(0, 2, (8, 70)).astype(np.float32)
CUES = np.where(rng.random(X.shape) < 0.1, 1 - X, X)
RULES = {"hebb": hebb, "storkey": storkey, "pseudo_inverse": pseudo_inverse}
EVERY = pytest.mark.parametrize("rule", RULES)
MEMORIES = {
    **{rule: HopfieldNetwork(rule, random_state=0) for rule in RULES},
    "synchronous": HopfieldNetwork("storkey", updates="synchronous"),
    "modern": ModernHopfield(5.0),
    "dense": DenseAssociativeMemory(random_state=0),
    "pairs": HeteroAssociativeMemory(),
    "pairs, pseudo-inverse": HeteroAssociativeMemory("pseudo_inverse", bidirectional=True),
}
ALL = pytest.mark.parametrize("name", MEMORIES)


def fitted(name, data=X):
    memory = clone(MEMORIES[name])
    return memory.fit(data, Y) if isinstance(memory, HeteroAssociativeMemory) else memory.fit(data)


def use(memory, cues=CUES):
    return memory.predict(cues) if isinstance(memory, HeteroAssociativeMemory) else memory.transform(cues)


def stored(memory):
    return {name: value for name, value in vars(memory).items() if isinstance(value, np.ndarray)}


# ---- the Hopfield network ----


@EVERY
@pytest.mark.parametrize("updates", ["asynchronous", "synchronous"])
def test_stored_patterns_are_recalled_from_corrupted_ones(rule, updates):
    network = HopfieldNetwork(rule, updates=updates, random_state=0).fit(X)
    np.testing.assert_array_equal(network.transform(CUES), X)
    found = network.recall(CUES)
    np.testing.assert_array_equal(found.states, X)
    assert found.converged.all()
    assert (found.flips >= (CUES != X).sum(axis=1)).all()
    np.testing.assert_array_equal(network.weights_, RULES[rule](2 * X - 1))
    assert network.n_patterns_ == 8
    assert network.coding_ == "binary"


@pytest.mark.parametrize("form", [lambda x: x, lambda x: 2 * x - 1, lambda x: x > 0, lambda x: x.astype(int)])
@EVERY
def test_all_codings_store_the_same_and_come_back(rule, form):
    data, cues = form(X), form(CUES)
    network = HopfieldNetwork(rule, random_state=0).fit(data)
    assert network.coding_ == ("spin" if data.min() < 0 else "binary")
    np.testing.assert_array_equal(network.transform(cues), data)
    np.testing.assert_allclose(network.weights_, RULES[rule]((2 * X - 1).astype(network.weights_.dtype)), atol=1e-6)
    np.testing.assert_allclose(
        network.energy(cues), HopfieldNetwork(rule, random_state=0).fit(X).energy(CUES), rtol=1e-4
    )


@EVERY
def test_patterns_can_be_stored_in_portions(rule):
    whole, portions = HopfieldNetwork(rule).fit(X), HopfieldNetwork(rule)
    for rows in (slice(0, 1), slice(1, 5), slice(5, 8)):
        assert portions.partial_fit(X[rows]) is portions
    if rule == "pseudo_inverse":
        np.testing.assert_allclose(portions.weights_, whole.weights_, atol=1e-6)
    else:
        np.testing.assert_array_equal(portions.weights_, whole.weights_)
    assert portions.n_patterns_ == 8
    assert portions.fit(X[:3]).n_patterns_ == 3
    np.testing.assert_array_equal(portions.weights_, HopfieldNetwork(rule).fit(X[:3]).weights_)


def test_energies_fall_on_the_way():
    network = HopfieldNetwork(threshold=0.1, random_state=0).fit(X)
    noise = rng.integers(0, 2, (30, 90)).astype(np.float32)
    trace = network.energy_trace(noise)
    np.testing.assert_allclose(trace[0], network.energy(noise), rtol=1e-5)
    np.testing.assert_allclose(trace[-1], network.energy(network.transform(noise)), rtol=1e-5)
    assert (np.diff(trace, axis=0) <= 1e-5).all()
    fine = network.energy_trace(noise, points=90)
    np.testing.assert_allclose(fine[::90], trace, rtol=1e-5)
    np.testing.assert_array_equal(network.score_samples(noise), -network.energy(noise))
    with pytest.raises(ValueError, match="points must be an integer of at least 1, got 0"):
        network.energy_trace(noise, points=0)


def test_a_threshold_pulls_towards_zero():
    low, high = (HopfieldNetwork(threshold=t).fit(X).transform(CUES).mean() for t in (-2.0, 2.0))
    assert (low, high) == (1, 0)


def test_the_order_of_updates_is_drawn_once():
    noise = rng.integers(0, 2, (40, 90)).astype(np.float32)
    network = HopfieldNetwork().fit(X)
    np.testing.assert_array_equal(network.transform(noise), network.transform(noise))
    fixed = HopfieldNetwork(order="fixed").fit(X).transform(noise)
    others = [HopfieldNetwork(random_state=seed).fit(X).transform(noise) for seed in (0, 0, 1)]
    np.testing.assert_array_equal(others[0], others[1])
    assert not np.array_equal(others[0], others[2])
    assert not np.array_equal(others[0], fixed)


def test_threads_change_nothing():
    noise = rng.integers(0, 2, (40, 90)).astype(np.float32)
    one, two = (HopfieldNetwork(n_jobs=n, random_state=0).fit(X).transform(noise) for n in (1, 2))
    np.testing.assert_array_equal(one, two)


def test_the_sweeps_can_run_out():
    network = HopfieldNetwork(max_sweeps=0).fit(X)
    np.testing.assert_array_equal(network.transform(CUES), CUES)
    assert not network.recall(CUES).converged.any()


# ---- the modern network ----


def test_real_patterns_are_recalled_from_halves():
    digits = load_digits().data[:200]
    digits = normalize(digits - digits.mean(axis=0))
    network = ModernHopfield(beta=100.0).fit(digits)
    halves = digits.copy()
    halves[:, 40:] = 0
    recalled = np.abs(network.transform(halves) - digits).max(axis=1) < 0.05
    assert recalled.mean() > 0.85
    assert network.attention(halves).shape == (200, 200)
    assert (np.diff(network.energy_trace(halves), axis=0) <= 1e-9).all()
    np.testing.assert_array_equal(network.score_samples(halves), -network.energy(halves))


def test_patterns_are_added_and_copied():
    data = X.copy()
    network = ModernHopfield().partial_fit(data[:3]).partial_fit(data[3:])
    np.testing.assert_array_equal(network.patterns_, X)
    data[:] = 7
    np.testing.assert_array_equal(ModernHopfield().fit(X).patterns_, network.patterns_)


# ---- the dense memory ----


@pytest.mark.parametrize("form", [lambda x: x, lambda x: 2 * x - 1, lambda x: x > 0])
def test_more_patterns_than_features_are_recalled(form):
    many = rng.integers(0, 2, (200, 90)).astype(np.float32)
    cues = np.where(rng.random(many.shape) < 0.05, 1 - many, many)
    memory = DenseAssociativeMemory(4, random_state=0).partial_fit(form(many[:50])).partial_fit(form(many[50:]))
    np.testing.assert_array_equal(memory.transform(form(cues)), form(many))
    np.testing.assert_array_equal(memory.patterns_, 2 * many - 1)
    trace = memory.energy_trace(form(cues), points=9)
    assert (np.diff(trace, axis=0) <= 1e-5).all()
    np.testing.assert_allclose(trace[-1], memory.energy(form(many)), rtol=1e-5)
    assert (HopfieldNetwork().fit(form(many)).transform(form(cues)) != form(many)).any(axis=1).all()


# ---- pairs ----


@pytest.mark.parametrize("rule", ["hebb", "pseudo_inverse"])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_pairs_are_recalled_there_and_back(rule, bidirectional):
    memory = HeteroAssociativeMemory(rule, bidirectional=bidirectional).fit(X[:4], 2 * Y[:4] - 1)
    np.testing.assert_array_equal(memory.predict(CUES[:4]), 2 * Y[:4] - 1)  # each in its own coding
    np.testing.assert_array_equal(memory.inverse_predict(2 * Y[:4] - 1), X[:4])
    assert memory.score(X[:4], 2 * Y[:4] - 1) == 1
    assert memory.score(X[:4], 1 - 2 * Y[:4]) == 0
    np.testing.assert_array_equal(np.sign(memory.decision_function(X[:4])), 2 * Y[:4] - 1)


def test_pairs_can_be_stored_in_portions_by_hebb_only():
    portions = HeteroAssociativeMemory().partial_fit(X[:3], Y[:3]).partial_fit(X[3:], Y[3:])
    np.testing.assert_array_equal(portions.weights_, HeteroAssociativeMemory().fit(X, Y).weights_)
    assert portions.n_pairs_ == 8
    assert not hasattr(HeteroAssociativeMemory("pseudo_inverse"), "partial_fit")
    with pytest.raises(ValueError, match="y has 69 columns, the pairs before have 70"):
        portions.partial_fit(X, Y[:, 1:])


def test_the_energy_of_pairs_falls():
    memory = HeteroAssociativeMemory().fit(X, Y)
    noise = rng.integers(0, 2, (30, 90)).astype(np.float32)
    trace, found = memory.energy_trace(noise), memory.recall(noise)
    assert (np.diff(trace, axis=0) <= 1e-4).all()
    np.testing.assert_allclose(trace[-1], memory.energy(found.x, found.y), rtol=1e-5)
    assert set(np.unique(found.x)) == set(np.unique(found.y)) == {0, 1}


def test_one_column_may_be_flat():
    memory = HeteroAssociativeMemory("pseudo_inverse").fit(X, Y[:, 0])
    np.testing.assert_array_equal(memory.predict(X), Y[:, 0])
    assert memory.decision_function(X).shape == (8,)
    assert memory.inverse_predict(Y[:, 0]).shape == X.shape
    assert memory.score(X, Y[:, 0]) == 1


# ---- in scikit-learn ----


@ALL
@pytest.mark.parametrize("dtype", ["float32", "float64", "bool", "uint8", "int64"])
def test_precision_follows_the_data(name, dtype):
    memory = fitted(name, X.astype(dtype))
    wanted = np.float64 if dtype in ("float64", "int64") else np.float32
    assert use(memory).dtype == wanted
    assert all(a.dtype == wanted for key, a in stored(memory).items() if key != "_basis")


@ALL
def test_clones_and_pickles_do_the_same(name):
    memory = fitted(name)
    np.testing.assert_array_equal(use(pickle.loads(pickle.dumps(memory))), use(memory))
    again = clone(memory)
    assert not stored(again)
    with pytest.raises(NotFittedError):
        use(again)


@ALL
def test_names_of_frames_are_kept(name):
    frame = pd.DataFrame(X, columns=[f"p{j}" for j in range(90)])
    memory = fitted(name, frame)
    assert list(memory.feature_names_in_) == list(frame.columns)
    if hasattr(memory, "transform"):
        assert list(memory.get_feature_names_out()) == list(frame.columns)
        assert list(memory.set_output(transform="pandas").transform(frame).columns) == list(frame.columns)
    with pytest.raises(ValueError, match="feature names"):
        use(memory, frame.rename(columns={"p0": "q"}))


def test_cleaning_up_inside_a_pipeline():
    digits, labels = load_digits(return_X_y=True)
    pipeline = make_pipeline(StandardScaler(), Normalizer(), ModernHopfield(20.0), RidgeClassifier())
    assert pipeline.fit(digits[:300], labels[:300]).score(digits[300:400], labels[300:400]) > 0.75
    binary = make_pipeline(MinMaxScaler(), HopfieldNetwork("pseudo_inverse", binarize=0.5))
    assert set(np.unique(binary.fit_transform(digits[:20]))) == {0, 1}
    search = GridSearchCV(HeteroAssociativeMemory(binarize=8), {"rule": ["hebb", "pseudo_inverse"]}, cv=3)
    search.fit(digits[:300], np.eye(10)[labels[:300]])
    assert search.best_score_ > 0.9


# ---- files ----


@ALL
def test_files_bring_everything_back(name, tmp_path):
    frame = pd.DataFrame(X, columns=[f"p{j}" for j in range(90)])
    memory = fitted(name, frame)
    memory.save(tmp_path / "memory")
    loaded = type(memory).load(tmp_path / "memory")
    assert repr(loaded) == repr(memory)
    assert vars(loaded).keys() == vars(memory).keys()
    for key, array in stored(memory).items():
        np.testing.assert_array_equal(getattr(loaded, key), array)
    cues = pd.DataFrame(CUES, columns=frame.columns)
    np.testing.assert_array_equal(use(loaded, cues), use(memory, cues))
    if hasattr(memory, "partial_fit"):
        more = (frame, Y) if name.startswith("pairs") else (frame,)
        np.testing.assert_array_equal(use(loaded.partial_fit(*more), cues), use(memory.partial_fit(*more), cues))


@ALL
def test_damaged_files_are_refused(name, tmp_path):
    memory, path = fitted(name), tmp_path / "memory"
    with pytest.raises(NotFittedError):
        clone(memory).save(path)
    memory.save(path)
    arrays, metadata = storage.load(path, type(memory).__name__)
    kind = type(memory).__name__

    def refused(arrays, metadata, message):
        storage.save(path, kind, arrays, metadata)
        with pytest.raises(ModelFileError, match=message):
            type(memory).load(path)

    for key, array in arrays.items():
        refused({k: a for k, a in arrays.items() if k != key}, metadata, "lacks|needs")
        refused({**arrays, key: array[0].copy()}, metadata, "needs|lacks|give")
        refused({**arrays, key: np.full_like(array, np.nan)}, metadata, "not finite")
    for key in metadata["values"]:
        if key != "flat":
            refused(arrays, {**metadata, "values": {**metadata["values"], key: "nonsense"}}, "nonsense")
    if "weights_" in arrays and kind == "HopfieldNetwork":
        refused({**arrays, "weights_": arrays["weights_"] + np.triu(np.ones((90, 90), np.float32))}, metadata, "symm")


# ---- bad input ----


@ALL
@pytest.mark.parametrize(
    ("data", "message"),
    [
        (np.zeros(8), "Expected 2D array, got 1D array"),
        (np.zeros((0, 8)), r"Found array with 0 sample\(s\)"),
        (np.full((8, 2), np.nan), "contains NaN"),
        (np.full((8, 2), np.inf), "contains infinity"),
        (np.full((8, 2), 1j), "Complex data not supported"),
    ],
)
def test_what_is_no_data_is_refused(name, data, message):
    with pytest.raises(ValueError, match=message):
        fitted(name, data)


@ALL
def test_other_features_than_in_fit_are_refused(name):
    with pytest.raises(ValueError, match=r"X has 89 features, but .* is expecting 90 features"):
        use(fitted(name), CUES[:, 1:])


@pytest.mark.parametrize(
    ("kind", "parameter", "value"),
    [
        (HopfieldNetwork, "rule", "Hebb"),
        (HopfieldNetwork, "updates", "parallel"),
        (HopfieldNetwork, "order", "sorted"),
        (HopfieldNetwork, "threshold", np.nan),
        (HopfieldNetwork, "threshold", "0"),
        (HopfieldNetwork, "max_sweeps", -1),
        (HopfieldNetwork, "binarize", "0.5"),
        (HopfieldNetwork, "n_jobs", 0),
        (HopfieldNetwork, "random_state", "seed"),
        (DenseAssociativeMemory, "degree", 0),
        (DenseAssociativeMemory, "degree", 2.5),
        (DenseAssociativeMemory, "rectified", "yes"),
        (DenseAssociativeMemory, "order", "sorted"),
        (ModernHopfield, "beta", 0),
        (ModernHopfield, "beta", np.inf),
        (ModernHopfield, "max_steps", 1.5),
        (ModernHopfield, "tol", -1e-3),
        (HeteroAssociativeMemory, "rule", "storkey"),
        (HeteroAssociativeMemory, "bidirectional", "yes"),
        (HeteroAssociativeMemory, "max_steps", -1),
    ],
)
def test_bad_parameters_are_named_before_any_work(kind, parameter, value):
    memory = kind(**{parameter: value})
    with pytest.raises(ValueError, match=f"The '{parameter}' parameter of {kind.__name__} must be"):
        memory.fit(X, Y)
    assert not stored(memory)


def test_unknown_devices_and_missing_gpus_are_named():
    with pytest.raises(ValueError, match="device must be"):
        HopfieldNetwork(device="tpu").fit(X)
    network = HopfieldNetwork(device="auto").fit(X)
    assert network.transform(CUES).shape == X.shape


def test_values_that_are_not_binary_warn_by_name_and_are_cut():
    grey = X * 0.8
    with pytest.warns(
        OutOfRangeWarning, match=r"X has values from 0 to 0.8, where only 0 and 1 .* above 0.5 .*binarize="
    ):
        network = HopfieldNetwork().fit(grey)
    np.testing.assert_array_equal(network.weights_, HopfieldNetwork().fit(X).weights_)
    with pytest.warns(OutOfRangeWarning):
        network.transform(grey)
    with pytest.warns(OutOfRangeWarning, match="where only -1 and 1 .* above 0 "):
        HopfieldNetwork().fit(2 * X - 1).transform(X)
    with pytest.warns(OutOfRangeWarning, match="y has values from 0 to 3"):
        HeteroAssociativeMemory().fit(X, 3 * Y)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        cut = HopfieldNetwork(binarize=0.5).fit(grey)
        np.testing.assert_array_equal(cut.weights_, network.weights_)
        cut.transform(grey - 3)


def test_a_rule_cannot_change_between_portions():
    for kind, other, data in ((HopfieldNetwork, "storkey", (X,)), (HeteroAssociativeMemory, "pseudo_inverse", (X, Y))):
        memory = kind(other).fit(*data).set_params(rule="hebb")
        with pytest.raises(ValueError, match=f"'hebb', but the .* before were stored by '{other}'; call fit"):
            memory.partial_fit(*data)
        memory.fit(*data).partial_fit(*data)


def test_pairs_that_do_not_fit_are_refused():
    memory = HeteroAssociativeMemory()
    with pytest.raises(ValueError, match="requires y to be passed"):
        memory.fit(X, None)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        memory.fit(X, Y[1:])
    memory.fit(X, Y)
    for method, arguments in ((memory.inverse_predict, ()), (memory.energy, (X,)), (memory.score, (X,))):
        with pytest.raises(ValueError, match="y has 3 columns, but HeteroAssociativeMemory stores 70"):
            method(*arguments, Y[:, :3])


@ALL
def test_input_is_left_as_it_was(name):
    before, cues = X.copy(), CUES.copy()
    use(fitted(name))
    np.testing.assert_array_equal(X, before)
    np.testing.assert_array_equal(CUES, cues)
