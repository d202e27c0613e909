"""The models as tempered families for tests, small enough for enumeration to tell all of them."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ebm.boltzmann.boltzmann_machine import BoltzmannMachine
from ebm.boltzmann.graph import Graph
from ebm.boltzmann.ising import IsingLattice
from ebm.boltzmann.rbm import RBM
from ebm.boltzmann.tempered_rbm import TemperedRBM


def binary(n):
    return ((np.arange(2**n)[:, None] >> np.arange(n)) & 1).astype(np.float64)


@dataclass(frozen=True, eq=False)
class MachineFamily(BoltzmannMachine):
    """A Boltzmann machine that also enumerates, edge by edge."""

    values = (0, 1)

    @cached_property
    def states(self):
        return binary(self.n_units).astype(self.dtype)

    def log_f(self, beta):
        x = self.states.astype(np.float64)
        pairs = sum(w * x[:, i] * x[:, j] for (i, j), w in zip(self.graph.edges, self.weights, strict=True))
        return (1 - beta) * x @ self.base_bias + beta * self.beta * (x @ self.bias + pairs)

    def whole_energy(self, x):
        """-log f_1."""
        return self.beta * self.energy(x)

    def change(self, x, sites, new):
        """-log f_1 after a unit has a new value, less before."""
        rows = np.arange(len(x))
        return -self.beta * (new - x[rows, sites]) * self.fields(x)[rows, sites]


@dataclass(frozen=True, eq=False)
class LatticeFamily(IsingLattice):
    """An Ising lattice that also enumerates, spin by spin."""

    values = (-1, 1)

    @cached_property
    def states(self):
        return (2 * binary(self.n_sites) - 1).astype(self.dtype)

    def log_f(self, beta):
        x = self.states.astype(np.float64).reshape(-1, *self.shape)
        log_f = (x * self.field).sum(axis=(1, 2))
        for axis, coupling in enumerate(self.coupling):
            log_f += (coupling * x * np.roll(x, -1, axis + 1)).sum(axis=(1, 2))
        return beta * log_f

    def whole_energy(self, x):
        """-log f_1."""
        return self.energy(x)


@dataclass(frozen=True, eq=False)
class RBMFamily(TemperedRBM):
    """A TemperedRBM that also enumerates."""

    @cached_property
    def states(self):
        return binary(self.model.n_visible + self.model.n_hidden).astype(self.model.dtype)

    def log_f(self, beta):
        v, h = self.visible(self.states), self.hidden(self.states)
        return (1 - beta) * v @ self.base_visible_bias - beta * self.model.energy(v, h)

    values = (0, 1)

    def whole_energy(self, x):
        """-log f_1."""
        return self.model.energy(self.visible(x), self.hidden(x))


def sparse(kind=MachineFamily, strength=1.0):
    """A Boltzmann machine of four units on a path with a chord: three colours."""
    graph = Graph(4, np.array([(0, 1), (0, 2), (1, 2), (2, 3)]))
    weights, bias = np.array([2.5, -1.0, -1.9, 2.1]), np.array([-1.1, 0.75, 0.4, -1.4])
    return kind(graph, strength * weights, strength * bias, beta=0.8, base_bias=np.array([0.4, -0.5, 0.2, 0.7]))


def lattice(shape=(2, 4), dtype=np.float32, scale=0.5, kind=LatticeFamily):
    """An Ising torus with couplings and fields of any sign and size."""
    rng = np.random.default_rng(2)
    return kind(shape, scale * rng.normal(size=(2, *shape)), scale * rng.normal(size=shape), dtype)


def rbm(n_visible=2, n_hidden=2, seed=4, scale=1.4, dtype=np.float64, kind=RBMFamily):
    rng = np.random.default_rng(seed)
    shapes = (n_visible, n_hidden), (n_visible,), (n_hidden,)
    model = RBM(*((scale * rng.normal(size=shape)).astype(dtype) for shape in shapes))
    return kind(model, (0.6 * rng.normal(size=n_visible)).astype(dtype))


def numbers(family, states):
    """Numbers of states in the order of ``family.states``."""
    return (np.asarray(states) > 0).astype(np.int64) @ (1 << np.arange(states.shape[1]))


def probabilities(family, beta):
    log_f = family.log_f(beta).astype(np.float64)
    p = np.exp(log_f - log_f.max())
    return p / p.sum()


def exact(family, beta, n, rng):
    """n exact samples of p_beta."""
    return family.states[rng.choice(len(family.states), n, p=probabilities(family, beta))]


def two_modes(dtype=np.float32, n=10, w=1.5, tilt=0.08):
    """An RBM whose units are nearly all on or nearly all off, the one more often than the other.

    By enumeration of one layer: the share of states with more than half of the visible units on.
    """
    weights = np.full((n, n), w, dtype)
    model = RBM(weights, np.full(n, -w * n / 2 + tilt, dtype), np.full(n, -w * n / 2, dtype))
    v = model.visible.states(n, np.float64)
    log_p = -model.astype(np.float64).free_energy(v)
    p = np.exp(log_p - log_p.max())
    p /= p.sum()
    return model, float(p[on(v)].sum())


def on(v):
    """Whether more than half of the units are on."""
    return v.mean(axis=1) > 0.5
