"""Pictures of fitted estimators, in the manner of scikit-learn's displays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from sklearn.utils.validation import check_is_fitted

from ebm.plotting import draw_curves, draw_images, unit_range
from ebm_sklearn._pictures import Shape, gives_means, images_of, remember


class RBMFiltersDisplay:
    """Weights of hidden units as images.

    Make it with :meth:`from_estimator`; its parameters become attributes.

    Parameters
    ----------
    filters : ndarray of shape (n_filters, height, width) or (n_filters, height, width, 3)
        One row of `components_` each.

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
    >>> from ebm_sklearn import RBM, RBMFiltersDisplay
    >>> rbm = RBM(n_components=16, n_iter=5, random_state=0).fit(load_digits().data / 16)
    >>> display = RBMFiltersDisplay.from_estimator(rbm)
    >>> display.filters.shape
    (16, 8, 8)
    """

    im_: Any
    ax_: Any
    figure_: Any

    def __init__(self, filters: np.ndarray) -> None:
        self.filters = filters

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        *,
        image_shape: Shape = None,
        n_filters: int = 100,
        n_columns: int | None = None,
        colorbar: bool = True,
        cmap: str | None = None,
        ax: Any = None,
    ) -> Self:
        """Draw the filters of a fitted RBM.

        Parameters
        ----------
        estimator : RBM, BernoulliRBM or any with `components_`
        image_shape : (int, int) or (int, int, 3), default=None
            Shape of a sample; by default the estimator's `image_shape_`, or square.
        n_filters : int, default=100
            The first so many hidden units.
        n_columns, colorbar, cmap, ax
            As of :meth:`plot`.

        Returns
        -------
        RBMFiltersDisplay

        Raises
        ------
        ValueError
            When the features do not fill images of this shape.
        """
        check_is_fitted(estimator)
        display = cls(images_of(estimator, estimator.components_[:n_filters], image_shape))
        return display.plot(n_columns=n_columns, colorbar=colorbar, cmap=cmap, ax=ax)

    def plot(
        self, *, n_columns: int | None = None, colorbar: bool = True, cmap: str | None = None, ax: Any = None
    ) -> Self:
        """Draw, all filters on one scale about zero.

        Parameters
        ----------
        n_columns : int, default=None
            Filters in a row; by default as many as make the picture about square.
        colorbar : bool, default=True
            Draw the scale; images in colour have none.
        cmap : str, default=None
            Colour map; "RdBu_r" by default.
        ax : matplotlib.axes.Axes, default=None
            Where to draw; a new figure by default.

        Returns
        -------
        RBMFiltersDisplay
            This display.
        """
        drawn = draw_images(self.filters, n_columns=n_columns, symmetric=True, colorbar=colorbar, cmap=cmap, ax=ax)
        return remember(self, drawn)


class SamplesDisplay:
    """Samples of a model as images.

    Parameters
    ----------
    samples : ndarray of shape (n_samples, height, width) or (n_samples, height, width, 3)
        Any values; those in [0, 1] are drawn as they are.

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
    >>> from ebm_sklearn import RBM, SamplesDisplay
    >>> rbm = RBM(n_components=16, n_iter=5, random_state=0).fit(load_digits().data / 16)
    >>> SamplesDisplay.from_estimator(rbm, n_samples=9).samples.shape
    (9, 8, 8)
    """

    im_: Any
    ax_: Any
    figure_: Any

    def __init__(self, samples: np.ndarray) -> None:
        self.samples = samples

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        *,
        n_samples: int = 25,
        means: bool = True,
        image_shape: Shape = None,
        random_state: Any = None,
        n_columns: int | None = None,
        cmap: str | None = None,
        ax: Any = None,
        **sample_params: Any,
    ) -> Self:
        """Draw samples of a fitted estimator.

        Parameters
        ----------
        estimator : RBM or any with `sample`
        n_samples : int, default=25
        means : bool, default=True
            Show E[v | E[h | sample]] where the estimator can tell it: smooth, and easier to judge by eye than
            zeros and ones. Of estimators whose `sample` has ``means``, such as `VariationalAutoencoder`, what that
            gives.
        image_shape : (int, int) or (int, int, 3), default=None
            Shape of a sample; by default the estimator's `image_shape_`, or square.
        random_state : int, RandomState instance or None, default=None
            Handed to `sample`.
        n_columns, cmap, ax
            As of :meth:`plot`.
        **sample_params
            More for `sample`, such as ``n_gibbs``, or ``y`` for samples of a class.

        Returns
        -------
        SamplesDisplay

        Raises
        ------
        ValueError
            When the features do not fill images of this shape.
        """
        check_is_fitted(estimator)
        if gives_means(estimator):
            samples = estimator.sample(n_samples, means=means, random_state=random_state, **sample_params)
        else:
            samples = estimator.sample(n_samples, random_state=random_state, **sample_params)
            if means and hasattr(estimator, "inverse_transform"):
                samples = estimator.inverse_transform(estimator.transform(samples))
        display = cls(images_of(estimator, samples, image_shape))
        return display.plot(n_columns=n_columns, cmap=cmap, ax=ax)

    def plot(self, *, n_columns: int | None = None, cmap: str | None = None, ax: Any = None) -> Self:
        """Draw: 0 black and 1 white, or from the least value to the largest where some lie outside [0, 1].

        Parameters
        ----------
        n_columns : int, default=None
            Samples in a row; by default as many as make the picture about square.
        cmap : str, default=None
            Colour map; "gray" by default.
        ax : matplotlib.axes.Axes, default=None
            Where to draw; a new figure by default.

        Returns
        -------
        SamplesDisplay
            This display.
        """
        drawn = draw_images(self.samples, n_columns=n_columns, limits=unit_range(self.samples), cmap=cmap, ax=ax)
        return remember(self, drawn)


class HistoryDisplay:
    """What was recorded while learning, as curves.

    Parameters
    ----------
    history : list of dict
        Rows, as `history_` has them.

    Attributes
    ----------
    lines_ : list of matplotlib.lines.Line2D
        One a recorded value.
    axes_ : list of matplotlib.axes.Axes
        The panel of each line.
    figure_ : matplotlib.figure.Figure
        The figure.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from ebm_sklearn import RBM, HistoryDisplay
    >>> rbm = RBM(n_components=16, n_iter=5, random_state=0).fit(load_digits().data / 16)
    >>> len(HistoryDisplay.from_estimator(rbm, names=["seconds"]).history)
    5
    """

    def __init__(self, history: Sequence[dict[str, float]]) -> None:
        self.history = history

    @classmethod
    def from_estimator(
        cls, estimator: Any, *, names: Sequence[str] | None = None, x: str = "epoch", ax: Any = None
    ) -> Self:
        """Draw the history of a fitted estimator.

        Parameters
        ----------
        estimator : estimator with `history_`
        names, x, ax
            As of :meth:`plot`.

        Returns
        -------
        HistoryDisplay

        Raises
        ------
        ValueError
            When nothing was recorded, or not one of the names.
        """
        check_is_fitted(estimator)
        return cls(estimator.history_).plot(names=names, x=x, ax=ax)

    def plot(self, *, names: Sequence[str] | None = None, x: str = "epoch", ax: Any = None) -> Self:
        """Draw the recorded values over epochs or seconds, each in a panel of its own.

        Parameters
        ----------
        names : sequence of str, default=None
            Values to draw; all by default, but for the number of the layer.
        x : {"epoch", "seconds"}, default="epoch"
            Horizontal axis.
        ax : matplotlib.axes.Axes, default=None
            Where to draw all of them together; a new figure by default.

        Returns
        -------
        HistoryDisplay
            This display.
        """
        self.lines_ = draw_curves(self.history, names, x=x, ax=ax)
        self.axes_ = [line.axes for line in self.lines_]
        self.figure_ = self.axes_[0].figure
        return self
