"""The RBM estimator with other units than binary ones."""

from itertools import product

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits, load_iris

from ebm.boltzmann.unit_types import Binomial, Categorical
from ebm_sklearn import RBM, OutOfRangeWarning, UntrustedEstimateWarning

X_IRIS = load_iris().data
VISIBLE = {
    "spin": np.where(X_IRIS.mean(axis=0) < X_IRIS, 1.0, -1.0),
    "gaussian": X_IRIS,
    "relu": X_IRIS,
    "noisy_relu": X_IRIS,
    "binomial": np.clip(np.round(X_IRIS), 0, 8),
    "categorical": np.eye(3)[np.digitize(X_IRIS, [1.5, 4.0])].reshape(len(X_IRIS), -1),
}
OBJECTS = {"binomial": Binomial(8), "categorical": Categorical(3)}
HIDDEN = ["bernoulli", "spin", "gaussian", "relu", "noisy_relu", Binomial(4), Categorical(3)]


def fitted(visible, hidden="bernoulli", **parameters):
    settings = {"n_components": 3, "n_iter": 5, "learning_rate": 0.05, "random_state": 0, **parameters}
    return RBM(visible=OBJECTS.get(visible, visible), hidden=hidden, **settings).fit(VISIBLE[visible])


@pytest.mark.parametrize(("visible", "hidden"), list(product(VISIBLE, HIDDEN)), ids=str)
def test_every_pair_fits_transforms_samples_and_is_saved(visible, hidden, tmp_path):
    rbm, X = fitted(visible, hidden), VISIBLE[visible]
    features = rbm.transform(X)
    assert features.shape == (len(X), rbm.components_.shape[0]) == (len(X), 9 if isinstance(hidden, Categorical) else 3)
    assert rbm.inverse_transform(features).shape == X.shape
    samples = rbm.sample(50, random_state=1, n_gibbs=20)
    low, high = rbm._units()[0].domain
    assert samples.shape == (50, X.shape[1])
    assert low <= samples.min()
    assert samples.max() <= high
    rbm.save(tmp_path / "model")
    again = RBM.load(tmp_path / "model")
    assert repr(again.visible) == repr(rbm.visible)
    np.testing.assert_array_equal(again.transform(X), features)
    np.testing.assert_array_equal(again.partial_fit(X).components_, rbm.partial_fit(X).components_)


def test_a_density_of_real_features_is_near_the_best_normal_ones():
    """In nats: better than one normal distribution, with and without correlations (of the same data)."""
    rbm = fitted("gaussian", n_components=16, n_iter=300, batch_size=10, learning_rate=0.1)
    found = rbm.score(X_IRIS)
    covariance = np.cov(X_IRIS.T, bias=True)
    independent = -0.5 * np.log(2 * np.pi * np.e * np.diag(covariance)).sum()
    joint = -0.5 * (4 * np.log(2 * np.pi * np.e) + np.linalg.slogdet(covariance)[1])
    assert rbm.log_partition_.method == "exact"
    assert independent + 1.5 < found
    assert found > joint


def test_partial_fit_equals_fit_and_float32_stays():
    X = X_IRIS.astype(np.float32)
    whole = RBM(3, visible="gaussian", n_iter=3, schedule="constant", random_state=0).fit(X)
    parts = RBM(3, visible="gaussian", random_state=0)
    for _ in range(3):
        parts.partial_fit(X)
    for name in ("components_", "intercept_visible_", "intercept_hidden_", "noise_variance_"):
        assert getattr(whole, name).dtype == np.float32
        np.testing.assert_array_equal(getattr(parts, name), getattr(whole, name))
    assert whole.transform(X).dtype == whole.sample(2).dtype == np.float32


