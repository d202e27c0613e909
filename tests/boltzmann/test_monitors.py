"""Monitors record what they say, when it is their turn."""

import copy
import pickle
from dataclasses import dataclass, field
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.sparse import csr_array

from ebm.boltzmann.enumeration import log_likelihood
from ebm.boltzmann.learning import ContrastiveLearner, initial_model
from ebm.boltzmann.monitors import AISMonitor, FreeEnergyGap, PseudoLikelihood, ReconstructionError
from ebm.boltzmann.pseudo_likelihood import log_pseudo_likelihood
from ebm.boltzmann.rule import Rule
from ebm.data import TrainingData
from ebm.random import Random
from ebm.training import EarlyStopping, train
from tests.boltzmann.models import small_model

X = (np.random.default_rng(0).random((60, 8)) < 0.4).astype(np.float64)
OTHER = (np.random.default_rng(1).random((40, 8)) < 0.5).astype(np.float64)


@dataclass
class FakeRun:
    """As much of a run as monitors read."""

    model: object = field(default_factory=lambda: small_model(8, 5))
    epoch: int = 0
    memory: dict = field(default_factory=lambda: {"data": X})
    row: dict = field(default_factory=dict)

    @property
    def learner(self):
        return SimpleNamespace(model=self.model)

    def record(self, name, value):
        self.row[name] = value


def recorded(monitor, **options):
    run = FakeRun(**options)
    monitor.on_epoch_end(run)
    return run.row


def test_what_is_recorded_is_what_is_said():
    model = small_model(8, 5)
    error = recorded(ReconstructionError())["reconstruction_error"]
    assert error == pytest.approx(((X - model.reconstruct(X)) ** 2).mean())
    value = recorded(PseudoLikelihood())["pseudo_likelihood"]
    assert value == pytest.approx(log_pseudo_likelihood(model, X).mean())
    gap = recorded(FreeEnergyGap(validation=OTHER))["free_energy_gap"]
    assert gap == pytest.approx(log_likelihood(model, X).mean() - log_likelihood(model, OTHER).mean())
    found = recorded(AISMonitor(every=1))
    assert found["log_likelihood"] == pytest.approx(log_likelihood(model, X).mean())
    assert (found["log_likelihood_error"], found["log_likelihood_trusted"]) == (0.0, 1.0)


def test_the_stochastic_pseudo_likelihood_draws_anew_every_epoch():
    monitor = PseudoLikelihood(stochastic=True)
    values = [recorded(monitor, epoch=epoch)["pseudo_likelihood"] for epoch in (0, 0, 1)]
    assert values[0] == values[1] != values[2]


@pytest.mark.parametrize(
    "form",
    [X, X.astype(np.float32), X.astype(bool), csr_array(X), TrainingData.from_array(X)],
    ids=lambda x: type(x).__name__,
)
def test_any_form_of_data_serves(form):
    for monitor in (ReconstructionError(), AISMonitor(every=1), FreeEnergyGap(validation=form)):
        assert recorded(monitor, memory={"data": form}) == pytest.approx(recorded(monitor))


def test_rows_are_spread_evenly():
    sorted_data = np.repeat(np.eye(8), 100, axis=0)
    model = small_model(8, 5)
    gap = recorded(FreeEnergyGap(validation=np.eye(8), n_samples=80), memory={"data": sorted_data})
    assert gap["free_energy_gap"] == pytest.approx(0.0, abs=1e-12)
    wanted = ((np.eye(8) - model.reconstruct(np.eye(8))) ** 2).mean()
    assert recorded(ReconstructionError(sorted_data, n_samples=16))["reconstruction_error"] == pytest.approx(wanted)


def test_it_waits_for_its_turn():
    monitor = ReconstructionError(every=3)
    assert [bool(recorded(monitor, epoch=epoch)) for epoch in range(6)] == [False, False, True] * 2


def test_in_a_real_run_and_after_copying():
    monitors = [ReconstructionError(), PseudoLikelihood(every=2), FreeEnergyGap(validation=OTHER), AISMonitor(every=2)]
    monitors = pickle.loads(pickle.dumps(copy.deepcopy(monitors)))
    data = TrainingData.from_array(X)
    learner = ContrastiveLearner(initial_model(data, 5, Random(0)), data, Rule(batch_size=20), Random(0), n_epochs=4)
    stopping = EarlyStopping("log_likelihood", patience=50, restore_best=False)
    assert all(set(monitor.records) <= set(recorded(monitor, epoch=1)) for monitor in monitors)
    run = train(learner, 4, callbacks=[stopping, *monitors], memory={"data": data})
    assert [set(row) - {"epoch", "seconds"} for row in run.history] == [
        {"reconstruction_error", "free_energy_gap"},
        {"reconstruction_error", "free_energy_gap", "pseudo_likelihood"}
        | {"log_likelihood", "log_likelihood_error", "log_likelihood_trusted"},
    ] * 2
    assert run.history[-1]["log_likelihood"] == pytest.approx(log_likelihood(learner.model, X).mean())


def test_what_cannot_be_is_refused():
    with pytest.raises(ValueError, match="every must be at least 1, got 0"):
        ReconstructionError(every=0)
    with pytest.raises(ValueError, match="n_samples must be at least 1, got -2"):
        AISMonitor(n_samples=-2)
    with pytest.raises(ValueError, match="validation is None"):
        FreeEnergyGap()
    with pytest.raises(ValueError, match="PseudoLikelihood has no samples"):
        recorded(PseudoLikelihood(), memory={})


def test_what_has_no_model_is_refused_before_any_work():
    with pytest.raises(TypeError, match="ReconstructionError watches Boltzmann machines, but here learns a Simple"):
        ReconstructionError().on_train_begin(SimpleNamespace(learner=SimpleNamespace()))
