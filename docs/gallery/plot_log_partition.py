r"""
Many ways to log Z, and when to believe them
============================================

An RBM's likelihood needs its partition function Z, a sum over all states.
:ref:`sphx_glr_auto_gallery_plot_likelihood.py` estimates it by annealing from both ends. This page sets all estimates
of this library side by side on a model whose log Z is known: what each costs, how large its error is, and whether its
own verdict is right.
"""

# %%
# A model whose truth is known
# ----------------------------
# Sixteen hidden units have 65,536 states: log Z is exact, and exact samples can be drawn by way of p(h).

import warnings

import matplotlib.pyplot as plt
import numpy as np
from scipy.special import softmax
from sklearn.datasets import load_digits

from ebm.boltzmann.annealing import RBMPath
from ebm.boltzmann.likelihood import (
    bridge_log_partition,
    log_partition,
    log_partition_between,
    reverse_log_partition,
)
from ebm.boltzmann.rbm import RBM as Model
from ebm.random import Random, Stream
from ebm.sampling.adaptive import adaptive_temperatures
from ebm.sampling.annealing import temperatures
from ebm.sampling.bridge_ladder import Draws, bridge_ladder
from ebm_sklearn import RBM, LogPartitionTracker, UntrustedEstimateWarning

warnings.simplefilter("ignore", UntrustedEstimateWarning)  # this page prints the verdicts
X = (load_digits().data > 7).astype(np.float32)
rbm = RBM(n_components=16, learning_rate=0.2, n_iter=60, l2=0.0, random_state=0).fit(X)
exact = rbm.log_partition_.value
print(f"log Z = {exact:.4f}, {rbm.log_partition_.verdict}")


def model_of(estimator):
    """Return the mathematics behind an estimator."""
    return Model(estimator.components_.T, estimator.intercept_visible_, estimator.intercept_hidden_)


def exact_samples(model, n, seed):
    """Draw v from p(v), by way of p(h)."""
    h = model.hidden.states(model.n_hidden, model.dtype)
    p = softmax(-model.hidden_free_energy(h).astype(np.float64))
    drawn = np.random.default_rng(seed).choice(len(h), n, p=p)
    return model.sample_visible(h[drawn], Random(seed).at(Stream.VISIBLE))


# %%
# Error against cost
# ------------------
# Every method is given the same number of Gibbs sweeps in all, twelve times over with other random numbers (the
# pilot of adaptive temperatures comes on top):
#
# - **AIS** with 100 chains, at temperatures that are denser towards the model, and at *adaptive* ones;
# - **reverse AIS** with 100 chains, which start at exact samples of the model;
# - a **bridge** of 50 chains each way: Bennett's ratio joins both directions;
# - a **ladder**: 20 chains climb from the base to the model, stay on every rung for some draws, and neighbouring
#   rungs are bridged. It takes longer than its sweeps say, since every draw is weighed twice.

model, mean = model_of(rbm), rbm.mean_
path = RBMPath(model, model.visible.bias_from_mean(mean).astype(model.dtype))
starts = [exact_samples(model, 100, seed) for seed in range(12)]


