"""Spin glasses: lattices whose couplings are drawn once and then stay (Edwards & Anderson).

Couplings of both signs cannot all be satisfied around a loop whose product is negative, so the energy has very many
local minima.

Source: Edwards & Anderson 1975 (doi:10.1088/0305-4608/5/5/017).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ebm.boltzmann.ising import IsingLattice, as_random
from ebm.random import Stream

if TYPE_CHECKING:
    from ebm.random import Random


def plus_minus_glass(
    shape: tuple[int, ...], random: Random | int, *, share: float = 0.5, **options: Any
) -> IsingLattice:
    """Return a lattice of couplings +1, and -1 with this share.

    Parameters
    ----------
    shape : tuple of int
        As of :class:`~ebm.boltzmann.ising.IsingLattice`.
    random : Random or int
        Source of the couplings, or its seed.
    share : float
        Probability that a coupling is -1.
    **options
        ``field``, ``dtype`` and ``device`` of the lattice.

    Raises
    ------
    ValueError
        When ``share`` is not between 0 and 1, or the shape is not a lattice's.
    """
    if not 0 <= share <= 1:
        raise ValueError(f"share must be between 0 and 1, got {share}")
    u = as_random(random).uniform((len(shape), int(np.prod(shape))), Stream.LATTICE_COUPLINGS, dtype=np.float64)
    return IsingLattice(shape, np.where(u < share, -1.0, 1.0).reshape(-1, *shape), **options)


def gaussian_glass(shape: tuple[int, ...], random: Random | int, *, scale: float = 1.0, **options: Any) -> IsingLattice:
    """Return a lattice of normal couplings of mean zero; its ground state is unique up to a flip of all spins.

    Parameters
    ----------
    shape : tuple of int
        As of :class:`~ebm.boltzmann.ising.IsingLattice`.
    random : Random or int
        Source of the couplings, or its seed.
    scale : float
        Standard deviation of a coupling, positive.
    **options
        ``field``, ``dtype`` and ``device`` of the lattice.

    Raises
    ------
    ValueError
        When ``scale`` is not positive, or the shape is not a lattice's.
    """
    if not scale > 0:
        raise ValueError(f"scale must be positive, got {scale}")
    n = int(np.prod(shape))
    couplings = scale * as_random(random).normal((len(shape), n), Stream.LATTICE_COUPLINGS, dtype=np.float64)
    return IsingLattice(shape, couplings.reshape(-1, *shape), **options)
