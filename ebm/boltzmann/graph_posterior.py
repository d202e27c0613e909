"""Means of the hidden units of a Boltzmann machine given its visible ones."""

from __future__ import annotations

import numpy as np

from ebm.boltzmann.boltzmann_machine import BoltzmannMachine
from ebm.boltzmann.graph_enumeration import means_given, n_enumerated
from ebm.random import Random, Stream

FEW = 12  # hidden units whose states are enumerated for every row
BURN_IN, SWEEPS = 20, 100  # where there are more


def hidden_mean(model: BoltzmannMachine, v: np.ndarray, random: Random, first_row: int = 0) -> np.ndarray:
    """Return E[h | v] of every row, exactly where at most 12 hidden units need be enumerated.

    Else it is an average over 100 sweeps of Gibbs sampling with the visible units held, of the conditional means.

    Parameters
    ----------
    model : BoltzmannMachine
    v : ndarray of shape (n_rows, n_visible), the model's dtype
    random : Random
        The estimate is a function of its seed.
    first_row : int
        Row r of v draws at row ``first_row + r``: give it where v is a part of the samples.

    Returns
    -------
    ndarray of shape (n_rows, n_hidden), the model's dtype
    """
    hidden = model.hidden_units
    if model.hidden_are_independent:
        return independent_means(model, v)[:, hidden]
    if n_enumerated(model, model.visible) <= FEW:
        return means_given(model, model.visible, v)[:, hidden].astype(model.dtype)
    states = posterior_states(model, v, random, BURN_IN, first_row=first_row)
    place = {"clamped": model.visible, "first_chain": first_row, "stream": Stream.GRAPH_CLAMPED}
    total = np.zeros((len(v), model.n_hidden))
    for step in range(BURN_IN, BURN_IN + SWEEPS):
        states = model.gibbs(states, 1, random, first_step=step, **place)
        total += model.conditional_mean(states)[:, hidden]
    return (total / SWEEPS).astype(model.dtype)


def independent_means(model: BoltzmannMachine, v: np.ndarray) -> np.ndarray:
    """Return E[s | v] of all units, (n_rows, n_units), where hidden units are not joined to each other."""
    states = np.zeros((len(v), model.n_units), model.dtype)
    states[:, model.visible_units] = v
    states[:, model.hidden_units] = model.conditional_mean(states)[:, model.hidden_units]
    return states


def posterior_states(
    model: BoltzmannMachine, v: np.ndarray, random: Random, n_sweeps: int, *, first_step: int = 0, first_row: int = 0
) -> np.ndarray:
    """Return states (n_rows, n_units): the visible units as given, the hidden ones after sweeps from fair coins.

    One sweep is exact where hidden units are not joined to each other.
    """
    states = model.random_states(len(v), random, Stream.GRAPH_HIDDEN, first_step, first_row)
    states[:, model.visible_units] = v
    return model.gibbs(
        states,
        n_sweeps,
        random,
        clamped=model.visible,
        first_step=first_step,
        first_chain=first_row,
        stream=Stream.GRAPH_CLAMPED,
    )
