"""The Boltzmann machine on any graph: its energy, its conditionals, and colour-block Gibbs sampling.

E(s) = -b.s - sum_{i<j} W_ij s_i s_j,   p(s) = e^{-beta E(s)} / Z,   s_i in {0, 1}

A unit is on, given all others, with probability sigma(beta (b_i + sum_j W_ij s_j)); beta = 1 / T multiplies the whole
energy, biases included, exactly once. Some units are visible, the others hidden.

Source: Ackley, Hinton & Sejnowski 1985 (doi:10.1207/s15516709cog0901_7), eqs. 1 to 5.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from scipy import sparse
from scipy.special import expit

from ebm.boltzmann.graph import Graph, weighted_graph
from ebm.boltzmann.graph_layout import Layout
from ebm.kernels.bernoulli import bernoulli
from ebm.kernels.colour_gibbs import Couplings, colour_gibbs
from ebm.random import Random, Stream
from ebm.sampling.tempered import COLDEST

DENSE = 0.1  # share of entries of W from which on products with a dense matrix are faster


@dataclass(frozen=True, eq=False)
class BoltzmannMachine:
    """Parameters of a Boltzmann machine of binary units {0, 1}, and its mathematics.

    It is a tempered family (``ebm.sampling.tempered.Tempered``), and so can be annealed, tempered, and its log Z
    estimated. The base has independent units with biases ``base_bias``; at t between 0 and 1::

        p_t(s) ~ exp(-(1 - t) E_0(s) - t beta E(s)),   E_0(s) = -base_bias . s

    Parameters
    ----------
    graph : Graph
        Which units are joined.
    weights : ndarray of shape (graph.n_edges,), float32 or float64
        W_ij of every edge, in the order of ``graph.edges``.
    bias : ndarray of shape (n_units,), the same dtype
        b.
    visible : int or bool ndarray of shape (n_units,), optional
        Units that are visible: the first so many, or those that are True; kept as the latter. All by default.
    beta : float
        Inverse temperature, above 0.
    base_bias : ndarray of shape (n_units,), the same dtype, optional
        Biases of the base model, zero by default; good ones are the log-odds of the units' means.

    Raises
    ------
    ValueError
        When the shapes or dtypes of the parameters do not fit, or beta is not above 0.
    """

    graph: Graph
    weights: np.ndarray
    bias: np.ndarray
    visible: Any = None
    beta: float = 1.0
    base_bias: np.ndarray = None  # type: ignore[assignment]  # zeros, see ``__post_init__``

    def __post_init__(self) -> None:
        """Check that the parameters fit."""
        n, m = self.graph.n_units, self.graph.n_edges
        base = np.zeros_like(self.bias) if self.base_bias is None else self.base_bias
        if (self.weights.shape, self.bias.shape, base.shape) != ((m,), (n,), (n,)):
            raise ValueError(
                f"a graph of {n} units and {m} edges needs weights ({m},), bias and base_bias ({n},); "
                f"got {self.weights.shape}, {self.bias.shape} and {base.shape}"
            )
        dtypes = {np.dtype(a.dtype).name for a in (self.weights, self.bias, base)}
        if len(dtypes) != 1 or not dtypes <= {"float32", "float64"}:
            raise ValueError(f"parameters must share one dtype, float32 or float64; got {sorted(dtypes)}")
        if not 0 < self.beta < np.inf:
            raise ValueError(f"beta must be a finite number above 0, got {self.beta!r}")
        object.__setattr__(self, "base_bias", base)
        object.__setattr__(self, "visible", visible_mask(self.visible, n))

    @classmethod
    def from_matrix(cls, couplings: Any, bias: Any = None, visible: Any = None, beta: float = 1.0) -> BoltzmannMachine:
        """Take W from a symmetric matrix, dense or sparse, of zero diagonal; see ``weighted_graph`` for its errors.

        ``bias`` is zero by default; the other parameters are those of the class. The dtype is that of the matrix.
        """
        graph, weights = weighted_graph(couplings)
        bias = np.zeros(graph.n_units) if bias is None else np.asarray(bias)
        if not np.isfinite(bias).all():
            raise ValueError("bias must be finite numbers, got NaN or infinity")
        return cls(graph, weights, bias.astype(weights.dtype), visible, beta)

    # ---- shapes ----

    @property
    def n_units(self) -> int:
        """Units, visible and hidden."""
        return self.graph.n_units

    @cached_property
    def visible_units(self) -> np.ndarray:
        """Numbers of the visible units."""
        return np.flatnonzero(self.visible)

    @cached_property
    def hidden_units(self) -> np.ndarray:
        """Numbers of the hidden units."""
        return np.flatnonzero(~self.visible)

    @property
    def n_visible(self) -> int:
        """Visible units."""
        return self.visible_units.size

    @property
    def n_hidden(self) -> int:
        """Hidden units."""
        return self.hidden_units.size

    @property
    def dtype(self) -> np.dtype:
        """The parameters' dtype."""
        return np.dtype(self.weights.dtype)

    @cached_property
    def couplings(self) -> sparse.csr_array:
        """W, symmetric, shape (n_units, n_units)."""
        return self.graph.matrix(self.weights)

    @cached_property
    def _matrix(self) -> Any:
        """W for products: dense where a tenth of it or more is there."""
        return self.couplings.toarray() if self.couplings.nnz >= DENSE * self.n_units**2 else self.couplings

    @cached_property
    def hidden_are_independent(self) -> bool:
        """Whether no two hidden units are joined, so that given the visible ones they are independent."""
        return bool(self.visible[self.graph.edges].any(axis=1).all())

    def astype(self, dtype: Any) -> BoltzmannMachine:
        """Return the same model in another precision."""
        parts = {name: getattr(self, name).astype(dtype) for name in ("weights", "bias", "base_bias")}
        return replace(self, **parts)

    # ---- mathematics ----

    def fields(self, states: np.ndarray) -> np.ndarray:
        """b_i + sum_j W_ij s_j of every unit, shape (n_rows, n_units)."""
        return np.ascontiguousarray(states @ self._matrix + self.bias)  # a sparse product comes transposed

    def energy(self, states: np.ndarray) -> np.ndarray:
        """E(s) of every row of (n_rows, n_units), without beta; float64."""
        half = 0.5 * (states @ self._matrix) + self.bias
        return -np.einsum("ri,ri->r", states, half, dtype=np.float64)

    def conditional_mean(self, states: np.ndarray) -> np.ndarray:
        """p(s_i = 1 given all other units), shape (n_rows, n_units)."""
        inputs = self.dtype.type(self.beta) * self.fields(states)
        return bernoulli(inputs, None, None, probabilities=np.empty_like(inputs))

    # ---- sampling ----

    def gibbs(
        self,
        states: np.ndarray,
        n_sweeps: int,
        random: Random,
        *,
        clamped: np.ndarray | None = None,
        betas: Any = 1.0,
        first_step: int = 0,
        first_chain: int = 0,
        stream: Stream = Stream.GRAPH,
        backwards: bool = False,
    ) -> np.ndarray:
        """Do sweeps of colour-block Gibbs sampling.

        Parameters
        ----------
        states : ndarray of shape (n_chains, n_units)
            Zeros and ones in the model's dtype; left as they are.
        n_sweeps : int
            At least 0.
        random : Random
            Sweep t draws at step ``first_step + t``, chain r at row ``first_chain + r``, of ``stream``.
        clamped : bool ndarray of shape (n_units,), optional
            Units that stay as they are in every chain; the others then have their conditional distribution.
        betas : float or ndarray of shape (n_chains,)
            t of every chain: 1 is the model, 0 the base; above 1 colder than the model (where the base is zero), up to
            ``ebm.sampling.tempered.COLDEST``, as which infinity is taken.
        first_step, first_chain : int
            Give them to continue a run, or to share its chains over workers: the numbers stay the same.
        stream : Stream
        backwards : bool
            Visit colours from the last to the first: sweeps that are the reversals of the others.

        Returns
        -------
        ndarray of shape (n_chains, n_units)

        Raises
        ------
        ValueError
            When shapes or dtypes do not fit, or ``n_sweeps`` is negative.
        """
        if n_sweeps < 0:
            raise ValueError(f"n_sweeps must be at least 0, got {n_sweeps}")
        layout, couplings = self.laid_out(clamped)
        if backwards:
            slices, colours = layout.backwards()
            couplings = couplings._replace(slices=slices, colours=colours)
        draw = random.at(stream, first_step, first_chain)
        return colour_gibbs(states, layout.places, couplings, self.scales(betas, len(states)), draw, n_sweeps)

    def scales(self, betas: Any, n_chains: int) -> np.ndarray:
        """Return what multiplies the fields and the base's biases in every chain, t beta and 1 - t: (2, n_chains)."""
        t = np.broadcast_to(np.minimum(betas, COLDEST), (n_chains,)).astype(np.float64)
        return np.stack([self.beta * t, 1.0 - t]).astype(self.dtype)

    def laid_out(self, clamped: np.ndarray | None) -> tuple[Layout, Couplings]:
        """Return the layout of the units that are not clamped, and the couplings at its places; kept until the next."""
        key = None if clamped is None else clamped.tobytes()
        if (found := self._kept.get(key)) is None:
            layout = self.graph.layout(None if clamped is None else ~clamped)
            at = layout.at_places
            shared = (layout.neighbours, layout.weights(self.weights), at(self.bias), at(self.base_bias))
            found = layout, Couplings(*shared, layout.slices, layout.colours)
            self._kept.clear()  # one is enough: weights change with every update
            self._kept[key] = found
        return found

    @cached_property
    def _kept(self) -> dict[bytes | None, tuple[Layout, Couplings]]:
        return {}

    def random_states(
        self,
        n_chains: int,
        random: Random,
        stream: Stream = Stream.GRAPH_CHAINS,
        step: int = 0,
        first_chain: int = 0,
    ) -> np.ndarray:
        """Draw every unit by a fair coin, shape (n_chains, n_units); chain r at row ``first_chain + r``."""
        u = random.uniform((n_chains, self.n_units), stream, step, first_row=first_chain)
        return (u < 0.5).astype(self.dtype)

    # ---- as a tempered family ----

    @property
    def log_base(self) -> float:
        """Log Z_0 = sum_i log(1 + e^{base_bias_i})."""
        return float(np.logaddexp(0.0, self.base_bias.astype(np.float64)).sum())

    def start(self, n_chains: int, random: Random, *, step: int = 0) -> np.ndarray:
        """Draw exact states of the base, shape (n_chains, n_units)."""
        u = random.uniform((n_chains, self.n_units), Stream.GRAPH_BASE, step, dtype=self.dtype.type)
        return (u < expit(self.base_bias)).astype(self.dtype)

    def sweep(
        self, states: np.ndarray, betas: np.ndarray, random: Random, step: int, first_chain: int = 0
    ) -> np.ndarray:
        """Return states after one sweep of Gibbs sampling, chain r at t = ``betas[r]``; see `gibbs`."""
        return self.gibbs(states, 1, random, betas=betas, first_step=step, first_chain=first_chain)

    def reversed_sweep(
        self, states: np.ndarray, betas: np.ndarray, random: Random, step: int, first_chain: int = 0
    ) -> np.ndarray:
        """Return states after a sweep from the last colour to the first: the reversal of ``sweep`` under p_t.

        Tempered transitions need it on their way down. Parameters as of ``sweep``.
        """
        return self.gibbs(states, 1, random, betas=betas, first_step=step, first_chain=first_chain, backwards=True)

    def potential(self, states: np.ndarray) -> np.ndarray:
        """U = beta E - E_0 of every row, float64."""
        return self.beta * self.energy(states) + states @ self.base_bias.astype(np.float64)


