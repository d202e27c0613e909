"""
From sequence to sequence: where attention looks
================================================

One network reads a string and another says what becomes of it, symbol by symbol. Before each symbol the second looks at
the string: it weighs all places of it, and the weights tell how it does what it does. Nobody tells it where to look.
"""

# %%
# Reversing
# ---------
# :class:`~ebm_sklearn.Seq2Seq` is given strings of up to ten symbols and their reversals. An encoder reads a string in
# both directions, so that what it keeps of a place tells of its neighbours, too. A decoder says the target, which ends
# where it says so itself.

import matplotlib.pyplot as plt
import numpy as np

from ebm_sklearn import AttentionDisplay, HistoryDisplay, Seq2Seq

rng = np.random.default_rng(0)
symbols = list("abcdefgh")
drawn = sorted({"".join(rng.choice(symbols, rng.integers(1, 11))) for _ in range(9000)})
rng.shuffle(drawn)
train, test = drawn[500:], drawn[:500]


def reverse(x):
    """Turn a string around."""
    return x[::-1]


settings = {"units": 48, "embedding_size": 12, "attention_size": 24, "learning_rate": 5e-3, "schedule": "linear"}
reverser = Seq2Seq(**settings, n_iter=8, random_state=0).fit(train, list(map(reverse, train)))
print(f"{reverser.score(test, list(map(reverse, test))):.1%} of {len(test)} unseen strings are reversed exactly")

# %%
# Once it has found where to look, the loss falls fast: from the log of 8, 2.1 nats a symbol, to next to nothing.

HistoryDisplay.from_estimator(reverser)
plt.show()

# %%
# Each row of the picture is a symbol that is said, and the darker a place the more it counts. Had the decoder to keep
# the string in its state, it would have to remember ten symbols. So it need only count.

_, axes = plt.subplots(1, 2, figsize=(9, 4.4), layout="constrained")
for x, ax in zip(("hbadgcfe", "aabbbahhch"), axes, strict=True):
    AttentionDisplay.from_estimator(reverser, x, ax=ax)
plt.show()

# %%
# Over all unseen strings, the largest weight is on the symbol that is said, or next to it:

weights = reverser.attention_weights(test, list(map(reverse, test)))
steps = np.concatenate([abs(w.argmax(axis=1) - np.arange(len(w))[::-1]) for w in weights])
print(f"in {np.mean(steps == 0):.1%} of all steps on it, in {np.mean(steps <= 1):.1%} at most one place away")

# %%
# Sorting
# -------
# The same network sorts, if it is shown sorted strings. Now where to look depends on the symbols themselves, and what
# was said tells what comes next: it looks for the next larger symbol, wherever it stands. Among equal symbols it looks
# at all of them, and where only one is left that it may be, it hardly looks.


def in_order(x):
    """Sort a string."""
    return "".join(sorted(x))


sorter = Seq2Seq(**settings, n_iter=12, random_state=0).fit(train, list(map(in_order, train)))
print(f"{sorter.score(test, list(map(in_order, test))):.1%} of {len(test)} unseen strings are sorted exactly")
_, axes = plt.subplots(1, 2, figsize=(9, 4.4), layout="constrained")
for x, ax in zip(("hbadgcfe", "gaagcabgcd"), axes, strict=True):
    AttentionDisplay.from_estimator(sorter, x, ax=ax)
plt.show()

# %%
# How sure it is
# --------------
# `score_samples` gives the exact log-probability of a target, its end included. A beam follows several beginnings side
# by side, and what it finds is never less likely than what is found by taking the likeliest symbol at each step.

for x in test[:3]:
    (said,), (log_p,) = sorter.predict([x], beam_width=4, return_log_probability=True)
    wrong = in_order(x)[::-1]
    other = sorter.score_samples([x], [wrong])[0]
    print(f"{x:>10} -> {said:10}  p = {np.exp(log_p):.4f}, of {wrong}: {np.exp(other):.0e}")
