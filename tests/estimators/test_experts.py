"""Products and mixtures of experts as estimators."""

import shutil
import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from ebm.storage import ModelFileError, load, save
from ebm.training.checkpoint import CheckpointError
from ebm_sklearn import (
    Checkpoint,
    DivergenceError,
    MixtureOfExperts,
    OutOfRangeWarning,
    ProductOfExperts,
    UntrustedEstimateWarning,
)

RNG = np.random.default_rng(0)
SOURCES = RNG.laplace(size=(1500, 3))
MIXING = np.array([[2.0, 0.3, -1.0], [0.5, 1.0, 0.2], [100.0, -30.0, 250.0]])  # features of different units
X = SOURCES @ MIXING.T + [5.0, -2.0, 1000.0]
BITS = (RNG.random((300, 6)) < np.where(np.arange(300)[:, None] < 100, 0.8, 0.2)).astype(np.float64)
LEARNT = ("components_", "intercept_", "exponents_")


def small(n_experts=5, **parameters):
    return ProductOfExperts(n_experts, **{"n_iter": 3, "random_state": 0, "schedule": "constant", **parameters})


@pytest.fixture(scope="module")
def ica():
    return ProductOfExperts(random_state=0).fit(X)


@pytest.fixture(scope="module")
def overcomplete():
    return small(learning_rate=0.02, n_iter=10).fit(X)


# ---- independent component analysis ----


def test_as_many_experts_as_features_unmix(ica):
    y = ica.transform(X)
    correlations = np.abs(np.corrcoef(y.T, SOURCES.T)[:3, 3:])
    assert (correlations.max(axis=0) > 0.995).all()
    assert sorted(correlations.argmax(axis=0)) == [0, 1, 2]
    np.testing.assert_allclose(ica.inverse_transform(y), X)
    np.testing.assert_allclose(ica.mixing_ @ ica.components_, np.eye(3), atol=1e-10)
    likelihoods = [row["log_likelihood"] for row in ica.history_]
    assert (np.diff(likelihoods) >= 0).all()
    assert len(likelihoods) < 100
    assert likelihoods[-1] == pytest.approx(ica.score(X))


def test_the_density_is_that_of_the_sources_experts(ica):
    """log p(x) = log |det components_| + sum_j log of the expert's density, in the units of X."""
    y = ica.transform(X)
    alpha = ica.exponents_
    normaliser = np.log(np.pi / (2 * np.sqrt(2)) * 2 / np.pi * np.pi)  # of alpha = 2: sqrt(2 pi) Gamma(3/2) / Gamma(2)
    assert (alpha == 2).all()
    expected = np.linalg.slogdet(ica.components_)[1] - (2 * np.log1p(y**2 / 2) + normaliser).sum(axis=1)
    np.testing.assert_allclose(ica.score_samples(X), expected, rtol=1e-9)
    np.testing.assert_allclose(-ica.energy(X) - ica.log_partition_.value, expected, rtol=1e-9)
    assert ica.log_partition_.method == "exact"
    assert ica.log_partition_.verdict == "exact, in closed form"


def test_samples_have_the_models_activations(ica):
    y = ica.transform(ica.sample(4000, random_state=1))
    for share in (0.25, 0.5, 0.9):
        wanted = ica._model().expert.quantile(ica.exponents_, np.full(3, share))
        np.testing.assert_allclose(np.mean(y < wanted, axis=0), share, atol=4 * np.sqrt(0.25 / 4000))
    np.testing.assert_array_equal(ica.sample(5), ica.sample(5))
    assert not np.array_equal(ica.sample(5), ica.sample(5, random_state=3))


