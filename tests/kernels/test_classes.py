"""Scores of classes, the sums that their gradients need, and classes drawn."""

import numpy as np
import pytest

from ebm.kernels.classes import class_scores, class_sums, draw_classes
from ebm.kernels.philox import uniforms
from ebm.kernels.threads import limit_threads
from ebm.random import Draw

DTYPES = [np.float32, np.float64]
DRAW = Draw(seed=(5 << 32) + 9, stream=80, step=11, first_row=100)


def noise(shape, dtype, seed=0):
    return (2 * np.random.default_rng(seed).standard_normal(shape)).astype(dtype)


def case(dtype, rows, classes, n):
    return noise((rows, n), dtype), noise((classes, n), dtype, 1), noise(classes, dtype, 2)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(0, 3, 4), (1, 1, 1), (7, 3, 5), (40, 10, 133)])
def test_scores_and_sums_follow_their_formulas(dtype, shape):
    x, u, d = case(dtype, *shape)
    q = noise(shape[:2], dtype, 3)
    at = x[:, None].astype(np.float64) + u
    tolerance = {"rtol": 50 * np.finfo(dtype).eps, "atol": 400 * np.finfo(dtype).eps}
    scores = class_scores(x, u, d)
    np.testing.assert_allclose(scores, d + np.logaddexp(0, at).sum(axis=2), **tolerance)
    weighted = q[:, :, None] / (1 + np.exp(-at))
    rows, classes = class_sums(x, u, q)
    np.testing.assert_allclose(rows, weighted.sum(axis=1), **tolerance)
    np.testing.assert_allclose(classes, weighted.sum(axis=0), **tolerance)
    assert scores.dtype == rows.dtype == classes.dtype == dtype


@pytest.mark.parametrize("dtype", DTYPES)
def test_threads_and_layout_do_not_change_a_bit(dtype):
    x, u, d = case(dtype, 120, 10, 300)
    q = noise((120, 10), dtype, 3)
    results = []
    for threads in (1, 2):
        with limit_threads(threads):
            scores = class_scores(x, u, d)
            results.append((scores, *class_sums(x, u, q), draw_classes(np.tile(scores, (200, 1)), DRAW)))
    frozen = np.asfortranarray(u)
    frozen.flags.writeable = False
    results.append((class_scores(np.asfortranarray(x), frozen, d), *class_sums(x, frozen, np.asfortranarray(q))))
    for other in results[1:]:
        for a, b in zip(results[0], other, strict=False):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("column", [0, 6, 13])
def test_a_class_is_where_the_uniform_falls_in_the_cumulative_probabilities(dtype, column):
    scores = noise((60, 4), dtype)
    u = uniforms((160, column + 1), DRAW.seed, DRAW.step, DRAW.stream, dtype)[100:, column]
    p = np.exp(scores.astype(np.float64) - scores.max(axis=1, keepdims=True))
    wanted = (np.cumsum(p / p.sum(axis=1, keepdims=True), axis=1) < u[:, None].astype(np.float64)).sum(axis=1)
    drawn = draw_classes(scores, DRAW, column)
    assert drawn.dtype == np.int64
    np.testing.assert_array_equal(drawn, wanted)


def test_a_class_without_probability_is_never_drawn():
    scores = np.full((5000, 3), -200.0, np.float32)
    scores[:, 1] = 30
    assert (draw_classes(scores, DRAW) == 1).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((np.zeros((2, 3)), np.zeros((4, 5)), np.zeros(4)), "do not fit"),
        ((np.zeros((2, 3)), np.zeros((4, 3)), np.zeros(3)), r"\(rows, n\), \(classes, n\) and \(4,\)"),
        ((np.zeros((2, 3)), np.zeros((4, 3), np.float32), np.zeros(4)), "one float dtype"),
        ((np.zeros((2, 3), int), np.zeros((4, 3), int), np.zeros(4, int)), "int64"),
    ],
)
def test_what_does_not_fit_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        class_scores(*arguments)
    with pytest.raises(ValueError, match="do not fit"):
        class_sums(*arguments[:2], np.zeros((3, 3)))
    with pytest.raises(ValueError, match=r"scores are int64\(2,\)"):
        draw_classes(np.arange(2), DRAW)
