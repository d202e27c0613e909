"""Reconstructions, denoising and dictionaries: the arrays shown are the estimator's, at the places they should be."""

import matplotlib
import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError

from ebm.plotting import image_grid
from ebm_sklearn.autoencoder_displays import DenoisingDisplay, ReconstructionDisplay
from ebm_sklearn.feature_dictionary_display import FeatureDictionaryDisplay
from tests.reference.linear_autoencoder import LinearAutoencoder, LinearConditional, LinearDenoiser

matplotlib.use("agg")
from matplotlib import pyplot as plt

X = np.random.default_rng(0).random((40, 12))
FITTED = LinearAutoencoder(3, (3, 4)).fit(X)
COLOUR = LinearAutoencoder(3, (2, 2, 3)).fit(X)


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def shown(image):
    return np.ma.filled(image.get_array(), np.nan)


def row_names(ax):
    return [text.get_text() for text in ax.get_yticklabels()]


def test_reconstructions_stand_below_their_originals():
    display = ReconstructionDisplay.from_estimator(FITTED, X, n_images=5)
    above, below = display.ims_
    np.testing.assert_array_equal(shown(above), image_grid(X[:5].reshape(5, 3, 4), 5))
    np.testing.assert_allclose(shown(below), image_grid(FITTED.reconstruct(X[:5]).reshape(5, 3, 4), 5), atol=1e-12)
    assert above.axes is below.axes is display.ax_
    assert above.get_extent() == [-0.5, 23.5, 2.5, -0.5]  # left, right, bottom, top
    assert below.get_extent() == [-0.5, 23.5, 6.5, 3.5]
    assert (above.norm.vmin, above.norm.vmax) == (below.norm.vmin, below.norm.vmax) == (0, 1)
    assert row_names(display.ax_) == ["original", "reconstruction"]
    assert display.figure_ is display.ax_.figure


def test_the_difference_has_a_scale_of_its_own_which_its_name_tells():
    display = ReconstructionDisplay.from_estimator(FITTED, X, n_images=5, difference=True)
    rest = (FITTED.reconstruct(X[:5]) - X[:5]).reshape(5, 3, 4)
    np.testing.assert_allclose(shown(display.ims_[2]), image_grid(rest, 5), atol=1e-12)
    assert display.ims_[2].norm.vmax == -display.ims_[2].norm.vmin == pytest.approx(abs(rest).max())
    assert row_names(display.ax_)[2] == f"difference\n±{abs(rest).max():.2g}"
    bytes_ = ReconstructionDisplay(np.full((1, 2, 2), 200, np.uint8), np.full((1, 2, 2), 100, np.uint8))
    assert (shown(bytes_.plot(difference=True).ims_[2]) == -100).all()


def test_a_full_set_of_components_leaves_no_difference():
    display = ReconstructionDisplay.from_estimator(LinearAutoencoder(12).fit(X), X, image_shape=(4, 3))
    np.testing.assert_allclose(shown(display.ims_[1]), shown(display.ims_[0]), atol=1e-14)
    assert not np.allclose(FITTED.reconstruct(X), X)


def test_scikit_learns_own_encode_and_decode():
    display = ReconstructionDisplay.from_estimator(PCA(3).fit(X), X, image_shape=(3, 4))
    np.testing.assert_allclose(display.reconstructions.reshape(10, 12), FITTED.reconstruct(X[:10]), atol=1e-12)


def test_originals_beyond_one_set_the_scale():
    display = ReconstructionDisplay(np.array([[[-3.0, 7.0]]]), np.array([[[-9.0, 9.0]]])).plot()
    assert [(image.norm.vmin, image.norm.vmax) for image in display.ims_] == [(-3, 7)] * 2


def test_labels_go_to_a_conditional_model():
    labels = np.arange(40)
    conditional = LinearConditional(12, (3, 4)).fit(X)
    display = ReconstructionDisplay.from_estimator(conditional, X + labels[:, None], given=labels, n_images=3)
    np.testing.assert_allclose(display.reconstructions, display.originals, atol=1e-12)


def test_colours_are_shown_as_they_are():
    display = ReconstructionDisplay.from_estimator(COLOUR, X, n_images=4, difference=True)
    above, below, rest = (image.get_array() for image in display.ims_)
    np.testing.assert_array_equal(above[:, :2], X[0].reshape(2, 2, 3))
    np.testing.assert_allclose(below[:, 3:5], np.clip(COLOUR.reconstruct(X[1:2]), 0, 1).reshape(2, 2, 3), atol=1e-12)
    assert (above[:, 2] == 0.75).all()
    differences = COLOUR.reconstruct(X[:4]) - X[:4]
    np.testing.assert_allclose(
        rest[:, :2], (0.5 + differences[0] / (2 * abs(differences).max())).reshape(2, 2, 3), atol=1e-12
    )