@pytest.mark.parametrize("whiten", [True, False])
def test_fewer_experts_have_a_density_too(whiten):
    fitted = ProductOfExperts(1, whiten=whiten, random_state=0, n_iter=400, expert="logistic").fit(X[:, :2] * [1, 2])
    t = np.linspace(-60, 60, 601)
    grid = np.stack(np.meshgrid(t, t), axis=-1).reshape(-1, 2) + fitted.mean_
    assert np.exp(fitted.score_samples(grid)).sum() * (t[1] - t[0]) ** 2 == pytest.approx(1, abs=1e-3)
    again = fitted.inverse_transform(fitted.transform(X[:, :2]))
    np.testing.assert_allclose(fitted.transform(again), fitted.transform(X[:, :2]), rtol=1e-8)


def test_learning_goes_on_exactly_where_it_stopped():
    for options in ({}, {"n_experts": 2, "expert": "logistic", "learn_exponents": True}):
        with pytest.warns(ConvergenceWarning, match="not converged in n_iter=6"):
            whole = ProductOfExperts(**options, n_iter=6, random_state=0).fit(X)
        part = ProductOfExperts(**options, n_iter=6, random_state=0)
        for _ in range(6):
            part.partial_fit(X)
        for name in LEARNT:
            np.testing.assert_array_equal(getattr(part, name), getattr(whole, name))
        assert part.n_iter_ == 6
        assert [row["log_likelihood"] for row in part.history_] == [row["log_likelihood"] for row in whole.history_]


@pytest.mark.parametrize("learning", ["cd", "pcd"])
def test_contrastive_learning_goes_on_exactly_too(learning):
    whole, part = small(learning=learning).fit(X), small(learning=learning)
    for _ in range(3):
        part.partial_fit(X)
    for name in LEARNT:
        np.testing.assert_array_equal(getattr(part, name), getattr(whole, name))


# ---- more experts than features ----


def test_more_experts_have_an_estimated_density(overcomplete):
    assert overcomplete._learning == "cd"
    found = overcomplete.log_partition_
    assert found.method == "ais"
    assert found.trusted
    scores = overcomplete.score_samples(X[:100])
    np.testing.assert_allclose(scores, -overcomplete.energy(X[:100]) - found.value)
    gaussian = MixtureOfExperts().fit(X)
    assert overcomplete.score(X) > gaussian.score(X)  # heavy tails
    np.testing.assert_array_equal(overcomplete.score_samples(X[:100]), scores)


def test_its_samples_have_the_datas_spread(overcomplete):
    drawn = overcomplete.sample(3000, n_moves=50, random_state=0)
    for q in (10, 25, 75, 90):
        wanted = np.percentile(X, q, axis=0)
        np.testing.assert_allclose(np.percentile(drawn, q, axis=0), wanted, atol=0.25 * X.std(axis=0).max(), rtol=0.3)


def test_an_estimate_that_must_not_be_believed_warns_every_time(overcomplete):
    fitted = (
        clone(overcomplete).set_params(n_experts=20, random_state=1).fit(np.hstack([X, RNG.laplace(size=(1500, 9))]))
    )
    with pytest.warns(UntrustedEstimateWarning, match="not to be trusted"):
        fitted.estimate_log_partition(n_chains=5, n_temperatures=20)
    with pytest.warns(UntrustedEstimateWarning, match="not to be trusted"):
        fitted.score_samples(np.zeros((1, 12)))


def test_results_do_not_depend_on_threads():
    one, two = (small(40, n_jobs=n, batch_size=1500).fit(X.astype(np.float32)) for n in (1, 2))
    for name in LEARNT:
        np.testing.assert_array_equal(getattr(one, name), getattr(two, name))


# ---- files, pipelines, dtypes ----


@pytest.mark.parametrize("options", [{"n_experts": 3}, {"n_experts": 5}, {"n_experts": 5, "learning": "pcd"}])
@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
def test_a_product_is_saved_and_goes_on(options, dtype, tmp_path):
    data = X.astype(dtype)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        fitted = small(**options).fit(data)
    scores = fitted.score_samples(data[:50])
    fitted.save(tmp_path / "model")
    loaded = ProductOfExperts.load(tmp_path / "model")
    assert loaded.get_params() == fitted.get_params()
    np.testing.assert_array_equal(loaded.score_samples(data[:50]), scores)
    np.testing.assert_array_equal(loaded.transform(data), fitted.transform(data))
    for one in (loaded, fitted):
        one.partial_fit(data)
    for name in LEARNT:
        np.testing.assert_array_equal(getattr(loaded, name), getattr(fitted, name))
        assert getattr(loaded, name).dtype == dtype
    assert fitted.transform(data).dtype == fitted.sample(2).dtype == dtype


