"""A picture of recall: how the energy falls on the way from a cue to a memory."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from sklearn.utils.validation import check_is_fitted

from ebm.plotting import draw_traces


class EnergyTraceDisplay:
    """Energies on the way from cues to where recall ends, a line for each cue.

    Make it with :meth:`from_estimator`; its parameters become attributes.

    Parameters
    ----------
    energies : ndarray of shape (n_points, n_samples)
        As `energy_trace` gives them.
    places : ndarray of shape (n_points,)
        Time of each: sweeps or steps.
    unit : str, default="sweeps"
        What time is counted in.

    Attributes
    ----------
    lines_ : list of matplotlib.lines.Line2D
        One a sample.
    ax_ : matplotlib.axes.Axes
        Their axes.
    figure_ : matplotlib.figure.Figure
        Their figure.

    Examples
    --------
    >>> import numpy as np
    >>> from ebm_sklearn import EnergyTraceDisplay, HopfieldNetwork
    >>> rng = np.random.default_rng(0)
    >>> network = HopfieldNetwork(random_state=0).fit(rng.integers(0, 2, (5, 100)))
    >>> display = EnergyTraceDisplay.from_estimator(network, rng.integers(0, 2, (3, 100)), points=100)
    >>> len(display.lines_)
    3
    """

    lines_: list[Any]
    ax_: Any
    figure_: Any

    def __init__(self, energies: np.ndarray, places: np.ndarray, unit: str = "sweeps") -> None:
        self.energies = energies
        self.places = places
        self.unit = unit

    @classmethod
    def from_estimator(cls, estimator: Any, X: Any, *, points: int | None = None, ax: Any = None) -> Self:
        """Recall from cues and draw their energies.

        Parameters
        ----------
        estimator : HopfieldNetwork, DenseAssociativeMemory, ModernHopfield or HeteroAssociativeMemory
            Fitted.
        X : array-like of shape (n_samples, n_features)
            Cues.
        points : int, default=None
            Energies in a sweep of spins, as `energy_trace` takes it; 1 by default. Networks without sweeps
            tell theirs after every step.
        ax : matplotlib.axes.Axes, default=None
            Where to draw; a new figure by default.

        Returns
        -------
        EnergyTraceDisplay

        Raises
        ------
        ValueError
            When ``points`` is not as `energy_trace` takes it.
        """
        check_is_fitted(estimator)
        energies = estimator.energy_trace(X) if points is None else estimator.energy_trace(X, points=points)
        unit, in_one = estimator._trace_unit
        return cls(energies, np.arange(len(energies)) / (in_one * (points or 1)), unit).plot(ax=ax)

    def plot(self, *, ax: Any = None) -> Self:
        """Draw a line for each sample.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Where to draw; a new figure by default.

        Returns
        -------
        EnergyTraceDisplay
            This display.
        """
        self.lines_ = draw_traces(self.energies, self.places, x_label=self.unit, y_label="energy", ax=ax)
        self.ax_ = self.lines_[0].axes
        self.figure_ = self.ax_.figure
        return self
