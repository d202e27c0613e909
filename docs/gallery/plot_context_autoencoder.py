"""
Codes of samples in their contexts
==================================

A context-sensitive autoencoder codes a sample x together with a context c, and reads both back from the code. Its loss
is ``||x - x^||^2 + lambda ||c - c^||^2``. While it learns, numbers of both are masked at random, so that it can do
without what is missing: given x alone it infers c.
"""

# %%
# Samples are digits, and the context of a digit says which it is, as ten numbers of which one is 1.

import numpy as np
from sklearn.datasets import load_digits
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import train_test_split

from ebm.plotting import draw_images
from ebm_sklearn import ContextAutoencoder

X, y = load_digits(return_X_y=True)
X = (X / 16).astype(np.float32)
context = np.eye(10, dtype=np.float32)[y]
X_train, X_test, c_train, c_test = train_test_split(X, context, random_state=0)

options = {"hidden_layer_sizes": (128,), "context_weight": 2.0, "learning_rate": 3e-3, "n_iter": 60}
model = ContextAutoencoder(32, **options, random_state=0).fit(X_train, c_train)

# %%
# From the picture alone the context is inferred; beside it a linear guess from the pixels.

guesses = {
    "linear": LinearRegression().fit(X_train, c_train).predict(X_test),
    "autoencoder": model.reconstruct_context(X_test),
}
for name, guess in guesses.items():
    right = (guess.argmax(axis=1) == c_test.argmax(axis=1)).mean()
    print(f"{name}: squared error {((guess - c_test) ** 2).sum(axis=1).mean():.3f}, right {100 * right:.1f} %")

# %%
# The code of both holds both: unseen digits, read back with their contexts; and the same pictures given the context of
# the next digit in the row, which pulls the reconstruction that way.

n = 12
c_next = np.roll(c_test[:n], -1, axis=0)
rows = [X_test[:n], model.reconstruct(X_test[:n], c_test[:n]), model.reconstruct(X_test[:n], c_next)]
draw_images(np.concatenate(rows).reshape(-1, 8, 8), n_columns=n, limits=(0, 1))
