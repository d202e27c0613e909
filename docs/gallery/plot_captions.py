"""
A network that says what it sees
================================

:class:`~ebm_sklearn.SequenceGenerator` makes sequences of vectors: one to many. Here the vectors are pictures of digits
and the sequences are captions, spelled letter by letter. A picture makes the first states of an LSTM, which from there
on reads nothing but the letters that it has said itself, and decides when to stop.
"""

# %%
# Pictures and captions
# ---------------------
# The 8x8 digits of scikit-learn. Their captions tell the digit, whether it has more ink than half of them, and whether
# that ink reaches further to the sides: a formula measures how far, and the network must find out what it measures.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from ebm_sklearn import SequenceGenerator

NAMES = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
X, y = load_digits(return_X_y=True)
X = (X / 16).astype(np.float32)


def breadth(pictures):
    """Standard deviation of the columns in which the ink is."""
    ink = pictures.reshape(-1, 8, 8).sum(axis=1) / pictures.sum(axis=1, keepdims=True)
    mean = ink @ np.arange(8)
    return np.sqrt(ink @ np.arange(8) ** 2 - mean**2)


ink, wide = X.sum(axis=1), breadth(X)
weights = np.where(ink > np.median(ink), "thick", "thin")
widths = np.where(wide > np.median(wide), "wide", "narrow")
captions = [f"a {weight}, {width} {NAMES[digit]}" for weight, width, digit in zip(weights, widths, y, strict=True)]
X_train, X_test, told, truth = train_test_split(X, captions, test_size=0.3, random_state=0)
print(*told[:5], sep="\n")

# %%
# It is ``fit(vectors, sequences)``. Strings are sequences of characters; a list of words would be one of words.

generator = SequenceGenerator(
    units=96, hidden_layer_sizes=(96,), dropout=0.2, n_iter=40, learning_rate=5e-3, schedule="linear", random_state=0
)
generator.fit(X_train, told)
said = generator.predict(X_test)

# %%
# What it says of digits that it has not seen
# -------------------------------------------
# A caption is wrong when a letter is. Bounds at the median leave many digits a little thicker or thinner than that, and
# most mistakes are among these.


def digit_in(caption):
    return caption.split()[3]


print(f"captions that are right: {np.mean([a == b for a, b in zip(said, truth, strict=True)]):.3f}")
right = [digit_in(a) == digit_in(b) for a, b in zip(said, truth, strict=True)]
print(f"digits that are right:   {np.mean(right):.3f}")

figure, axes = plt.subplots(3, 5, figsize=(9, 6), layout="constrained")
for ax, picture, caption, true in zip(axes.flat, X_test, said, truth, strict=False):
    ax.imshow(picture.reshape(8, 8), cmap="gray_r")
    ax.set_title(caption, fontsize=9, color="black" if caption == true else "C3")
    ax.set_axis_off()

# %%
# How sure it is
# --------------
# `score_samples` gives the exact probability of any caption of any picture. Over the forty captions that make sense
# these sum to almost 1: the network has learnt to spell, and hardly any probability is left for nonsense.

KINDS = [f"a {weight}, {width}" for weight in ("thin", "thick") for width in ("narrow", "wide")]
ALL = [f"{kind} {name}" for kind in KINDS for name in NAMES]
doubtful = np.argsort(generator.score_samples(X_test, said))[:3]
figure, axes = plt.subplots(3, 2, figsize=(8, 5), layout="constrained", width_ratios=[1, 3])
for (image, bars), i in zip(axes, doubtful, strict=True):
    p = np.exp(generator.score_samples(np.tile(X_test[i], (len(ALL), 1)), ALL))
    best = np.argsort(p)[::-1][:4]
    image.imshow(X_test[i].reshape(8, 8), cmap="gray_r")
    image.set_axis_off()
    bars.barh(range(4), p[best], color=["C2" if ALL[k] == truth[i] else "0.7" for k in best])
    bars.set(yticks=range(4), yticklabels=[ALL[k] for k in best], xlim=(0, 1))
    bars.invert_yaxis()
    print(f"all forty captions together: {p.sum():.3f}; samples: {', '.join(generator.sample(3, X_test[i : i + 1]))}")
axes[-1, 1].set_xlabel("probability (green: the caption it has)")

# %%
# From one picture to another
# ---------------------------
# Halfway between a one and a nine there are pictures that are neither. Every caption on the way is one.

first, last = (X_test[[digit_in(t) == name for t in truth]][0] for name in ("one", "nine"))
between = first + np.linspace(0, 1, 7)[:, None] * (last - first)
figure, axes = plt.subplots(1, 7, figsize=(11, 2), layout="constrained")
for ax, picture, caption in zip(axes, between, generator.predict(between), strict=True):
    ax.imshow(picture.reshape(8, 8), cmap="gray_r")
    ax.set_title(caption.replace(", ", ",\n"), fontsize=8)
    ax.set_axis_off()
plt.show()
