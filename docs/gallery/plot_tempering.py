r"""
Crossing modes by tempering
===========================

A chain of Gibbs sampling moves a few units at a time. Where a model has modes with little probability between them, the
chain stays in the one where it began, and nothing in its trace tells that there is another. Tempering lets it go round:
through distributions

.. math:: p_\beta(x) \propto e^{-(1 - \beta) E_0(x) - \beta E(x)}

between independent units (:math:`\beta = 0`), where everything is near everything, and the model (:math:`\beta = 1`).
"""

# %%
# Two modes far apart
# -------------------
# Zeros and ones of scikit-learn's digits, three in ten of them as negatives. An RBM with ten hidden units learns them
# by the exact gradient, and enumeration tells what share of its probability lies where. A picture and its negative
# differ in all of 64 pixels.

import matplotlib.pyplot as plt
import numpy as np
from scipy.special import softmax
from sklearn.datasets import load_digits

from ebm.boltzmann.rbm import RBM as Model
from ebm.boltzmann.tempered_rbm import TemperedRBM
from ebm.random import Random
from ebm.sampling.gibbs import sweeps
from ebm.sampling.ladder import BetaLadder
from ebm.sampling.observers import Trace, observe
from ebm.sampling.parallel_tempering import ParallelTempering
from ebm.sampling.simulated_tempering import SimulatedTempering
from ebm.sampling.tempered_transitions import TemperedTransitions
from ebm.sampling.trajectory import ModelLadder
from ebm_sklearn import RBM

digits = load_digits()
X = (digits.data[digits.target < 2] > 7).astype(np.float32)
negative = np.arange(len(X)) % 10 < 3
X[negative] = 1 - X[negative]
direction = X[negative].mean(axis=0) - X[~negative].mean(axis=0)


def likeness(v):
    """How much pictures look like a negative; below 0 like a positive."""
    return (v[:, :64] - 0.5) @ direction


def is_negative(v):
    """Whether pictures look more like a negative."""
    return likeness(v) > 0


estimator = RBM(10, learning="exact", batch_size=36, learning_rate=0.1, schedule="constant", random_state=0)
checkpoints = []
for step in range(241):  # a quarter of the data each
    estimator.partial_fit(X[step % 4 :: 4])
    if step in (0, 2, 4, 5, 6, 7, 8, 10, 12, 16, 24, 40, 80, 240):
        checkpoints.append(
            Model(estimator.components_.T.copy(), estimator.intercept_visible_, estimator.intercept_hidden_)
        )
model = checkpoints[-1]
h = model.hidden.states(10, model.dtype)
exact = softmax(-model.hidden_free_energy(h).astype(np.float64)) @ is_negative(model.visible_mean(h))
print(f"share of negatives: {negative.mean():.3f} in the data, {exact:.3f} in the model")

# %%
# Gibbs stays, replicas cross
# ---------------------------
# Parallel tempering keeps a replica at each of twelve temperatures and lets neighbours change places. Before anything
# is kept, a burn-in spaces the temperatures so that swaps are accepted equally often; then the ladder is fixed.

family = TemperedRBM(model, np.zeros(64, np.float32))
tempering = ParallelTempering(BetaLadder(family, np.linspace(0, 1, 12)), 32, Random(0))
tempering.run(200)
even_betas, uneven_rates = tempering.ladder.betas, tempering.statistics.acceptance
tempering.adapt(2000)
tempering.run(300)

begin = model.sample_hidden(np.repeat(X[[9, 0]], 16, axis=0), Random(1).at(1))
gibbs = Trace(likeness)
observe((v for v, _ in sweeps(model, begin, 1500, Random(1))), gibbs)
parallel, likeness_by_replicas = Trace(is_negative), Trace(likeness)
index = []
for states in tempering.sweeps(1500):
    parallel.update(states)
    likeness_by_replicas.update(states)
    index.append(tempering.statistics.levels[0])
index = np.array(index)

