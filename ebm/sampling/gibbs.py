"""Block Gibbs sampling for any model of two layers that tells its conditionals.

One sweep draws v ~ p(v | h), then h ~ p(h | v); the joint distribution p(v, h) stays what it was, so chains started
from the model remain there, and any others approach it.

Source: Geman & Geman 1984 (doi:10.1109/TPAMI.1984.4767596), section XI.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Protocol

from ebm.random import Random, Stream

if TYPE_CHECKING:
    from ebm.random import Draw


class TwoLayers(Protocol):
    """What Gibbs sampling asks of a model."""

    def sample_hidden(self, v: Any, draw: Draw) -> Any:
        """Draw h from p(h | v)."""
        ...

    def sample_visible(self, h: Any, draw: Draw) -> Any:
        """Draw v from p(v | h)."""
        ...


def sweeps(
    model: TwoLayers, h: Any, n_sweeps: int, random: Random, *, first_step: int = 0, first_chain: int = 0
) -> Iterator[tuple[Any, Any]]:
    """Yield the states (v, h) after each of ``n_sweeps`` sweeps.

    Parameters
    ----------
    model : TwoLayers
        An RBM, or anything else with ``sample_hidden`` and ``sample_visible``.
    h : array of shape (n_chains, n_hidden)
        Hidden states to start from.
    n_sweeps : int
        Sweeps to do, at least 0.
    random : Random
        Source of the uniforms; sweep s draws at step ``first_step + s``, chain r at row ``first_chain + r``.
    first_step, first_chain : int
        Give them to continue a run, or to share its chains over workers: the numbers stay the same.

    Yields
    ------
    v : array of shape (n_chains, n_visible)
    h : array of shape (n_chains, n_hidden)
    """
    for step in range(first_step, first_step + n_sweeps):
        v = model.sample_visible(h, random.at(Stream.VISIBLE, step, first_chain))
        h = model.sample_hidden(v, random.at(Stream.HIDDEN, step, first_chain))
        yield v, h


def gibbs(
    model: TwoLayers, h: Any, n_sweeps: int, random: Random, *, first_step: int = 0, first_chain: int = 0
) -> tuple[Any, Any]:
    """Run ``n_sweeps`` (at least 1) sweeps and return the last states (v, h); parameters as of :func:`sweeps`.

    Raises
    ------
    ValueError
        When ``n_sweeps`` is less than 1.
    """
    if n_sweeps < 1:
        raise ValueError(f"n_sweeps must be at least 1, got {n_sweeps}")
    every = sweeps(model, h, n_sweeps, random, first_step=first_step, first_chain=first_chain)
    return deque(every, maxlen=1).pop()
