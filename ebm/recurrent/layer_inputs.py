"""Each recurrent layer of a network, with what it reads of given sequences: for diagnostics of one layer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ebm.networks.context import Context
from ebm.networks.packing import Packing
from ebm.networks.sequential import Sequential, part
from ebm.recurrent.bidirectional import DIRECTIONS, Bidirectional
from ebm.recurrent.cell import Cell
from ebm.recurrent.layer import Recurrent


class LayerInputs(NamedTuple):
    """A cell in one direction.

    Attributes
    ----------
    name : str
        The layer's number, counted from 1 among the recurrent ones, and its direction where there are two.
    cell : Cell
    parameters : dict of str to ndarray
        The cell's.
    frames : list of ndarray of shape (T, n)
        What the cell reads of each sequence, in the order in which it does.
    """

    name: str
    cell: Cell
    parameters: dict[str, np.ndarray]
    frames: list[np.ndarray]


def layer_inputs(
    network: Sequential, parameters: Mapping[str, np.ndarray], sequences: Sequence[np.ndarray]
) -> list[LayerInputs]:
    """Return the recurrent layers of a network, from below, with what they read.

    Parameters
    ----------
    network : Sequential
    parameters : dict of str to ndarray
    sequences : sequence of ndarray of shape (T, n_in)
        What the network reads: of the parameters' dtype, or tokens.

    Raises
    ------
    ValueError
        When the network has no recurrent layer.
    """
    packing = Packing([len(x) for x in sequences])
    x, found, count = packing.pack(np.concatenate(sequences)), list[LayerInputs](), 0
    for number, layer in enumerate(network.layers):
        own = part(parameters, f"{number}.")
        if cells := list(_cells(layer, own)):
            count += 1
            frames = [x[packing.positions(s)] for s in range(packing.n)]
            found += [
                LayerInputs(f"layer {count}{way}", cell, mine, [a[::-1] for a in frames] if turned else frames)
                for way, cell, mine, turned in cells
            ]
        x, _ = layer.forward(own, x, Context(packing=packing))
    if not found:
        raise ValueError(f"{network!r} has no recurrent layer")
    return found


def _cells(layer: Any, parameters: dict[str, np.ndarray]) -> Iterator[tuple[str, Cell, dict[str, np.ndarray], bool]]:
    """Yield a layer's cells, with what their names have at the end, and whether they read from the last frame on."""
    if isinstance(layer, Recurrent):
        yield "", layer.cell, parameters, layer.backwards
    if isinstance(layer, Bidirectional):
        for way in DIRECTIONS:
            yield f", {way}", layer.cell, part(parameters, f"{way}."), way == "backward"