@pytest.mark.parametrize("component", ["gaussian", "bernoulli"])
def test_a_mixture_is_saved(component, tmp_path):
    data = X if component == "gaussian" else BITS
    fitted = MixtureOfExperts(2, component=component, random_state=0, tol=0.1).fit(data)
    fitted.save(tmp_path / "model")
    loaded = MixtureOfExperts.load(tmp_path / "model")
    assert loaded.get_params() == fitted.get_params()
    assert loaded.converged_ is True
    np.testing.assert_array_equal(loaded.score_samples(data), fitted.score_samples(data))
    np.testing.assert_array_equal(loaded.sample(4), fitted.sample(4))


@pytest.mark.parametrize(
    ("estimator", "change", "message"),
    [
        (ProductOfExperts(tol=1e-2), lambda a, m: a.pop("weights"), "lacks the array 'weights'"),
        (ProductOfExperts(tol=1e-2), lambda a, m: a.update(exponents_=-a["exponents_"]), "exponents_ must be"),
        (ProductOfExperts(tol=1e-2), lambda a, m: m["values"].update(learning="x"), "learnt by 'x'"),
        (ProductOfExperts(tol=1e-2), lambda a, m: a.pop("components_"), "lacks a matrix 'components_'"),
        (MixtureOfExperts(), lambda a, m: a.update(covariances_=-a["covariances_"]), "not positive definite"),
        (MixtureOfExperts(), lambda a, m: a.update(weights_=a["weights_"] + 1), "weights must be 1 numbers"),
        (MixtureOfExperts(), lambda a, m: a.pop("means_"), "lacks a matrix 'means_'"),
    ],
)  # fmt: skip
def test_a_damaged_file_is_refused(estimator, change, message, tmp_path):
    path, kind = tmp_path / "model", type(estimator)
    clone(estimator).set_params(random_state=0).fit(X).save(path)
    arrays, metadata = load(path, kind.__name__)
    change(arrays, metadata)
    save(path, kind.__name__, arrays, metadata)
    with pytest.raises(ModelFileError, match=message):
        kind.load(path)


def test_in_pipelines_with_names():
    frame = pd.DataFrame(load_iris().data, columns=["a", "b", "c", "d"])
    model = make_pipeline(StandardScaler(), ProductOfExperts(random_state=0), LogisticRegression()).set_output(
        transform="pandas"
    )
    model.fit(frame, load_iris().target)
    assert model.score(frame, load_iris().target) > 0.95
    names = list(model[:-1].get_feature_names_out())
    assert names == [f"productofexperts{i}" for i in range(4)]


@pytest.mark.parametrize("n_experts", [3, 5])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_checkpoint_is_resumed(n_experts, tmp_path):
    path = tmp_path / "run"
    whole = small(n_experts, n_iter=6).fit(X)
    small(n_experts, n_iter=4, callbacks=[Checkpoint(path)]).fit(X)
    resumed = small(n_experts, n_iter=6, callbacks=[Checkpoint(path, resume=True)]).fit(X)
    np.testing.assert_array_equal(resumed.components_, whole.components_)
    assert [row["epoch"] for row in resumed.history_] == [1, 2, 3, 4, 5, 6]
    with pytest.raises(CheckpointError, match=r"seed \(drawn from random_state\) was"):
        small(n_experts, n_iter=6, callbacks=[Checkpoint(path, resume=True)], random_state=7).fit(X)
    with pytest.raises(CheckpointError, match="schedule was"):
        small(n_experts, n_iter=6, callbacks=[Checkpoint(path, resume=True)], schedule="linear").fit(X)


