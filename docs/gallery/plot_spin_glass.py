"""
Annealing a spin glass, the Ising transition, and a maximal cut
===============================================================

Spins on a torus, swept by the two colours of a checkerboard: :class:`~ebm.boltzmann.ising.IsingLattice`. First as a
physicist uses it, at a fixed temperature; then as an optimiser, cooled until it freezes.
"""

# %%
# The transition of the square lattice
# ------------------------------------
# Without a field, and with all couplings one, spins order when it is cold enough: from
# :math:`\beta_c = \tfrac12 \log(1 + \sqrt 2) = 0.4407` on. Here 24 chains, each at an inverse temperature of its own,
# run in one call, from all spins up. Onsager's energy and Yang's magnetisation are those of an infinite lattice; near
# the transition a lattice of 64 x 64 is not one.

import matplotlib.pyplot as plt
import numpy as np

from ebm.boltzmann.ising import IsingLattice
from ebm.boltzmann.ising_exact import CRITICAL_BETA, ground_state, onsager_energy, yang_magnetization
from ebm.boltzmann.max_cut import lattice_graph, max_cut_value
from ebm.boltzmann.spin_glass import gaussian_glass, plus_minus_glass
from ebm.random import Random
from ebm.sampling.diagnostics import mean_with_error
from ebm.sampling.simulated_annealing import geometric, linear, logarithmic, quench, simulated_annealing

lattice = IsingLattice((64, 64))
betas = np.linspace(0.2, 0.7, 24)
start = lattice.sample(24, 2000, beta=betas, random=0, start=np.ones((24, 64, 64), np.float32), first_step=1)
measured = lattice.measure(24, 1000, every=4, beta=betas, random=0, start=start, first_step=2001)
energy = [mean_with_error(draws / lattice.n_sites) for draws in measured.energy]
order = [mean_with_error(np.abs(draws)) for draws in measured.magnetization]

fine = np.linspace(betas[0], betas[-1], 400)
figure, axes = plt.subplots(1, 2, figsize=(9, 3.2), layout="constrained")
for panel, exact, means, title in (
    (axes[0], onsager_energy(fine), energy, "energy per site"),
    (axes[1], yang_magnetization(fine), order, "magnetisation, absolute"),
):
    panel.axvline(CRITICAL_BETA, color="0.85")
    panel.plot(fine, exact, label="infinite lattice, exact")
    panel.errorbar(betas, [m.mean for m in means], [3 * m.error for m in means], fmt=".", label="64 x 64, ± 3 s.e.")
    panel.set(xlabel=r"$\beta$", title=title)
axes[0].legend()
plt.show()

# %%
# What they look like: disorder, clusters of every size, order.

figure, axes = plt.subplots(1, 3, figsize=(9, 3.2), layout="constrained")
large = IsingLattice((128, 128))
for panel, beta in zip(axes, (0.38, CRITICAL_BETA, 0.5), strict=True):
    ones = np.ones((1, 128, 128), np.float32)
    state = large.sample(1, 20_000, beta=beta, random=3, start=ones, first_step=1)[0]
    panel.imshow(state, cmap="gray", interpolation="nearest")
    panel.set(xticks=[], yticks=[], title=rf"$\beta$ = {beta:.3f}")
plt.show()

# %%
# Two spin glasses
# ----------------
# Couplings of both signs at random: around every second square they cannot all be satisfied, and the energy has very
# many local minima. One glass has couplings ±1, the other normal ones. On a strip of 8 columns a transfer matrix
# finds the ground state exactly, so we know what annealing is worth. All schedules have the same 1000 sweeps; the
# quench is at β = ∞ from the start.

