"""A picture of attention: where a decoder looks when it says each token."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from sklearn.utils.validation import check_is_fitted

from ebm.plotting import draw_attention
from ebm_sklearn._pictures import remember


class AttentionDisplay:
    """The weights of attention for one source: tokens of the target from top to bottom, frames of the source across.

    Make it with :meth:`from_estimator`; its parameters become attributes.

    Parameters
    ----------
    weights : ndarray of shape (target length, source length)
        As `Seq2Seq.attention_weights` gives them.
    source, target : sequence or None
        Labels: tokens, or None for numbers.

    Attributes
    ----------
    im_ : matplotlib.image.AxesImage
        The picture, black where a weight is 1.
    ax_ : matplotlib.axes.Axes
        Its axes.
    figure_ : matplotlib.figure.Figure
        Its figure.

    Examples
    --------
    >>> from ebm_sklearn import AttentionDisplay, Seq2Seq
    >>> model = Seq2Seq(units=8, n_iter=5, random_state=0).fit(["ab", "abc", "ca"], ["ba", "cba", "ac"])
    >>> display = AttentionDisplay.from_estimator(model, "abc", "cba")
    >>> display.weights.shape
    (3, 3)
    """

    im_: Any
    ax_: Any
    figure_: Any

    def __init__(self, weights: np.ndarray, source: Any = None, target: Any = None) -> None:
        self.weights = weights
        self.source = source
        self.target = target

    @classmethod
    def from_estimator(cls, estimator: Any, x: Any, y: Any = None, *, ax: Any = None, **options: Any) -> Self:
        """Let an estimator look at a source, and draw where.

        Parameters
        ----------
        estimator : Seq2Seq
            Fitted, with attention.
        x : sequence
            One source: a string, a list of tokens, or an array (length, n_features).
        y : sequence, default=None
            Its target. None takes what the estimator says.
        ax : matplotlib.axes.Axes, default=None
            Where to draw; a new figure by default.
        **options
            Of :meth:`plot`.

        Returns
        -------
        AttentionDisplay

        Raises
        ------
        ValueError
            When the estimator has no attention, x or y are not as in its `fit`, or the target is empty.
        """
        check_is_fitted(estimator)
        if y is None:
            y = estimator.predict([x])[0]
            if len(y) == 0:
                raise ValueError("what the estimator says of this source is empty: give a target y")
        weights = estimator.attention_weights([x], [y])[0]
        labels = None if estimator.source_vocabulary_ is None else list(x)
        return cls(weights, labels, list(y)).plot(ax=ax, **options)

    def plot(self, *, cmap: str = "gray_r", ax: Any = None) -> Self:
        """Draw the weights.

        Parameters
        ----------
        cmap : str, default="gray_r"
            Colour map.
        ax : matplotlib.axes.Axes, default=None
            Where to draw; a new figure by default.

        Returns
        -------
        AttentionDisplay
            This display.
        """
        return remember(self, draw_attention(self.weights, self.source, self.target, cmap=cmap, ax=ax))  # type: ignore[no-any-return]