def test_a_mixtures_checkpoint_is_resumed(tmp_path):
    options = {"n_components": 3, "tol": 0, "random_state": 0}
    whole = MixtureOfExperts(**options, n_iter=6).fit(X)
    MixtureOfExperts(**options, n_iter=4, callbacks=[Checkpoint(tmp_path / "run")]).fit(X)
    resumed = MixtureOfExperts(**options, n_iter=6, callbacks=[Checkpoint(tmp_path / "run", resume=True)]).fit(X)
    np.testing.assert_array_equal(resumed.means_, whole.means_)


class Killed(BaseException):
    """As a process that is killed: nothing after the last checkpoint is kept."""


class Killing:
    """Ends the run after epoch ``epoch``, when its checkpoint has been copied to ``path``."""

    order = 30

    def __init__(self, epoch, running, path):
        self.epoch, self.running, self.path = epoch, running, path

    def on_epoch_end(self, run):
        if run.epoch + 1 == self.epoch:
            shutil.copy(self.running, self.path)
            raise Killed


CONVERGING = [
    MixtureOfExperts(2, component="bernoulli", tol=1e-4, random_state=0),
    MixtureOfExperts(2, tol=1e-3, random_state=0),
    ProductOfExperts(tol=1e-3, random_state=0),
    ProductOfExperts(tol=0, random_state=0),  # ends where no further step is found
]


@pytest.mark.parametrize("estimator", CONVERGING)
@pytest.mark.parametrize("before", [0, 1, 2])
def test_a_run_killed_near_its_end_is_as_if_it_had_not_been(estimator, before, tmp_path):
    data = BITS if getattr(estimator, "component", "") == "bernoulli" else X
    whole = clone(estimator).fit(data)
    assert 3 < whole.n_iter_ < whole.n_iter
    running, path = tmp_path / "running", tmp_path / "killed"
    killing = Killing(whole.n_iter_ - before, running, path)
    with pytest.raises(Killed):
        clone(estimator).set_params(callbacks=[Checkpoint(running), killing]).fit(data)
    for _ in range(3):  # the killed run, then one that is finished, twice
        resumed = clone(estimator).set_params(callbacks=[Checkpoint(path, resume=True)]).fit(data)
        assert resumed.n_iter_ == whole.n_iter_
        for name in LEARNT if isinstance(estimator, ProductOfExperts) else ("weights_", "means_"):
            np.testing.assert_array_equal(getattr(resumed, name), getattr(whole, name))
        assert [row["log_likelihood"] for row in resumed.history_] == [row["log_likelihood"] for row in whole.history_]
        assert getattr(resumed, "converged_", True)


# ---- mixtures ----


def test_a_mixture_finds_groups():
    mixture = MixtureOfExperts(2, component="bernoulli", n_init=3, random_state=0).fit(BITS)
    groups = mixture.predict(BITS)
    truth = np.arange(300) < 100
    assert max(np.mean(groups == truth), np.mean(groups != truth)) > 0.93
    np.testing.assert_allclose(mixture.predict_proba(BITS).sum(axis=1), 1)
    np.testing.assert_array_equal(mixture.predict_proba(BITS).argmax(axis=1), groups)
    assert set(np.unique(mixture.sample(50, random_state=0))) == {0, 1}
    assert not hasattr(mixture, "covariances_")
    assert mixture.converged_


def test_criteria_choose_the_number_of_components():
    data = np.concatenate([RNG.normal(c, 1, (150, 2)) for c in (-4, 0, 5)])
    fits = {
        k: MixtureOfExperts(k, covariance_type="spherical", n_init=5, random_state=0).fit(data) for k in (1, 2, 3, 4)
    }
    assert min(fits, key=lambda k: fits[k].bic(data)) == 3
    assert fits[3].bic(data) - fits[3].aic(data) == pytest.approx((np.log(450) - 2) * (3 * 2 + 3 + 2))


