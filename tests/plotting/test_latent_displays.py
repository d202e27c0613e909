"""Planes, grids and walks of a latent space: points, places and decoded images are the estimator's."""

import matplotlib
import numpy as np
import pytest
from scipy.stats import norm
from sklearn.exceptions import NotFittedError

from ebm.plotting import draw_plane, draw_scatter, image_grid
from ebm_sklearn._latent_paths import between
from ebm_sklearn.latent_displays import LatentGridDisplay, LatentPlaneDisplay
from ebm_sklearn.latent_walk_display import LatentWalkDisplay
from tests.reference.linear_autoencoder import LinearAutoencoder, LinearConditional, LinearPrior

matplotlib.use("agg")
from matplotlib import pyplot as plt

rng = np.random.default_rng(0)
X, Y = rng.random((40, 12)), rng.integers(0, 3, 40)
FITTED = LinearAutoencoder(3, (3, 4)).fit(X)
PRIOR = LinearPrior(2, (3, 4)).fit(X)


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def shown(display):
    return np.ma.filled(display.im_.get_array(), np.nan)


def test_a_plane_has_the_points_of_each_class_and_a_legend():
    names = np.array(["c", "a", "b"])[Y]
    display = LatentPlaneDisplay.from_estimator(FITTED, X, names, dimensions=(2, 0))
    codes = FITTED.transform(X)
    for points, name in zip(display.scatters_, "abc", strict=True):
        np.testing.assert_allclose(points.get_offsets(), codes[names == name][:, [2, 0]])
    assert [text.get_text() for text in display.ax_.get_legend().get_texts()] == ["a", "b", "c"]
    assert len({tuple(points.get_facecolor()[0]) for points in display.scatters_}) == 3
    assert display.ax_.get_xlabel() == "dimension 2 of the code"
    assert display.ax_.get_ylabel() == "dimension 0 of the code"
    assert display.figure_ is display.ax_.figure


def test_a_plane_without_labels_or_with_values():
    (points,) = LatentPlaneDisplay.from_estimator(FITTED, X, s=3).scatters_
    np.testing.assert_allclose(points.get_offsets(), FITTED.transform(X)[:, :2])
    assert points.axes.get_legend() is None
    assert points.get_sizes() == [3]
    (points,) = LatentPlaneDisplay.from_estimator(FITTED, X, X.sum(axis=1)).scatters_
    np.testing.assert_array_equal(points.get_array(), X.sum(axis=1))
    assert len(points.figure.axes) == 2  # the scale


def test_fifteen_classes_have_as_many_colours():
    drawn = draw_scatter(np.zeros((15, 2)), np.arange(15))
    assert len({tuple(points.get_facecolor()[0]) for points in drawn}) == 15


def test_codes_of_one_dimension_make_no_plane():
    line = LinearPrior(1, (3, 4)).fit(X)
    for draw in (LatentPlaneDisplay.from_estimator, LatentGridDisplay.from_estimator):
        with pytest.raises(ValueError, match="needs codes of 2 or more dimensions, this estimator's have 1"):
            draw(line, X)
    with pytest.raises(ValueError, match="needs codes of 2 or more dimensions"):
        LatentGridDisplay.from_estimator(line)


@pytest.mark.parametrize("draw", [LatentPlaneDisplay.from_estimator, LatentGridDisplay.from_estimator])
@pytest.mark.parametrize(
    ("dimensions", "message"),
    [
        ((0, 3), r"dimensions must be within 0 to 2, got \(0, 3\)"),
        ((-1, 0), r"dimensions must be within 0 to 2, got \(-1, 0\)"),
        ((1, 1), r"dimensions must be two different ones, got \(1, 1\)"),
        ((0, 1, 2), r"dimensions must be two different ones, got \(0, 1, 2\)"),
    ],
)
def test_wrong_dimensions_are_refused(draw, dimensions, message):
    with pytest.raises(ValueError, match=message):
        draw(FITTED, X, dimensions=dimensions)


def test_a_grid_of_a_prior_is_at_its_quantiles_with_the_second_dimension_upwards():
    display = LatentGridDisplay.from_estimator(PRIOR, n_side=4)
    quantiles = norm.ppf([0.125, 0.375, 0.625, 0.875])
    np.testing.assert_allclose(display.x, quantiles, rtol=1e-12)
    np.testing.assert_array_equal(display.x, display.y)
    for j, i in np.ndindex(4, 4):
        decoded = PRIOR.inverse_transform(np.array([quantiles[i], quantiles[j]])).reshape(3, 4)
        np.testing.assert_allclose(display.images[j, i], decoded, atol=1e-12)
        place = shown(display)[3 * (3 - j) : 3 * (4 - j), 4 * i : 4 * (i + 1)]
        np.testing.assert_array_equal(place, display.images[j, i])
    np.testing.assert_array_equal(display.ax_.get_xticks(), [1.5, 5.5, 9.5, 13.5])
    np.testing.assert_array_equal(display.ax_.get_yticks(), [10, 7, 4, 1])
    assert [text.get_text() for text in display.ax_.get_yticklabels()] == ["−1.2", "−0.32", "0.32", "1.2"]
    assert display.ax_.get_xlabel() == "dimension 0 of the code"


