"""Gradients of the classification RBM = central differences; its learner follows them, resumes exactly, and learns."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from ebm.boltzmann import enumeration
from ebm.boltzmann.class_gradient import Objective, ascent, exact_expectation, exact_gradient
from ebm.boltzmann.class_learning import ClassLearner, initial_classifier
from ebm.boltzmann.classification_rbm import FIELDS
from ebm.boltzmann.rule import Rule
from ebm.data import TrainingData
from ebm.kernels.threads import limit_threads
from ebm.random import Random
from ebm.training import train
from tests.boltzmann.class_models import slow_classifier, small_classifier
from tests.boltzmann.models import row_numbers

PLAIN = Rule(learning_rate=1.0, momentum=0.0, l2=0.0, centered=False, shuffle=False)
OBJECTIVES = {
    "discriminative": Objective(1.0, 0.0),
    "generative": Objective(0.0, 1.0),
    "hybrid": Objective(1.0, 0.3),
}
HYBRID = Objective(1, 0.2)
EVERY = pytest.mark.parametrize("objective", OBJECTIVES.values(), ids=OBJECTIVES)


def labelled_data(n_visible, n_classes=3, n=9, seed=5, unlabelled=()):
    rng = np.random.default_rng(seed)
    share = rng.random(n)
    labels = rng.integers(0, n_classes, n)
    labels[list(unlabelled)] = -1
    return rng.integers(0, 2, (n, n_visible)).astype(float), labels, share / share.sum()


def value(model, v, labels, share, objective):
    """The objective, by the closed forms that ``test_classification_rbm`` holds against sums over all states."""
    joint = -model.joint_free_energies(v)
    log_z = enumeration.log_partition(model) if objective.generative else 0.0
    total = 0.0
    for r, y in enumerate(labels):
        given = model.class_log_probabilities(v[r : r + 1])[0]
        if y >= 0:
            total += share[r] * (objective.discriminative * given[y] + objective.generative * (joint[r, y] - log_z))
        else:
            total += share[r] * objective.generative * (-model.free_energy(v[r : r + 1])[0] - log_z)
    return total


def differences(model, *data, step=1e-5):
    """Central differences of the objective in every parameter."""
    out = {}
    for name in FIELDS:
        start = getattr(model, name)
        slopes = np.empty_like(start)
        for place in np.ndindex(start.shape):
            ends = []
            for sign in (1, -1):
                moved = start.copy()
                moved[place] += sign * step
                ends.append(value(replace(model, **{name: moved}), *data))
            slopes[place] = (ends[0] - ends[1]) / (2 * step)
        out[name] = slopes
    return out


def largest_error(gradient, wanted):
    return max(np.abs(gradient[name] - wanted[name]).max() for name in FIELDS)


@EVERY
@pytest.mark.parametrize("shape", [(5, 3), (3, 4)], ids=str)
def test_the_gradient_is_the_slope_of_the_objective(shape, objective):
    model = small_classifier(*shape, 3, seed=2, scale=1.2)
    data = labelled_data(shape[0])
    assert largest_error(exact_gradient(model, *data, objective), differences(model, *data, objective)) < 1e-9


@pytest.mark.parametrize("objective", [OBJECTIVES["generative"], OBJECTIVES["hybrid"]], ids=["generative", "hybrid"])
def test_rows_without_a_label_add_the_slope_of_their_likelihood(objective):
    model = small_classifier(4, 3, 3, seed=2, scale=1.2)
    data = labelled_data(4, unlabelled=(1, 4, 8))
    assert largest_error(exact_gradient(model, *data, objective), differences(model, *data, objective)) < 1e-9


def test_the_expectation_is_that_of_all_states():
    model = small_classifier(3, 4, 3, seed=2)
    joint, _ = slow_classifier(model).joint()
    states = model.visible.states(3), np.eye(3), model.hidden.states(4)
    found = exact_expectation(model)
    np.testing.assert_allclose(found["weights"], np.einsum("vyh,vi,hj->ij", joint, states[0], states[2]), atol=1e-12)
    np.testing.assert_allclose(
        found["label_weights"], np.einsum("vyh,yk,hj->kj", joint, states[1], states[2]), atol=1e-12
    )
    np.testing.assert_allclose(found["label_bias"], joint.sum(axis=(0, 2)), atol=1e-12)


def of_a_wrong_label(model, v, labels, share, objective):
    return exact_gradient(model, v, (labels + 1) % 3, share, objective)


def unweighted(model, v, labels, share, objective):
    return exact_gradient(model, v, labels, np.full(len(v), 1 / len(v)), objective)


def with_the_mean_over_classes_forgotten(model, v, labels, share, objective):
    x, one_hot = model.hidden_inputs(v), np.eye(3)[labels]
    return ascent(model, v, x, objective.discriminative * share[:, None] * one_hot)


def with_hidden_means_that_do_not_see_the_label(model, v, labels, share, objective):
    right = exact_gradient(model, v, labels, share, objective)
    blind = replace(model, label_weights=0 * model.label_weights)
    return right | {"weights": exact_gradient(blind, v, labels, share, objective)["weights"]}


@EVERY
@pytest.mark.parametrize(
    "wrong",
    [
        of_a_wrong_label,
        unweighted,
        with_the_mean_over_classes_forgotten,
        with_hidden_means_that_do_not_see_the_label,
    ],
)
def test_a_wrong_gradient_is_caught(wrong, objective):
    model = small_classifier(5, 3, 3, seed=2, scale=1.2)
    data = labelled_data(5)
    assert largest_error(wrong(model, *data, objective), differences(model, *data, objective)) > 1e-3


# ---- the learner ----


def step_of(model, v, labels, share, objective, rule, n_epochs=1):
    """Change of every parameter by one update of all rows."""
    data = TrainingData.from_array(v, share)
    rule = replace(rule, batch_size=len(v))
    learner = ClassLearner(model, data, labels, rule, objective, Random(0), n_epochs=n_epochs)
    learner.begin_epoch(0)
    learner.update(0, 1)
    return {name: getattr(learner.model, name) - getattr(model, name) for name in FIELDS}


@EVERY
def test_the_learner_ascends_that_slope(objective):
    model = small_classifier(5, 3, 3, seed=2)
    data = labelled_data(5)
    change = step_of(model, *data, objective, replace(PLAIN, learning="exact"))
    assert largest_error(change, differences(model, *data, objective)) < 1e-9


def centred_step(model, gradient, mu, mu_labels, offset, l2, l1):
    """The step of biases b' = b + W lambda, c' = c + mu W (labels too) that ascends and decays W, seen from b and c."""
    dv, dy, dh = gradient["visible_bias"], gradient["label_bias"], gradient["hidden_bias"]
    weights = gradient["weights"] - np.outer(mu, dh) - np.outer(dv, offset) - l2 * model.weights
    weights = weights - l1 * np.sign(model.weights)
    labels = gradient["label_weights"] - np.outer(mu_labels, dh) - np.outer(dy, offset) - l2 * model.label_weights
    labels = labels - l1 * np.sign(model.label_weights)
    return {
        "weights": weights,
        "label_weights": labels,
        "visible_bias": dv - weights @ offset,
        "label_bias": dy - labels @ offset,
        "hidden_bias": dh - mu @ weights - mu_labels @ labels,
    }


@pytest.mark.parametrize("centered", [True, False])
def test_a_step_is_one_of_the_centred_model_with_decay(centered):
    """Offsets of zero are those of the plain model."""
    model = small_classifier(5, 3, 3, seed=2)
    v, labels, share = labelled_data(5)
    mu, mu_labels = share @ v, np.bincount(labels, share, 3) + 1
    offsets = mu, mu_labels / mu_labels.sum(), 1 / (1 + np.exp(-model.hidden_bias))
    gradient = exact_gradient(model, v, labels, share, HYBRID)
    wanted = centred_step(model, gradient, *(part * centered for part in offsets), 0.2, 0.1)
    rule = replace(PLAIN, learning="exact", centered=centered, l2=0.2, l1=0.1)
    assert largest_error(step_of(model, v, labels, share, HYBRID, rule), wanted) < 1e-9


def expected_cd(model, v, labels, share, k):
    """E[CD-k] by the transition matrix of (v) -> (y, h) -> (v), the label and hidden units of the start clamped."""
    slow_joint, _ = slow_classifier(model).joint()
    v_given_h = slow_joint.sum(axis=1) / slow_joint.sum(axis=(0, 1))
    h_given_v = slow_joint.sum(axis=1) / slow_joint.sum(axis=(1, 2))[:, None]
    h_given_vy = slow_joint / slow_joint.sum(axis=2, keepdims=True)
    p = share @ h_given_vy[row_numbers(v), labels] @ v_given_h.T
    p = p @ np.linalg.matrix_power(h_given_v @ v_given_h.T, k - 1)
    states = model.visible.states(model.n_visible)
    x = model.hidden_inputs(states)
    expected = ascent(model, states, x, p[:, None] * np.exp(model.class_log_probabilities(states)))
    data = ascent(model, v, model.hidden_inputs(v), share[:, None] * np.eye(model.n_classes)[labels])
    return {name: data[name] - expected[name] for name in FIELDS}


def test_cd_approaches_the_exact_gradient_as_k_grows():
    model = small_classifier(4, 3, 3, seed=2)
    data = labelled_data(4)
    exact = exact_gradient(model, *data, Objective(0, 1))
    errors = [largest_error(expected_cd(model, *data, k), exact) for k in (1, 2, 4, 8, 16)]
    assert errors[0] > 0.03
    assert all(later < 0.5 * earlier for earlier, later in pairwise(errors))
    assert errors[-1] < 1e-5


@pytest.mark.parametrize("k", [1, 3])
@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
def test_the_learners_cd_is_that_expectation(dtype, k):
    model = small_classifier(4, 3, 3, seed=2)
    v, labels, share = labelled_data(4)
    copies = 4000
    many = np.tile(v, (copies, 1)).astype(dtype), np.tile(labels, copies), np.tile(share, copies)
    change = step_of(model.astype(dtype), *many, Objective(0, 1), replace(PLAIN, learning="cd", n_gibbs=k))
    # a weighted mean of 36,000 chains of values in [0, 1]
    spread = 0.5 * np.sqrt((share**2).sum() / copies)
    assert largest_error(change, expected_cd(model, v, labels, share, k)) < 4.5 * spread


def test_persistent_chains_from_the_model_give_its_expectation():
    """Started at the target, PCD's step is the exact gradient but for the chains' noise."""
    model = small_classifier(4, 3, 3, seed=2)
    data = labelled_data(4)
    joint, _ = slow_classifier(model).joint()
    n = 40_000
    drawn = np.random.default_rng(0).choice(8, n, p=joint.sum(axis=(0, 1)))
    rule = replace(PLAIN, batch_size=9, n_chains=n, n_gibbs=2)
    samples = TrainingData.from_array(data[0], data[2])
    learner = ClassLearner(model, samples, data[1], rule, Objective(0, 1), Random(0), n_epochs=1)
    learner.restore({**learner.state(), "chains": model.hidden.states(3)[drawn]})
    learner.begin_epoch(0)
    learner.update(0, 1)
    change = {name: getattr(learner.model, name) - getattr(model, name) for name in FIELDS}
    assert largest_error(change, exact_gradient(model, *data, Objective(0, 1))) < 4.5 * 0.5 / np.sqrt(n)


RULES = {
    "pcd": Rule(batch_size=16, learning_rate=0.1, momentum=0.9, n_gibbs=2),
    "cd": Rule(learning="cd", batch_size=16, learning_rate=0.1, momentum=0.9),
    "exact": Rule(learning="exact", batch_size=16, learning_rate=0.1, momentum=0.9),
}


def small_learner(rule, objective=HYBRID, dtype=np.float32, n=40, n_visible=6, n_hidden=4):
    rng = np.random.default_rng(1)
    labels = rng.integers(-1 if objective.generative else 0, 3, n)
    X = (rng.random((n, n_visible)) < 0.3 + 0.2 * labels[:, None]).astype(dtype)
    data = TrainingData.from_array(X)
    bias = np.zeros(n_visible, dtype)
    model = initial_classifier(data, labels, n_hidden, 3, Random(2), visible_bias=bias)
    return ClassLearner(model, data, labels, rule, objective, Random(2), n_epochs=4)


@EVERY
@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_a_state_holds_all_that_goes_on(rule, objective):
    whole, first, second = (small_learner(rule, objective) for _ in range(3))
    train(whole, 4)
    train(first, 2)
    second.restore(first.state())
    train(second, 4, first_epoch=2)
    assert whole.state().keys() == second.state().keys()
    assert ("chains" in whole.state()) == (rule.learning == "pcd" and objective.generative > 0)
    for name, array in whole.state().items():
        assert array.dtype == (np.int64 if name == "sweeps_done" else np.float32)
        np.testing.assert_array_equal(second.state()[name], array, err_msg=name)


def test_threads_do_not_change_a_bit():
    states = []
    for threads in (1, 2):
        with limit_threads(threads):
            learner = small_learner(RULES["pcd"], n=200, n_visible=150, n_hidden=200)
            train(learner, 2)
            states.append(learner.state())
    for name, array in states[0].items():
        np.testing.assert_array_equal(states[1][name], array, err_msg=name)


def test_exact_learning_ascends_the_objective():
    rule = replace(RULES["exact"], batch_size=40, momentum=0.5)
    learner = small_learner(rule, dtype=np.float64)
    v, labels, share = learner._data.rows(np.arange(40)), learner._labels, np.full(40, 1 / 40)
    values = [value(learner.model, v, labels, share, learner._objective)]
    for epochs in (1, 2, 3, 4):
        train(learner, epochs, first_epoch=epochs - 1)
        values.append(value(learner.model, v, labels, share, learner._objective))
    assert all(later > earlier for earlier, later in pairwise(values))


def test_a_discriminative_step_is_the_one_of_torchs_autograd():
    pytest.importorskip("torch", reason="torch is not installed")
    from benchmarks.suites.bench_classifier import BATCH, TorchClassifier, our_learner

    rng = np.random.default_rng(0)
    X, labels = (rng.random((BATCH, 30)) < 0.3).astype(np.float32), rng.integers(0, 10, BATCH)
    learner = our_learner(X, labels, "discriminative")
    before, twin = learner.model, TorchClassifier(learner.model, X, labels)
    learner.begin_epoch(0)
    learner.update(0, 1)
    twin.epoch()
    for name, part in zip(("weights", "label_weights", "hidden_bias", "label_bias"), twin.parts, strict=True):
        step = getattr(learner.model, name) - getattr(before, name)
        np.testing.assert_allclose(step, part.detach().numpy() - getattr(before, name), atol=0.01 * np.abs(step).max())


def test_a_nan_is_unsound():
    learner = small_learner(RULES["pcd"])
    assert learner.is_sound()
    state = learner.state()
    state["label_weights"][1, 2] = np.nan
    learner.restore(state)
    assert not learner.is_sound()


def test_what_does_not_fit_is_refused():
    learner = small_learner(RULES["pcd"])
    model, data, labels = learner.model, learner._data, learner._labels

    def make(model=model, labels=labels, rule=RULES["pcd"], objective=HYBRID, **more):
        return ClassLearner(model, data, labels, rule, objective, Random(0), n_epochs=1, **more)

    with pytest.raises(ValueError, match="samples have no label"):
        make(objective=Objective(1, 0))
    with pytest.raises(ValueError, match=r"labels must be int64 of shape \(40,\), got int64\(39,\)"):
        make(labels=labels[1:])
    with pytest.raises(ValueError, match=r"labels must lie in \[0, 3\).* got -1 to 3"):
        make(labels=np.where(labels == 2, 3, labels))
    with pytest.raises(ValueError, match="does not fit"):
        make(model=small_classifier(5, 4, 3, dtype=np.float32))
    with pytest.raises(ValueError, match="25"):
        small_learner(RULES["exact"], n_visible=30, n_hidden=30)
    with pytest.raises(ValueError, match="device must be"):
        make(device="tpu")
    for arguments in ((-1.0, 1.0), (1.0, np.inf)):
        with pytest.raises(ValueError, match="must be a finite number >= 0"):
            Objective(*arguments)
    with pytest.raises(ValueError, match="nothing to learn"):
        Objective(0, 0)
    with pytest.raises(ValueError, match="label_weights"):
        learner.restore({**learner.state(), "label_weights": np.zeros((2, 2))})
