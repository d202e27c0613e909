"""
Speakers told by a vowel
========================

Nine men say the Japanese vowel /ae/, each many times: 640 utterances of 7 to 29 frames, twelve numbers a frame. A
recurrent network reads an utterance frame by frame, whatever its length, and tells who speaks. Nothing is padded and
nothing cut: a list of arrays is what :class:`~ebm_sklearn.RNNClassifier` takes.
"""

# %%
# The data are not part of this library. They are read from a wheel of aeon where there is one (the environment variable
# ``EBM_AEON`` says where). Where there is none, this page makes up nine speakers who differ by how twelve numbers swing
# in time.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import ConfusionMatrixDisplay
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from ebm.recurrent.scrn import SCRNCell
from ebm_sklearn import RNNClassifier, SequenceScaler


def made_up(n, seed):
    """Return n utterances of nine speakers who do not exist, and their names."""
    voices, rng = np.random.default_rng(0), np.random.default_rng(seed)
    speed, height = voices.uniform(0.1, 0.5, size=(9, 12)), voices.normal(size=(9, 12))
    names, X = rng.integers(0, 9, size=n), []
    for speaker, length in zip(names, rng.integers(7, 30, size=n), strict=True):
        time = np.arange(length)[:, None] + rng.uniform(0, 3)
        X.append(height[speaker] * np.sin(speed[speaker] * time) + 0.7 * rng.normal(size=(length, 12)))
    return X, np.array([str(name + 1) for name in names])


try:
    from benchmarks.sequences import japanese_vowels

    (X, y), (X_test, y_test) = japanese_vowels()
    print("Japanese vowels of Kudo, Toyama & Shimbo 1999")
except (ImportError, FileNotFoundError):
    (X, y), (X_test, y_test) = made_up(270, 1), made_up(370, 2)
    print("NOT Japanese vowels, whose files are not here: speakers made up for this page")

X, X_test = ([x.astype(np.float32) for x in part] for part in (X, X_test))
lengths = [len(x) for x in X]
print(f"{len(X)} utterances to learn from, {len(X_test)} to be judged by; {min(lengths)} to {max(lengths)} frames each")

figure, axes = plt.subplots(1, 3, figsize=(9, 2.6), sharey=True, layout="constrained")
for ax, speaker in zip(axes, np.unique(y)[:3], strict=True):
    for x in [x for x, name in zip(X, y, strict=True) if name == speaker][:4]:
        ax.plot(x[:, 0], color="C0")
        ax.plot(x[:, 1], color="C1")
    ax.set(title=f"speaker {speaker}, 4 utterances", xlabel="frame")
axes[0].set_ylabel("first two numbers")

# %%
# A scaler and a network
# ----------------------
# `SequenceScaler` gives every number mean 0 and variance 1 over all frames. Beside the network stands what one can do
# without a sense of time: logistic regression on the means of an utterance's frames.

network = make_pipeline(SequenceScaler(), RNNClassifier(cell="gru", random_state=0)).fit(X, y)
means, means_test = (np.array([x.mean(axis=0) for x in part]) for part in (X, X_test))
linear = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)).fit(means, y)
print(f"means and logistic regression {linear.score(means_test, y_test):.3f}")
print(f"recurrent network             {network.score(X_test, y_test):.3f}")

fig, ax = plt.subplots(figsize=(4.5, 4.2), layout="constrained")
ConfusionMatrixDisplay.from_predictions(
    y_test, network.predict(X_test), ax=ax, colorbar=False, cmap="Blues", xticks_rotation="vertical"
)

# %%
# Which cell
# ----------
# A cell is how the state goes from frame to frame. Gates keep what long sequences need; utterances of 30 frames can do
# without. `SCRNCell` has a plain hidden layer beside slow units that remember by being averages.

for name, cell in {"tanh": "tanh", "LSTM": "lstm", "GRU": "gru", "SCRN": SCRNCell(64, 32)}.items():
    rnn = RNNClassifier(cell=cell, n_iter=30, random_state=0)
    accuracy = make_pipeline(SequenceScaler(), rnn).fit(X, y).score(X_test, y_test)
    n_weights = sum(array.size for array in rnn.parameters_.values())
    print(f"{name:5s} {accuracy:.3f} with {n_weights:6d} weights")

both = make_pipeline(SequenceScaler(), RNNClassifier(cell="gru", bidirectional=True, n_iter=30, random_state=0))
print(f"GRU from both ends {both.fit(X, y).score(X_test, y_test):.3f}")

# %%
# Utterances as points
# --------------------
# `transform` gives the state after the last frame: as many features for a short utterance as for a long one, for
# whatever takes rows. Here the plane in which those of the unseen utterances vary most.

plane = PCA(2).fit_transform(network.transform(X_test))
fig, ax = plt.subplots(figsize=(5, 4), layout="constrained")
for speaker in np.unique(y):
    ax.scatter(*plane[y_test == speaker].T, s=10, label=speaker)
ax.set(xlabel="first component", ylabel="second component")
ax.legend(title="speaker", fontsize="x-small")

# %%
# While somebody speaks
# ---------------------
# `step_proba` takes one frame as it comes in and keeps the state; `reset_state` begins a new utterance. The network is
# sure of most speakers long before they end; here the first unseen utterance of each.

scaler, rnn = network.steps[0][1], network.steps[1][1]
fig, ax = plt.subplots(figsize=(6, 3), layout="constrained")
for speaker, place in zip(*np.unique(y_test, return_index=True), strict=True):
    rnn.reset_state()
    right = list(rnn.classes_).index(speaker)
    frames = scaler.transform([X_test[place]])[0]
    ax.plot([rnn.step_proba(frame)[right] for frame in frames], marker=".", label=speaker)
ax.set(xlabel="frame", ylabel="probability of the one who speaks", ylim=(0, 1.02))
ax.legend(title="speaker", fontsize="x-small")
