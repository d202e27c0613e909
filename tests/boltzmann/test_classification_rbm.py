"""The classification RBM equals sums over its definition, and its samplers leave the exact distribution as it is."""

from dataclasses import dataclass, replace

import numpy as np
import pytest

from ebm.boltzmann import enumeration
from ebm.boltzmann.classification_rbm import ClassificationRBM, labelled_sweeps
from ebm.boltzmann.labelled import Labelled
from ebm.boltzmann.likelihood import log_partition
from ebm.boltzmann.pseudo_likelihood import log_pseudo_likelihood
from ebm.kernels.threads import limit_threads
from ebm.random import Random, Stream
from ebm.sampling.gibbs import gibbs
from tests.boltzmann.class_models import slow_classifier, small_classifier
from tests.boltzmann.models import p_value, row_numbers

DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
N_CHAINS = 20_000


# ---- closed forms ----


@DTYPES
def test_closed_forms_equal_sums_over_all_states(dtype):
    model = small_classifier(4, 3, 3, dtype=dtype, seed=1, scale=1.3)
    slow = slow_classifier(model)
    joint, log_z = slow.joint()
    v, h = (np.array(states, dtype) for states in (slow.visible_states(), slow.hidden_states()))
    close = {"rtol": 100 * np.finfo(dtype).eps, "atol": 100 * np.finfo(dtype).eps}
    y = np.arange(len(v)) % 3
    energies = [slow.energy(*state) for state in zip(v, y, h[np.arange(len(v)) % 8], strict=True)]
    np.testing.assert_allclose(model.energy(v, y, h[np.arange(len(v)) % 8]), energies, **close)
    by_label = [[slow.joint_free_energy(row, k) for k in range(3)] for row in v]
    np.testing.assert_allclose(model.joint_free_energies(v), by_label, **close)
    np.testing.assert_allclose(model.free_energy(v), -np.log(joint.sum(axis=(1, 2))) - log_z, **close)
    np.testing.assert_allclose(model.hidden_free_energy(h), -np.log(joint.sum(axis=(0, 1))) - log_z, **close)
    p = np.exp(model.class_log_probabilities(v))
    np.testing.assert_allclose(p, [slow.class_probabilities(row) for row in v], **close)
    np.testing.assert_allclose(p, joint.sum(axis=2) / joint.sum(axis=(1, 2))[:, None], **close)
    given_h = np.exp(model.class_log_probabilities_given_hidden(h))
    np.testing.assert_allclose(given_h, [slow.class_probabilities_given_hidden(row) for row in h], **close)
    np.testing.assert_allclose(model.hidden_mean(v), [slow.hidden_given(row) for row in v], **close)
    means = [slow.hidden_given(row, k) for row, k in zip(v, y, strict=True)]
    np.testing.assert_allclose(model.hidden_mean(v, y), means, **close)
    for result in (p, given_h, model.hidden_mean(v), model.hidden_mean(v, y), model.free_energy(v)):
        assert result.dtype == dtype


def without_labels_weights(model):
    return replace(model, label_weights=0 * model.label_weights)


def without_label_bias(model):
    return replace(model, label_bias=0 * model.label_bias)


def without_hidden_bias(model):
    return replace(model, hidden_bias=0 * model.hidden_bias)


@pytest.mark.parametrize("broken", [without_labels_weights, without_label_bias, without_hidden_bias])
def test_a_forgotten_parameter_shows_in_the_class_probabilities(broken):
    model = small_classifier(4, 3, 3, seed=1, scale=1.3)
    v = model.visible.states(4)
    wanted = [slow_classifier(model).class_probabilities(row) for row in v]
    assert np.abs(np.exp(broken(model).class_log_probabilities(v)) - wanted).max() > 0.02


@pytest.mark.parametrize("shape", [(4, 3), (3, 5)], ids=str)
def test_with_the_label_summed_out_it_is_an_rbm_to_its_neighbours(shape):
    model = small_classifier(*shape, 3, seed=2, scale=1.2)
    joint, log_z = slow_classifier(model).joint()
    p = joint.sum(axis=(1, 2))
    v = model.visible.states(shape[0])
    assert enumeration.log_partition(model) == pytest.approx(log_z, abs=1e-10)
    np.testing.assert_allclose(enumeration.visible_distribution(model), p, atol=1e-12)
    moments = enumeration.moments(model)
    np.testing.assert_allclose(moments.hidden, joint.sum(axis=(0, 1)) @ model.hidden.states(shape[1]), atol=1e-12)
    np.testing.assert_allclose(moments.pairs, v.T @ joint.sum(axis=1) @ model.hidden.states(shape[1]), atol=1e-12)
    flipped = np.arange(len(v))[:, None] ^ (1 << np.arange(shape[0]))
    wanted = np.log(p[:, None] / (p[:, None] + p[flipped])).sum(axis=1)
    np.testing.assert_allclose(log_pseudo_likelihood(model, v), wanted, rtol=1e-10)