def test_denoising_shows_clean_corrupted_and_denoised():
    denoiser = LinearDenoiser(3, (3, 4)).fit(X)
    made = DenoisingDisplay.from_estimator(denoiser, X, n_images=4)
    noisy = denoiser.corrupt(X)
    given = DenoisingDisplay.from_estimator(FITTED, X, noisy, n_images=4)
    for display in (made, given):
        for image, rows in zip(display.ims_, (X, noisy, FITTED.reconstruct(noisy)), strict=True):
            np.testing.assert_allclose(shown(image), image_grid(rows[:4].reshape(4, 3, 4), 4), atol=1e-12)
            assert (image.norm.vmin, image.norm.vmax) == (0, 1)
    assert row_names(made.ax_) == ["clean", "corrupted", "denoised"]


def test_features_are_the_rows_of_the_dictionary_each_on_its_own_scale():
    display = FeatureDictionaryDisplay.from_estimator(FITTED, n_features=2, n_columns=1)
    features = FITTED.feature_dictionary_[:2].reshape(2, 3, 4)
    np.testing.assert_array_equal(display.features, features)
    scaled = features / abs(features).max(axis=(1, 2), keepdims=True)
    np.testing.assert_array_equal(shown(display.im_), image_grid(scaled, 1))
    together = display.plot(own_scale=False, n_columns=1)
    np.testing.assert_array_equal(shown(together.im_), image_grid(features, 1))
    assert together.im_.norm.vmax == -together.im_.norm.vmin == abs(features).max()


def test_a_dead_unit_is_drawn_as_zero():
    display = FeatureDictionaryDisplay(np.stack([np.zeros((2, 2)), np.full((2, 2), -0.5)])).plot(n_columns=2)
    np.testing.assert_array_equal(shown(display.im_)[0], [0, 0, np.nan, -1, -1])


def test_features_in_colour_are_grey_at_zero_and_have_no_scale():
    features = np.zeros((1, 1, 2, 3))
    features[0, 0, 1] = [2, -2, 0]
    display = FeatureDictionaryDisplay(features).plot(colorbar=True)
    np.testing.assert_array_equal(display.im_.get_array(), [[[0.5] * 3, [1, 0, 0.5]]])
    assert display.figure_.axes == [display.ax_]
    assert FeatureDictionaryDisplay.from_estimator(COLOUR).features.shape == (3, 2, 2, 3)


def test_they_draw_where_they_are_told_and_can_draw_again():
    for display_of in (ReconstructionDisplay.from_estimator, DenoisingDisplay.from_estimator):
        _, ax = plt.subplots()
        display = display_of(LinearDenoiser(3, (3, 4)).fit(X), X, ax=ax, cmap="viridis")
        assert display.ax_ is ax
        assert display.ims_[0].cmap.name == "viridis"
        assert display.plot().ax_ is not ax


def test_what_is_not_fitted_or_does_not_fit_is_refused():
    for draw in (ReconstructionDisplay.from_estimator, DenoisingDisplay.from_estimator):
        with pytest.raises(NotFittedError):
            draw(LinearAutoencoder(), X)
        with pytest.raises(ValueError, match="n_images must be an integer of at least 1, got 0"):
            draw(FITTED, X, n_images=0)
    with pytest.raises(NotFittedError):
        FeatureDictionaryDisplay.from_estimator(LinearAutoencoder())
    with pytest.raises(ValueError, match="n_features must be an integer of at least 1, got -1"):
        FeatureDictionaryDisplay.from_estimator(FITTED, n_features=-1)
    for draw in (
        lambda **options: ReconstructionDisplay.from_estimator(FITTED, X, **options),
        lambda **options: DenoisingDisplay.from_estimator(FITTED, X, X, **options),
        lambda **options: FeatureDictionaryDisplay.from_estimator(FITTED, **options),
    ):
        with pytest.raises(ValueError, match=r"images of shape \(5, 5\) have 25 pixels, these have 12"):
            draw(image_shape=(5, 5))
    with pytest.raises(ValueError, match="LinearAutoencoder has no method corrupt: give X_noisy"):
        DenoisingDisplay.from_estimator(FITTED, X)
    with pytest.raises(ValueError, match="as many samples as X_clean, got 3 and 10"):
        DenoisingDisplay.from_estimator(FITTED, X, X[:3])