def test_a_mixture_that_needs_more_iterations_says_so():
    with pytest.warns(
        ConvergenceWarning, match=r"MixtureOfExperts has not converged in n_iter=2 iterations.*\(now 1e-09\)"
    ):
        fitted = MixtureOfExperts(3, n_iter=2, tol=1e-9, random_state=0).fit(X)
    assert not fitted.converged_
    assert len(fitted.history_) == 2


# ---- bad input ----


@pytest.mark.parametrize("estimator", [ProductOfExperts(), MixtureOfExperts()])
@pytest.mark.parametrize(
    ("data", "message"),
    [
        (np.array([[0.0, np.nan], [1, 2]]), "contains NaN"),
        (np.array([[0.0, np.inf], [1, 2]]), "contains infinity"),
        (np.zeros(4), "Expected 2D array"),
        (np.zeros((0, 3)), "0 sample"),
    ],
)
def test_what_is_no_data_is_refused(estimator, data, message):
    with pytest.raises(ValueError, match=message):
        clone(estimator).fit(data)


@pytest.mark.parametrize(
    ("parameters", "data", "message"),
    [
        ({}, X[:3], r"its 3 features have rank 2 \(n_samples=3\)"),
        ({}, X[:, [0, 1, 0]], "put PCA"),
        ({}, X * [1, 0, 1], "feature 1 is constant"),
        ({"whiten": False}, X[:, [0, 1, 0]], "rank 2"),
        ({"n_experts": 4, "learning": "ml"}, X, "learning='ml' needs n_experts of at most the number of features, 3"),
        ({"exponent": 0.5}, X, "exponent=0.5 must be above 0.5 for expert='student_t'"),
        ({"expert": "logistic", "sampler": "gibbs", "learning": "cd"}, X, "sampler='gibbs' takes Student-t experts"),
        ({"n_experts": 0}, X, "n_experts"),
        ({"learning": "exact"}, X, "learning"),
        ({"expert": "gaussian"}, X, "expert"),
    ],
)
def test_what_a_product_cannot_be_is_refused(parameters, data, message):
    with pytest.raises(ValueError, match=message):
        ProductOfExperts(**parameters).fit(data)


def test_an_absurd_rate_ends_learning():
    with pytest.raises(DivergenceError):
        small(learning_rate=1e12, n_iter=5).fit(X)


def test_data_outside_of_zero_and_one_warns_bernoulli_components():
    with pytest.warns(OutOfRangeWarning, match="X has values from -1 to 3"):
        MixtureOfExperts(component="bernoulli").fit(BITS * 4 - 1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        MixtureOfExperts(component="bernoulli").fit(BITS * 0.5)


def test_too_many_components_and_collapse_are_refused():
    with pytest.raises(ValueError, match="n_components=10 must be at most the number of samples, n_samples=4"):
        MixtureOfExperts(10).fit(X[:4])
    with pytest.raises(ValueError, match=r"not positive definite.*reg_covar above 0"):
        MixtureOfExperts(3, reg_covar=0, random_state=0).fit(X[:6])


def test_numbers_that_make_no_sense_and_unfitted_estimators_are_refused(ica):
    for estimator in (ica, MixtureOfExperts().fit(X)):
        with pytest.raises(ValueError, match="n_samples must be an integer of at least 1, got 0"):
            estimator.sample(0)
        with pytest.raises(ValueError, match="y must be None"):
            estimator.sample(2, y=1)
    with pytest.raises(ValueError, match="X has 2 columns, but this ProductOfExperts has 3 experts"):
        ica.inverse_transform(X[:, :2])
    for method in ("transform", "score_samples", "energy"):
        with pytest.raises(NotFittedError):
            getattr(ProductOfExperts(), method)(X)
    with pytest.raises(NotFittedError):
        MixtureOfExperts().predict(X)
