"""
KL in both directions, and other ways to tell distributions apart
=================================================================

How far is a model from the data? The answer depends on which way one asks. Everything here is
:mod:`ebm.divergences`: arrays in, numbers out, in nats.
"""

# %%
# One Gaussian for two modes
# --------------------------
# A target with two modes, on a fine grid of points, and the Gaussian nearest to it by either direction of KL.
#
# - The **M-projection**, least KL(p ‖ q), pays dearly where p has mass and q has none: q covers both modes, and has the
#   target's mean and variance. Maximum likelihood is this direction: the least KL(data ‖ model).
# - The **I-projection**, least KL(q ‖ p), pays dearly where q has mass and p has none: q takes one mode and leaves the
#   other alone. Which one depends on the start. Variational inference is this direction.

import matplotlib.pyplot as plt
import numpy as np
from scipy.stats import norm

from ebm.divergences import evidence, js, kl, project_gaussian, transport, wasserstein_1d

x = np.linspace(-7, 7, 701)
p = 0.4 * norm.pdf(x, -2.2, 0.6) + 0.6 * norm.pdf(x, 2.2, 0.9)
p /= p.sum()

projections = {
    "M-projection": project_gaussian(x, p, "m"),
    "I-projection from the left": project_gaussian(x, p, "i", (-2.0, 1.0)),
    "I-projection from the right": project_gaussian(x, p, "i", (2.0, 1.0)),
}
figure, axes = plt.subplots(figsize=(7, 3.2), layout="constrained")
axes.fill_between(x, p, color="0.85", label="target p")
for name, found in projections.items():
    axes.plot(x, found.q, label=name)
    print(f"{name:28s} KL(p||q) = {kl(p, found.q):7.3f}   KL(q||p) = {kl(found.q, p):.3f}")
axes.set(yticks=[], xlabel="x")
axes.legend(fontsize="small")
plt.show()

# %%
# A mode of weight w is log 1/w away in KL(q ‖ p), whatever stands elsewhere: log 1/0.4 = 0.916 and log 1/0.6 = 0.511.

# %%
# Where KL says nothing, transport does
# -------------------------------------
# Two narrow bumps that drift apart: once they no longer overlap, KL is huge and JS stays at log 2, while the
# Wasserstein distance goes on telling how far they are. That is why a critic that estimates it has gradients to offer.

shifts = np.linspace(0, 6, 25)
bumps = [norm.pdf(x, -3 + shift, 0.25) for shift in shifts]
bumps = [bump / bump.sum() for bump in bumps]
curves = {
    "JS, nats": [js(bumps[0], bump) for bump in bumps],
    "$W_1$": [wasserstein_1d(x, x, x_weights=bumps[0], y_weights=bump) for bump in bumps],
}
figure, axes = plt.subplots(1, 2, figsize=(7, 2.6), layout="constrained")
for panel, (name, values) in zip(axes, curves.items(), strict=True):
    panel.plot(shifts, values)
    panel.set(xlabel="shift", title=name)
plt.show()

# %%
# Transport has two faces (Kantorovich and Rubinstein): the least cost of carrying p to q is the largest difference of
# means of a function of slope one. Linear programming gives both; they agree.

coarse = x[::20]
masses = [bump[::20] / bump[::20].sum() for bump in (p, bumps[-1])]
found = transport(*masses, np.abs(coarse[:, None] - coarse))
print(f"primal {found.cost:.6f}, dual {found.dual:.6f}")

# %%
# Bounds on evidence
# ------------------
# z ~ N(0, 1), x given z ~ N(z, 0.5²): here log p(x) is known. With an approximate posterior q that is too wide, the
# ELBO lies KL(q ‖ posterior) below it; importance weighting closes the gap as K grows.

rng = np.random.default_rng(0)
observed, noise = 1.3, 0.5
exact = norm.logpdf(observed, 0, np.sqrt(1 + noise**2))
q = norm(observed / (1 + noise**2) - 0.3, 0.8)
z = q.rvs(100_000, random_state=rng)
log_weights = norm.logpdf(z) + norm.logpdf(observed, z, noise) - q.logpdf(z)
print(f"exact log p(x)  {exact:.4f}")
for k in (1, 5, 50, 500):
    bound = evidence(log_weights, k)
    print(f"K = {k:4d}        {bound.importance:.4f} ± {bound.importance_error:.4f}")
