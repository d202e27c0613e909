import copy

import matplotlib
import numpy as np
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.neural_network import BernoulliRBM as Theirs

from ebm.plotting import image_grid
from ebm_sklearn import (
    RBM,
    BernoulliRBM,
    ConditionalVAE,
    HistoryDisplay,
    PseudoLikelihood,
    RBMFiltersDisplay,
    ReconstructionError,
    SamplesDisplay,
    VariationalAutoencoder,
)

matplotlib.use("agg")
from matplotlib import pyplot as plt

X = (np.random.default_rng(0).random((50, 12)) < 0.4).astype(np.float32)


@pytest.fixture(scope="module")
def rbm():
    callbacks = [PseudoLikelihood(), ReconstructionError(every=2)]
    return RBM(5, n_iter=4, callbacks=callbacks, random_state=0).fit(X)


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def shown(display):
    return np.ma.filled(display.im_.get_array(), np.nan)


@pytest.mark.parametrize("kind", [RBM, BernoulliRBM, Theirs])
def test_filters_are_the_rows_of_components(kind):
    fitted = kind(5, n_iter=1, random_state=0).fit(X)
    display = RBMFiltersDisplay.from_estimator(fitted, image_shape=(3, 4), n_filters=4, n_columns=2)
    np.testing.assert_array_equal(display.filters, fitted.components_[:4].reshape(4, 3, 4))
    np.testing.assert_array_equal(shown(display), image_grid(display.filters, 2))
    assert display.figure_ is display.ax_.figure
    assert display.im_.norm.vmin == -display.im_.norm.vmax


def test_samples_are_the_estimators(rbm):
    display = SamplesDisplay.from_estimator(
        rbm, n_samples=6, means=False, image_shape=(3, 4), random_state=1, n_gibbs=5
    )
    np.testing.assert_array_equal(display.samples.reshape(6, 12), rbm.sample(6, n_gibbs=5, random_state=1))
    smooth = SamplesDisplay.from_estimator(rbm, n_samples=6, image_shape=(3, 4), random_state=1, n_gibbs=5)
    means = rbm.inverse_transform(rbm.transform(rbm.sample(6, n_gibbs=5, random_state=1)))
    np.testing.assert_array_equal(smooth.samples.reshape(6, 12), means)
    assert (smooth.im_.norm.vmin, smooth.im_.norm.vmax) == (0, 1)


def test_samples_of_a_decoder_are_shown_as_they_come():
    given = {"hidden_layer_sizes": (8,), "n_iter": 1, "random_state": 0}
    vae = VariationalAutoencoder(2, **given).fit(X.reshape(-1, 3, 4))
    for means in (True, False):
        shown = SamplesDisplay.from_estimator(vae, n_samples=6, means=means, random_state=1).samples
        np.testing.assert_array_equal(shown, vae.sample(6, means=means, random_state=1))
    conditional = ConditionalVAE(2, image_shape=(3, 4), **given).fit(X, X[:, 0] > 0)
    shown = SamplesDisplay.from_estimator(conditional, n_samples=6, y=True, random_state=1).samples
    np.testing.assert_array_equal(shown.reshape(6, 12), conditional.sample(6, y=True, random_state=1))


def test_history_has_a_panel_for_each_recorded_value(rbm):
    display = HistoryDisplay.from_estimator(rbm)
    assert [line.get_label() for line in display.lines_] == ["pseudo likelihood", "reconstruction error"]
    assert len(set(display.axes_)) == 2
    np.testing.assert_array_equal(display.lines_[0].get_ydata(), [row["pseudo_likelihood"] for row in rbm.history_])
    np.testing.assert_array_equal(display.lines_[1].get_xdata(), [2, 4])


def test_the_number_of_a_layer_is_no_curve():
    rows = [{"epoch": 1, "seconds": 1, "layer": 1.0, "pretraining_loss": 2.0}, {"epoch": 2, "seconds": 2, "loss": 1.0}]
    assert [line.get_label() for line in HistoryDisplay(rows).plot().lines_] == ["pretraining loss", "loss"]
    assert [line.get_label() for line in HistoryDisplay(rows).plot(names=["layer"]).lines_] == ["layer"]


def test_displays_draw_where_they_are_told_and_can_draw_again(rbm):
    _, ax = plt.subplots()
    display = RBMFiltersDisplay.from_estimator(rbm, image_shape=(3, 4), ax=ax)
    assert display.ax_ is ax
    assert display.plot(cmap="gray", colorbar=False).ax_ is not ax
    assert display.im_.cmap.name == "gray"
    _, ax = plt.subplots()
    assert HistoryDisplay.from_estimator(rbm, names=["pseudo_likelihood"], ax=ax).axes_ == [ax]


def test_an_estimator_may_tell_the_shape_of_its_images(rbm):
    shaped = copy.copy(rbm)
    shaped.image_shape_ = (2, 2, 3)
    assert RBMFiltersDisplay.from_estimator(shaped).filters.shape == (5, 2, 2, 3)
    assert SamplesDisplay.from_estimator(shaped, n_samples=2, random_state=0, n_gibbs=1).samples.shape == (2, 2, 2, 3)
    assert RBMFiltersDisplay.from_estimator(shaped, image_shape=(3, 4)).filters.shape == (5, 3, 4)


@pytest.mark.parametrize("display", [RBMFiltersDisplay, SamplesDisplay, HistoryDisplay])
def test_displays_refuse_what_is_not_fitted(display):
    with pytest.raises(NotFittedError):
        display.from_estimator(RBM())


def test_features_that_are_no_squares_need_a_shape(rbm):
    for display in (RBMFiltersDisplay, SamplesDisplay):
        with pytest.raises(ValueError, match="12 pixels are not a square"):
            display.from_estimator(rbm)