def visible_mask(visible: Any, n_units: int) -> np.ndarray:
    """Return which units are visible, bool of shape (n_units,), from a number or a mask; all for None.

    Raises
    ------
    ValueError
        When the mask has another shape, or no unit is visible.
    """
    if visible is None:
        return np.ones(n_units, bool)
    if isinstance(visible, int | np.integer) and not isinstance(visible, bool):
        if not 1 <= visible <= n_units:
            raise ValueError(f"visible must be at most n_units = {n_units}, and at least 1; got {visible}")
        return np.arange(n_units) < visible
    mask = np.asarray(visible)
    if mask.shape != (n_units,) or mask.dtype != bool or not mask.any():
        raise ValueError(
            f"visible must be a number of units or a bool mask of shape ({n_units},) with one True or more; "
            f"got {mask.dtype}{mask.shape}"
        )
    return mask


def from_spins(couplings: Any, fields: Any, beta: float = 1.0, visible: Any = None) -> tuple[BoltzmannMachine, float]:
    """Translate an Ising model of spins x in {-1, +1}, exactly.

    With E(x) = -sum_{i<j} J_ij x_i x_j - sum_i h_i x_i and s = (1 + x) / 2::

        W_ij = 4 J_ij,   b_i = 2 h_i - 2 sum_j J_ij,   E(x) = E(s) + constant

    Parameters
    ----------
    couplings : array or SciPy sparse matrix of shape (n_units, n_units)
        J, symmetric with a zero diagonal; +1 wants spins to agree.
    fields : array of shape (n_units,)
        h.
    beta, visible
        As of :class:`BoltzmannMachine`.

    Returns
    -------
    model : BoltzmannMachine
    constant : float
        sum_i h_i - sum_{i<j} J_ij, so that log Z of the spins is log Z of the model less beta times it.

    Raises
    ------
    ValueError
        When the couplings are no such matrix (see ``weighted_graph``) or shapes do not fit.
    """
    graph, j = weighted_graph(couplings)
    h = np.asarray(fields, j.dtype)
    if h.shape != (graph.n_units,) or not np.isfinite(h).all():
        raise ValueError(f"fields must be {graph.n_units} finite numbers, got shape {h.shape}")
    bias = 2 * h - 2 * np.asarray(graph.matrix(j).sum(axis=1)).ravel()
    model = BoltzmannMachine(graph, 4 * j, bias.astype(j.dtype), visible, beta)
    return model, float(h.sum(dtype=np.float64) - j.sum(dtype=np.float64))


def to_spins(model: BoltzmannMachine) -> tuple[sparse.csr_array, np.ndarray, float]:
    """Translate to spins: J, h and the constant of :func:`from_spins`, its inverse."""
    couplings = model.couplings * model.dtype.type(0.25)
    row_sums = np.asarray(couplings.sum(axis=1)).ravel()
    fields = (model.bias / 2 + row_sums).astype(model.dtype)
    constant = fields.sum(dtype=np.float64) - model.weights.sum(dtype=np.float64) / 4
    return couplings, fields, float(constant)
