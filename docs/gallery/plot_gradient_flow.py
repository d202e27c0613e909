"""
Vanishing and exploding gradients
=================================

A recurrent network is learnt by sending gradients back through time. From a frame to one k frames before it a
gradient is multiplied by k Jacobians of the state,

.. math:: \\frac{\\partial s_T}{\\partial s_{T-k}} = J_T J_{T-1} \\cdots J_{T-k+1}, \\qquad
          J_t = \\frac{\\partial s_t}{\\partial s_{t-1}},

so it shrinks or grows about exponentially. This page draws how, shows what clipping saves, what an LSTM does
otherwise, and what is lost when gradients are cut off.
"""

# %%
# Powers of a matrix
# ------------------
# A linear network, h_t = x_t U + h_{t-1} W, has the same Jacobian everywhere. With W = s Q, where Q is orthogonal, the
# product over k frames has the norm s^k, exactly. With tanh in between it stays below: slopes are at most 1. An LSTM's
# cells have a way of their own, along which a gradient is multiplied by forget gates only; the others lead through
# gates and the output.

import matplotlib.pyplot as plt
import numpy as np

from ebm.random import Random
from ebm.recurrent.lstm import LSTMCell
from ebm.recurrent.simple import SimpleCell
from ebm_sklearn import DivergenceError, GradientFlowDisplay, RNNClassifier, RNNRegressor, SequenceLabeler

rng = np.random.default_rng(0)
units, frames = 32, rng.normal(size=(60, 4))


def scaled(activation, s):
    """Return a simple cell, and first parameters in which W is s times an orthogonal matrix."""
    cell = SimpleCell(units, activation=activation)
    parameters = cell.initial(4, Random(0), np.float64)
    return cell, parameters | {"recurrent_weights": s * parameters["recurrent_weights"]}


cells = {f"linear, s = {s}": scaled("identity", s) for s in (0.9, 1.1)}
cells |= {f"tanh, s = {s}": scaled("tanh", s) for s in (0.9, 1.1)}
for bias in (0.0, 2.0):
    lstm = LSTMCell(units, forget_bias=bias)
    cells[f"LSTM, forget bias {bias:g}"] = lstm, lstm.initial(4, Random(0), np.float64)
figure, ax = plt.subplots(figsize=(8, 5), layout="constrained")
display = GradientFlowDisplay.from_cells(cells, [frames], ax=ax)
ax.legend(ncols=2, fontsize="small", loc="lower left")
plt.show()

# %%
# The dashed bounds, (largest singular value of W times largest slope) to the power of k, lie on the linear networks'
# lines, and far above those with tanh. Even with s = 1.1 the tanh network's gradients vanish: where units are driven
# hard, slopes are small. An LSTM's first forget bias decides on how long it remembers at first.

for name, flow in zip(cells, display.flows, strict=True):
    print(f"{name:20s} {flow.norms[10]:9.2e} after 10 frames, {flow.norms[60]:9.2e} after 60")

# %%
# Clipping
# --------
# Where gradients explode, a step along them ends far away. Shortening a gradient that is longer than ``clip_norm``
# keeps its direction, and learning goes on. Here a linear network with W = 1.1 Q learns the sum of the last three
# numbers of thirty.

X = [0.5 * rng.normal(size=(30, 1)) for _ in range(200)]
y = np.array([x[-3:].sum() for x in X])


class Growing(SimpleCell):
    """A linear cell that begins with W = 1.1 Q."""

    def initial(self, n_in, random, dtype):
        found = super().initial(n_in, random, dtype)
        return found | {"recurrent_weights": found["recurrent_weights"] * 1.1}


for clip_norm in (1.0, None):
    model = RNNRegressor(
        cell=Growing(16, activation="identity"), optimizer="sgd", learning_rate=0.02, n_iter=30, clip_norm=clip_norm,
        random_state=0,
    )  # fmt: skip
    try:
        print(f"clip_norm={clip_norm}: R^2 = {model.fit(X, y).score(X, y):.3f}")
    except DivergenceError as error:
        print(f"clip_norm={clip_norm}: {type(error).__name__} in epoch {error.epoch}")

# %%
# What is learnt in the end
# -------------------------
# Which of two classes a sequence has is told by its first frame alone; thirty more follow. The LSTM learns to keep it,
# the simple network hears of its mistakes too faintly.

X = [rng.normal(size=(31, 2)) for _ in range(600)]
y = np.array([int(x[0, 0] > 0) for x in X])
figure, ax = plt.subplots(figsize=(8, 4.5), layout="constrained")
flows = []
for cell in ("tanh", "lstm"):
    model = RNNClassifier(cell=cell, units=16, n_iter=25, random_state=0).fit(X[:400], y[:400])
    print(f"{cell}: accuracy {model.score(X[400:], y[400:]):.2f} on sequences that it has not seen")
    flows += GradientFlowDisplay.from_estimator(model, X[400:410]).flows
GradientFlowDisplay(flows).plot(bounds=False, ax=ax)
plt.show()

# %%
# Cutting gradients off
# ---------------------
# ``truncation=k`` lets gradients go back through k frames only, from every output by itself. What lies further back
# is seen by the state, but nothing teaches it what to keep. Each frame's class is what the frame three before it was:

X = [rng.normal(size=(60, 1)) for _ in range(40)]
y = [np.concatenate([np.zeros(3, int), x[:-3, 0] > 0]).astype(int) for x in X]
for truncation in (0, 1, 2, 3, None):
    labeler = SequenceLabeler(cell="tanh", units=8, n_iter=40, truncation=truncation, random_state=0)
    print(f"truncation={truncation}: accuracy {labeler.fit(X[:30], y[:30]).score(X[30:], y[30:]):.2f}")

# %%
# A pair (k1, k2) is for long sequences: there is an update after every k1 frames, whose losses go back through the last
# k2, and the state goes on from chunk to chunk. So a single sequence gives many updates an epoch, and memory does not
# grow with its length.

X = [rng.normal(size=(6000, 1)).astype(np.float32)]
y = [np.concatenate([np.zeros(3, int), X[0][:-3, 0] > 0]).astype(int)]
for truncation in (None, (50, 60)):
    labeler = SequenceLabeler(units=8, n_iter=10, truncation=truncation, random_state=0).fit(X, y)
    print(f"truncation={truncation}: accuracy {labeler.score(X, y):.2f}, {labeler.history_[-1]['seconds']:.1f} s")
