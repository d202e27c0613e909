import subprocess
import sys

import matplotlib
import numpy as np
import pytest

from ebm.plotting import as_images, draw_curves, draw_images, draw_rows, image_grid, unit_range, write_png
from ebm.plotting.images import value_range

matplotlib.use("agg")
from matplotlib import pyplot as plt

HISTORY = [
    {"epoch": 1, "seconds": 0.5, "loss": 3.0},
    {"epoch": 2, "seconds": 1.5, "loss": 2.0, "gap": 0.1},
    {"epoch": 3, "seconds": 2.0, "loss": 1.0},
]


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def test_rows_become_images_of_the_asked_shape():
    rows = np.arange(24.0).reshape(2, 12)
    images = as_images(rows, (3, 4))
    assert images.shape == (2, 3, 4)
    assert images[1, 2, 3] == 23
    assert as_images(np.zeros((5, 9))).shape == (5, 3, 3)
    assert as_images(np.zeros((5, 3, 4))).shape == (5, 3, 4)


def test_rows_become_images_in_colour_with_channels_last():
    rows = np.arange(24.0).reshape(2, 12)
    images = as_images(rows, (2, 2, 3))
    assert images.shape == (2, 2, 2, 3)
    np.testing.assert_array_equal(images[1, 0, 1], [15, 16, 17])
    np.testing.assert_array_equal(as_images(images), images)
    np.testing.assert_array_equal(as_images(rows, (3, 4, 1)), rows.reshape(2, 3, 4))
    np.testing.assert_array_equal(as_images(images, (3, 4)), rows.reshape(2, 3, 4))


@pytest.mark.parametrize(
    ("rows", "shape", "message"),
    [
        (np.zeros((2, 12)), None, "12 pixels are not a square"),
        (np.zeros((2, 12)), (5, 2), r"\(5, 2\) have 10 pixels, these have 12"),
        (np.zeros(12), None, r"got an array of shape \(12,\)"),
        (np.zeros((0, 9)), None, "one or more rows"),
        (np.zeros((2, 12)), (3, 2, 2), r"\(height, width, 3\) in colour, got \(3, 2, 2\)"),
        (np.zeros((2, 2, 3, 2)), None, r"\(height, width, 3\) in colour, got \(2, 3, 2\)"),
        (np.zeros((2, 12)), (12,), r"got \(12,\)"),
    ],
)
def test_rows_that_are_no_images_are_refused(rows, shape, message):
    with pytest.raises(ValueError, match=message):
        as_images(rows, shape)


def test_grid_places_images_in_reading_order_with_gaps_between():
    images = np.stack([np.full((2, 3), value) for value in range(5)])
    grid = image_grid(images, n_columns=2)
    assert grid.shape == (3 * 3 - 1, 2 * 4 - 1)
    assert (grid[0:2, 0:3] == 0).all()
    assert (grid[0:2, 4:7] == 1).all()
    assert (grid[6:8, 0:3] == 4).all()
    assert np.isnan(grid[2]).all()
    assert np.isnan(grid[:, 3]).all()
    assert np.isnan(grid[6:8, 4:7]).all()
    assert grid[np.isfinite(grid)].size == images.size


@pytest.mark.parametrize(
    ("images", "options"),
    [
        (np.zeros((2, 4)), {}),
        (np.zeros((0, 2, 2)), {}),
        (np.zeros((2, 2, 2)), {"n_columns": 0}),
        (np.zeros((2, 2, 2)), {"gap": -1}),
        (np.zeros((2, 2, 2, 4)), {}),
    ],
)
def test_grid_refuses_what_it_cannot_place(images, options):
    with pytest.raises(ValueError, match="must"):
        image_grid(images, **options)


def test_scale_of_weights_is_symmetric_and_never_empty():
    assert value_range(np.array([-1.0, 3.0, np.nan]), symmetric=True) == (-3.0, 3.0)
    assert value_range(np.array([-1.0, 3.0]), symmetric=False) == (-1.0, 3.0)
    low, high = value_range(np.zeros(3), symmetric=True)
    assert low < 0 < high
    assert value_range(np.array([np.nan]), symmetric=False) == (0.0, 1.0)


def test_drawn_images_show_the_grid_on_the_given_axes():
    images, (_, ax) = np.random.default_rng(0).normal(size=(6, 4, 4)), plt.subplots()
    drawn = draw_images(images, symmetric=True, colorbar=True, ax=ax)
    assert drawn.axes is ax
    shown = np.ma.filled(drawn.get_array(), np.nan)
    np.testing.assert_array_equal(shown, image_grid(images))
    assert drawn.norm.vmin == -drawn.norm.vmax == -abs(images).max()


