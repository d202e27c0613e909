"""Fused updates equal the slow reference, whatever the data's form, rule, precision and threads."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.sparse import csr_array

from ebm.boltzmann.learning import ContrastiveLearner
from ebm.boltzmann.rule import Rule
from ebm.data import TrainingData
from ebm.optimizers.schedules import Linear
from ebm.random import Random
from tests.boltzmann.models import small_model
from tests.reference.contrastive import SlowLearner

NAMES = ("weights", "visible_bias", "hidden_bias", "visible_offset", "hidden_offset")
TOLERANCE = {np.float32: 3e-6, np.float64: 1e-13}
BASE = Rule(batch_size=7, learning_rate=0.3, momentum=0.6, l2=0.02, l1=0.01, offset_rate=0.2)
RULES = {
    "cd-1": replace(BASE, learning="cd"),
    "cd-3 plain": replace(BASE, learning="cd", n_gibbs=3, centered=False),
    "pcd-1": BASE,
    "pcd-2 plain, 5 chains": replace(BASE, n_gibbs=2, n_chains=5, centered=False),
    "pcd, no decay": replace(BASE, l1=0.0, l2=0.0, momentum=0.0, n_chains=11),
}


def binary(n, n_visible, density=0.3, seed=4):
    return (np.random.default_rng(seed).random((n, n_visible)) < density).astype(float)


def real(n, n_visible):
    values = np.random.default_rng(4).random((n, n_visible))
    return np.where(values < 0.5, 0.0, values)


DATA = {
    "0/1": binary,
    "real": real,
    "0/1, CSR": lambda n, m: csr_array(binary(n, m)),
    "real, CSR": lambda n, m: csr_array(real(n, m)),
}


def learner_for(X, rule, dtype, *, n_hidden=9, weights=None, n_threads=1, n_epochs=2, seed=11):
    data = TrainingData.from_array(X, weights, dtype)
    model = small_model(data.n_visible, n_hidden, dtype=dtype, seed=8, scale=0.7)
    return ContrastiveLearner(model, data, rule, Random(seed), n_epochs=n_epochs, n_threads=n_threads)


def slow_twin(learner, rule, dtype, seed=11):
    state = {name: part.astype(np.float64) for name, part in learner.state().items()}
    return SlowLearner(
        *(state[name] for name in NAMES),
        chains=state["chains"] if rule.learning == "pcd" else None,
        n_gibbs=rule.n_gibbs,
        l2=rule.l2,
        l1=rule.l1,
        offset_rate=rule.offset_rate if rule.centered else 0.0,
        seed=seed,
        dtype=dtype,
    )


def check_equal(X, rule, dtype, *, weights=None, n_epochs=2, **options):
    """Run both and compare all that learning carries on."""
    fast = learner_for(X, rule, dtype, weights=weights, n_epochs=n_epochs, **options)
    slow = slow_twin(fast, rule, dtype)
    dense = X.toarray() if hasattr(X, "toarray") else X
    weights = np.ones(len(dense)) if weights is None else weights
    dense, weights = dense[weights > 0], weights[weights > 0]
    updates, progress = fast.n_batches * n_epochs, 0
    for epoch in range(n_epochs):
        fast.begin_epoch(epoch)
        fast.update(0, fast.n_batches)
        order = Random(11).permutation(len(dense), epoch)
        for top in range(0, len(order), rule.batch_size):
            rows = order[top : top + rule.batch_size]
            rate, momentum = rule.schedule(progress, 1, updates)[0]
            slow.update(dense[rows].astype(dtype).astype(float), weights[rows] / weights[rows].sum(), rate, momentum)
            progress += 1
    state = fast.state()
    for name in NAMES:
        np.testing.assert_allclose(state[name], getattr(slow, name), atol=TOLERANCE[dtype], err_msg=name)
        if name in slow.velocity:
            velocity = state[f"{name}_velocity"]
            np.testing.assert_allclose(velocity, slow.velocity[name], atol=TOLERANCE[dtype], err_msg=name)
    if rule.learning == "pcd":
        np.testing.assert_array_equal(state["chains"], slow.chains)
    assert int(state["sweeps_done"][0]) == slow.sweeps_done


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("data", DATA)
@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
def test_fused_updates_equal_the_slow_ones(data, rule, dtype):
    # 17 samples in batches of 7: the last batch has 3
    check_equal(DATA[data](17, 13), RULES[rule], dtype)


@pytest.mark.parametrize("rule", ["cd-3 plain", "pcd-1"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
def test_with_sample_weights(rule, dtype):
    weights = np.random.default_rng(1).random(17) * 3
    weights[[2, 9]] = 0
    check_equal(binary(17, 13), RULES[rule], dtype, weights=weights)


def test_a_weight_of_two_is_a_sample_twice():
    X = binary(8, 6)
    rule = replace(BASE, batch_size=16, shuffle=False, n_chains=5)
    twice = learner_for(np.concatenate([X, X[:4]]), rule, np.float64)
    weighted = learner_for(X, rule, np.float64, weights=np.r_[2, 2, 2, 2, 1, 1, 1, 1])
    for learner in (twice, weighted):
        for epoch in range(2):
            learner.begin_epoch(epoch)
            learner.update(0, 1)
    for name in NAMES:
        np.testing.assert_allclose(twice.state()[name], weighted.state()[name], atol=1e-13)


@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
@pytest.mark.parametrize("density", [0.1, 0.8])  # rows of indices, and the dense tile
def test_over_several_panels_and_blocks_of_rows(dtype, density):
    rule = replace(BASE, batch_size=53)
    check_equal(binary(53, 70, density), rule, dtype, n_hidden=37, n_epochs=1)


@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
def test_with_rates_that_change(dtype):
    rule = replace(BASE, learning_rate=Linear(0.5, 0.0), momentum=Linear(0.1, 0.9))
    check_equal(binary(17, 13), rule, dtype)


@pytest.mark.parametrize("data", DATA)
@pytest.mark.parametrize("rule", ["cd-3 plain", "pcd-1"])
def test_one_thread_equals_two_bit_for_bit(data, rule, monkeypatch):
    monkeypatch.setattr("ebm.boltzmann.learning.WORK_A_THREAD", 1)  # so that this small work is shared out
    states = []
    for n_threads in (1, 2):
        learner = learner_for(DATA[data](83, 70), replace(RULES[rule], batch_size=31), np.float32, n_threads=n_threads)
        assert len(learner._places) == n_threads
        for epoch in range(2):
            learner.begin_epoch(epoch)
            learner.update(0, 1)
            learner.update(1, learner.n_batches)
        states.append(learner.state())
    for name, part in states[0].items():
        np.testing.assert_array_equal(part, states[1][name], err_msg=name)


def test_any_grid_of_threads_equals_one_bit_for_bit(monkeypatch):
    monkeypatch.setattr("ebm.boltzmann.learning.WORK_A_THREAD", 1)
    states, columns = [], set()
    for n_threads in (1, 2, 3, 4, 6):  # several panels either way: threads share panels, rows, or both
        learner = learner_for(
            binary(83, 150), replace(BASE, batch_size=31), np.float32, n_hidden=140, n_threads=n_threads
        )
        columns.add((n_threads, n_threads // learner._places[0, 3]))
        learner.begin_epoch(0)
        learner.update(0, learner.n_batches)
        states.append(learner.state())
    assert {c for _, c in columns} > {1, 2}
    for state in states[1:]:
        for name, part in state.items():
            np.testing.assert_array_equal(part, states[0][name], err_msg=name)


def test_how_an_epoch_is_cut_and_resumed_does_not_matter():
    X = binary(50, 13)
    whole, cut, resumed = (learner_for(X, BASE, np.float32, n_epochs=3) for _ in range(3))
    for epoch in range(3):
        whole.begin_epoch(epoch)
        whole.update(0, whole.n_batches)
        cut.begin_epoch(epoch)
        for batch in range(cut.n_batches):
            cut.update(batch, batch + 1)
        if epoch == 1:
            resumed.restore(whole.state())
    resumed.begin_epoch(2)
    resumed.update(0, resumed.n_batches)
    for name, part in whole.state().items():
        np.testing.assert_array_equal(part, cut.state()[name], err_msg=name)
        np.testing.assert_array_equal(part, resumed.state()[name], err_msg=name)
