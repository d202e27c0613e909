"""Tempered families for tests: units on a graph, by plain NumPy, with all that enumeration tells of them."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ebm.boltzmann.rbm import RBM
from ebm.boltzmann.tempered_rbm import TemperedRBM
from ebm.random import Stream
from tests.boltzmann.models import p_value as pearson


def binary(n):
    return ((np.arange(2**n)[:, None] >> np.arange(n)) & 1).astype(np.float64)


@dataclass(frozen=True)
class GraphFamily:
    """E = -x J x / 2 - theta.x over {0, 1}, E_0 = -theta_0.x; single-site Gibbs in order."""

    couplings: np.ndarray  # symmetric, zero diagonal, mostly zeros
    fields: np.ndarray
    base_fields: np.ndarray

    @property
    def log_base(self):
        return float(np.log1p(np.exp(self.base_fields)).sum())

    def start(self, n_chains, random):
        u = random.uniform((n_chains, len(self.fields)), Stream.BASE, 0, np.float64)
        return (u < 1 / (1 + np.exp(-self.base_fields))).astype(np.float64)

    def _sweep(self, states, betas, random, step, first_chain, sites):
        x, n = states.copy(), len(states)
        u = random.uniform((first_chain + n, x.shape[1]), Stream.TEMPERED_VISIBLE, step, np.float64)[first_chain:]
        for i in sites:
            inputs = betas * (self.fields[i] + x @ self.couplings[i]) + (1 - betas) * self.base_fields[i]
            x[:, i] = u[:, i] < 1 / (1 + np.exp(-inputs))
        return x

    def sweep(self, states, betas, random, step, first_chain=0):
        return self._sweep(states, betas, random, step, first_chain, range(states.shape[1]))

    def reversed_sweep(self, states, betas, random, step, first_chain=0):
        return self._sweep(states, betas, random, step, first_chain, range(states.shape[1])[::-1])

    def potential(self, states):
        return -0.5 * ((states @ self.couplings) * states).sum(axis=1) - states @ (self.fields - self.base_fields)

    @cached_property
    def states(self):
        return binary(len(self.fields))

    def log_f(self, beta):
        return self.states @ self.base_fields - beta * self.potential(self.states)


@dataclass(frozen=True)
class RBMFamily(TemperedRBM):
    """A TemperedRBM that also enumerates."""

    @cached_property
    def states(self):
        return binary(self.model.n_visible + self.model.n_hidden).astype(self.model.dtype)

    def log_f(self, beta):
        v, h = self.visible(self.states), self.hidden(self.states)
        return (1 - beta) * v @ self.base_visible_bias - beta * self.model.energy(v, h)


def path_graph():
    """Four units on a path with a chord."""
    j = np.zeros((4, 4))
    for a, b, value in ((0, 1, 2.0), (1, 2, -1.5), (2, 3, 1.7), (0, 2, -0.8)):
        j[a, b] = j[b, a] = value
    return GraphFamily(j, np.array([-0.9, 0.6, 0.3, -1.1]), np.array([0.4, -0.5, 0.2, 0.7]))


def torus(width=3):
    """An Ising torus with a field, in units of 0 and 1."""
    n = width * width
    j = np.zeros((n, n))
    for row, column in np.ndindex(width, width):
        site = row * width + column
        for other in (((row + 1) % width) * width + column, row * width + (column + 1) % width):
            j[site, other] = j[other, site] = 1.1
    return GraphFamily(j, np.full(n, -2.0), np.full(n, 0.3))


def rbm(n_visible=2, n_hidden=2, seed=4, scale=1.4, dtype=np.float64, kind=RBMFamily):
    rng = np.random.default_rng(seed)
    shapes = (n_visible, n_hidden), (n_visible,), (n_hidden,)
    model = RBM(*((scale * rng.normal(size=shape)).astype(dtype) for shape in shapes))
    return kind(model, (0.6 * rng.normal(size=n_visible)).astype(dtype))


def numbers(family, states):
    """Numbers of states in the order of ``family.states``."""
    return np.asarray(states, np.int64) @ (1 << np.arange(states.shape[1]))


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


def p_value(counts, wanted):
    """Pearson's test of many cells: all that are expected fewer than ten times are one cell."""
    often = counts.sum() * wanted >= 10
    together = [np.append(a[often], a[~often].sum()) for a in (counts, wanted)]
    return pearson(*together)
