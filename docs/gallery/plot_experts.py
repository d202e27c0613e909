"""
Products and mixtures of experts
================================

Two ways to make a distribution of simpler ones. A mixture adds densities: a sample comes from one expert *or* another.
A product multiplies them: a sample must please one expert *and* the other. A union, and an intersection.
"""

# %%
# Adding and multiplying
# ----------------------
# Two experts that each know one direction of the plane: the first wants :math:`x_1 - x_2` to be small, the second wants
# :math:`x_1 + 2 x_2` near 2. Their product is known exactly, since it has as many experts as the plane has dimensions.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_sample_images, make_moons
from sklearn.decomposition import PCA, FastICA
from sklearn.feature_extraction.image import extract_patches_2d
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline

from ebm.boltzmann.product_of_experts import ProductOfExperts as Product
from ebm_sklearn import MixtureOfExperts, ProductOfExperts

t = np.linspace(-6, 6, 401)
grid = np.stack(np.meshgrid(t, t), axis=-1).reshape(-1, 2)
area = (t[1] - t[0]) ** 2
weights, bias, exponents = np.array([[2.0, 1.0], [-2.0, 2.0]]), np.array([0.0, -2.0]), np.array([2.0, 2.0])

experts = [
    Product(weights[:, [j]], bias[[j]], exponents[[j]]) for j in range(2)
]  # beyond its direction, each is Gaussian
product = Product(weights, bias, exponents)
densities = {
    "first expert": np.exp(experts[0].log_density(grid)),
    "second expert": np.exp(experts[1].log_density(grid)),
    "product": np.exp(product.log_density(grid)),
}
densities["mixture"] = (densities["first expert"] + densities["second expert"]) / 2


def entropy(density):
    """Differential entropy in nats, of what lies within the grid."""
    p = density / density.sum()
    return -p[p > 0] @ np.log(p[p > 0]) + np.log(area)


figure, axes = plt.subplots(1, 4, figsize=(11, 3.4), sharex=True, sharey=True, layout="constrained")
for panel, (name, density) in zip(axes, densities.items(), strict=True):
    panel.contourf(
        t, t, density.reshape(t.size, -1), levels=np.array([0.02, 0.08, 0.2, 0.5, 0.9, 1.01]) * density.max()
    )
    panel.set(title=f"{name}\nentropy {entropy(density):.2f} nats", aspect="equal", xlim=(-3.5, 3.5), ylim=(-3.5, 3.5))
plt.show()

# %%
# The product is sharper than either expert, the mixture broader: multiplication is a veto, addition a vote. With two
# Gaussians it can be read off: in the product precisions add, :math:`1/\sigma^2 = 1/\sigma_1^2 + 1/\sigma_2^2`, while
# the mixture's variance is the mean of both and the spread of their means besides.

# %%
# Which one fits?
# ---------------
# The one that was made as the data were. Two sets of data: mixed independent sources with heavy tails, and two moons.

rng = np.random.default_rng(0)
mixing = np.array([[1.0, 0.6], [0.2, 1.1]])
sets = {
    "independent sources": rng.standard_t(3, size=(2000, 2)) @ mixing.T,
    "two moons": make_moons(2000, noise=0.08, random_state=0)[0],
}
models = {
    "product of 2": ProductOfExperts(random_state=0),
    "mixture of 2": MixtureOfExperts(2, n_init=5, random_state=0),
    "mixture of 12": MixtureOfExperts(12, n_init=5, n_iter=300, random_state=0),
}
figure, axes = plt.subplots(2, 3, figsize=(9, 6), layout="constrained")
for line, (title, X) in zip(axes, sets.items(), strict=True):
    train, test = train_test_split(X, random_state=0)
    low, high = np.percentile(X, [0.7, 99.3], axis=0)
    window = [np.linspace(a - 0.2 * (b - a), b + 0.2 * (b - a), 160) for a, b in zip(low, high, strict=True)]
    points = np.stack(np.meshgrid(*window), axis=-1).reshape(-1, 2)
    for panel, (name, model) in zip(line, models.items(), strict=True):
        score = model.fit(train).score(test)
        log_density = model.score_samples(points).reshape(160, 160)
        panel.scatter(*test.T, s=1, color="0.6")
        panel.contour(*window, log_density, levels=log_density.max() - np.array([6, 4, 2.5, 1.5, 0.5]))
        panel.set(title=f"{name}: {score:.3f} nats", xlim=window[0][[0, -1]], ylim=window[1][[0, -1]])
    line[0].set_ylabel(title)
plt.show()

# %%
# On the first set two experts, with six numbers, beat twelve Gaussians with 71. A product of two such experts has one
# mode, so on the second set the mixture is right.