figure, axes = plt.subplots(2, 1, figsize=(7, 3.4), sharex=True, layout="constrained")
for panel, trace, name in zip(axes, (gibbs, likeness_by_replicas), ("Gibbs", "parallel tempering"), strict=True):
    panel.imshow(trace.draws[::2] > 0, aspect="auto", cmap="gray_r", interpolation="nearest")
    panel.set(title=f"{name}: 16 chains, dark where they show a negative", yticks=[])
axes[1].set_xlabel("sweeps")
plt.show()

# %%
# The ladder
# ----------
# Left: the rates at which neighbours change places, before and after burn-in. Middle: where temperatures went: close
# together where the modes part. Right: three replicas of one ladder on their way between base and model. A way down and
# up again is a round trip; a replica that makes it brings a state that owes nothing to the one it left with.

statistics = tempering.statistics
figure, axes = plt.subplots(1, 3, figsize=(9, 2.8), layout="constrained")
axes[0].plot(uneven_rates, "o:", label="even spacing")
axes[0].plot(statistics.acceptance, "o-", label="after burn-in")
axes[0].set(ylim=(0, 1), xlabel="pair of levels", title="swaps accepted")
axes[0].legend(fontsize="small")
axes[1].plot(even_betas, "o:")
axes[1].plot(tempering.ladder.betas, "o-")
axes[1].set(xlabel="level", title=r"$\beta$")
for replica in (0, 5, 11):
    axes[2].plot(index[:300, replica], lw=0.8)
axes[2].set(xlabel="sweeps", title="level of three replicas")
plt.show()
print(f"{statistics.round_trips} round trips; rates of rejection sum up to {statistics.barrier:.1f}")

# %%
# Other ways round
# ----------------
# **Simulated tempering** lets a single chain walk over temperatures; weights that a burn-in finds keep it from staying
# at one end. **Tempered transitions** take a chain up and down again in many small steps, and accept or reject the
# whole. **Trajectory tempering** goes along the checkpoints of learning instead of temperatures.

betas = tempering.ladder.betas
chains = SimulatedTempering(family, betas, 100, Random(2))
chains.adapt(800)
ups, visits = np.zeros(100), np.zeros(100)
for states in chains.sweeps(1200):
    ups[chains.at_model] += is_negative(states)
    visits[chains.at_model] += 1
simulated = ups.sum() / visits.sum()
simulated_error = np.sqrt(((ups - simulated * visits) ** 2).sum()) / visits.sum()

fine = np.interp(np.linspace(0, 11, 60), np.arange(12), betas)
transitions = TemperedTransitions(family, fine, 100, Random(3))
transitions.run(40)
moved = Trace(is_negative)
observe(transitions.sweeps(80), moved)

along = ParallelTempering(ModelLadder(checkpoints), 32, Random(4))
along.run(300)
trajectory = Trace(is_negative)
observe(along.sweeps(800), trajectory)

print(f"exact                 {exact:.3f}")
for name, mean, error in (
    ("Gibbs", (gibbs.draws > 0).mean(), np.nan),
    ("parallel tempering", *parallel.mean()[:2]),
    ("simulated tempering", simulated, simulated_error),
    ("tempered transitions", *moved.mean()[:2]),
    ("trajectory tempering", *trajectory.mean()[:2]),
):
    print(f"{name:20s}  {mean:.3f} ± {error:.3f}")
print(f"levels visited by simulated tempering: {chains.visits / chains.visits.sum()}")
print(f"tempered transitions accepted: {transitions.acceptance_rate:.2f}")
print(f"swaps along the trajectory: {along.statistics.acceptance.round(2)}")

# %%
# The chains of Gibbs began half in one mode and half in the other, and their mean of a half tells that and nothing
# else: it is no estimate, and has no error bar. Split R-hat notices, because chains that began apart stay apart:

print(f"R-hat: Gibbs {gibbs.rhat():.2f}, parallel tempering {likeness_by_replicas.rhat():.2f}")
