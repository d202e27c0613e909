"""A picture of what an autoencoder's units look for."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from sklearn.utils.validation import check_is_fitted

from ebm.plotting import draw_images
from ebm_sklearn._pictures import Shape, check_count, images_of, remember


class FeatureDictionaryDisplay:
    """The input that excites each unit of the first layer most.

    Make it with :meth:`from_estimator`; its parameters become attributes.

    Parameters
    ----------
    features : ndarray of shape (n_features, height, width) or (n_features, height, width, 3)
        Rows of `feature_dictionary_`.

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
    >>> import numpy as np
    >>> from ebm_sklearn.feature_dictionary_display import FeatureDictionaryDisplay
    >>> FeatureDictionaryDisplay(np.random.default_rng(0).normal(size=(9, 8, 8))).plot().im_.get_array().shape
    (26, 26)
    """

    im_: Any
    ax_: Any
    figure_: Any

    def __init__(self, features: np.ndarray) -> None:
        self.features = features

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        *,
        image_shape: Shape = None,
        n_features: int = 100,
        own_scale: bool = True,
        n_columns: int | None = None,
        colorbar: bool = False,
        cmap: str | None = None,
        ax: Any = None,
    ) -> Self:
        """Draw the features of a fitted autoencoder.

        Parameters
        ----------
        estimator : SparseAutoencoder or any with `feature_dictionary_`
            Fitted.
        image_shape : (int, int) or (int, int, 3), default=None
            Shape of a feature; by default the estimator's `image_shape_`, or square.
        n_features : int, default=100
            The first so many units.
        own_scale, n_columns, colorbar, cmap, ax
            As of :meth:`plot`.

        Returns
        -------
        FeatureDictionaryDisplay

        Raises
        ------
        ValueError
            When the features do not fill images of this shape, or ``n_features`` is below 1.
        """
        check_is_fitted(estimator)
        check_count("n_features", n_features)
        display = cls(images_of(estimator, estimator.feature_dictionary_[:n_features], image_shape))
        return display.plot(own_scale=own_scale, n_columns=n_columns, colorbar=colorbar, cmap=cmap, ax=ax)

    def plot(
        self,
        *,
        own_scale: bool = True,
        n_columns: int | None = None,
        colorbar: bool = False,
        cmap: str | None = None,
        ax: Any = None,
    ) -> Self:
        """Draw the features, zero in the middle of the scale.

        Parameters
        ----------
        own_scale : bool, default=True
            Divide each by its largest size: features of few strong pixels and of many weak ones are then seen alike.
        n_columns : int, default=None
            Features in a row; by default as many as make the picture about square.
        colorbar : bool, default=False
            Draw the scale; images in colour have none.
        cmap : str, default=None
            Colour map; "RdBu_r" by default.
        ax : matplotlib.axes.Axes, default=None
            Where to draw; a new figure by default.

        Returns
        -------
        FeatureDictionaryDisplay
            This display.
        """
        shown = _each_to_one(self.features) if own_scale else self.features
        drawn = draw_images(shown, n_columns=n_columns, symmetric=True, colorbar=colorbar, cmap=cmap, ax=ax)
        return remember(self, drawn)


def _each_to_one(features: np.ndarray) -> np.ndarray:
    """Divide each by its largest size; features of a dead unit stay 0."""
    sizes = np.abs(features).max(axis=tuple(range(1, features.ndim)), keepdims=True)
    return features / np.where(sizes > 0, sizes, 1)
