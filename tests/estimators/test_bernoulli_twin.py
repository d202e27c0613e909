"""BernoulliRBM beside scikit-learn's: the same update and attributes, and right means where theirs are not."""

import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn.neural_network import BernoulliRBM as Theirs

from ebm.boltzmann import enumeration
from ebm.boltzmann.rbm import RBM as Model
from ebm_sklearn import RBM, BernoulliRBM, DivergenceError

X = (np.random.default_rng(0).random((60, 9)) < 0.4).astype(np.float64)


def certain(estimator, n_chains):
    """Give a model whose conditionals are all but 0 or 1, so that sampling is no matter of chance."""
    rng = np.random.default_rng(1)
    estimator.components_ = np.asfortranarray(rng.normal(0, 1e-3, (5, 9)))
    estimator.intercept_hidden_ = np.where(rng.random(5) < 0.5, 60.0, -60.0)
    estimator.intercept_visible_ = np.where(rng.random(9) < 0.5, 60.0, -60.0)
    estimator.h_samples_ = (rng.random((n_chains, 5)) < 0.5).astype(float)
    estimator.random_state_ = np.random.RandomState(0)
    estimator._n_features_out = 5 if isinstance(estimator, Theirs) else None
    estimator.n_features_in_ = 9
    return estimator


def same_parameters(ours, theirs):
    for name in ("components_", "intercept_hidden_", "intercept_visible_", "h_samples_"):
        np.testing.assert_allclose(getattr(ours, name), getattr(theirs, name), rtol=1e-9, atol=1e-12)


class Certain(BernoulliRBM):
    _n_features_out = None  # an attribute, as theirs is


@pytest.mark.parametrize("sparse", [False, True])
def test_one_update_is_scikit_learns(sparse):
    ours, theirs = (certain(kind(5, batch_size=60), 60) for kind in (Certain, Theirs))
    data = csr_array(X) if sparse else X
    for _ in range(3):
        ours.partial_fit(data)
        theirs.partial_fit(data)
        same_parameters(ours, theirs)
    np.testing.assert_allclose(ours._free_energy(X), theirs._free_energy(X))
    np.testing.assert_allclose(ours.transform(X), theirs.transform(X))


def test_the_first_update_starts_from_scikit_learns_weights_and_chains():
    ours, theirs = (kind(5, learning_rate=1e-12, random_state=3).fit(X) for kind in (BernoulliRBM, Theirs))
    np.testing.assert_allclose(ours.components_, theirs.components_, atol=1e-9)
    assert ours.components_.flags.f_contiguous
    assert ours.h_samples_.shape == theirs.h_samples_.shape == (10, 5)
    assert ours.get_params() == theirs.get_params()


def test_likelihoods_reached_are_alike():
    data = np.repeat(np.eye(6), 100, axis=0)
    scores = [
        [RBM.score(_as_rbm(kind(8, n_iter=20, random_state=seed).fit(data)), data) for seed in range(3)]
        for kind in (BernoulliRBM, Theirs)
    ]
    assert np.mean(scores[0]) == pytest.approx(np.mean(scores[1]), abs=0.25)


def _as_rbm(fitted):
    rbm = RBM(fitted.n_components)
    for name in ("components_", "intercept_hidden_", "intercept_visible_", "n_features_in_"):
        setattr(rbm, name, getattr(fitted, name))
    rbm._log_partition, rbm.mean_, rbm._seed = None, np.full(fitted.n_features_in_, 0.5), 0
    return rbm


@pytest.mark.parametrize("chunk", [7, 10, 40])
def test_partial_fit_in_chunks_of_any_size_learns_the_right_means(chunk):
    p = np.array([0.2, 0.5, 0.8, 0.35])
    data = (np.random.default_rng(1).random((1500, chunk, 4)) < p).astype(float)
    ours = BernoulliRBM(2, learning_rate=0.02, batch_size=10, random_state=0)
    for part in data:
        ours.partial_fit(part)
    np.testing.assert_allclose(means(ours), p, atol=0.12)
    if chunk == 40:  # this is why: scikit-learn divides its 10 chains by 40
        theirs = Theirs(2, learning_rate=0.02, batch_size=10, random_state=0)
        for part in data:
            theirs.partial_fit(part)
        assert abs(means(theirs) - p).max() > 0.15


def means(fitted):
    return enumeration.moments(Model(fitted.components_.T, fitted.intercept_visible_, fitted.intercept_hidden_)).visible


def test_partial_fit_returns_the_estimator_and_keeps_the_first_dtype():
    rbm = BernoulliRBM(3, random_state=0)
    assert rbm.partial_fit(X.astype(np.float32)) is rbm
    assert rbm.partial_fit(X).components_.dtype == np.float32
    assert rbm.transform(X).dtype == np.float32


def test_private_helpers_take_one_row_or_many():
    rbm, rng = BernoulliRBM(3, random_state=0).fit(X), np.random.RandomState(0)
    assert rbm._mean_hiddens(X[0]).shape == (3,)
    assert rbm._sample_hiddens(X, rng).dtype == bool
    assert rbm._sample_visibles(rbm._sample_hiddens(X, rng), rng).shape == X.shape
    assert rbm._sample_visibles(np.ones(3), rng).shape == (9,)
    assert rbm.gibbs(csr_array(X)).shape == X.shape
    assert not np.array_equal(rbm.gibbs(X), rbm.gibbs(X))


def test_pseudo_likelihood_is_unbiased_and_alike_for_sparse_input():
    rbm = BernoulliRBM(3, random_state=0, n_iter=30).fit(X)
    row = np.repeat(X[:1], 5000, axis=0)
    exact = 0.0
    for i in range(9):
        flipped = X[:1].copy()
        flipped[0, i] = 1 - flipped[0, i]
        exact -= np.logaddexp(0, -(rbm._free_energy(flipped) - rbm._free_energy(X[:1])))[0]
    scores = rbm.score_samples(row)
    assert scores.mean() == pytest.approx(exact, abs=4 * scores.std() / np.sqrt(5000))
    np.testing.assert_allclose(rbm.score_samples(csr_array(X)), rbm.score_samples(X))


def test_divergence_keeps_the_last_good_parameters():
    rbm = BernoulliRBM(3, learning_rate=1.0, random_state=0)
    with pytest.raises(DivergenceError, match="learning diverged"):
        rbm.fit(X * 1.7e308)
    assert np.isfinite(rbm.components_).all()
    assert np.isfinite(rbm.intercept_visible_).all()
