"""One contrastive update by the textbook: conditionals and chains by loops, the centred gradient in two steps.

Written from Melchior, Fischer & Wiskott 2016 (JMLR 17:99), eqs. 8 to 13: with offsets mu and lambda

    dW = <(v - mu)(h - lambda)^T>_data - <(v - mu)(h - lambda)^T>_chains
    db = <v>_data - <v>_chains - dW lambda,   dc = <h>_data - <h>_chains - dW^T mu

then velocity = momentum velocity + rate (gradient - l2 W - l1 sign W), parameter += velocity, and mu +=
rate_o (<v>_data - mu), lambda += rate_o (<h>_data - lambda). Everything in float64; only the uniforms are
those of the precision under test.
"""

from dataclasses import dataclass, field
from math import exp

import numpy as np

from tests.reference.philox import uniforms

VISIBLE, HIDDEN, START = 1, 2, 3


def sigmoid(x):
    return 1.0 / (1.0 + exp(-x))


@dataclass
class SlowLearner:
    """Parameters and motion, float64; ``chains`` are hidden states of persistent chains, or None for CD."""

    weights: np.ndarray
    visible_bias: np.ndarray
    hidden_bias: np.ndarray
    visible_offset: np.ndarray
    hidden_offset: np.ndarray
    chains: np.ndarray | None
    n_gibbs: int
    l2: float
    l1: float
    offset_rate: float
    seed: int
    dtype: type
    sweeps_done: int = 0
    velocity: dict = field(default_factory=dict)

    def hidden_probability(self, v):
        n_visible, n_hidden = self.weights.shape
        out = np.empty((len(v), n_hidden))
        for r in range(len(v)):
            for j in range(n_hidden):
                x = self.hidden_bias[j]
                for i in range(n_visible):
                    x += v[r, i] * self.weights[i, j]
                out[r, j] = sigmoid(x)
        return out

    def visible_probability(self, h):
        n_visible, n_hidden = self.weights.shape
        out = np.empty((len(h), n_visible))
        for r in range(len(h)):
            for i in range(n_visible):
                x = self.visible_bias[i]
                for j in range(n_hidden):
                    x += h[r, j] * self.weights[i, j]
                out[r, i] = sigmoid(x)
        return out

    def draw(self, probability, stream, step):
        u = uniforms(*probability.shape, self.seed, stream, step, self.dtype)
        return (u < probability).astype(float)

    def gradient(self, v, shares):
        """Gradient from one batch, moving the chains; ``shares`` sum to 1."""
        step, mu, offset = self.sweeps_done, self.visible_offset, self.hidden_offset
        p = self.hidden_probability(v)
        h = self.draw(p, START, step) if self.chains is None else self.chains
        for sweep in range(self.n_gibbs):
            chain_v = self.draw(self.visible_probability(h), VISIBLE, step + sweep)
            chain_p = self.hidden_probability(chain_v)
            h = self.draw(chain_p, HIDDEN, step + sweep)
        if self.chains is not None:
            self.chains = h
        self.sweeps_done += self.n_gibbs
        dw, dv, dh = np.zeros_like(self.weights), np.zeros(len(mu)), np.zeros(len(offset))
        data = [(shares[r], v[r], p[r]) for r in range(len(v))]
        model = [(-1.0 / len(chain_v), chain_v[r], chain_p[r]) for r in range(len(chain_v))]
        for share, x, q in data + model:
            for i in range(len(mu)):
                dv[i] += share * x[i]
                for j in range(len(offset)):
                    dw[i, j] += share * (x[i] - mu[i]) * (q[j] - offset[j])
            for j in range(len(offset)):
                dh[j] += share * q[j]
        means = sum(s * x for s, x, _ in data), sum(s * q for s, _, q in data)
        return {"weights": dw, "visible_bias": dv - dw @ offset, "hidden_bias": dh - mu @ dw}, means

    def update(self, v, shares, rate, momentum):
        gradient, (mean_v, mean_h) = self.gradient(v, shares)
        gradient["weights"] = gradient["weights"] - self.l2 * self.weights - self.l1 * np.sign(self.weights)
        for name, part in gradient.items():
            self.velocity[name] = momentum * self.velocity.get(name, 0.0) + rate * part
            setattr(self, name, getattr(self, name) + self.velocity[name])
        self.visible_offset = self.visible_offset + self.offset_rate * (mean_v - self.visible_offset)
        self.hidden_offset = self.hidden_offset + self.offset_rate * (mean_h - self.hidden_offset)
