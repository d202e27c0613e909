"""A picture of what lies between samples in a latent space."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from sklearn.utils.validation import check_is_fitted

from ebm.plotting import draw_images, unit_range
from ebm_sklearn._latent_paths import between
from ebm_sklearn._pictures import Shape, check_count, decode, encode, images_of, remember


class LatentWalkDisplay:
    """What lies between the codes of two samples, step by step; a row for each pair.

    Make it with :meth:`from_estimator`; its parameters become attributes.

    Parameters
    ----------
    images : ndarray of shape (n_pairs, n_steps, height, width) or (n_pairs, n_steps, height, width, 3)
        Decoded from the codes on the way, both ends included.
    limits : (float, float), default=None
        Values shown black and white; by default 0 and 1, or as much further as the images go.

    Attributes
    ----------
    im_ : matplotlib.image.AxesImage
        The picture.
    ax_ : matplotlib.axes.Axes
        Its axes.
    figure_ : matplotlib.figure.Figure
        Its figure.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.decomposition import PCA
    >>> from ebm_sklearn.latent_walk_display import LatentWalkDisplay
    >>> X = load_digits().data / 16
    >>> LatentWalkDisplay.from_estimator(PCA(20).fit(X), X[:3], X[3:6]).images.shape
    (3, 10, 8, 8)
    """

    im_: Any
    ax_: Any
    figure_: Any

    def __init__(self, images: np.ndarray, limits: tuple[float, float] | None = None) -> None:
        self.images = images
        self.limits = limits

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        start: Any,
        end: Any,
        *,
        n_steps: int = 10,
        path: str = "linear",
        image_shape: Shape = None,
        given: Any = None,
        cmap: str | None = None,
        ax: Any = None,
    ) -> Self:
        """Walk between the codes of samples and draw what is decoded on the way, clipped to the samples' values.

        Parameters
        ----------
        estimator : VariationalAutoencoder or any with `transform` and `inverse_transform`
            Fitted.
        start, end : array-like of shape (n_pairs, n_features) or (n_features,)
            Samples.
        n_steps : int, default=10
            Images of a row, both ends included.
        path : {"linear", "spherical"}, default="linear"
            Straight, or on the arc about the origin, which keeps the length of codes of equal length: with many
            dimensions nearly all of a normal prior is as far from the origin.
        image_shape : (int, int) or (int, int, 3), default=None
            Shape of a sample; by default the estimator's `image_shape_`, or square.
        given : array-like of shape (n_pairs,), default=None
            Labels that a conditional model is given, one a row.
        cmap, ax
            As of :meth:`plot`.

        Returns
        -------
        LatentWalkDisplay

        Raises
        ------
        ValueError
            When ``start`` and ``end`` are not as many, ``n_steps`` is below 2, ``path`` has another name, samples do
            not fill images of this shape, or a spherical path has an end at 0 or opposite ends.
        """
        check_is_fitted(estimator)
        check_count("n_steps", n_steps, least=2)
        start, end = (np.reshape(ends, (1, -1)) if np.ndim(ends) == 1 else ends for ends in (start, end))
        if len(start) != len(end):
            raise ValueError(f"start and end must have as many samples, got {len(start)} and {len(end)}")
        codes = between(encode(estimator, start, given), encode(estimator, end, given), n_steps, path)
        labels = None if given is None else np.repeat(given, n_steps, axis=0)
        rows = decode(estimator, codes.reshape(-1, codes.shape[2]), labels)
        images = images_of(estimator, rows, image_shape)
        limits = unit_range(np.concatenate([start, end]))
        return cls(images.reshape(len(codes), n_steps, *images.shape[1:]), limits).plot(cmap=cmap, ax=ax)

    def plot(self, *, cmap: str | None = None, ax: Any = None) -> Self:
        """Draw a row for each pair.

        Parameters
        ----------
        cmap : str, default=None
            Colour map; "gray" by default.
        ax : matplotlib.axes.Axes, default=None
            Where to draw; a new figure by default.

        Returns
        -------
        LatentWalkDisplay
            This display.
        """
        images = self.images.reshape(-1, *self.images.shape[2:])
        n_steps = self.images.shape[1]
        limits = self.limits or unit_range(images)
        drawn = draw_images(images, n_columns=n_steps, limits=limits, cmap=cmap, ax=ax)
        for name, side in (("start", "left"), ("end", "right")):
            drawn.axes.set_title(name, loc=side, fontsize="medium")
        return remember(self, drawn)
