"""
Cells beside one another: LSTM, GRU, SCRN and a simple network
==============================================================

What must a recurrent network remember, and what does a memory cost? Here a sequence of noise contains two marked
frames, one early and one late; each mark shows one of two signs, and the class is the pair of signs in their order, so
four classes (the temporal order problem of Hochreiter & Schmidhuber 1997, experiment 6a, shortened). A network has to
carry the first sign over the frames between.
"""

# %%
# Sequences of 25 to 35 frames: three features of noise, of which one carries a sign at the two marked frames, and a
# feature that shows the marks.
import matplotlib.pyplot as plt
import numpy as np

from ebm.random import Random
from ebm.recurrent.architecture import recurrent_cell
from ebm.recurrent.scrn import SCRNCell
from ebm_sklearn import RNNClassifier


def temporal_order(n, seed):
    """Return sequences and their classes, 0 to 3."""
    rng = np.random.default_rng(seed)
    X, y = [], []
    for length in rng.integers(25, 36, size=n):
        frames = 0.3 * rng.standard_normal((length, 4)).astype(np.float32)
        frames[:, 3] = 0
        signs = rng.choice([-1, 1], size=2)
        for place, sign in zip((rng.integers(2, 6), rng.integers(15, 20)), signs, strict=True):
            frames[place, 0], frames[place, 3] = sign, 1
        X.append(frames)
        y.append((signs[0] > 0) * 2 + (signs[1] > 0))
    return X, np.array(y)


X_test, y_test = temporal_order(400, seed=99)
UNITS = 24
CELLS = {
    "LSTM": "lstm",
    "GRU": "gru",
    "SCRN": SCRNCell(UNITS, UNITS // 2, alpha=0.95),
    "simple, tanh": "tanh",
}

# %%
# Parameters of a layer that reads four features. A GRU has three matrices where an LSTM has four.
for name, cell in CELLS.items():
    made = recurrent_cell(cell, UNITS) if isinstance(cell, str) else cell
    print(f"{name:14s} {sum(a.size for a in made.initial(4, Random(0), np.float32).values()):6d} parameters")

# %%
# Errors on unseen sequences against the number of sequences learnt from, for equally many updates. The GRU, with fewer
# parameters, is said to need less data than the LSTM: here is what it is on this task.
SIZES, UPDATES, BATCH = (100, 200, 400, 800), 1000, 25
errors = {name: [] for name in CELLS}
for size in SIZES:
    X, y = temporal_order(size, seed=size)
    for name, cell in CELLS.items():
        model = RNNClassifier(
            cell=cell, units=UNITS, batch_size=BATCH, n_iter=UPDATES * BATCH // size, learning_rate=5e-3, random_state=0
        )
        errors[name].append(1 - model.fit(X, y).score(X_test, y_test))
for name, found in errors.items():
    print(f"{name:14s}", "  ".join(f"{100 * error:5.1f} %" for error in found))

# %%
figure, axes = plt.subplots(figsize=(6, 4), layout="constrained")
for (name, found), marker in zip(errors.items(), "os^v", strict=True):
    axes.plot(SIZES, found, marker=marker, label=name)
axes.axhline(0.75, color="0.6", linestyle=":", label="chance")
axes.set(
    xscale="log", xticks=SIZES, xticklabels=SIZES, xlabel="sequences learnt from", ylabel="error on unseen sequences"
)
axes.minorticks_off()
axes.legend()
plt.show()

# %%
# Cells with gates learn it from few sequences, the GRU from about half as many as the LSTM. SCRN remembers by slow
# averages that nothing can close: the frames between the marks blur what is in them. It is a cell for topics, not for
# single marks.

# %%
# What the states do: the answer after each frame of one sequence, by ``step``, which takes frames as they come in.
model = RNNClassifier(cell="lstm", units=UNITS, batch_size=BATCH, n_iter=40, learning_rate=5e-3, random_state=0)
model.fit(*temporal_order(800, seed=800))
model.reset_state()
X, y = X_test[0], y_test[0]
answers = np.array([model.step(frame) for frame in X])
print("class", y, "- answers after frames with marks:", *answers[np.flatnonzero(X[:, 3])])
