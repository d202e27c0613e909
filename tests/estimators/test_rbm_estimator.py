"""RBM: what it learns, what it says about data, what it draws."""

import numpy as np
import pytest
from scipy.special import expit
from sklearn.exceptions import NotFittedError

from ebm.boltzmann import enumeration
from ebm.boltzmann.rbm import RBM as Model
from ebm.sampling.annealing import LogPartition
from ebm_sklearn import RBM, UntrustedEstimateWarning

RNG = np.random.default_rng(0)
X = (RNG.random((200, 12)) < np.linspace(0.1, 0.9, 12)).astype(np.float32)
X[:, 6:] = X[:, :6]  # something to learn: two halves that agree


DEFAULTS = {"learning_rate": 0.05, "schedule": "constant", "batch_size": 100, "l2": 1e-4}


def small(**parameters):
    return RBM(**{"n_components": 6, "n_iter": 10, "random_state": 0, **DEFAULTS, **parameters})


@pytest.fixture(scope="module")
def fitted():
    return small(n_iter=200, learning_rate=0.1).fit(X)


def exact_model(rbm):
    return Model(rbm.components_.T, rbm.intercept_visible_, rbm.intercept_hidden_)


def all_states(n):
    return ((np.arange(2**n)[:, None] >> np.arange(n)) & 1).astype(np.float32)


@pytest.mark.parametrize("parameters", [{}, {"learning": "cd"}, {"learning": "exact"}, {"centered": False}])
def test_learning_finds_what_independent_units_cannot(parameters):
    p = X.mean(axis=0)
    independent = (X * np.log(p) + (1 - X) * np.log1p(-p)).sum(axis=1).mean()
    rbm = small(n_iter=200, learning_rate=0.1, batch_size=20, **parameters).fit(X)
    assert rbm.score(X) > independent + 1.0


def test_fitted_attributes(fitted):
    assert fitted.components_.shape == (6, 12)
    assert fitted.intercept_hidden_.shape == (6,)
    assert fitted.intercept_visible_.shape == (12,)
    assert fitted.chains_.shape == (100, 6)
    assert set(np.unique(fitted.chains_)) <= {0, 1}
    np.testing.assert_allclose(fitted.mean_, X.mean(axis=0), rtol=1e-6)
    assert fitted.n_iter_ == len(fitted.history_) == 200
    assert [row["epoch"] for row in fitted.history_] == list(range(1, 201))
    assert fitted.n_features_in_ == 12
    assert list(fitted.get_feature_names_out()) == [f"rbm{j}" for j in range(6)]


def test_only_persistent_chains_are_shown():
    rbm = small().fit(X)
    assert rbm.chains_.shape == (100, 6)
    assert small(n_chains=7).fit(X).chains_.shape == (7, 6)
    rbm.set_params(learning="cd").fit(X)
    assert not hasattr(rbm, "chains_")


def test_transform_is_the_hidden_mean_and_inverse_transform_the_visible(fitted):
    expected = expit(X @ fitted.components_.T + fitted.intercept_hidden_)
    h = fitted.transform(X)
    np.testing.assert_allclose(h, expected, rtol=2e-5)
    expected = expit(h @ fitted.components_ + fitted.intercept_visible_)
    np.testing.assert_allclose(fitted.inverse_transform(h), expected, rtol=2e-5)


def test_inverse_transform_refuses_another_number_of_components(fitted):
    with pytest.raises(ValueError, match="X has 5 columns, but this RBM has 6 components"):
        fitted.inverse_transform(np.zeros((2, 5)))


def test_likelihoods_of_all_states_sum_to_one(fitted):
    assert np.exp(fitted.score_samples(all_states(12))).sum() == pytest.approx(1.0, abs=1e-5)
    assert fitted.score_samples(X).dtype == np.float64
    assert fitted.score(X) == pytest.approx(fitted.score_samples(X).mean())


