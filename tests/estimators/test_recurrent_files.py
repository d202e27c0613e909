"""Recurrent networks in files: everything comes back, and what is damaged is refused before arrays are made."""

import numpy as np
import pytest

from ebm.optimizers.schedules import Exponential
from ebm.optimizers.sgd import SGD
from ebm.recurrent.lstm import LSTMCell
from ebm.recurrent.scrn import SCRNCell
from ebm.storage import ModelFileError
from ebm_sklearn.rnn_classifier import RNNClassifier
from ebm_sklearn.sequence_labeler import SequenceLabeler
from ebm_sklearn.sequence_regressor import SequenceRegressor
from tests.estimators.recurrent_data import KINDS, equal_parameters, made, problem, same

kinds = pytest.mark.parametrize("kind", KINDS)
OPTIONS = [
    {},
    {
        "n_layers": 2,
        "bidirectional": True,
        "hidden_layer_sizes": np.array([4, 3]),
        "dropout": 0.1,
        "recurrent_dropout": 0.2,
    },
    {"cell": SCRNCell(5, 3, alpha=0.9), "optimizer": SGD(Exponential(0.1, 0.01), momentum=0.9)},
]


@kinds
@pytest.mark.parametrize("options", OPTIONS)
def test_saved_and_loaded(tmp_path, kind, options):
    X, y = problem(kind)
    found = made(kind, **options).fit(X, y)
    found.save(tmp_path / "model")
    loaded = kind.load(tmp_path / "model")
    assert same(loaded.predict(X), found.predict(X))
    assert loaded.architecture_ == found.architecture_
    assert loaded.history_ == found.history_
    assert equal_parameters(loaded.partial_fit(X, y), found.partial_fit(X, y))


def test_a_file_holds_the_network_that_was_fitted_not_what_was_set_since(tmp_path):
    X, y = problem(RNNClassifier)
    found = made(RNNClassifier).fit(X, y)
    found.set_params(units=50, cell="gru", n_layers=3).save(tmp_path / "model")
    loaded = RNNClassifier.load(tmp_path / "model")
    assert same(loaded.predict_proba(X), found.predict_proba(X))
    assert loaded.units == 50


def architecture(**changes):
    return lambda arrays, values: values["architecture"].update(changes)


def without(name):
    return lambda arrays, values: values["architecture"].pop(name)


def set_array(name, array):
    return lambda arrays, values: arrays.update({name: array})


def set_value(**changes):
    return lambda arrays, values: values.update(changes)


