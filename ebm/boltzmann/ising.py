"""The Ising model on a two- or three-dimensional torus, with any couplings and fields.

    E(s) = -sum_a sum_i J_a(i) s_i s_{i + e_a} - sum_i h_i s_i,   s_i = +-1,   p_beta(s) proportional to e^{-beta E(s)}

Each edge is counted once, from its lower end; around the torus the last site's next is the first. beta
multiplies the whole energy, fields included, exactly once. At side 2 two edges join the same two sites, and count both.

As a tempered family (``ebm.sampling.tempered.Tempered``) its base is fair coins: E_0 = 0 and log Z_0 = n log 2, so
the potential is the energy, and beta beyond 1 goes on towards ground states.

Source: Ising 1925 (doi:10.1007/BF02980577) for the model; Onsager 1944 (doi:10.1103/PhysRev.65.117) for two
dimensions, which ``ebm.boltzmann.ising_exact`` evaluates.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from scipy.special import expit

from ebm.boltzmann import ising_exact
from ebm.device import beside, get_device
from ebm.kernels.bernoulli import bernoulli
from ebm.kernels.jit import on_gpu
from ebm.kernels.lattice import LARGE, Clock, Tables, heat_bath, heat_bath_on_gpu, make_tables, sides_of
from ebm.kernels.lattice_energy import energies
from ebm.random import Draw, Random, Stream
from ebm.sampling.tempered import COLDEST

MOST_UPDATES = 2**28  # spin updates in one call, a second or so: between calls Ctrl-C is heard


class Measured(NamedTuple):
    """Traces of chains, as ``ebm.sampling.diagnostics`` takes them."""

    energy: np.ndarray  # (n_chains, n_draws), float64: of the whole lattice
    magnetization: np.ndarray  # (n_chains, n_draws), float64: mean spin
    states: np.ndarray  # (n_chains, *shape): where the chains ended


@dataclass(frozen=True, eq=False)
class IsingLattice:
    """Ising spins on a torus.

    Parameters
    ----------
    shape : tuple of int
        Two or three sides, each even: an odd ring cannot be coloured with two colours.
    coupling : float or array
        J, anything that broadcasts to ``(d, *shape)``: ``coupling[a, i]`` joins site i and the next along axis a.
        Positive favours equal spins.
    field : float or array
        h, anything that broadcasts to ``shape``.
    dtype : float32 or float64
        Of states and sweeps.
    device : {"cpu", "cuda", "auto"} or ebm.device.Device
        Where states live.

    Raises
    ------
    ValueError
        When sides are not two or three even numbers, ``coupling`` or ``field`` do not fit or are not finite, or
        dtype or device are none of these.

    Examples
    --------
    >>> lattice = IsingLattice((8, 8))
    >>> states = lattice.sample(100, 200, beta=0.3, random=0)
    >>> states.shape
    (100, 8, 8)
    """

    shape: tuple[int, ...]
    coupling: Any = 1.0
    field: Any = 0.0
    dtype: Any = np.float32
    device: Any = "cpu"

    def __post_init__(self) -> None:
        """Check the parameters and bring them into one form."""
        shape = _checked_shape(self.shape)
        dtype = np.dtype(self.dtype)
        if dtype not in (np.float32, np.float64):
            raise ValueError(f"dtype must be float32 or float64, got {dtype}")
        coupling = _broadcast(self.coupling, (len(shape), *shape), "coupling", dtype)
        field = _broadcast(self.field, shape, "field", dtype)
        for name, value in (
            ("shape", shape), ("dtype", dtype), ("coupling", coupling), ("field", field),
            ("device", get_device(self.device)),
        ):  # fmt: skip
            object.__setattr__(self, name, value)

    @property
    def n_sites(self) -> int:
        """Number of spins."""
        return int(self.field.size)

    @cached_property
    def is_uniform(self) -> bool:
        """Whether all couplings are equal, and all fields: then probabilities come from a small table."""
        return bool((self.coupling == self.coupling.flat[0]).all() and (self.field == self.field.flat[0]).all())

    @cached_property
    def _tables(self) -> Tables:
        return make_tables(self.coupling, self.field)

    @cached_property
    def _parts(self) -> tuple[Any, Any, Any]:
        """Couplings (d, n), fields (n,) and sides, where the states live."""
        parts = self.coupling.reshape(len(self.shape), -1), self.field.ravel(), sides_of(self.shape)
        couplings, fields, sides = (self.device.upload(part) for part in parts)
        return couplings, fields, sides

    def rows(self, states: Any) -> Any:
        """Return states as rows of shape (n_chains, n_sites), C-contiguous, in the dtype of the lattice.

        Parameters
        ----------
        states : array of shape (n_chains, n_sites), ``(n_chains, *shape)`` or ``shape``
            Spins +-1.

        Raises
        ------
        ValueError
            When the shape is another, or the states are on another device.
        """
        if states.shape[-len(self.shape) :] == self.shape and states.ndim in (len(self.shape), len(self.shape) + 1):
            states = states.reshape(-1, self.n_sites)
        if states.ndim != 2 or states.shape[1] != self.n_sites:
            raise ValueError(
                f"states must be spins of shape (n_chains, {self.n_sites}) or (n_chains, *{self.shape}), got an array "
                f"of shape {states.shape}"
            )
        if on_gpu(states) != (self.device.name == "cuda"):
            raise ValueError(f"states must be on the lattice's device ({self.device.name}); upload or download them")
        return states.astype(self.dtype, order="C", copy=False)

    def energy(self, states: Any) -> Any:
        """E(s) of every chain, shape (n_chains,), float64; on the GPU in the dtype of the lattice."""
        return energies(self.rows(states), *self._parts)

    def magnetization(self, states: Any) -> Any:
        """Mean spin of every chain, shape (n_chains,), float64."""
        return self.rows(states).mean(axis=1, dtype=np.float64)

    def log_partition(self, beta: float = 1.0) -> float:
        """Exact log Z at an inverse temperature, in nats; limits as of :func:`ebm.boltzmann.ising_exact.partition`."""
        return ising_exact.partition(self, beta)[0]

    def mean_energy(self, beta: float = 1.0) -> float:
        """Exact mean energy of the lattice; limits as of :meth:`log_partition`."""
        return ising_exact.partition(self, beta)[1]

    # What tempering and annealing ask for

    @property
    def log_base(self) -> float:
        """Log Z_0 = n log 2."""
        return float(self.n_sites * np.log(2.0))

    def start(self, n_chains: int, random: Random, first_chain: int = 0, *, step: int = 0) -> Any:
        """Draw fair spins, shape (n_chains, n_sites), chain r at row ``first_chain + r`` and ``step``."""
        even = self.device.zeros((n_chains, self.n_sites), self.dtype)
        up = bernoulli(even, None, random.at(Stream.LATTICE_START, step, first_chain))
        return 2 * up - 1

    def potential(self, states: Any) -> np.ndarray:
        """E(s) of every chain: the base has no energy. Shape (n_chains,), float64."""
        return np.asarray(self.device.download(self.energy(states)), np.float64)

    def sweep(self, states: Any, betas: Any, random: Random, step: int, first_chain: int = 0) -> Any:
        """Return new states: both colours drawn once, each chain at its beta; parameters as of :meth:`sweeps`."""
        return self.sweeps(states, np.asarray(betas)[None], random, step, first_chain)

    def reversed_sweep(self, states: Any, betas: Any, random: Random, step: int, first_chain: int = 0) -> Any:
        """Return states after the odd colour, then the even one, was drawn: the reversal of ``sweep`` under p_beta.

        Tempered transitions need it on their way down. Parameters as of :meth:`sweep`.
        """
        return self._swept(states, np.asarray(betas)[None], random, step, first_chain, first_colour=1)

    def sweeps(self, states: Any, betas: Any, random: Random, step: int, first_chain: int = 0) -> Any:
        """Return states after a sweep for each row of ``betas``, all in one call.

        Parameters
        ----------
        states : array of shape (n_chains, n_sites)
            Spins +-1; left as they are.
        betas : ndarray of shape (n_sweeps, n_chains), or (n_sweeps, 1) for one beta at a time
            Inverse temperatures, 0 to infinity. At infinity spins follow their local fields, and toss a coin where
            that is zero.
        random : Random
        step : int
            Sweep k draws at step ``step + k``.
        first_chain : int
            Chain r draws at row ``first_chain + r``.

        Returns
        -------
        array of shape (n_chains, n_sites)

        Raises
        ------
        ValueError
            When states or betas are not as described.
        """
        return self._swept(states, betas, random, step, first_chain)

    def _swept(
        self, states: Any, betas: Any, random: Random, step: int, first_chain: int, first_colour: int = 0
    ) -> Any:
        states = self.rows(states).copy()
        betas = _checked_betas(betas, states.shape[0])
        at_once = max(1, MOST_UPDATES // max(states.size, 1))
        for top in range(0, len(betas), at_once):
            now = np.minimum(betas[top : top + at_once], COLDEST)
            self._sweep_in_place(states, now, random.at(Stream.LATTICE_EVEN, step + top, first_chain), first_colour)
        return states

    def _sweep_in_place(self, states: Any, betas: np.ndarray, at: Draw, first_colour: int) -> None:
        """Do one call's sweeps; ``at`` is where the first one's even sites draw."""
        n_chains, streams = states.shape[0], (int(Stream.LATTICE_EVEN), int(Stream.LATTICE_ODD))
        twice = np.array(np.broadcast_to(2.0 * betas, (len(betas), n_chains)), self.dtype, order="C")
        if on_gpu(states):
            words = (at.first_row, at.step, *streams, at.seed, first_colour)
            heat_bath_on_gpu(*self._parts, states, beside(twice, states), words)
            return
        row, first, (step, key) = np.int64(at.first_row), np.int64(first_colour), map(np.uint64, (at.step, at.seed))
        clock = Clock(row, step, np.uint64(streams[0]), np.uint64(streams[1]), key, first)
        heat_bath(self._tables, states, twice, self._probabilities(betas, n_chains), clock)

    def _probabilities(self, betas: np.ndarray, n_chains: int) -> np.ndarray | None:
        """Return P(up) by the sum of the neighbours, where that is the faster way."""
        if not self.is_uniform or self.n_sites <= LARGE:  # the lattice alone decides: rounding differs
            return None
        d = len(self.shape)
        x = float(self.coupling.flat[0]) * np.arange(-2 * d, 2 * d + 1, 2) + float(self.field.flat[0])
        table = expit(2.0 * betas[:, :, None] * x).astype(self.dtype)
        return np.array(np.broadcast_to(table, (len(betas), n_chains, x.size)), order="C")

    # Running chains

    def sample(
        self,
        n_chains: int,
        n_sweeps: int,
        *,
        beta: Any = 1.0,
        random: Random | int,
        start: Any = None,
        first_step: int | None = None,
        first_chain: int = 0,
    ) -> Any:
        """Run chains and return where they end.

        Parameters
        ----------
        n_chains : int
            At least 1.
        n_sweeps : int
            Sweeps to do, at least 0.
        beta : float or array of shape (n_chains,)
            Inverse temperature of all chains, or of each.
        random : Random or int
            Source of the random numbers, or its seed.
        start : array of shape ``(n_chains, *shape)`` or (n_chains, n_sites), optional
            Fair spins by default.
        first_step : int, optional
            Sweep k, counted from 0, draws at step ``first_step + k``; 1 by default, and needed with ``start``. To go
            on from a run under the same seed give its ``first_step`` plus its sweeps, else it is replayed. Without
            ``start`` spins are drawn at the step before.
        first_chain : int
            Chain r draws at row ``first_chain + r``: give it to share a run out.

        Returns
        -------
        array of shape ``(n_chains, *shape)``

        Raises
        ------
        ValueError
            When a parameter is not as described.
        """
        *_, states = self._run(n_chains, n_sweeps, 0, beta, random, start, first_step, first_chain)
        return states.reshape(-1, *self.shape)

    def measure(
        self,
        n_chains: int,
        n_draws: int,
        *,
        every: int = 1,
        beta: Any = 1.0,
        random: Random | int,
        start: Any = None,
        first_step: int | None = None,
        first_chain: int = 0,
    ) -> Measured:
        """Run chains, and note energy and magnetisation after ``every`` sweeps, ``n_draws`` times.

        Other parameters as of :meth:`sample`, from whose end a run can ``start`` in equilibrium, at the ``first_step``
        that follows.

        Returns
        -------
        Measured
            ``energy`` and ``magnetization`` of shape (n_chains, n_draws), ``states`` of shape ``(n_chains, *shape)``.
        """
        for name, value in (("n_draws", n_draws), ("every", every)):
            if value < 1:
                raise ValueError(f"{name} must be at least 1, got {value}")
        energy, magnetization = [], []
        for states in self._run(n_chains, n_draws * every, every, beta, random, start, first_step, first_chain):
            energy.append(self.potential(states))
            magnetization.append(self.device.download(self.magnetization(states)))
        return Measured(np.stack(energy, axis=1), np.stack(magnetization, axis=1), states.reshape(-1, *self.shape))

    def _run(
        self,
        n_chains: int,
        n_sweeps: int,
        every: int,
        beta: Any,
        random: Random | int,
        start: Any,
        first_step: int | None,
        row: int,
    ) -> Iterator[Any]:
        """Yield the states after every so many sweeps, of which ``n_sweeps`` is a multiple; 0: at the end only."""
        if n_chains < 1 or n_sweeps < 0:
            raise ValueError(f"n_chains must be at least 1 and n_sweeps at least 0, got {n_chains} and {n_sweeps}")
        random, step = as_random(random), _checked_step(first_step, start)
        states = self.start(n_chains, random, row, step=max(step - 1, 0)) if start is None else self.rows(start)
        if states.shape[0] != n_chains:
            raise ValueError(f"start must have n_chains = {n_chains} rows, got {states.shape[0]}")
        if not (abs(states) == 1).all():
            raise ValueError(f"start must consist of spins -1 and 1, got {float(states[abs(states) != 1][0])}")
        betas = np.asarray(beta, np.float64)
        if betas.shape not in ((), (n_chains,)):
            raise ValueError(f"beta must be a number or have shape ({n_chains},), got shape {betas.shape}")
        betas = _checked_betas(np.broadcast_to(betas, (1, n_chains)), n_chains)
        every = every or max(n_sweeps, 1)
        for done in range(0, n_sweeps, every):
            states = self.sweeps(states, np.broadcast_to(betas, (every, n_chains)), random, step + done, row)
            yield states
        if n_sweeps == 0:
            yield states


def as_random(random: Random | int) -> Random:
    """Return random numbers under a seed; those given as they are.

    Raises
    ------
    ValueError
        When the seed is not an integer in [0, 2**64).
    """
    if isinstance(random, Random):
        return random
    if not isinstance(random, (int, np.integer)) or not 0 <= random < 2**64:
        raise ValueError(f"random must be a Random or a seed in [0, 2**64), got {random!r}")
    return Random(int(random))


def _checked_step(first_step: int | None, start: Any) -> int:
    """Return where a run's numbers begin: one that starts from another's end must say so, or it would replay it."""
    if first_step is None and start is not None:
        raise ValueError(
            "first_step must be given with start: the first_step of the run that made start plus its sweeps (1 + "
            "n_sweeps after one from the beginning), or 1 if no run under this seed made it; got None"
        )
    step = 1 if first_step is None else first_step
    if step < 0:
        raise ValueError(f"first_step must be at least 0, got {first_step}")
    return step


def _checked_shape(shape: Any) -> tuple[int, ...]:
    sides = tuple(int(side) for side in shape)
    if len(sides) not in (2, 3) or any(side < 2 or side % 2 for side in sides):
        raise ValueError(
            f"shape must be two or three even sides (an odd ring has no two colours), at least 2 each; got {shape}"
        )
    return sides


def _broadcast(value: Any, shape: tuple[int, ...], name: str, dtype: np.dtype) -> np.ndarray:
    given = np.asarray(value, np.float64)
    try:
        full = np.broadcast_to(given, shape)
    except ValueError:
        raise ValueError(f"{name} must broadcast to {shape}, got shape {given.shape}") from None
    if not np.isfinite(given).all():
        raise ValueError(f"{name} must be finite, got {given[~np.isfinite(given)].flat[0]}")
    return np.array(full, dtype, order="C")  # a copy of its own, and not read-only as broadcasts are


def _checked_betas(betas: Any, n_chains: int) -> np.ndarray:
    """Return betas (n_sweeps, n_chains or 1), float64."""
    betas = np.asarray(betas, np.float64)
    if betas.ndim != 2 or betas.shape[1] not in (1, n_chains):
        raise ValueError(f"betas must have a column for each of {n_chains} chains, or one; got shape {betas.shape}")
    if not (betas >= 0).all():
        raise ValueError(f"betas must be 0 or larger, got {betas[~(betas >= 0)].flat[0]}")
    return betas
