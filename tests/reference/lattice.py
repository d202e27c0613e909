"""The Ising model on a torus by its definition: loops over sites, in float64, and over all states."""

from itertools import product
from math import exp, fsum, log

import numpy as np

from tests.reference.philox import uniforms


def neighbours(shape, site, axis):
    """The sites below and above along an axis, around the torus."""
    below, above = list(site), list(site)
    below[axis] = (site[axis] - 1) % shape[axis]
    above[axis] = (site[axis] + 1) % shape[axis]
    return tuple(below), tuple(above)


def sites(shape):
    return list(product(*(range(side) for side in shape)))


def energy(s, coupling, field):
    """E = -sum_a sum_i J_a(i) s_i s_{i + e_a} - sum_i h_i s_i."""
    total = 0.0
    for site in sites(s.shape):
        total -= float(field[site]) * float(s[site])
        for axis in range(s.ndim):
            _, above = neighbours(s.shape, site, axis)
            total -= float(coupling[(axis, *site)]) * float(s[site]) * float(s[above])
    return total


def local_field(s, coupling, field, site):
    """x_i = h_i + sum_j J_ij s_j."""
    x = float(field[site])
    for axis in range(s.ndim):
        below, above = neighbours(s.shape, site, axis)
        x += float(coupling[(axis, *below)]) * float(s[below]) + float(coupling[(axis, *site)]) * float(s[above])
    return x


def sweep(s, coupling, field, beta, seed, step, chain, streams, backwards=False):
    """One chain, in place: even sites, then odd ones, or the reverse; s_i = +1 where u < sigma(2 beta x_i)."""
    for colour in (1, 0) if backwards else (0, 1):
        stream = streams[colour]
        mine = [site for site in sites(s.shape) if sum(site) % 2 == colour]
        u = uniforms(1, len(mine), seed, stream, step, s.dtype, first_row=chain)[0]
        for number, site in enumerate(mine):
            probability = 1.0 / (1.0 + exp(-2.0 * beta * local_field(s, coupling, field, site)))
            s[site] = 1 if u[number] < probability else -1


def all_states(n):
    """State k has site i up where bit i of k is one."""
    return [tuple(2 * (k >> i & 1) - 1 for i in range(n)) for k in range(2**n)]


def partition(coupling, field, beta):
    """log Z and mean energy, by the sum over all states."""
    energies = [energy(np.array(s).reshape(field.shape), coupling, field) for s in all_states(field.size)]
    weights = [exp(-beta * e) for e in energies]
    z = fsum(weights)
    return log(z), fsum(w * e for w, e in zip(weights, energies, strict=True)) / z