def test_images_in_colour_are_drawn_between_the_limits_with_grey_gaps():
    images = np.array([[[[0.0, 2.0, 4.0]]], [[[6.0, -1.0, 1.0]]]])
    np.testing.assert_array_equal(image_grid(images, 2), [[[0, 2, 4], [np.nan] * 3, [6, -1, 1]]])
    drawn = draw_images(images, n_columns=2, limits=(0, 4), colorbar=True)
    np.testing.assert_array_equal(drawn.get_array(), [[[0, 0.5, 1], [0.75] * 3, [1, 0, 0.25]]])
    assert drawn.figure.axes == [drawn.axes]


def test_limits_are_zero_and_one_or_wider():
    assert unit_range(np.array([0.2, np.nan, 0.7])) == (0, 1)
    assert unit_range(np.array([-2.0, 0.7])) == (-2, 1)
    assert unit_range(np.array([255], np.uint8)) == (0, 255)


def test_rows_are_drawn_with_their_names_one_below_the_other():
    first, second = np.zeros((2, 3, 4)), np.full((2, 3, 4), 5.0)
    above, below = draw_rows({"first": first, "second": second})
    assert (np.nanmax(above.get_array()), np.nanmin(below.get_array())) == (0, 5)
    assert above.axes.get_ylim() == (6.5, -0.5)
    assert [text.get_text() for text in above.axes.get_yticklabels()] == ["first", "second"]
    np.testing.assert_array_equal(above.axes.get_yticks(), [1, 5])
    with pytest.raises(ValueError, match=r"the same shape, got \[\(2, 3, 4\), \(1, 3, 4\)\]"):
        draw_rows({"first": first, "second": second[:1]})
    with pytest.raises(ValueError, match=r"one or more of the same shape, got \[\]"):
        draw_rows({})


def test_png_has_the_colours(tmp_path):
    images = np.array([[[[0.0, 2.0, 1.0]]], [[[1.0, -1.0, 0.0]]]])
    write_png(tmp_path / "grid.png", images, n_columns=2, magnify=2)
    pixels = plt.imread(tmp_path / "grid.png")[::2, ::2, :3]
    np.testing.assert_allclose(pixels, [[[0, 1, 1], [0.5] * 3, [1, 0, 0]]], atol=0.01)


def test_png_has_the_pixels(tmp_path):
    images = np.array([[[0.0, 1.0], [0.5, 2.0]], [[1.0, 1.0], [1.0, 1.0]]])
    write_png(tmp_path / "grid.png", images, n_columns=2, magnify=2)
    pixels = plt.imread(tmp_path / "grid.png")[:, :, 0]
    assert pixels.shape == (4, 10)
    np.testing.assert_allclose(pixels[::2, ::2][:, :2], [[0, 1], [0.5, 1]], atol=0.01)


def test_curves_have_a_panel_each_and_skip_what_was_not_recorded():
    loss, gap = draw_curves(HISTORY)
    np.testing.assert_array_equal(loss.get_xydata(), [[1, 3], [2, 2], [3, 1]])
    np.testing.assert_array_equal(gap.get_xydata(), [[2, 0.1]])
    assert loss.axes is not gap.axes
    assert [line.axes.get_ylabel() for line in (loss, gap)] == ["loss", "gap"]


def test_curves_over_seconds_on_given_axes():
    _, ax = plt.subplots()
    (loss,) = draw_curves(HISTORY, ["loss"], x="seconds", ax=ax)
    assert loss.axes is ax
    np.testing.assert_array_equal(loss.get_xdata(), [0.5, 1.5, 2.0])


def test_a_history_of_nothing_but_time_shows_the_time():
    (line,) = draw_curves([{"epoch": 1, "seconds": 2.0}])
    np.testing.assert_array_equal(line.get_ydata(), [2.0])


@pytest.mark.parametrize(
    ("history", "options", "message"),
    [
        ([], {}, "history is empty"),
        (HISTORY, {"names": ["los"]}, r"never recorded: \['los'\]; the history has .*'loss'"),
        (HISTORY, {"x": "hours"}, "x must be one of"),
    ],
)
def test_curves_refuse_what_was_not_recorded(history, options, message):
    with pytest.raises(ValueError, match=message):
        draw_curves(history, **options)


def test_without_matplotlib_the_error_names_the_extra():
    script = """
import sys
sys.modules["matplotlib"] = None
import numpy as np
from ebm.plotting import draw_images
try:
    draw_images(np.zeros((1, 2, 2)))
except ImportError as error:
    print(error)
"""
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert "numba-ebm[plot]" in run.stdout
