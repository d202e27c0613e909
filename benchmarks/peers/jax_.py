"""JAX: one jitted update, whose state is donated so that XLA may update it in place."""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.cases import L2, MOMENTUM, Case
from benchmarks.peers import whole_batches
from benchmarks.start import Start


def draw(key: jax.Array, mean: jax.Array) -> jax.Array:
    return jax.random.bernoulli(key, mean).astype(mean.dtype)


@partial(jax.jit, static_argnums=0, donate_argnums=1)
def update(case: Case, state: tuple, v: jax.Array) -> tuple:
    (W, b, c), velocities, chains, key = state
    key, start, *keys = jax.random.split(key, 2 + 2 * case.n_gibbs)
    data_mean = jax.nn.sigmoid(v @ W + c)
    h = chains if case.learning == "pcd" else draw(start, data_mean)
    for sweep in range(case.n_gibbs):
        fantasy = draw(keys[2 * sweep], jax.nn.sigmoid(h @ W.T + b))
        mean = jax.nn.sigmoid(fantasy @ W + c)
        h = draw(keys[2 * sweep + 1], mean)
    gradients = (
        (v.T @ data_mean - fantasy.T @ mean) / len(v) - L2 * W,
        (v - fantasy).mean(0),
        (data_mean - mean).mean(0),
    )
    moved = [MOMENTUM * old + case.learning_rate * g for old, g in zip(velocities, gradients, strict=True)]
    return tuple(p + m for p, m in zip((W, b, c), moved, strict=True)), tuple(moved), h, key


class Trainer:
    def __init__(self, case: Case, start: Start, digits: np.ndarray) -> None:
        parameters = tuple(jnp.array(a) for a in (start.weights, start.visible_bias, start.hidden_bias))
        velocities = tuple(jnp.zeros_like(parameter) for parameter in parameters)
        self.state = (parameters, velocities, jnp.array(start.chains[: case.batch]), jax.random.PRNGKey(0))
        self.case, self.done = case, 0
        self.batches = [jnp.array(batch) for batch in whole_batches(digits, case.batch)]

    def run(self, updates: int) -> None:
        for _ in range(updates):
            self.state = update(self.case, self.state, self.batches[self.done % len(self.batches)])
            self.done += 1
        jax.block_until_ready(self.state)

    def parameters(self) -> tuple[np.ndarray, ...]:
        return tuple(np.asarray(parameter) for parameter in self.state[0])
