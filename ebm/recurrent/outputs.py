"""What a network makes of sequences: of many, in blocks, so that memory stays bounded whatever the data are."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ebm.networks.context import Context
from ebm.networks.layer import Layer, Parameters
from ebm.networks.packing import Packing
from ebm.sequences import SequenceData

FRAMES_AT_ONCE = 2**14  # of a block, unless one sequence is longer


def outputs(network: Layer, parameters: Parameters, data: SequenceData, *, aligned: bool) -> np.ndarray:
    """Return a network's output for every sequence, or for every frame, on the CPU.

    Sequences of about the same length share a block; what comes out does not depend on which they are.

    Parameters
    ----------
    network : Layer
        From packed frames to an output (m,) for every sequence, or for every frame.
    parameters : dict of str to ndarray
    data : SequenceData
        In the precision of the parameters.
    aligned : bool
        Whether there is an output for every frame.

    Returns
    -------
    ndarray of shape (n_samples, m) or (n_frames, m)
        In the order of the data.

    Raises
    ------
    ValueError
        When data are of another precision.
    """
    dtype = next(iter(parameters.values())).dtype
    if data.dtype != dtype:
        raise ValueError(f"data are {data.dtype}, but parameters are {dtype}: give both alike")
    width = network.output_shape((data.n_features,))[0]
    found = np.empty((data.n_frames if aligned else data.n_samples, width), dtype)
    context = Context(reuse=True, resize=True, constant=True)
    for which in blocks(data.lengths):
        some, packing = data.subset(which), Packing(data.lengths[which])
        context.rewind()
        with context.packed(packing):
            y, _ = network.forward(parameters, packing.pack(some.frames), context)
        if aligned:
            found[_frames(data, which)] = packing.unpack(y)
        else:
            found[which] = y
    return found


def blocks(lengths: np.ndarray) -> Iterator[np.ndarray]:
    """Yield numbers of sequences, the longest first, with at most FRAMES_AT_ONCE frames together, or a single one."""
    order = np.argsort(-lengths, kind="stable")
    ends = np.cumsum(lengths[order])
    first, done = 0, 0
    while first < order.size:
        last = max(first + 1, int(np.searchsorted(ends, done + FRAMES_AT_ONCE, side="right")))
        yield order[first:last]
        first, done = last, int(ends[last - 1])


def _frames(data: SequenceData, which: np.ndarray) -> np.ndarray:
    """Return the rows of some sequences' frames, one sequence after the other."""
    lengths = data.lengths[which]
    begins = np.concatenate([[0], np.cumsum(lengths)[:-1]])
    return np.repeat(data.starts[which] - begins, lengths) + np.arange(lengths.sum())