def test_a_grid_of_data_spans_its_codes_and_holds_the_others_at_their_means():
    display = LatentGridDisplay.from_estimator(FITTED, X, n_side=3, dimensions=(2, 1))
    codes = FITTED.transform(X)
    np.testing.assert_allclose(display.x, np.linspace(codes[:, 2].min(), codes[:, 2].max(), 3))
    np.testing.assert_allclose(display.y, np.linspace(codes[:, 1].min(), codes[:, 1].max(), 3))
    code = np.array([codes[:, 0].mean(), display.y[0], display.x[2]])
    np.testing.assert_allclose(display.images[0, 2].ravel(), FITTED.inverse_transform(code), atol=1e-12)
    assert (display.im_.norm.vmin, display.im_.norm.vmax) == (0, 1)


def test_means_of_codes_that_are_held_may_be_other_than_zero():
    display = LatentGridDisplay.from_estimator(FITTED, X[:5], n_side=2)
    codes = FITTED.transform(X[:5])
    assert abs(codes[:, 2].mean()) > 0.01
    code = np.array([display.x[1], display.y[0], codes[:, 2].mean()])
    np.testing.assert_allclose(display.images[0, 1].ravel(), FITTED.inverse_transform(code), atol=1e-12)


def test_a_grid_without_a_prior_needs_data():
    with pytest.raises(ValueError, match="LinearAutoencoder has no prior: give X"):
        LatentGridDisplay.from_estimator(FITTED)


def test_a_walk_goes_straight_between_both_codes():
    display = LatentWalkDisplay.from_estimator(FITTED, X[:3], X[3:6], n_steps=5)
    a, b = FITTED.transform(X[:3]), FITTED.transform(X[3:6])
    for k, t in enumerate([0, 0.25, 0.5, 0.75, 1]):
        decoded = FITTED.inverse_transform((1 - t) * a + t * b)
        np.testing.assert_allclose(display.images[:, k].reshape(3, 12), decoded, atol=1e-12)
    np.testing.assert_array_equal(shown(display), image_grid(display.images.reshape(15, 3, 4), 5))
    assert (display.im_.norm.vmin, display.im_.norm.vmax) == (0, 1)
    one = LatentWalkDisplay.from_estimator(FITTED, X[0], list(X[3]), n_steps=5)
    np.testing.assert_allclose(one.images[0], display.images[0], atol=1e-12)


def test_a_spherical_walk_keeps_the_length_and_goes_by_equal_angles():
    a, b = np.array([[3.0, 0.0], [1.0, 1.0]]), np.array([[0.0, 3.0], [2.0, 2.0]])
    codes = between(a, b, 4, "spherical")
    angles = np.pi / 2 * np.arange(4) / 3
    np.testing.assert_allclose(codes[0], 3 * np.stack([np.cos(angles), np.sin(angles)], axis=1), atol=1e-12)
    np.testing.assert_allclose(codes[1], between(a, b, 4, "linear")[1], rtol=1e-12)  # one direction: a straight line
    np.testing.assert_allclose(codes[:, [0, -1]], np.stack([a, b], axis=1), atol=1e-12)
    display = LatentWalkDisplay.from_estimator(FITTED, X[:1], X[1:2], n_steps=3, path="spherical")
    code = between(FITTED.transform(X[:1]), FITTED.transform(X[1:2]), 3, "spherical")[0, 1]
    np.testing.assert_allclose(display.images[0, 1].ravel(), FITTED.inverse_transform(code), atol=1e-12)


def test_codes_on_a_path_keep_their_precision_and_whole_numbers_become_real():
    zero, one = np.zeros((1, 2), np.float32), np.ones((1, 2), np.float32)
    assert between(zero, one, 3, "linear").dtype == np.float32
    assert between(one, one, 3, "spherical").dtype == np.float32
    np.testing.assert_array_equal(between(zero.astype(int), one.astype(int), 3, "linear")[0, 1], [0.5, 0.5])


