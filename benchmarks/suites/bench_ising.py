"""Sweeps of Ising lattices: ours beside a checkerboard in NumPy and in JAX."""

from __future__ import annotations

import numpy as np

PEERS = ["ours", "numpy", "jax"]
CASES = {
    "512x512, 1 chain": ((512, 512), 1),
    "64x64x64, 1 chain": ((64, 64, 64), 1),
    "8x8, 4096 chains": ((8, 8), 4096),
}
SWEEPS = 10


def parameters(shape: tuple[int, ...], uniform: bool) -> np.ndarray:
    """Couplings (d, *shape)."""
    d = len(shape)
    if uniform:
        return np.full((d, *shape), 0.4, np.float32)
    return (0.3 * np.random.default_rng(0).standard_normal((d, *shape))).astype(np.float32)


def local_fields(xp, s, coupling):
    """sum_j J_ij s_j for all chains and sites; chains first."""
    total = 0
    for axis in range(coupling.ndim - 1):
        j = coupling[axis]
        total = total + j * xp.roll(s, -1, axis + 1) + xp.roll(j, 1, axis) * xp.roll(s, 1, axis + 1)
    return total


def numpy_sweeps(shape, n_chains, coupling):
    rng = np.random.default_rng(0)
    s = rng.choice([-1.0, 1.0], (n_chains, *shape)).astype(np.float32)
    odd = np.indices(shape).sum(axis=0) % 2 == 1

    def sweeps():
        nonlocal s
        for _ in range(SWEEPS):
            for colour in (~odd, odd):
                up = rng.random(s.shape, np.float32) * (1 + np.exp(-2 * local_fields(np, s, coupling))) < 1
                s = np.where(colour, np.where(up, np.float32(1), np.float32(-1)), s)

    return sweeps


def jax_sweeps(shape, n_chains, coupling):
    try:
        import jax
        import jax.numpy as jnp
    except ModuleNotFoundError as missing:
        raise NotImplementedError("jax is not installed") from missing
    odd = jnp.asarray(np.indices(shape).sum(axis=0) % 2 == 1)
    coupling = jnp.asarray(coupling)

    @jax.jit
    def many(key, s):
        def half(s, key, colour):
            up = jax.random.uniform(key, s.shape) < jax.nn.sigmoid(2 * local_fields(jnp, s, coupling))
            return jnp.where(colour, jnp.where(up, 1.0, -1.0), s)

        def sweep(s, key):
            even_key, odd_key = jax.random.split(key)
            return half(half(s, even_key, ~odd), odd_key, odd), None

        return jax.lax.scan(sweep, s, jax.random.split(key, SWEEPS))[0]

    s, key = jnp.ones((n_chains, *shape), jnp.float32), jax.random.PRNGKey(0)

    def sweeps():
        nonlocal s, key
        key, now = jax.random.split(key)
        s = jax.block_until_ready(many(now, s))

    return sweeps


def our_sweeps(shape, n_chains, coupling):
    from ebm.boltzmann.ising import IsingLattice
    from ebm.random import Random

    lattice, random = IsingLattice(shape, coupling), Random(0)
    states, step = lattice.start(n_chains, random), 0

    def sweeps():
        nonlocal states, step
        states = lattice.sample(n_chains, SWEEPS, random=random, start=states, first_step=step)
        step += SWEEPS

    return sweeps


class Sweeps:
    """Ten sweeps in one call."""

    params = (PEERS, list(CASES), ["normal", "uniform"])
    param_names = ("peer", "lattice", "couplings")

    def setup(self, peer: str, case: str, couplings: str) -> None:
        shape, n_chains = CASES[case]
        make = {"ours": our_sweeps, "numpy": numpy_sweeps, "jax": jax_sweeps}[peer]
        self.sweeps = make(shape, n_chains, parameters(shape, couplings == "uniform"))
        self.sweeps()

    def time_sweeps(self, peer: str, case: str, couplings: str) -> None:
        self.sweeps()


class Annealing:
    """64 tries at a spin glass of 32 x 32, 200 sweeps each, looked at every tenth."""

    def setup(self) -> None:
        from ebm.boltzmann.spin_glass import gaussian_glass

        self.glass = gaussian_glass((32, 32), 0)
        self.time_annealing()

    def time_annealing(self) -> None:
        from ebm.random import Random
        from ebm.sampling.simulated_annealing import geometric, simulated_annealing

        simulated_annealing(self.glass, 64, geometric(200, 5.0, 0.1), Random(0), look_every=10)
