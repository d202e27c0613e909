"""A picture of how gradients vanish or explode on their way back through time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
from sklearn.utils.validation import check_is_fitted

from ebm.networks.sequential import part
from ebm.plotting.decays import draw_decays
from ebm.recurrent.cell import Cell
from ebm.recurrent.gradient_flow import GradientFlow, gradient_flow
from ebm.recurrent.layer_inputs import layer_inputs


class GradientFlowDisplay:
    """Norms of the Jacobian ds_T / ds_{T-k} over the number k of frames that a gradient goes back, a line for each net.

    Make it with :meth:`from_estimator`, or with :meth:`from_cells` for cells that nobody has fitted; its parameter
    becomes an attribute. A falling line tells of gradients that vanish, a rising one of gradients that explode. Dashed
    are, of simple cells, the bounds (largest slope times largest singular value of W)^k, and of an LSTM the products of
    forget gates, which are its cells' own way back.

    Parameters
    ----------
    flows : sequence of GradientFlow
        See `ebm.recurrent.gradient_flow`.

    Attributes
    ----------
    lines_ : list of matplotlib.lines.Line2D
        For each flow its norms, then its bound or its forget gates where it has them.
    ax_ : matplotlib.axes.Axes
        Their axes.
    figure_ : matplotlib.figure.Figure
        Their figure.

    Examples
    --------
    >>> import numpy as np
    >>> from ebm.random import Random
    >>> from ebm.recurrent.simple import SimpleCell
    >>> from ebm_sklearn import GradientFlowDisplay
    >>> cell = SimpleCell(16)
    >>> parameters = cell.initial(2, Random(0), np.float64)
    >>> frames = np.random.default_rng(0).normal(size=(40, 2))
    >>> display = GradientFlowDisplay.from_cells({"tanh": (cell, parameters)}, [frames])
    >>> len(display.lines_)
    2
    """

    lines_: list[Any]
    ax_: Any
    figure_: Any

    def __init__(self, flows: Sequence[GradientFlow]) -> None:
        self.flows = flows

    @classmethod
    def from_estimator(
        cls, estimator: Any, X: Any, *, n_lags: int | None = None, name: str | None = None, ax: Any = None
    ) -> Self:
        """Draw the recurrent layers of a fitted estimator.

        Parameters
        ----------
        estimator : RNNClassifier, RNNRegressor, SequenceLabeler or SequenceRegressor
            Fitted.
        X : list of arrays (length, n_features), or array (n_samples, length, n_features)
            Sequences to go through; lines are geometric means over them. A few suffice: each takes time.
        n_lags : int, default=None
            Frames to go back; as many as the shortest sequence has, by default and at most.
        name : str, default=None
            What labels begin with; the estimator's cell by default.
        ax : matplotlib.axes.Axes, default=None
            Where to draw; a new figure by default.

        Returns
        -------
        GradientFlowDisplay

        Raises
        ------
        ValueError
            When the estimator is no such one.
        """
        check_is_fitted(estimator)
        if not hasattr(estimator, "_recurrent_part"):
            raise ValueError(f"{type(estimator).__name__} has no recurrent layers that read sequences frame by frame")
        body, sequences = estimator._recurrent_part(X)
        layers = layer_inputs(body, part(estimator.parameters_, "body."), sequences)
        label = name if name is not None else str(estimator.architecture_["cell"])
        flows = [
            gradient_flow(
                layer.cell, layer.parameters, layer.frames, n_lags=n_lags,
                name=label if len(layers) == 1 else f"{label}, {layer.name}",
            )
            for layer in layers
        ]  # fmt: skip
        return cls(flows).plot(ax=ax)

    @classmethod
    def from_cells(
        cls,
        cells: Mapping[str, tuple[Cell, Mapping[str, np.ndarray]]],
        sequences: Sequence[np.ndarray],
        *,
        n_lags: int | None = None,
        ax: Any = None,
    ) -> Self:
        """Draw cells that read the same sequences.

        Parameters
        ----------
        cells : dict of str to (Cell, dict of str to ndarray)
            Cells with their parameters, by the names of their lines.
        sequences : sequence of ndarray of shape (length, n_in)
        n_lags, ax
            As of :meth:`from_estimator`.

        Returns
        -------
        GradientFlowDisplay
        """
        flows = [gradient_flow(*cell, sequences, n_lags=n_lags, name=name) for name, cell in cells.items()]
        return cls(flows).plot(ax=ax)

    def plot(self, *, bounds: bool = True, ax: Any = None) -> Self:
        """Draw all lines.

        Parameters
        ----------
        bounds : bool, default=True
            Draw bounds, and products of forget gates.
        ax : matplotlib.axes.Axes, default=None
            Where to draw; a new figure by default.

        Returns
        -------
        GradientFlowDisplay
            This display.
        """
        curves = []
        for flow in self.flows:
            beside = [("bound", flow.bound), ("forget gates", flow.forget)] if bounds else []
            rows = [("", flow.norms), *((label, values) for label, values in beside if values is not None)]
            curves.append((flow.name, rows))
        self.lines_ = draw_decays(curves, x_label="frames back", y_label="norm of the Jacobian", ax=ax)
        self.ax_ = self.lines_[0].axes
        self.figure_ = self.ax_.figure
        return self
