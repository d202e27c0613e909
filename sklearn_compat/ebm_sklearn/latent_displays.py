"""Pictures of a latent space: where samples lie, and what each place is decoded to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from scipy.special import ndtri
from sklearn.utils.validation import check_is_fitted

from ebm.plotting import draw_plane, draw_scatter, unit_range
from ebm_sklearn._pictures import (
    Shape,
    check_count,
    check_dimensions,
    decode,
    encode,
    images_of,
    remember,
    remember_all,
)


class LatentPlaneDisplay:
    """Codes of samples in a plane of the latent space, coloured by label.

    Make it with :meth:`from_estimator`; its parameters become attributes.

    Parameters
    ----------
    points : ndarray of shape (n_samples, 2)
    labels : ndarray of shape (n_samples,), default=None
    dimensions : (int, int), default=(0, 1)
        Dimensions of the code that the points are of.

    Attributes
    ----------
    scatters_ : list of matplotlib.collections.PathCollection
        One a class, in sorted order; one in all without classes.
    ax_ : matplotlib.axes.Axes
        Their axes.
    figure_ : matplotlib.figure.Figure
        Their figure.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.decomposition import PCA
    >>> from ebm_sklearn.latent_displays import LatentPlaneDisplay
    >>> X, y = load_digits(return_X_y=True)
    >>> len(LatentPlaneDisplay.from_estimator(PCA(2).fit(X), X, y).scatters_)
    10
    """

    scatters_: list[Any]
    ax_: Any
    figure_: Any

    def __init__(
        self, points: np.ndarray, labels: np.ndarray | None = None, dimensions: Sequence[int] = (0, 1)
    ) -> None:
        self.points = points
        self.labels = labels
        self.dimensions = dimensions

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: Any = None,
        *,
        dimensions: Sequence[int] = (0, 1),
        given: Any = None,
        ax: Any = None,
        **style: Any,
    ) -> Self:
        """Encode samples and draw their codes.

        Parameters
        ----------
        estimator : Autoencoder or any with `transform`
            Fitted.
        X : array-like of shape (n_samples, n_features)
        y : array-like of shape (n_samples,), default=None
            Labels, which colour the points; more than 20 different numbers are taken for values.
        dimensions : (int, int), default=(0, 1)
            Dimensions of the code, for the horizontal and the vertical axis.
        given : array-like of shape (n_samples,), default=None
            Labels that a conditional model is given.
        ax
            As of :meth:`plot`.
        **style
            As of :meth:`plot`.

        Returns
        -------
        LatentPlaneDisplay

        Raises
        ------
        ValueError
            When codes have one dimension, or not these, or ``y`` is not one label a sample.
        """
        check_is_fitted(estimator)
        codes = encode(estimator, X, given)
        chosen = check_dimensions(codes.shape[1], dimensions)
        labels = None if y is None else np.asarray(y)
        return cls(codes[:, list(chosen)], labels, chosen).plot(ax=ax, **style)

    def plot(self, *, ax: Any = None, **style: Any) -> Self:
        """Draw a point for each sample, with a legend of the classes.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Where to draw; a new figure by default.
        **style
            More for `matplotlib.axes.Axes.scatter`, such as ``s``.

        Returns
        -------
        LatentPlaneDisplay
            This display.
        """
        x_label, y_label = (_name(d) for d in self.dimensions)
        drawn = draw_scatter(self.points, self.labels, x_label=x_label, y_label=y_label, ax=ax, **style)
        return remember_all(self, "scatters_", drawn)


class LatentGridDisplay:
    """What the places of a plane of the latent space are decoded to.

    Make it with :meth:`from_estimator`; its parameters become attributes.

    Parameters
    ----------
    images : ndarray of shape (n_y, n_x, height, width) or (n_y, n_x, height, width, 3)
        ``images[j, i]`` is decoded from the place (x[i], y[j]).
    x, y : ndarray of shape (n_x,) and (n_y,)
        Places, in rising order.
    dimensions : (int, int), default=(0, 1)
        Dimensions of the code that x and y are of.
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
    >>> from ebm_sklearn.latent_displays import LatentGridDisplay
    >>> X = load_digits().data / 16
    >>> LatentGridDisplay.from_estimator(PCA(2).fit(X), X, n_side=5).images.shape
    (5, 5, 8, 8)
    """

    im_: Any
    ax_: Any
    figure_: Any

    def __init__(
        self,
        images: np.ndarray,
        x: np.ndarray,
        y: np.ndarray,
        dimensions: Sequence[int] = (0, 1),
        limits: tuple[float, float] | None = None,
    ) -> None:
        self.images = images
        self.x = x
        self.y = y
        self.dimensions = dimensions
        self.limits = limits

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any = None,
        *,
        n_side: int = 15,
        dimensions: Sequence[int] = (0, 1),
        image_shape: Shape = None,
        given: Any = None,
        cmap: str | None = None,
        ax: Any = None,
    ) -> Self:
        """Decode a grid of codes and draw the images.

        Parameters
        ----------
        estimator : VariationalAutoencoder, or any with `inverse_transform`
            Fitted.
        X : array-like of shape (n_samples, n_features), default=None
            Samples whose codes tell how far the grid goes, evenly, and where the other dimensions of the code are held:
            at their means; what is decoded beyond the values of X is clipped. By default the grid is at quantiles
            (i + 1/2) / n_side of the standard normal distribution, the prior of variational autoencoders, and the other
            dimensions are held at 0.
        n_side : int, default=15
            Images in a row and in a column.
        dimensions : (int, int), default=(0, 1)
            Dimensions of the code, for the horizontal and the vertical axis.
        image_shape : (int, int) or (int, int, 3), default=None
            Shape of a sample; by default the estimator's `image_shape_`, or square.
        given : label, default=None
            The label that a conditional model is given, the same for all.
        cmap, ax
            As of :meth:`plot`.

        Returns
        -------
        LatentGridDisplay

        Raises
        ------
        ValueError
            When codes have one dimension, or not these, ``n_side`` is below 2, samples do not fill images of this
            shape, or ``X`` is left out and the estimator has no prior to `sample` from.
        """
        check_is_fitted(estimator)
        check_count("n_side", n_side, least=2)
        (x, y), centre, chosen = _plane(estimator, X, n_side, dimensions, given)
        codes = np.repeat(centre[None], n_side * n_side, axis=0)
        codes[:, chosen[0]], codes[:, chosen[1]] = np.tile(x, n_side), np.repeat(y, n_side)
        images = images_of(estimator, decode(estimator, codes, _same(given, len(codes))), image_shape)
        limits = None if X is None else unit_range(np.asarray(X))
        display = cls(images.reshape(n_side, n_side, *images.shape[1:]), x, y, chosen, limits)
        return display.plot(cmap=cmap, ax=ax)

    def plot(self, *, cmap: str | None = None, ax: Any = None) -> Self:
        """Draw, each image at its place.

        Parameters
        ----------
        cmap : str, default=None
            Colour map; "gray" by default.
        ax : matplotlib.axes.Axes, default=None
            Where to draw; a new figure by default.

        Returns
        -------
        LatentGridDisplay
            This display.
        """
        x_label, y_label = (_name(d) for d in self.dimensions)
        limits = self.limits or unit_range(self.images)
        drawn = draw_plane(
            self.images, self.x, self.y, limits=limits, x_label=x_label, y_label=y_label, cmap=cmap, ax=ax
        )
        return remember(self, drawn)


def _plane(estimator: Any, X: Any, n_side: int, dimensions: Sequence[int], given: Any) -> tuple[Any, Any, Any]:
    """Places along both dimensions, a code whose other dimensions are held, and the two dimensions."""
    if X is None:
        if not hasattr(estimator, "sample"):
            raise ValueError(
                f"{type(estimator).__name__} has no prior: give X, whose codes tell how far the plane goes"
            )
        n_dimensions = len(estimator.get_feature_names_out())
        places = ndtri((np.arange(n_side) + 0.5) / n_side)
        return (places, places), np.zeros(n_dimensions), check_dimensions(n_dimensions, dimensions)
    codes = encode(estimator, X, _same(given, len(X)))
    chosen = check_dimensions(codes.shape[1], dimensions)
    low, high = codes.min(axis=0), codes.max(axis=0)
    return [np.linspace(low[d], high[d], n_side) for d in chosen], codes.mean(axis=0), chosen


def _name(dimension: int) -> str:
    return f"dimension {dimension} of the code"


def _same(given: Any, n: int) -> Any:
    """Label every row alike."""
    return None if given is None else np.repeat([given], n, axis=0)