def test_labels_go_to_a_conditional_model():
    conditional = LinearConditional(2, (3, 4)).fit(X)
    points = LatentPlaneDisplay.from_estimator(conditional, X + Y[:, None], given=Y).points
    np.testing.assert_allclose(points, PRIOR.transform(X), atol=1e-12)
    grid = LatentGridDisplay.from_estimator(conditional, n_side=3, given=2)
    np.testing.assert_allclose(grid.images, LatentGridDisplay.from_estimator(PRIOR, n_side=3).images + 2, atol=1e-12)
    spanned = LatentGridDisplay.from_estimator(conditional, X + 2, n_side=3, given=2)
    np.testing.assert_allclose(spanned.x, LatentGridDisplay.from_estimator(PRIOR, X, n_side=3).x, atol=1e-12)
    labels = np.array([[5], [7]])
    walk = LatentWalkDisplay.from_estimator(conditional, X[:2] + labels, X[2:4] + labels, given=[5, 7], n_steps=3)
    plain = LatentWalkDisplay.from_estimator(PRIOR, X[:2], X[2:4], n_steps=3)
    np.testing.assert_allclose(walk.images, plain.images + labels[:, :, None, None], atol=1e-12)


def test_colours_on_a_grid_and_on_a_walk():
    colour = LinearPrior(2, (2, 2, 3)).fit(X)
    grid = LatentGridDisplay.from_estimator(colour, X, n_side=3)
    np.testing.assert_array_equal(grid.im_.get_array()[4:, :2], np.clip(grid.images[0, 0], 0, 1))
    walk = LatentWalkDisplay.from_estimator(colour, X[0], X[1], n_steps=4)
    np.testing.assert_array_equal(walk.im_.get_array()[:, 3:5], np.clip(walk.images[0, 1], 0, 1))


def test_they_draw_where_they_are_told_and_can_draw_again():
    for draw, rows in (
        (LatentPlaneDisplay.from_estimator, (X, Y)),
        (LatentGridDisplay.from_estimator, (X,)),
        (LatentWalkDisplay.from_estimator, (X[:1], X[1:2])),
    ):
        _, ax = plt.subplots()
        display = draw(FITTED, *rows, ax=ax)
        assert display.ax_ is ax
        assert display.plot().ax_ is not ax


def test_what_is_not_fitted_or_does_not_fit_is_refused():
    for draw, rows in (
        (LatentPlaneDisplay.from_estimator, (X,)),
        (LatentGridDisplay.from_estimator, (X,)),
        (LatentWalkDisplay.from_estimator, (X, X)),
    ):
        with pytest.raises(NotFittedError):
            draw(LinearAutoencoder(), *rows)
    for draw, rows in ((LatentGridDisplay.from_estimator, (X,)), (LatentWalkDisplay.from_estimator, (X, X))):
        with pytest.raises(ValueError, match=r"images of shape \(5, 5\) have 25 pixels, these have 12"):
            draw(FITTED, *rows, image_shape=(5, 5))
    with pytest.raises(ValueError, match="n_side must be an integer of at least 2, got 1"):
        LatentGridDisplay.from_estimator(FITTED, X, n_side=1)
    with pytest.raises(ValueError, match=r"labels must have shape \(40,\), one a point, got \(3,\)"):
        LatentPlaneDisplay.from_estimator(FITTED, X, Y[:3])
    with pytest.raises(ValueError, match="at most 20 classes, or numbers; got 40 classes"):
        LatentPlaneDisplay.from_estimator(FITTED, X, [f"name {i}" for i in range(40)])
    with pytest.raises(ValueError, match=r"must have shape \(2, 3, height, width\), got \(3, 2, 4, 4\)"):
        draw_plane(np.zeros((3, 2, 4, 4)), np.arange(3), np.arange(2))


@pytest.mark.parametrize(
    ("rows", "options", "message"),
    [
        ((X[:3], X[:2]), {}, "start and end must have as many samples, got 3 and 2"),
        ((X[:2], X[2:4]), {"n_steps": 1}, "n_steps must be an integer of at least 2, got 1"),
        (
            (X[:2], X[2:4]),
            {"path": "great circle"},
            r"path must be one of \('linear', 'spherical'\), got 'great circle'",
        ),
    ],
)
def test_a_walk_that_cannot_be_gone_is_refused(rows, options, message):
    with pytest.raises(ValueError, match=message):
        LatentWalkDisplay.from_estimator(FITTED, *rows, **options)


def test_an_arc_needs_two_directions_that_are_not_opposite():
    a = np.array([[1.0, 2.0]])
    with pytest.raises(ValueError, match="codes other than 0"):
        between(a, 0 * a, 3, "spherical")
    with pytest.raises(ValueError, match="no way between opposite codes"):
        between(a, -2 * a, 3, "spherical")
