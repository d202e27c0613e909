"""What is known exactly about the Ising model: sums over all states, transfer matrices, Onsager's solution.

A strip of width w is a product of 2^w x 2^w matrices, one a row: with e_r(s) the energy inside row r,

    Z = Tr prod_r V_r W_r,   V_r = diag(e^{-beta e_r(s)}),   W_r(s, t) = prod_j e^{beta J_rj s_j t_j}

W_r is a product over columns, so it is applied one column at a time, in 2 w 4^w steps instead of 8^w. The derivative by
beta is carried along, and gives the mean energy; minima of energies instead of sums give a ground state ("max-plus").

Sources: Kramers & Wannier 1941 (doi:10.1103/PhysRev.60.252), for the matrix; Onsager 1944 (doi:10.1103/PhysRev.65.117)
for the energy and Yang 1952 (doi:10.1103/PhysRev.85.808) for the magnetisation of the infinite lattice.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ellipkm1, logsumexp

from ebm.kernels.lattice import sides_of
from ebm.kernels.lattice_energy import energies

if TYPE_CHECKING:
    from ebm.boltzmann.ising import IsingLattice

CRITICAL_BETA = float(np.log1p(np.sqrt(2.0)) / 2.0)  # of the square lattice with J = 1: 0.440687
MOST_SITES = 20  # for enumeration
WIDEST = 12  # for transfer matrices: seconds at 12, and 4 times as long for each more
BLOCK = 2**20  # numbers worked on at a time


def states_of(numbers: np.ndarray, n: int) -> np.ndarray:
    """Return the states of these numbers, (len, n) of +-1 in float64: site i is up where bit i is one."""
    return 2.0 * (numbers[:, None] >> np.arange(n) & 1) - 1.0


def enumerate_energies(lattice: IsingLattice) -> np.ndarray:
    """Compute the energy of every state; state number k has site i up where bit i of k is one.

    Returns
    -------
    ndarray of shape (2**n_sites,), float64

    Raises
    ------
    ValueError
        When there are more than 20 sites.
    """
    n = lattice.n_sites
    if n > MOST_SITES:
        raise ValueError(f"enumeration takes at most {MOST_SITES} sites, the lattice {lattice.shape} has {n}")
    parts = lattice.coupling.reshape(len(lattice.shape), n).astype(np.float64), lattice.field.ravel().astype(np.float64)
    out = np.empty(2**n)
    for first in range(0, out.size, BLOCK // n):
        numbers = np.arange(first, min(first + BLOCK // n, out.size))
        out[numbers] = energies(states_of(numbers, n), *parts, sides_of(lattice.shape))
    return out


class Strip(NamedTuple):
    """A 2-D lattice as rows of its shorter side, float64."""

    between: np.ndarray  # (rows, width): couplings to the next row
    energies: np.ndarray  # (rows, 2**width): inside each row
    turned: bool  # whether rows are the lattice's columns


def strip_of(lattice: IsingLattice) -> Strip:
    """Lay a lattice out as a strip.

    Raises
    ------
    ValueError
        When it is not two-dimensional, or its shorter side is more than 12.
    """
    if len(lattice.shape) != 2 or min(lattice.shape) > WIDEST:
        raise ValueError(
            f"a transfer matrix takes two dimensions, the shorter at most {WIDEST}, and enumeration at most "
            f"{MOST_SITES} sites; the lattice is {lattice.shape}"
        )
    (along, across), field = lattice.coupling.astype(np.float64), lattice.field.astype(np.float64)
    turned = lattice.shape[0] < lattice.shape[1]
    if turned:
        along, across, field = across.T, along.T, field.T
    s = states_of(np.arange(2 ** along.shape[1]), along.shape[1])
    inside = -(across @ (s * np.roll(s, -1, axis=1)).T) - field @ s.T
    return Strip(along, inside, turned)


def _blocks(width: int) -> Iterator[np.ndarray]:
    """Numbers of the first row's states, so many at a time that a matrix of them stays small."""
    n = 2**width
    at_once = max(1, BLOCK // n)
    for first in range(0, n, at_once):
        yield np.arange(first, min(first + at_once, n))


def _column(matrix: np.ndarray, j: int) -> tuple[np.ndarray, np.ndarray]:
    """Return views of the entries whose column number has bit j off, and on."""
    parts = matrix.reshape(len(matrix), -1, 2, 2**j)
    return parts[:, :, 0], parts[:, :, 1]


def partition(lattice: IsingLattice, beta: float = 1.0) -> tuple[float, float]:
    """Return log Z in nats, and the mean energy -d log Z / d beta, at an inverse temperature.

    By a transfer matrix in two dimensions, whose shorter side is at most 12; else by enumeration of at most 20 sites.

    Raises
    ------
    ValueError
        When the lattice is larger, or beta is not finite.
    """
    if not np.isfinite(beta):
        raise ValueError(f"beta must be finite, got {beta}")
    if len(lattice.shape) == 3 and lattice.n_sites <= MOST_SITES:
        e = enumerate_energies(lattice)
        log_z = logsumexp(-beta * e)
        return float(log_z), float(np.exp(-beta * e - log_z) @ e)
    strip = strip_of(lattice)
    found = [_partition_from(strip, beta, start) for start in _blocks(strip.between.shape[1])]
    log_zs, means = np.array(found).T
    log_z = logsumexp(log_zs)
    return float(log_z), float(np.exp(log_zs - log_z) @ means)


def _partition_from(strip: Strip, beta: float, start: np.ndarray) -> tuple[float, float]:
    """log Z and mean energy of the states whose first row is one of ``start``."""
    matrix = (start[:, None] == np.arange(strip.energies.shape[1])).astype(np.float64)
    slope, log_scale = np.zeros_like(matrix), 0.0  # d matrix / d beta, both over e^log_scale
    for row, between in zip(strip.energies, strip.between, strict=True):
        lowest = row.min() if beta >= 0 else row.max()
        log_scale -= beta * lowest
        weights = np.exp(-beta * (row - lowest))
        slope = (slope - matrix * row) * weights
        matrix = matrix * weights
        for j, coupling in enumerate(between):
            shift = abs(beta * coupling)
            equal, unequal = np.exp(beta * coupling - shift), np.exp(-beta * coupling - shift)
            log_scale += shift
            (off, on), (off_slope, on_slope) = _column(matrix, j), _column(slope, j)
            stays, flips = (equal * off, equal * on), (unequal * on, unequal * off)
            new = [a + b for a, b in zip(stays, flips, strict=True)]
            slopes = (equal * off_slope + unequal * on_slope, equal * on_slope + unequal * off_slope)
            new_slope = [c + coupling * (a - b) for a, b, c in zip(stays, flips, slopes, strict=True)]
            matrix = np.stack(new, axis=2).reshape(matrix.shape)
            slope = np.stack(new_slope, axis=2).reshape(matrix.shape)
        peak = matrix.max()
        matrix, slope, log_scale = matrix / peak, slope / peak, log_scale + np.log(peak)
    rows = np.arange(len(start))
    trace = matrix[rows, start].sum()
    if not trace > 0:
        raise ValueError(f"beta = {beta} is too large for sums in float64; ground_state tells the limit")
    return float(log_scale + np.log(trace)), float(-slope[rows, start].sum() / trace)


def ground_state(lattice: IsingLattice) -> tuple[np.ndarray, float]:
    """Return a state of least energy, of the lattice's shape and dtype, and its energy (float64).

    By minima along a transfer matrix in two dimensions, whose shorter side is at most 12; else by enumeration of at
    most 20 sites.

    Raises
    ------
    ValueError
        When the lattice is larger.
    """
    if len(lattice.shape) == 3 and lattice.n_sites <= MOST_SITES:
        e = enumerate_energies(lattice)
        best = states_of(np.array([e.argmin()]), lattice.n_sites)
        return best.reshape(lattice.shape).astype(lattice.dtype), float(e.min())
    strip = strip_of(lattice)
    least = np.concatenate([_least_from(strip, start) for start in _blocks(strip.between.shape[1])])
    rows = _trace_back(strip, int(least.argmin()))
    spins = states_of(rows, strip.between.shape[1])
    return (spins.T if strip.turned else spins).astype(lattice.dtype, order="C"), float(least.min())


def _least_over_column(matrix: np.ndarray, j: int, coupling: float) -> np.ndarray:
    off, on = _column(matrix, j)
    new = np.minimum(off - coupling, on + coupling), np.minimum(off + coupling, on - coupling)
    return np.stack(new, axis=2).reshape(matrix.shape)


def _least_from(strip: Strip, start: np.ndarray) -> np.ndarray:
    """Least energy of the states with each first row of ``start``."""
    matrix = np.where(start[:, None] == np.arange(strip.energies.shape[1]), 0.0, np.inf)
    for row, between in zip(strip.energies, strip.between, strict=True):
        matrix = matrix + row
        for j, coupling in enumerate(between):
            matrix = _least_over_column(matrix, j, coupling)
    return matrix[np.arange(len(start)), start]


def _trace_back(strip: Strip, first: int) -> np.ndarray:
    """Return the row numbers of a state of least energy, given its first row's."""
    vector = np.where(np.arange(strip.energies.shape[1]) == first, 0.0, np.inf)[None]
    passed = []
    for row, between in zip(strip.energies, strip.between, strict=True):
        vector = vector + row
        for j, coupling in enumerate(between):
            passed.append(vector[0])
            vector = _least_over_column(vector, j, coupling)
    number, rows = first, np.empty(len(strip.between), np.int64)
    for r in reversed(range(len(rows))):
        for j in reversed(range(strip.between.shape[1])):
            before, coupling = passed.pop(), strip.between[r, j]
            choices = [number & ~(1 << j), number | 1 << j]
            towards = 1 if number >> j & 1 else -1
            number = min(choices, key=lambda s: before[s] - coupling * towards * (1 if s >> j & 1 else -1))
        rows[r] = number
    return rows


def onsager_energy(beta: ArrayLike, coupling: float = 1.0) -> np.ndarray:
    """Energy per site of the infinite square lattice without a field, by Onsager's solution.

        u = -J coth(2 K) (1 + (2 / pi) k' F(k')),   K = beta J,   k' = 2 tanh(2 K)^2 - 1

    with F(k') the complete elliptic integral of the first kind of complementary modulus k'.

    Parameters
    ----------
    beta : array-like
        Inverse temperatures, 0 or larger.
    coupling : float
        J, of either sign: without a field the square lattice does not tell them apart.
    """
    k = np.abs(np.asarray(beta, np.float64) * coupling)
    t = np.tanh(2.0 * np.where(k == 0, 1.0, k))
    modulus = 2.0 * t**2 - 1.0
    singular = modulus * ellipkm1(np.where(modulus == 0, 1.0, modulus**2))
    return np.where(k == 0, 0.0, -abs(coupling) / t * (1.0 + 2.0 / np.pi * singular))


def yang_magnetization(beta: ArrayLike, coupling: float = 1.0) -> np.ndarray:
    """Spontaneous magnetisation of the infinite square lattice: (1 - sinh(2 beta J)^-4)^(1/8), 0 where it is hot."""
    x = np.sinh(2.0 * np.asarray(beta, np.float64) * coupling)
    return np.where(x > 1, 1.0 - np.maximum(x, 1.0) ** -4.0, 0.0) ** 0.125
