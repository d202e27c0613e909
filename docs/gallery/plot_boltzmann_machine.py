"""
Boltzmann machines on any graph
===============================

A Boltzmann machine gives every state of its units an energy, and low energies high probabilities. Its units may be
joined in any way; with few of them everything can be enumerated, and with many Gibbs sampling takes its place.
"""

# %%
# Temperature
# -----------
# Twelve units, of which each is joined to four others by random weights: 4,096 states. At every temperature T a state's
# probability is :math:`e^{-E/T} / Z`. Cold, the machine sits in its few lowest states; hot, all states are alike, and
# energies are those of most states. Enumeration (the lines) and sampling (the dots: 2,000 chains of
# colour-block Gibbs sampling, which draws all units of one colour of the graph at once) agree.

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # the matrices are small

from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

from ebm.boltzmann import graph_enumeration as enumeration
from ebm.boltzmann.boltzmann_machine import BoltzmannMachine as Model
from ebm.boltzmann.graph import random_graph
from ebm.boltzmann.units import Bernoulli
from ebm.random import Random
from ebm_sklearn import BoltzmannMachine

rng = np.random.default_rng(2)
graph = random_graph(12, 4, seed=1)
true = Model(graph, 1.5 * rng.normal(size=graph.n_edges), rng.normal(size=12))
states = Bernoulli().states(12)
energies = true.energy(states)

bins = np.linspace(energies.min() - 0.5, energies.max() + 0.5, 24)
figure, axes = plt.subplots(figsize=(7, 3), layout="constrained")
for temperature in (0.5, 1.0, 3.0):
    model = replace(true, beta=1 / temperature)
    exact, _ = np.histogram(energies, bins, weights=enumeration.distribution(model))
    chains = model.gibbs(model.random_states(2000, Random(0)), 500, Random(1))
    sampled, _ = np.histogram(true.energy(chains), bins)
    (line,) = axes.plot((bins[:-1] + bins[1:]) / 2, exact, label=f"T = {temperature:g}")
    axes.plot((bins[:-1] + bins[1:]) / 2, sampled / 2000, "o", color=line.get_color(), markersize=4)
    print(f"T = {temperature:3g}   log Z = {enumeration.log_partition(model):.3f}")
axes.set(xlabel="energy", ylabel="probability")
axes.legend()
plt.show()

# %%
# Weights from samples
# --------------------
# From 5,000 exact samples the estimator finds the weights again, knowing the graph: by the exact gradient, by
# persistent chains, or by the pseudo-likelihood, which needs neither chains nor log Z. KL is that of the learnt
# distribution from the true one, by enumeration; what is left of it is noise in the samples.

p = enumeration.distribution(true)
X = states[rng.choice(p.size, 5000, p=p)]
figure, axes = plt.subplots(1, 3, figsize=(8, 2.9), sharey=True, layout="constrained")
for panel, learning in zip(axes, ("exact", "pcd", "pseudo_likelihood"), strict=True):
    rate = {} if learning == "pseudo_likelihood" else {"learning_rate": 0.3, "batch_size": 500, "n_chains": 500}
    machine = BoltzmannMachine(graph=graph.edges, learning=learning, n_iter=100, random_state=0, **rate).fit(X)
    log_q = machine.score_samples(states)
    weights = graph.weights(machine.coupling_)
    panel.axline((0, 0), slope=1, color="0.8")
    panel.plot(true.weights, weights, "o", markersize=4)
    panel.set(title=f"{learning}\nKL = {(p * (np.log(p) - log_q)).sum():.4f}", xlabel="true weight")
axes[0].set(ylabel="learnt weight")
plt.show()

# %%
# Pictures, completed
# -------------------
# Digits of 8 × 8 pixels, every pixel joined to every other: 64 units and 2,016 weights. A distribution can be asked
# anything: how likely a digit is that was not learnt, with log Z by annealed importance sampling; or, with its upper
# half held, how it may go on below, three times by Gibbs sampling.

digits = (load_digits().data > 7).astype(np.float32)
train, test = digits[:1500], digits[1500:]
machine = BoltzmannMachine(random_state=0).fit(train)
log_z = machine.log_partition_
print(f"log Z = {log_z.value:.2f} ± {log_z.standard_error:.2f} ({log_z.verdict})")
mean = np.clip(train.mean(axis=0), 0.001, 0.999)
alone = (test * np.log(mean) + (1 - test) * np.log1p(-mean)).sum(axis=1).mean()
print(f"nats a digit not learnt: {machine.score(test):.2f}, and {alone:.2f} with independent pixels")

shown = test[:10]
upper = np.arange(64) < 32
start = np.where(upper, shown, 0)
rows = [shown, start, *(machine.gibbs(start, n_gibbs=300, clamped=upper, random_state=seed) for seed in range(3))]
names = ["digit", "held", "drawn", "drawn", "drawn"]
figure, axes = plt.subplots(len(rows), 10, figsize=(7, 3.8), layout="constrained")
for row, pictures, name in zip(axes, rows, names, strict=True):
    row[0].set_ylabel(name, rotation=0, ha="right", va="center")
    for panel, picture in zip(row, pictures, strict=True):
        panel.imshow(picture.reshape(8, 8), cmap="gray_r", vmin=0, vmax=1)
        panel.set(xticks=[], yticks=[])
plt.show()