def test_annealed_log_z_agrees_with_the_exact_one(fitted):
    exact = fitted.estimate_log_partition(exact=True)
    assert exact.method == "exact"
    assert exact.value == pytest.approx(enumeration.log_partition(exact_model(fitted)))
    annealed = fitted.estimate_log_partition(exact=False, n_chains=500, n_temperatures=500)
    assert annealed.method == "ais"
    assert annealed.value == pytest.approx(exact.value, abs=4 * annealed.standard_error + 1e-3)
    assert fitted.log_partition_ is annealed
    fitted.estimate_log_partition()


def test_log_partition_is_seeded_kept_and_dropped_by_learning():
    first, second = small().fit(X), small().fit(X)
    a = first.estimate_log_partition(exact=False, n_chains=20, n_temperatures=20)
    b = second.estimate_log_partition(exact=False, n_chains=20, n_temperatures=20)
    assert a.value == b.value
    assert first.log_partition_ is a
    first.partial_fit(X)
    assert first.log_partition_ is not a
    second.fit(X)
    assert second.log_partition_ is not b


def test_looking_at_an_estimator_does_not_estimate_log_z():
    rbm = small().fit(X)
    rbm._repr_html_()
    repr(rbm)
    assert rbm._log_partition is None
    assert rbm.log_partition_.trusted
    assert "log_partition_" in dir(rbm)


def test_log_partition_of_an_unfitted_estimator_does_not_exist():
    assert not hasattr(small(), "log_partition_")
    for method in ("transform", "inverse_transform", "score_samples", "score", "gibbs", "save"):
        with pytest.raises(NotFittedError):
            getattr(small(), method)(X)
    with pytest.raises(NotFittedError):
        small().sample()


def test_an_untrusted_estimate_warns_every_time(fitted):
    fitted._log_partition = LogPartition(0.0, 9.0, 1.0, 100, "ais", False, "not to be trusted: made up")
    for _ in range(2):
        with pytest.warns(UntrustedEstimateWarning, match="made up"):
            fitted.score_samples(X)
    fitted._log_partition = None
    assert fitted.score(X) < 0


def test_two_temperatures_for_a_strong_model_are_not_trusted(fitted):
    strong = small().fit(X)
    strong.components_ *= 100
    with pytest.warns(UntrustedEstimateWarning, match="not to be trusted"):
        strong.estimate_log_partition(exact=False, n_temperatures=2)


def test_partial_fit_goes_on_exactly():
    whole = small(n_iter=4, batch_size=64).fit(X)
    steps = small(n_iter=4, batch_size=64)
    for _ in range(4):
        steps.partial_fit(X)
    for name in ("components_", "intercept_hidden_", "intercept_visible_", "chains_"):
        np.testing.assert_array_equal(getattr(whole, name), getattr(steps, name))
    assert steps.n_iter_ == 4
    assert [row["epoch"] for row in steps.history_] == [1, 2, 3, 4]


@pytest.mark.parametrize("chunk", [3, 50, 170])
def test_partial_fit_in_chunks_of_any_size_learns_the_right_means(chunk):
    p = np.array([0.2, 0.5, 0.8, 0.35])
    data = (np.random.default_rng(1).random((400, chunk, 4)) < p).astype(np.float32)
    rbm = RBM(n_components=2, learning_rate=0.01, momentum=0.5, batch_size=50, l2=0.0, random_state=0)
    for part in data:
        rbm.partial_fit(part)
    means = enumeration.moments(exact_model(rbm)).visible
    np.testing.assert_allclose(means, p, atol=0.08)


def test_mean_of_chunks_is_the_mean_of_all():
    rbm = small().partial_fit(X[:30]).partial_fit(X[30:70]).partial_fit(X[70:])
    np.testing.assert_allclose(rbm.mean_, X.mean(axis=0), rtol=1e-6)