glasses = {"couplings ±1": plus_minus_glass((40, 8), random=3), "normal couplings": gaussian_glass((40, 8), random=3)}
lowest = {kind: ground_state(glass)[1] for kind, glass in glasses.items()}
n_sweeps, n_chains = 1000, 64
schedules = {
    "quench": quench(n_sweeps),
    "logarithmic": logarithmic(n_sweeps, last=3.0),
    "linear in β": linear(n_sweeps, last=3.0),
    "geometric": geometric(n_sweeps, first=0.2, last=5.0),
}
figure, axes = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained", sharey=True)
for panel, (kind, glass) in zip(axes, glasses.items(), strict=True):
    print(f"{kind}: ground state {lowest[kind]:.3f}")
    for name, schedule in schedules.items():
        found = simulated_annealing(glass, n_chains, schedule, Random(0))
        excess = found.energies - lowest[kind]
        reached = np.mean(excess < 1e-3)
        print(f"  {name:12s} best + {excess.min():.3f}, mean + {excess.mean():6.3f}, reached by {reached:.0%}")
        panel.plot(found.sweeps, (found.trace.mean(axis=0) - lowest[kind]) / glass.n_sites, label=name)
    panel.set(xscale="log", yscale="log", xlabel="sweep", title=kind)
axes[0].set_ylabel("energy above the ground state, per site")
axes[0].legend()
plt.show()

# %%
# The two quenches differ. With couplings ±1 many spins feel no field at all and go on tossing coins, so a quench drifts
# along plateaus and still finds ways down. With normal couplings every chain stops within ten sweeps, in a
# minimum of its own, and no patience helps; slow cooling does:

lengths = [30, 100, 300, 1000, 3000]
figure, axes = plt.subplots(1, 2, figsize=(9, 3.2), layout="constrained")
glass, floor = glasses["normal couplings"], lowest["normal couplings"]
for name, schedule in (("quenched", quench), ("annealed", lambda n: geometric(n, first=0.2, last=5.0))):
    runs = [simulated_annealing(glass, n_chains, schedule(n), Random(1), look_every=10) for n in lengths]
    axes[0].plot(lengths, [(run.energies.mean() - floor) / glass.n_sites for run in runs], "o-", label=name)
    if name == "quenched":
        axes[1].hist(runs[-1].energies - floor, np.arange(0, 96, 4), alpha=0.7, label="quenched")
axes[1].hist(runs[-1].energies - floor, np.arange(0, 96, 4), alpha=0.7, label=f"annealed, {lengths[-1]} sweeps")
axes[0].set(xscale="log", yscale="log", xlabel="sweeps", title="mean excess energy per site")
axes[1].set(xlabel="energy above the ground state", title="where the chains end")
axes[0].legend()
axes[1].legend()
plt.show()

# %%
# A maximal cut
# -------------
# Part the vertices of a graph in two so that the edges between the parts weigh most: the couplings are the weights with
# their sign turned (:mod:`ebm.boltzmann.max_cut`). On a toroidal grid with weights ±1, a standard benchmark, the graph
# is itself a lattice; with 10 columns the transfer matrix tells the best cut.

weights = np.random.default_rng(5).choice([-1.0, 1.0], (2, 24, 10))
graph = lattice_graph(weights)
torus = IsingLattice((24, 10), -weights)
result = simulated_annealing(torus, 64, geometric(2000, first=0.2, last=4.0), Random(2), look_every=10)
best = max_cut_value(graph, ground_state(torus)[0].ravel())
print(f"best cut {best:.0f}; annealing finds {max_cut_value(graph, result.best_state):.0f}")

figure, axes = plt.subplots(figsize=(8, 3.4), layout="constrained")
side = result.best_state.reshape(24, 10).T
row, column = np.indices(side.shape)
right, down = weights.transpose(0, 2, 1)  # shown lying: the lattice's rows are columns here
for (i, j), spin in np.ndenumerate(side):
    for (k, m), weight in (((i, j + 1), right[i, j]), ((i + 1, j), down[i, j])):
        cut = spin != side[k % 10, m % 24]
        colour = ("tab:green" if weight > 0 else "tab:red") if cut else "0.85"
        axes.plot([j, m], [i, k], color=colour, linewidth=2 if cut else 1, zorder=1)
axes.scatter(column, row, c=side, cmap="gray", edgecolors="k", s=28, zorder=2)
axes.set(xticks=[], yticks=[], aspect="equal", title="black and white: the parts; edges cut gain (green) or cost (red)")
plt.show()