def estimates(n, seed):
    """Return an estimate by each method, of n temperatures where there are 100 chains."""
    options = {"data_mean": mean, "random": Random(seed)}
    v = starts[seed]
    yield "AIS", log_partition(model, **options, n_temperatures=n, exact_below=0)
    yield "adaptive AIS", log_partition(model, **options, n_temperatures=n, temperatures="adaptive", exact_below=0)
    yield "reverse AIS", reverse_log_partition(model, v, **options, n_temperatures=n)
    yield "bridge", bridge_log_partition(model, v[:50], **options, n_temperatures=n, exact_below=0)
    if n >= 30:
        rungs = max(4, n // 12)
        sweeps = Draws(n_burn=10, n_draws=max(2, 5 * n // rungs - 9))
        yield "ladder", bridge_ladder(path, 20, temperatures(rungs), Random(seed), draws=sweeps)


numbers = [10, 30, 100, 200]
found = {}
for n in numbers:
    for seed in range(12):
        for name, one in estimates(n, seed):
            found.setdefault((name, n), []).append(one)

fig, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
print("                   sweeps   r.m.s. error   mean standard error   within 2 errors   trusted")
for name in ("AIS", "adaptive AIS", "reverse AIS", "bridge", "ladder"):
    costs, errors = [], []
    for n in numbers:
        if (name, n) not in found:
            continue
        runs = found[name, n]
        off = np.array([run.value - exact for run in runs])
        bars = np.array([run.standard_error for run in runs])
        costs.append(100 * n)
        errors.append(np.sqrt(np.mean(off**2)))
        inside, trusted = np.sum(np.abs(off) < 2 * bars), sum(run.trusted for run in runs)
        figures = f"{errors[-1]:14.3f} {bars.mean():21.3f} {inside:11} of 12 {trusted:6} of 12"
        print(f"{name:16} {100 * n:8} {figures}")
    left.plot(costs, errors, "o-", label=name)
left.set(xscale="log", yscale="log", xlabel="Gibbs sweeps, over all chains", ylabel="r.m.s. error of log Z / nats")
left.set_yticks([0.03, 0.1, 0.3], ["0.03", "0.1", "0.3"])
left.minorticks_off()
left.legend()
for label, betas in (
    ("fixed", temperatures(100)),
    ("adaptive", adaptive_temperatures(path, 100, Random(0), n=100)),
):
    right.plot(betas, np.linspace(0, 1, 100), label=label)
right.set(xlabel="β", ylabel="share of the temperatures below β", title="where the temperatures lie")
right.legend()
plt.show()

# %%
# The bridge takes the lead where temperatures are few: each direction knows what the other one misses. The rest
# of the table says that verdicts are right: the standard errors are the errors there are, where estimates are trusted.
# (Of twelve runs an r.m.s. error is known to about a fifth, so do not read more into the curves.)
#
# On a fitted estimator the same is ``rbm.estimate_log_partition(method="bridge", temperatures="adaptive")``. It samples
# the model by Gibbs sampling, since exact samples can be had of small models only.

# %%
# From a model to the next
# ------------------------
# Chains need not start at independent units. From a model whose log Z is known to another one of the same shape the
# way is shorter, the more alike they are. Here ten more epochs change the model a little:

later = RBM(**rbm.get_params()).set_params(n_iter=70).fit(X)
between = log_partition_between(
    model_of(later), model, exact_samples(model, 100, 0), log_z=rbm.log_partition_, random=Random(0), n_temperatures=50
)
from_base = log_partition(model_of(later), data_mean=mean, random=Random(0), n_temperatures=50, exact_below=0)
print(f"exact           {later.log_partition_.value:.3f}")
print(f"from the other  {between.value:.3f} ± {between.standard_error:.3f}")
print(f"from the base   {from_base.value:.3f} ± {from_base.standard_error:.3f}")

# %%
# While it learns
# ---------------
# Taken from epoch to epoch, this gives log Z all along a fit for a few sweeps an epoch: ``LogPartitionTracker``. Its
# twenty populations of chains follow the model; their spread is the error. Here every epoch's exact value is known,
# too (``Exactly`` is a callback as anyone can write one).


class Exactly:
    """Record the exact log Z."""

    def on_epoch_end(self, run):
        """Enumerate the model as it stands."""
        value = log_partition(run.learner.model, data_mean=mean, random=Random(0)).value
        run.record("exact_log_partition", value)


watched = RBM(
    n_components=12,
    learning_rate=0.2,
    n_iter=60,
    l2=0.0,
    callbacks=[LogPartitionTracker(), Exactly()],
    random_state=0,
).fit(X)


def column(name):
    """Return a column of the history."""
    return np.array([row[name] for row in watched.history_])


epochs, error = column("epoch"), column("log_likelihood_error")
off = column("log_partition") - column("exact_log_partition")
fig, (top, bottom) = plt.subplots(2, 1, figsize=(7, 4.5), sharex=True, layout="constrained")
top.plot(epochs, column("log_likelihood"))
top.set_ylabel("log-likelihood / nats")
bottom.fill_between(epochs, -2 * error, 2 * error, alpha=0.3, label="± 2 standard errors")
bottom.plot(epochs, off, label="tracker minus exact")
bottom.axhline(0, color="0.5", lw=1)
bottom.set(xlabel="epoch", ylabel="log Z / nats")
bottom.legend(loc="upper left")
plt.show()

# %%
# The errors add up along the way, and the band tells so; more ``n_temperatures`` make it narrower. A resumed fit goes
# on with the same chains.

# %%
# A base in the wrong place
# -------------------------
# This model has all units off, or all on, which is 19 times likelier. Chains from a base near "all off" never
# meet the other mode. Whatever starts there agrees with itself on a wrong value:

n = 20
trap = Model(np.full((n, 1), 8.0), np.full(n, -4.0), np.array([-4.0 * n + np.log(19.0)]))
options = {"data_mean": np.full(n, 0.018), "random": Random(0), "n_temperatures": 300}
v = exact_samples(trap, 100, 0)
truth = log_partition(trap, **options)
low = RBMPath(trap, np.full(n, -4.0))
for name, one in (
    ("exact", truth),
    ("AIS", log_partition(trap, **options, exact_below=0)),
    ("ladder", bridge_ladder(low, 50, temperatures(20), Random(0))),
    ("reverse AIS", reverse_log_partition(trap, v, **options)),
    ("bridge", bridge_log_partition(trap, v, **options, exact_below=0)),
):
    print(f"{name:12} {one.value:7.3f} ± {one.standard_error:.3f}   {one.verdict}")

# %%
# Only methods that also start at the model can tell: the bridge distrusts what its two directions say, and comes
# close to the truth all the same. So quote a likelihood from both ends or not at all.