# %%
# Three signals, three microphones
# --------------------------------
# With as many experts as features a product *is* independent component analysis: the activations are the sources.
# Three signals, a bell, a hum that fades in and out, and noise in bursts, as three microphones hear them, each with a
# little noise of its own.

seconds = np.linspace(0, 2, 8000)
bell = np.sin(2 * np.pi * 40 * seconds) * np.exp(-6 * (seconds % 0.5))
hum = np.sign(np.sin(2 * np.pi * 23 * seconds)) * np.sin(2 * np.pi * 1.5 * seconds) ** 6
bursts = rng.normal(size=8000) * (np.sin(2 * np.pi * 2.3 * seconds) > 0.8)
sources = np.column_stack([bell, hum, bursts])
heard = sources @ rng.normal(size=(3, 3)).T + 0.005 * rng.normal(size=(8000, 3))

ica = ProductOfExperts(random_state=0).fit(heard)
found = ica.transform(heard)
matches = np.corrcoef(sources.T, found.T)[:3, 3:]
order = np.abs(matches).argmax(axis=1)
theirs = np.corrcoef(sources.T, FastICA(whiten="unit-variance", random_state=0).fit_transform(heard).T)[:3, 3:]
for name, ours, fast in zip(
    ("bell", "hum", "bursts"), np.abs(matches).max(axis=1), np.abs(theirs).max(axis=1), strict=True
):
    print(f"{name:7s} correlation with its component: {ours:.4f}, by FastICA {fast:.4f}")

figure, axes = plt.subplots(3, 3, figsize=(10, 4), sharex=True, layout="constrained")
columns = {"sources": sources, "heard": heard, "found": found[:, order] * np.sign(matches[range(3), order])}
for column, (name, signals) in zip(axes.T, columns.items(), strict=True):
    for panel, signal in zip(column, signals.T, strict=True):
        panel.plot(seconds, signal, linewidth=0.4)
        panel.set(yticks=[])
    column[0].set_title(name)
    column[-1].set_xlabel("seconds")
plt.show()

# %%
# More experts than features
# --------------------------
# Patches of 8 x 8 pixels from two photographs, their contrast evened out, in their 40 first principal components. Forty
# experts and their exponents are learnt by maximum likelihood. Sixty-four have no log Z in closed form: they are learnt
# from persistent chains of Hamiltonian moves, and annealing estimates log Z afterwards. Their exponents are smaller, as
# more of them share in a patch's energy.

patches = [
    extract_patches_2d(np.log1p(image.mean(axis=2)), (8, 8), max_patches=4000, random_state=i)
    for i, image in enumerate(load_sample_images().images)
]
patches = np.concatenate(patches).reshape(-1, 64).astype(np.float32)
patches -= patches.mean(axis=1, keepdims=True)
contrast = np.linalg.norm(patches, axis=1, keepdims=True)
patches /= contrast + np.median(contrast)
train, test = train_test_split(patches, test_size=1000, random_state=0)

density_models = {
    "a Gaussian": MixtureOfExperts(),
    "mixture of 10 Gaussians": MixtureOfExperts(10, tol=0.05, random_state=0),
    "product of 40 experts": ProductOfExperts(learn_exponents=True, tol=3e-3, n_iter=500, random_state=0),
    "product of 64 experts": ProductOfExperts(
        64, exponent=0.8, learning="pcd", learning_rate=0.2, n_iter=15, random_state=0
    ),
}
for name, model in density_models.items():
    whole = make_pipeline(PCA(40, random_state=0), model).fit(train)
    print(f"{name:25s} {whole.score(test):6.2f} nats a patch")
log_z = model.log_partition_
print(f"\nlog Z of 64 experts: {log_z.value:.2f} ± {log_z.standard_error:.2f}, {log_z.verdict}")

# %%
# The products are far better than a Gaussian, and more experts are better than as many as dimensions; mixtures of
# Gaussians, whose components can differ in the contrast of a patch as a whole, are better still as densities. What a
# product has to show instead is what its experts stand for: edges and gratings of many places, directions and widths.
# Here are the 48 strongest, each as its filter times the patches' covariance:

pca = whole[0]
filters = model.components_ @ pca.components_
features = filters @ np.cov(train.T)
strongest = np.argsort(-np.linalg.norm(features, axis=1))
figure, axes = plt.subplots(4, 12, figsize=(9, 3.2), layout="constrained")
for panel, feature in zip(axes.ravel(), features[strongest], strict=False):
    panel.imshow(feature.reshape(8, 8), cmap="RdBu", vmin=-abs(feature).max(), vmax=abs(feature).max())
for panel in axes.ravel():
    panel.axis("off")
plt.show()