def test_results_depend_neither_on_threads_nor_on_how_many_fits_came_before():
    one, two = small(n_jobs=1).fit(X), small(n_jobs=2).fit(X)
    np.testing.assert_array_equal(one.components_, two.components_)
    np.testing.assert_array_equal(two.fit(X).components_, one.components_)
    np.testing.assert_array_equal(one.transform(X), two.transform(X))
    other = small(random_state=1).fit(X)
    assert not np.array_equal(other.components_, one.components_)


def test_random_state_moves_on_and_none_is_fresh():
    state = np.random.RandomState(0)
    assert not np.array_equal(
        small(random_state=state).fit(X).components_, small(random_state=state).fit(X).components_
    )
    assert not np.array_equal(small(random_state=None).fit(X).components_, small(random_state=None).fit(X).components_)


def test_samples_have_the_distribution_of_the_model(fitted):
    samples = fitted.sample(20_000, n_gibbs=200)
    exact = enumeration.moments(exact_model(fitted))
    np.testing.assert_allclose(samples.mean(axis=0), exact.visible, atol=0.03)
    p = enumeration.visible_distribution(exact_model(fitted))
    agree = (all_states(12)[:, :6] == all_states(12)[:, 6:]).all(axis=1)
    assert (samples[:, :6] == samples[:, 6:]).all(axis=1).mean() == pytest.approx(p @ agree, abs=0.03)


def test_sample_is_seeded(fitted):
    assert fitted.sample().shape == (1, 12)
    assert fitted.sample(5).dtype == np.float32
    np.testing.assert_array_equal(fitted.sample(5), fitted.sample(5))
    np.testing.assert_array_equal(fitted.sample(5, random_state=3), fitted.sample(5, random_state=3))
    assert not np.array_equal(fitted.sample(50, random_state=3), fitted.sample(50, random_state=4))
    assert small(learning="cd").fit(X).sample(3).shape == (3, 12)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_samples": 0}, "n_samples must be an integer of at least 1, got 0"),
        ({"n_gibbs": 0}, "n_gibbs must be an integer of at least 1, got 0"),
        ({"n_samples": 1.5}, "n_samples must be an integer of at least 1, got 1.5"),
        ({"y": [1]}, "y must be None"),
    ],
)
def test_sample_refuses(fitted, arguments, message):
    with pytest.raises(ValueError, match=message):
        fitted.sample(**arguments)


def test_repeated_gibbs_calls_make_a_chain():
    one, two = small().fit(X), small().fit(X)
    np.testing.assert_array_equal(one.gibbs(one.gibbs(X)), two.gibbs(X, n_gibbs=2))
    again = small().fit(X)
    assert not np.array_equal(again.gibbs(X), again.gibbs(X))
    np.testing.assert_array_equal(one.gibbs(X, random_state=5), two.gibbs(X, random_state=5))
    with pytest.raises(ValueError, match="n_gibbs must be an integer of at least 1, got 0"):
        one.gibbs(X, n_gibbs=0)


def test_gibbs_leaves_the_distribution_of_the_model_as_it_is(fitted):
    p = enumeration.visible_distribution(exact_model(fitted))
    start = all_states(12)[np.random.default_rng(0).choice(4096, 40_000, p=p)]
    moved = fitted.gibbs(start, n_gibbs=3, random_state=0)
    exact = enumeration.moments(exact_model(fitted)).visible
    np.testing.assert_allclose(moved.mean(axis=0), exact, atol=4 * 0.5 / np.sqrt(40_000))


def test_no_epochs_give_the_initial_model():
    rbm = small(n_iter=0).fit(X)
    assert rbm.n_iter_ == 0
    assert rbm.history_ == []
    p = (X.sum(axis=0) + 1) / (len(X) + 2)
    np.testing.assert_allclose(rbm.intercept_visible_, np.log(p / (1 - p)), rtol=1e-5)


def test_verbose_shows_a_progress_bar(capfd):
    small(verbose=1, n_iter=2).fit(X)
    assert "epoch 2/2" in capfd.readouterr().err
    small(n_iter=2).fit(X)
    assert capfd.readouterr().err == ""
