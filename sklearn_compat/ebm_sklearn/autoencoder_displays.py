"""Pictures of what an autoencoder gives back of its input."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from sklearn.utils.validation import check_is_fitted

from ebm.plotting import draw_rows, unit_range
from ebm_sklearn._pictures import Shape, check_count, images_of, reconstruct, remember_all


class ReconstructionDisplay:
    """Originals above their reconstructions.

    Make it with :meth:`from_estimator`; its parameters become attributes.

    Parameters
    ----------
    originals, reconstructions : ndarray of shape (n_images, height, width) or (n_images, height, width, 3)

    Attributes
    ----------
    ims_ : list of matplotlib.image.AxesImage
        One a row.
    ax_ : matplotlib.axes.Axes
        Their axes.
    figure_ : matplotlib.figure.Figure
        Their figure.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.decomposition import PCA
    >>> from ebm_sklearn.autoencoder_displays import ReconstructionDisplay
    >>> X = load_digits().data / 16
    >>> display = ReconstructionDisplay.from_estimator(PCA(8).fit(X), X, n_images=5, difference=True)
    >>> display.reconstructions.shape, len(display.ims_)
    ((5, 8, 8), 3)
    """

    ims_: list[Any]
    ax_: Any
    figure_: Any

    def __init__(self, originals: np.ndarray, reconstructions: np.ndarray) -> None:
        self.originals = originals
        self.reconstructions = reconstructions

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        *,
        n_images: int = 10,
        image_shape: Shape = None,
        given: Any = None,
        difference: bool = False,
        cmap: str | None = None,
        ax: Any = None,
    ) -> Self:
        """Reconstruct the first samples and draw both.

        Parameters
        ----------
        estimator : Autoencoder or any with `reconstruct`, or with `transform` and `inverse_transform`
            Fitted.
        X : array-like of shape (n_samples, n_features)
        n_images : int, default=10
            The first so many samples.
        image_shape : (int, int) or (int, int, 3), default=None
            Shape of a sample; by default the estimator's `image_shape_`, or square.
        given : array-like of shape (n_samples,), default=None
            Labels that a conditional model is given.
        difference, cmap, ax
            As of :meth:`plot`.

        Returns
        -------
        ReconstructionDisplay

        Raises
        ------
        ValueError
            When the features do not fill images of this shape, or ``n_images`` is below 1.
        """
        check_is_fitted(estimator)
        check_count("n_images", n_images)
        chosen, labels = X[:n_images], None if given is None else given[:n_images]
        originals = images_of(estimator, chosen, image_shape)
        display = cls(originals, images_of(estimator, reconstruct(estimator, chosen, labels), image_shape))
        return display.plot(difference=difference, cmap=cmap, ax=ax)

    def plot(self, *, difference: bool = False, cmap: str | None = None, ax: Any = None) -> Self:
        """Draw: 0 black and 1 white, or as far as the originals go; reconstructions beyond that are clipped.

        Parameters
        ----------
        difference : bool, default=False
            Add a row of reconstruction minus original, on a scale of its own about zero, which the row's name tells.
        cmap : str, default=None
            Colour map; "gray" by default.
        ax : matplotlib.axes.Axes, default=None
            Where to draw; a new figure by default.

        Returns
        -------
        ReconstructionDisplay
            This display.
        """
        rows = {"original": self.originals, "reconstruction": self.reconstructions}
        rest = np.subtract(self.reconstructions, self.originals, dtype=np.float64) if difference else None
        drawn = draw_rows(rows, limits=unit_range(self.originals), difference=rest, cmap=cmap, ax=ax)
        return remember_all(self, "ims_", drawn)


class DenoisingDisplay:
    """Clean samples, what was made of them, and what the estimator makes of that.

    Make it with :meth:`from_estimator`; its parameters become attributes.

    Parameters
    ----------
    clean, corrupted, denoised : ndarray of shape (n_images, height, width) or (n_images, height, width, 3)

    Attributes
    ----------
    ims_ : list of matplotlib.image.AxesImage
        One a row.
    ax_ : matplotlib.axes.Axes
        Their axes.
    figure_ : matplotlib.figure.Figure
        Their figure.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.decomposition import PCA
    >>> from ebm_sklearn.autoencoder_displays import DenoisingDisplay
    >>> X = load_digits().data / 16
    >>> noisy = X + np.random.default_rng(0).normal(0, 0.3, X.shape)
    >>> DenoisingDisplay.from_estimator(PCA(16).fit(X), X, noisy).denoised.shape
    (10, 8, 8)
    """

    ims_: list[Any]
    ax_: Any
    figure_: Any

    def __init__(self, clean: np.ndarray, corrupted: np.ndarray, denoised: np.ndarray) -> None:
        self.clean = clean
        self.corrupted = corrupted
        self.denoised = denoised

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X_clean: Any,
        X_noisy: Any = None,
        *,
        n_images: int = 10,
        image_shape: Shape = None,
        cmap: str | None = None,
        ax: Any = None,
    ) -> Self:
        """Reconstruct the first corrupted samples and draw all three.

        Parameters
        ----------
        estimator : DenoisingAutoencoder or any with `reconstruct`, or with `transform` and `inverse_transform`
            Fitted.
        X_clean : array-like of shape (n_samples, n_features)
        X_noisy : array-like of shape (n_samples, n_features), default=None
            The same samples corrupted; made by the estimator's `corrupt` by default.
        n_images : int, default=10
            The first so many samples.
        image_shape : (int, int) or (int, int, 3), default=None
            Shape of a sample; by default the estimator's `image_shape_`, or square.
        cmap, ax
            As of :meth:`plot`.

        Returns
        -------
        DenoisingDisplay

        Raises
        ------
        ValueError
            When ``X_noisy`` is left out and the estimator has no `corrupt`, the numbers of samples differ, the features
            do not fill images of this shape, or ``n_images`` is below 1.
        """
        check_is_fitted(estimator)
        check_count("n_images", n_images)
        chosen = X_clean[:n_images]
        noisy = _corrupted(estimator, chosen) if X_noisy is None else X_noisy[:n_images]
        if len(noisy) != len(chosen):
            raise ValueError(f"X_noisy must have as many samples as X_clean, got {len(noisy)} and {len(chosen)}")
        three = (chosen, noisy, reconstruct(estimator, noisy))
        return cls(*(images_of(estimator, rows, image_shape) for rows in three)).plot(cmap=cmap, ax=ax)

    def plot(self, *, cmap: str | None = None, ax: Any = None) -> Self:
        """Draw: 0 black and 1 white, or as far as the clean samples go; what lies beyond that is clipped.

        Parameters
        ----------
        cmap : str, default=None
            Colour map; "gray" by default.
        ax : matplotlib.axes.Axes, default=None
            Where to draw; a new figure by default.

        Returns
        -------
        DenoisingDisplay
            This display.
        """
        rows = {"clean": self.clean, "corrupted": self.corrupted, "denoised": self.denoised}
        return remember_all(self, "ims_", draw_rows(rows, limits=unit_range(self.clean), cmap=cmap, ax=ax))


def _corrupted(estimator: Any, X: Any) -> Any:
    if not hasattr(estimator, "corrupt"):
        raise ValueError(f"{type(estimator).__name__} has no method corrupt: give X_noisy")
    return estimator.corrupt(X)
