"""Colour-block Gibbs sampling on a GPU: the graph, its couplings and the chains stay there between calls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ebm.boltzmann.boltzmann_machine import BoltzmannMachine
from ebm.kernels.colour_gibbs import Couplings, on_device
from ebm.random import Random, Stream

if TYPE_CHECKING:
    from ebm.device import Device


class DeviceChains:
    """Chains of one machine on a GPU, with the same random numbers as on the CPU; a launch for every colour.

    Parameters
    ----------
    model : BoltzmannMachine
        On the CPU.
    states : ndarray of shape (n_chains, n_units)
        Where the chains start, in the model's dtype.
    device : Device
        ``ebm.device.get_device("cuda")``.
    clamped : bool ndarray of shape (n_units,), optional
        Units that stay as they are.

    Raises
    ------
    ValueError
        When the states do not fit the model.
    """

    def __init__(
        self, model: BoltzmannMachine, states: np.ndarray, device: Device, clamped: np.ndarray | None = None
    ) -> None:
        if states.ndim != 2 or states.shape[1] != model.n_units or states.dtype != model.dtype:
            raise ValueError(
                f"states must be {model.dtype} of shape (n_chains, {model.n_units}), got {states.dtype}{states.shape}"
            )
        self._model, self._device = model, device
        self._layout, couplings = model.laid_out(clamped)
        self._couplings = Couplings(*(device.upload(part) for part in couplings))
        self._states = device.upload(np.ascontiguousarray(self._layout.at_places(states).T))

    def gibbs(
        self, n_sweeps: int, random: Random, *, betas: Any = 1.0, first_step: int = 0, backwards: bool = False
    ) -> None:
        """Do sweeps in place; parameters as of ``BoltzmannMachine.gibbs``."""
        scales = self._device.upload(self._model.scales(betas, self._states.shape[1]))
        draw, layout = random.at(Stream.GRAPH, first_step), self._layout
        slices, colours = layout.backwards() if backwards else (layout.slices, layout.colours)
        on_device(
            self._states,
            self._couplings._replace(slices=self._device.upload(slices)),
            slices,
            colours,
            scales,
            draw,
            n_sweeps,
        )

    @property
    def states(self) -> np.ndarray:
        """The chains' states, (n_chains, n_units), on the CPU."""
        return np.ascontiguousarray(self._device.download(self._states).T[:, self._layout.places])
