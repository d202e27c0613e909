"""One frame at a time: a network that keeps its states, for data that come in while they are asked about.

The loops of one frame are recorded once, over panels of weights that are packed once, and replayed for every frame.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any
from weakref import proxy

import numpy as np

from ebm.device import Device
from ebm.kernels.processor import aligned
from ebm.networks.context import Context
from ebm.networks.layer import Layer
from ebm.networks.packing import Packing


class FrameStream:
    """A network through one sequence (or several side by side), frame by frame.

    Parameters
    ----------
    network : Layer
        From frames to an output for each; recurrent layers must go forwards.
    parameters : dict of str to ndarray
        On the CPU; copied, so what is learnt afterwards does not count.
    n_features : int
        Of a frame.
    n : int, default=1
        Sequences side by side.

    Raises
    ------
    ValueError
        When the network has a layer that goes backwards, or does not fit the frames.

    Notes
    -----
    Frames are computed in the parameters' precision, on the CPU: a frame is too little work for a GPU.
    """

    def __init__(self, network: Layer, parameters: Mapping[str, np.ndarray], n_features: int, *, n: int = 1) -> None:
        network.output_shape((n_features,))
        dtype = next(iter(parameters.values())).dtype
        self._network, self._parameters = network, {name: np.array(a, order="C") for name, a in parameters.items()}
        self._x = aligned((n, n_features), dtype)
        self._context = Context(reuse=True, packing=Packing(np.ones(n)), remembers=True, constant=True)
        self._run()  # packs the weights, which must not be recorded
        self._replay = Device().capture(partial(type(self)._run, proxy(self)))  # a circle would keep its arrays
        self._replay()
        self.reset()

    def _run(self) -> None:
        self._context.rewind()
        self._y, _ = self._network.forward(self._parameters, self._x, self._context)

    def step(self, frame: Any) -> np.ndarray:
        """Return the output after one more frame.

        Parameters
        ----------
        frame : array of shape (n_features,), or (n, n_features)

        Returns
        -------
        ndarray of shape (n_outputs,), or (n, n_outputs) as the frame has

        Raises
        ------
        ValueError
            When the frame has another shape.
        """
        frame = np.asarray(frame)
        if frame.shape != self._x.shape and (self._x.shape[0] != 1 or frame.shape != self._x.shape[1:]):
            raise ValueError(f"frame has shape {frame.shape}; give {self._x.shape}, or {self._x.shape[1:]} for one")
        self._x[...] = frame
        self._replay()
        return self._y.reshape(-1).copy() if frame.ndim == 1 else self._y.copy()

    def reset(self) -> None:
        """Begin new sequences: all states are zero."""
        self._context.forget()