@DTYPES
def test_annealed_log_z_agrees_with_the_exact_one(dtype):
    model = small_classifier(9, 7, 4, dtype=dtype, seed=3, scale=0.8)
    mean = enumeration.moments(model).visible
    exact = log_partition(model, data_mean=mean, random=Random(0))
    assert exact.method == "exact"
    annealed = log_partition(model, data_mean=mean, random=Random(0), n_chains=500, n_temperatures=100, exact_below=0)
    assert annealed.trusted
    assert annealed.value == pytest.approx(exact.value, abs=4 * annealed.standard_error + 1e-4)
    assert annealed.standard_error < 0.05


# ---- sampling ----


def cells(v, y, h, n_classes, n_hidden):
    return (row_numbers(v) * n_classes + y) * 2**n_hidden + row_numbers(h)


def hidden_at_the_target(model, joint, n, seed, labels=None):
    """Hidden states of exact samples of the joint distribution, or of that given a label of each row."""
    rng = np.random.default_rng(seed)
    states = model.hidden.states(model.n_hidden, model.dtype)
    if labels is None:
        return states[rng.choice(len(states), n, p=joint.sum(axis=(0, 1)))]
    given = joint.sum(axis=0) / joint.sum(axis=(0, 2))[:, None]
    return states[[rng.choice(len(states), p=given[label]) for label in labels]]


def joint_p_value(model, sampler, n_sweeps, seed=0):
    """p-value of 'chains of (v, y, h) that started at the target are still there'."""
    joint, _ = slow_classifier(model).joint()
    h = hidden_at_the_target(model, joint, N_CHAINS, seed)
    *_, (v, y, h) = labelled_sweeps(sampler, h, n_sweeps, Random(seed))
    found = np.bincount(cells(v, y, h, model.n_classes, model.n_hidden), minlength=joint.size)
    return p_value(found, joint.ravel())


def clamped_p_values(model, sampler, n_sweeps, seed=0):
    """The same for p(v | y), one p-value a class."""
    joint, _ = slow_classifier(model).joint()
    labels = np.arange(N_CHAINS) % model.n_classes
    h = hidden_at_the_target(model, joint, N_CHAINS, seed, labels)
    *_, (v, y, _) = labelled_sweeps(sampler, h, n_sweeps, Random(seed), labels=labels)
    np.testing.assert_array_equal(y, labels)
    given = joint.sum(axis=2) / joint.sum(axis=(0, 2))
    counts = [np.bincount(row_numbers(v[labels == k]), minlength=len(given)) for k in range(model.n_classes)]
    return [p_value(count, given[:, k]) for k, count in enumerate(counts)]


@DTYPES
@pytest.mark.parametrize("n_sweeps", [1, 7])
def test_the_joint_distribution_is_stationary(dtype, n_sweeps):
    model = small_classifier(3, 3, 3, dtype=dtype, seed=1, scale=1.3)
    assert joint_p_value(model, model, n_sweeps) > 1e-3


@DTYPES
@pytest.mark.parametrize("n_sweeps", [1, 7])
def test_given_a_label_the_exact_conditional_is_stationary(dtype, n_sweeps):
    model = small_classifier(3, 3, 3, dtype=dtype, seed=1, scale=1.3)
    assert min(clamped_p_values(model, model, n_sweeps)) > 1e-3


@dataclass(frozen=True, eq=False)
class ForgetsLabel(Labelled):
    """Broken: h is drawn without the label's weights."""

    def sample_with(self, inputs, labels, draw):
        return Labelled(0 * self.weights, self.bias).sample_with(inputs, labels, draw)


@dataclass(frozen=True, eq=False)
class UniformLabel(Labelled):
    """Broken: the label is drawn as if all were alike."""

    def sample_labels(self, inputs, draw):
        return Labelled(0 * self.weights, 0 * self.bias).sample_labels(inputs, draw)


@dataclass(frozen=True, eq=False)
class OneNoise(Labelled):
    """Broken: the label takes the uniform of the first hidden unit."""

    def sample_labels(self, inputs, draw):
        from ebm.kernels.classes import draw_classes

        return draw_classes(self.scores(inputs), draw, 0)