@pytest.mark.parametrize("learning", ["fpcd", "pt", "cd"])
@pytest.mark.parametrize("visible", ["gaussian", "bernoulli"])
def test_every_rule_goes_on_exactly(visible, learning):
    X = X_IRIS if visible == "gaussian" else X_IRIS / 8
    options = {"visible": visible, "learning": learning, "n_temperatures": 3, "random_state": 0}
    whole = RBM(3, n_iter=3, schedule="constant", **options).fit(X)
    parts = RBM(3, **options)
    for _ in range(3):
        parts.partial_fit(X)
    np.testing.assert_array_equal(parts.components_, whole.components_)


def test_rescaled_features_give_the_same_model():
    factor = np.array([2.0, 64.0, 0.25, 1.0])
    one = RBM(3, visible="gaussian", n_iter=3, random_state=0).fit(X_IRIS)
    other = RBM(3, visible="gaussian", n_iter=3, random_state=0).fit(X_IRIS * factor)
    np.testing.assert_allclose(other.transform(X_IRIS * factor), one.transform(X_IRIS), atol=1e-9)
    np.testing.assert_allclose(other.noise_variance_, one.noise_variance_ * factor**2, rtol=1e-9)


def test_annealing_judges_models_of_real_units():
    rbm = fitted("gaussian", "gaussian", n_components=2)
    with np.errstate(all="raise"):
        estimate = rbm.estimate_log_partition(n_chains=100, n_temperatures=500)
    assert estimate.method == "ais"
    assert rbm.score_samples(X_IRIS).shape == (150,)


def test_units_can_be_cloned_and_searched():
    rbm = clone(RBM(visible=Categorical(3), hidden=Binomial(2)))
    assert rbm.visible == Categorical(3)
    assert rbm.set_params(hidden="spin").hidden == "spin"


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"visible": "potts"}, "visible must be one of 'bernoulli'.*got 'potts'"),
        ({"hidden": "categorical"}, r"hidden must be.*Categorical\(n_values\)"),
        ({"visible": 3}, "'visible' parameter of RBM"),
        ({"visible": Categorical(3)}, r"X has 4 features, but visible=Categorical\(n_values=3\) needs a multiple of 3"),
        ({"visible": "gaussian", "binarize": 0.5}, "binarize=0.5 makes binary features, but visible is 'gaussian'"),
        ({"visible": "gaussian", "hidden": "relu", "learning": "exact"}, "real-valued states"),
        ({"visible": "spin", "learning": "fast"}, "'learning' parameter of RBM"),
    ],
    ids=str,
)
def test_bad_parameters_are_refused_before_any_work(parameters, message):
    with pytest.raises(ValueError, match=message):
        RBM(**parameters).fit(X_IRIS)


@pytest.mark.parametrize(
    ("visible", "told"), [("spin", r"\[-1, 1\]"), ("relu", r"\[0, inf\]"), (Binomial(2), r"\[0, 2\]")], ids=str
)
def test_values_outside_the_domain_are_told(visible, told):
    with pytest.warns(OutOfRangeWarning, match=f"units take values in {told}"):
        RBM(2, visible=visible, n_iter=1).fit(X_IRIS - 3)


@pytest.mark.parametrize(
    "wrong", [np.zeros((9, 6)), np.full((9, 6), 1 / 3), np.ones((9, 6))], ids=["none", "shares", "all"]
)
def test_columns_that_are_not_one_hot_are_told(wrong):
    with pytest.warns(OutOfRangeWarning, match=r"not one-hot: Categorical\(3\) takes 3 neighbouring columns"):
        RBM(2, visible=Categorical(3), n_iter=1).fit(wrong)


def test_what_was_learnt_with_other_units_is_forgotten():
    rbm = fitted("gaussian")
    rbm.set_params(visible="bernoulli").fit(X_IRIS / 8)
    assert not hasattr(rbm, "noise_variance_")


@pytest.mark.filterwarnings("ignore", category=UntrustedEstimateWarning)
def test_fast_weights_serve_binary_units_too():
    X = load_digits().data[:200] / 16
    rbm = RBM(8, learning="fpcd", n_iter=100, random_state=0).fit(X)
    assert rbm.chains_.shape == (50, 8)
    assert rbm.score(X) > RBM(8, n_iter=0, random_state=0).fit(X).score(X)
