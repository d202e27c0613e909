"""
Cleaning a signal
=================

Windows that slide over a signal are rows of a table, so an autoencoder that cleans rows cleans signals too. The signal
here is an electroencephalogram, one of the samples that come with matplotlib: four records of 800 values each. Noise is
added, and how much of it is taken off is measured in decibels, the signal-to-noise ratio::

    SNR = 10 log10(mean of signal^2 / mean of error^2)
"""

# %%
# Windows as rows
# ---------------
# Three records and the first half of the fourth are to learn from; the fourth's second half, in noise of half the
# signal's size, is to be cleaned.

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.cbook import get_sample_data
from sklearn.decomposition import PCA

from ebm_sklearn import DenoisingAutoencoder

with get_sample_data("eeg.dat") as file:
    records = np.frombuffer(file.read()).reshape(800, 4).T

WIDTH, NOISE = 32, 0.5
signal = records[3, 400:]


def windows(values):
    """Return all windows of a signal as rows."""
    return np.lib.stride_tricks.sliding_window_view(values, WIDTH).astype(np.float32)


def together(rows):
    """Return the signal whose windows these are, each value the mean of all that windows say of it."""
    total, count = np.zeros(len(rows) + WIDTH - 1), np.zeros(len(rows) + WIDTH - 1)
    for first, row in enumerate(rows):
        total[first : first + WIDTH] += row
        count[first : first + WIDTH] += 1
    return total / count


def snr(found):
    """Return the signal-to-noise ratio in decibels."""
    return 10 * np.log10(np.mean(signal**2) / np.mean((found - signal) ** 2))


X = np.concatenate([windows(record) for record in (*records[:3], records[3, :400])])
denoiser = DenoisingAutoencoder(
    64, hidden_layer_sizes=(128,), code_activation="relu", corruption_level=NOISE, n_iter=60, random_state=0
).fit(X)

# %%
# Beside a moving average and principal components
# ------------------------------------------------
# Both are given the best of several widths, by the result itself, which nobody could choose beforehand. Means over 20
# draws of the noise.

planes = {k: PCA(k).fit(X) for k in (4, 8, 12, 16)}
widths = (3, 5, 7)


def smoothed(noisy, width):
    """Return a moving average of odd width."""
    return np.convolve(np.pad(noisy, width // 2, mode="edge"), np.full(width, 1 / width), "valid")


ratios = {"noisy": [], "moving average": [], "PCA": [], "denoiser": []}
rng = np.random.default_rng(0)
for _ in range(20):
    noisy = signal + NOISE * rng.normal(size=signal.size)
    rows = windows(noisy)
    cleaned = together(denoiser.denoise(rows))
    ratios["noisy"].append(snr(noisy))
    ratios["moving average"].append([snr(smoothed(noisy, width)) for width in widths])
    ratios["PCA"].append([snr(together(plane.inverse_transform(plane.transform(rows)))) for plane in planes.values()])
    ratios["denoiser"].append(snr(cleaned))
for name, found in ratios.items():
    print(f"{name:15s} {np.max(np.mean(found, axis=0)):6.2f} dB")

# %%
# A moving average rounds off what is sharp. The denoiser keeps peaks like those that it has seen.

average = smoothed(noisy, 3)
figure, axes = plt.subplots(3, 1, figsize=(8, 6), sharex=True, sharey=True, layout="constrained")
for ax, (name, found) in zip(
    axes, {"noisy": noisy, "moving average of 3": average, "denoiser": cleaned}.items(), strict=True
):
    ax.plot(signal, color="0.6", linewidth=2.5, label="signal")
    ax.plot(found, color="C3", linewidth=0.9, label=f"{name}, {snr(found):.1f} dB")
    ax.legend(loc="lower right", ncols=2)
axes[-1].set_xlabel("sample")
plt.show()