@dataclass(frozen=True, eq=False)
class LikeliestLabel(Labelled):
    """Broken: the likeliest label is taken."""

    def sample_labels(self, inputs, draw):
        return self.scores(inputs).argmax(axis=1)


def with_layer(model, layer):
    sampler = replace(model)
    sampler.__dict__["hidden"] = layer(model.label_weights, model.label_bias)
    return sampler


@pytest.mark.parametrize("n_sweeps", [1, 7])
@pytest.mark.parametrize("broken", [ForgetsLabel, UniformLabel, OneNoise, LikeliestLabel])
def test_a_broken_joint_sampler_is_caught(broken, n_sweeps):
    model = small_classifier(3, 3, 3, seed=1, scale=1.3)
    assert joint_p_value(model, with_layer(model, broken), n_sweeps) < 1e-9


@pytest.mark.parametrize("broken", [without_hidden_bias, without_labels_weights])
def test_a_broken_clamped_sampler_is_caught(broken):
    model = small_classifier(3, 3, 3, seed=1, scale=1.3)
    assert min(clamped_p_values(model, broken(model), 2)) < 1e-9


def test_a_clamped_sampler_that_takes_another_label_is_caught():
    model = small_classifier(3, 3, 3, seed=1, scale=1.3)
    rolled = replace(model, label_weights=np.roll(model.label_weights, 1, axis=0))
    assert min(clamped_p_values(model, rolled, 2)) < 1e-9


def test_labels_given_hidden_states_and_given_visible_ones():
    model = small_classifier(3, 4, 3, seed=5, scale=1.2)
    v, h = model.visible.states(3)[[5]], model.hidden.states(4)[[9]]
    rows, draw = np.zeros(30_000, np.int64), Random(3).at(Stream.HIDDEN, 2)
    for drawn, log_p in (
        (model.sample_labels(v[rows], draw), model.class_log_probabilities(v)),
        (model.sample_labels_given_hidden(h[rows], draw), model.class_log_probabilities_given_hidden(h)),
    ):
        assert p_value(np.bincount(drawn, minlength=3), np.exp(log_p[0])) > 1e-3


def test_gibbs_sampling_of_rbms_takes_it_as_it_is():
    """(v, h) with the label forgotten: the generic sampler's chains stay too."""
    model = small_classifier(3, 3, 3, seed=1, scale=1.3)
    joint, _ = slow_classifier(model).joint()
    h = hidden_at_the_target(model, joint, N_CHAINS, 1)
    v, h = gibbs(model, h, 5, Random(1))
    found = np.bincount(row_numbers(v) * 8 + row_numbers(h), minlength=64)
    assert p_value(found, joint.sum(axis=1).ravel()) > 1e-3


def test_runs_can_be_cut_and_shared_and_do_not_depend_on_threads():
    model = small_classifier(40, 300, 10, dtype=np.float32, scale=0.2)
    h = np.zeros((60, 300), np.float32)
    *_, whole = labelled_sweeps(model, h, 6, Random(3))
    *_, half = labelled_sweeps(model, h, 2, Random(3))
    *_, cut = labelled_sweeps(model, half[2], 4, Random(3), first_step=2)
    *_, part = labelled_sweeps(model, h[5:], 6, Random(3), first_chain=5)
    with limit_threads(2):
        *_, threaded = labelled_sweeps(model, h, 6, Random(3))
    for k in range(3):
        np.testing.assert_array_equal(whole[k], cut[k])
        np.testing.assert_array_equal(whole[k], threaded[k])
        np.testing.assert_array_equal(whole[k][5:], part[k])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"label_weights": np.zeros((3, 4))}, r"label_weights must have shape \(3, 2\), got \(3, 4\)"),
        ({"label_bias": np.zeros(2)}, r"label_bias must have shape \(3,\), got \(2,\)"),
        ({"visible_bias": np.zeros(5)}, "visible_bias must have shape"),
        ({"hidden_bias": np.zeros(2, np.float32)}, "share one dtype"),
    ],
)
def test_parameters_that_do_not_fit_are_refused(change, message):
    model = small_classifier(4, 2, 3)
    with pytest.raises(ValueError, match=message):
        replace(model, **change)


def test_precision_can_be_changed():
    model = small_classifier(4, 2, 3).astype(np.float32)
    assert isinstance(model, ClassificationRBM)
    assert model.dtype == model.label_bias.dtype == np.float32