HUGE = 10**12


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda arrays, values: arrays.pop("parameter/body.0.bias"), "lacks the array"),
        (set_array("parameter/body.0.bias", np.zeros(3, "f4")), "the model needs"),
        (set_array("parameter/other", np.zeros(3, "f4")), "has no parameter/other"),
        (set_array("parameter/head.0.bias", np.full(2, np.nan, "f4")), "not finite"),
        (lambda arrays, values: arrays.pop("motion/updates_done"), "how many updates"),
        (set_value(architecture=[1]), "the architecture is list, not a mapping"),
        (set_value(architecture={}), "missing 11 required"),
        (set_value(n_features_in=3), "reads 2 features with pooling='last', which is no RNNClassifier of 3 features"),
        (set_value(n_features_in=-1), "not a whole number"),
        (set_value(seed=-1), "the seed"),
        (set_value(classes={"dtype": "<U4", "values": ["up"]}), "1 classes for 2 label units"),
        (without("pooling"), "missing 1 required"),
        (architecture(other=1), "unexpected keyword argument 'other'"),
        (architecture(units=7), "the model needs"),
        (architecture(units=HUGE), "but no array is that large"),
        (architecture(units=-1), "units must be an integer of at least 1, got -1"),
        (architecture(units=6.0), "units must be an integer"),
        (architecture(n_layers=HUGE), "but no array is that large"),
        (architecture(n_layers=2), "lacks the array"),
        (architecture(hidden_layer_sizes=[HUGE]), "but no array is that large"),
        (architecture(hidden_layer_sizes=[4096] * 3), "lacks the array|the model needs"),
        (architecture(hidden_layer_sizes=[[2]]), "units must be an integer"),
        (architecture(hidden_layer_sizes=7), "not iterable"),
        (architecture(hidden_layer_sizes=[6], activation="swish"), "activation must be one of"),
        (architecture(pooling=None), "which is no RNNClassifier"),
        (architecture(pooling="first"), "pooling must be 'last' or 'mean', got 'first'"),
        (architecture(cell="elman"), "cell must be one of"),
        (architecture(cell=[1]), "unhashable|cell"),
        (architecture(cell=None), "cell"),
        (architecture(cell={"part": "Dense", "fields": {"units": 3}}), "cell must be one of"),
        (architecture(cell={"part": "LSTMCell", "fields": {"units": HUGE}}), "but no array is that large"),
        (architecture(cell={"part": "LSTMCell", "fields": {"units": "6"}}), "cannot be made"),
        (architecture(cell={"part": "os.system", "fields": {}}), "no part of a network is called 'os.system'"),
        (architecture(bidirectional=True), "has no parameter/body.0.bias"),
        (architecture(dropout=2.0), "dropout must be"),
        (architecture(recurrent_dropout=-1.0), "recurrent_dropout must be"),
        (architecture(n_inputs=0), "at least 1"),
        (architecture(n_inputs="2"), "<"),
        (architecture(n_outputs=5), "the model needs"),
        (architecture(n_outputs=True), "units must be an integer"),
    ],
)
def test_damaged_files_are_refused(tmp_path, monkeypatch, damage, message):
    X, y = problem(RNNClassifier)
    found = made(RNNClassifier, n_iter=1).fit(X, y)
    arrays, values = found._saved()
    damage(arrays, values)
    monkeypatch.setattr(RNNClassifier, "_saved", lambda self: (arrays, values))
    found.save(tmp_path / "model")
    with pytest.raises(ModelFileError, match=message):
        RNNClassifier.load(tmp_path / "model")


@pytest.mark.parametrize("cell", ["lstm", "lstm_peephole", "gru", "tanh", "deep_transition", SCRNCell(6, 3)])
def test_a_promise_of_large_weights_takes_no_memory(tmp_path, monkeypatch, cell):
    """An array of 100 000 numbers lets sizes up to that be believed: 10^10 weights, of which none may be made."""
    X, y = problem(RNNClassifier)
    found = made(RNNClassifier, n_iter=1, cell=cell).fit(X, y)
    arrays, values = found._saved()
    arrays["parameter/head.0.weights"] = np.zeros((100_000, 2), np.float32)
    told = values["architecture"]["cell"]
    if isinstance(told, dict):
        told["fields"]["units"] = 100_000
    else:
        values["architecture"]["units"] = 100_000
    monkeypatch.setattr(RNNClassifier, "_saved", lambda self: (arrays, values))
    found.save(tmp_path / "model")
    reserve = np.concatenate

    def sparing(parts, *given, **options):
        assert sum(np.size(part) for part in parts) < 10**7
        return reserve(parts, *given, **options)

    monkeypatch.setattr(np, "concatenate", sparing)
    with pytest.raises(ModelFileError, match="the model needs"):
        RNNClassifier.load(tmp_path / "model")


def test_files_of_other_estimators_are_refused(tmp_path):
    X, y = problem(SequenceRegressor)
    made(SequenceRegressor).fit(X, y).save(tmp_path / "model")
    with pytest.raises(ModelFileError, match="SequenceRegressor"):
        SequenceLabeler.load(tmp_path / "model")


class OwnCell(LSTMCell):
    """A cell of one's own."""


def test_cells_of_ones_own_learn_and_are_told_apart_when_saved(tmp_path):
    X, y = problem(RNNClassifier)
    found = made(RNNClassifier, cell=OwnCell(6)).fit(X, y)
    assert same(found.predict_proba(X), made(RNNClassifier, cell=LSTMCell(6)).fit(X, y).predict_proba(X))
    with pytest.raises(TypeError, match="cannot be saved"):
        found.save(tmp_path / "model")
