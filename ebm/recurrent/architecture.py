"""Recurrent networks by name: which cell, how many layers, in which directions, and what is dropped out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from inspect import signature
from typing import Any

from ebm.networks.dense import Dense
from ebm.networks.dropout import Dropout
from ebm.networks.layer import Layer
from ebm.networks.ranges import count_from, rate_within
from ebm.recurrent.bidirectional import Bidirectional
from ebm.recurrent.cell import Cell
from ebm.recurrent.deep_transition import DeepTransitionCell
from ebm.recurrent.dropout import SequenceDropout
from ebm.recurrent.gru import GRUCell
from ebm.recurrent.layer import Recurrent
from ebm.recurrent.lstm import LSTMCell
from ebm.recurrent.peephole import PeepholeLSTMCell
from ebm.recurrent.scrn import SCRNCell
from ebm.recurrent.simple import SimpleCell

CELLS: Mapping[str, Callable[..., Cell]] = {
    "tanh": partial(SimpleCell, activation="tanh"),
    "relu": partial(SimpleCell, activation="relu"),
    "lstm": LSTMCell,
    "lstm_peephole": PeepholeLSTMCell,
    "gru": GRUCell,
    "gru_before": partial(GRUCell, reset="before"),
    "scrn": SCRNCell,
    "deep_transition": DeepTransitionCell,
}


def recurrent_cell(cell: str, units: int, **options: Any) -> Cell:
    """Return a cell by its name.

    Parameters
    ----------
    cell : str
        One of `CELLS`.
    units : int
    **options
        The cell's own parameters, such as ``context_units`` of "scrn" or ``depth`` of "deep_transition".

    Raises
    ------
    ValueError
        When there is no such cell, or it has no such parameter, or needs one that is not given.
    """
    if cell not in CELLS:
        raise ValueError(f"cell must be one of {', '.join(map(repr, CELLS))}; got {cell!r}")
    taken = {name: p for name, p in signature(CELLS[cell]).parameters.items() if name != "units"}
    if unknown := sorted(options.keys() - taken.keys()):
        raise ValueError(f"cell {cell!r} has no parameter {unknown[0]!r}; it has {sorted(taken)}")
    if missing := [name for name, p in taken.items() if p.default is p.empty and name not in options]:
        raise ValueError(f"cell {cell!r} needs {missing[0]}, which has no default")
    return CELLS[cell](units, **options)


def recurrent_layers(
    cell: str | Cell = "lstm",
    units: int = 64,
    *,
    depth: int = 1,
    bidirectional: bool = False,
    dropout: float = 0.0,
    variational: bool = False,
    recurrent_dropout: float = 0.0,
    deep_output: Sequence[int] = (),
    output_activation: str = "tanh",
    options: Mapping[str, Any] | None = None,
) -> list[Layer]:
    """Return the layers of a recurrent network, frames (n_frames, n_in) to outputs (n_frames, n_out).

    Parameters
    ----------
    cell : str or Cell, default="lstm"
        One of `CELLS`, or a cell itself, which has its own width and parameters.
    units : int, default=64
        Width of the named cell's state, in each direction.
    depth : int, default=1
        Recurrent layers, one on top of the other: the stacked RNN of Pascanu et al. 2014.
    bidirectional : bool, default=False
        Whether each layer reads sequences from both ends.
    dropout : float, default=0.0
        Rate in [0, 1) of what is dropped after every recurrent layer but the last, as torch's ``dropout``.
    variational : bool, default=False
        Drop the same at all frames of a sequence (`SequenceDropout`), rather than anew at each.
    recurrent_dropout : float, default=0.0
        Rate in [0, 1) of variational dropout between a frame and the next, inside cells.
    deep_output : sequence of int, default=()
        Widths of dense layers on top, at every frame: the deep output RNN; with "deep_transition" the DOT-RNN.
    output_activation : str, default="tanh"
        Of these.
    options : mapping, optional
        The named cell's own parameters, see `recurrent_cell`.

    Raises
    ------
    ValueError
        When something is out of range, or unknown.

    Notes
    -----
    Source: Pascanu, Gulcehre, Cho & Bengio 2014 (arXiv:1312.6026), section 3, for the ways of being deep.
    """
    count_from("depth", depth)
    rate_within("dropout", dropout, below_one=True)
    through = Bidirectional if bidirectional else Recurrent
    if isinstance(cell, Cell) and recurrent_dropout:
        raise ValueError(f"recurrent_dropout is {recurrent_dropout}, but a cell that is given has its own: set that")
    named = {"recurrent_dropout": recurrent_dropout, **(options or {})}
    layer = through(cell if isinstance(cell, Cell) else recurrent_cell(cell, units, **named))
    found: list[Layer] = [layer]
    for _ in range(depth - 1):
        if dropout:
            found.append(SequenceDropout(dropout) if variational else Dropout(dropout))
        found.append(layer)
    return [*found, *(Dense(width, output_activation) for width in deep_output)]
