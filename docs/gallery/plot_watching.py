"""
Watching and resuming a fit
===========================

Learning may take seconds or hours. Callbacks, given to the estimator as a list, watch it, record what they see, stop it
in time and save it on the way.
"""

# %%
# What is recorded
# ----------------
# ``verbose=1`` shows a progress bar: epochs, updates a second, the time that is left, and the latest recorded values.
# Monitors record numbers after every epoch, or every n-th; they stand in ``history_``, a list of plain rows.

from pathlib import Path
from tempfile import TemporaryDirectory

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from ebm_sklearn import (
    RBM,
    Checkpoint,
    EarlyStopping,
    FreeEnergyGap,
    HistoryDisplay,
    PseudoLikelihood,
    ReconstructionError,
)

X = (load_digits().data > 7).astype(np.float32)
X_train, X_test = train_test_split(X, test_size=400, random_state=0)
settings = {
    "n_components": 64,
    "learning_rate": 0.05,
    "momentum": 0.5,
    "l2": 0.0,
    "batch_size": 50,
    "random_state": 0,
}
monitors = [ReconstructionError(), PseudoLikelihood(X_test), FreeEnergyGap(validation=X_test)]

rbm = RBM(**settings, n_iter=40, callbacks=monitors).fit(X_train)
print({name: round(value, 4) for name, value in rbm.history_[-1].items()})
HistoryDisplay.from_estimator(rbm)
plt.show()

# %%
# Callbacks are parameters like others: they are cloned with the estimator, searched in a grid, and hold no state of
# their own. Any object with a method such as ``on_epoch_end(run)`` is one:


class LargestWeight:
    """Record the largest weight."""

    def on_epoch_end(self, run):
        run.record("largest_weight", np.abs(run.learner.model.weights).max())


rbm = RBM(**settings, n_iter=3, callbacks=[LargestWeight()]).fit(X_train)
print([round(row["largest_weight"], 3) for row in rbm.history_])

# %%
# Stopping in time
# ----------------
# ``EarlyStopping`` watches one recorded value. It puts the best epoch's parameters back at the end.

stopping = EarlyStopping("pseudo_likelihood", patience=10)
rbm = RBM(**settings, n_iter=1000, callbacks=[PseudoLikelihood(X_test, n_samples=200), stopping])
rbm.fit(X_train)
values = [row["pseudo_likelihood"] for row in rbm.history_]
print(f"stopped after {rbm.n_iter_} of 1000 epochs: {values[-1]:.3f} in the last,", end=" ")
print(f"{max(values):.3f} in the best, number {np.argmax(values) + 1}")

# %%
# A learning rate that is too high is noticed without any callback: as soon as a parameter is not a finite number, or
# beyond a million, ``fit`` raises ``DivergenceError``, says in which epoch, and leaves the last good parameters.
#
# Resuming
# --------
# ``Checkpoint`` saves all that learning stands on: parameters, momenta, chains, moving averages and the history. With
# ``resume=True`` a fit goes on from the file, if there is one, and ends where the uninterrupted fit does, bit
# for bit. Here a fit is cut off after 6 of 20 epochs, as a crash would:


class Crash:
    """Fail after the sixth epoch."""

    order = 25  # after the checkpoint, which has 20

    def on_epoch_end(self, run):
        if run.epoch + 1 == 6:
            raise RuntimeError("power failure")


whole = RBM(**settings, n_iter=20).fit(X_train)
with TemporaryDirectory() as folder:
    checkpoint = Checkpoint(Path(folder, "run.safetensors"), resume=True)
    try:
        RBM(**settings, n_iter=20, callbacks=[checkpoint, Crash()]).fit(X_train)
    except RuntimeError as error:
        print(f"stopped by {error}")
    resumed = RBM(**settings, n_iter=20, callbacks=[checkpoint]).fit(X_train)
print("equal to the uninterrupted fit, bit for bit:", np.array_equal(whole.components_, resumed.components_))

# %%
# The checkpoint knows its parameters and a digest of its data: it refuses to go on with others, and says what differs.
#
# Ctrl-C
# ------
# Ctrl-C ends ``fit`` within a second. The estimator is fitted with the parameters of the last finished updates, a
# ``FitInterruptedWarning`` says so, and ``transform``, ``save`` and a further ``fit`` work as always. A second Ctrl-C
# raises ``KeyboardInterrupt`` at once.
#
# Chunks of your own
# ------------------
# ``partial_fit`` goes on exactly where the last call stopped:

chunked = RBM(**settings, n_iter=20)
for _ in range(20):
    chunked.partial_fit(X_train)
print("20 calls of partial_fit are one fit of 20 epochs:", np.array_equal(chunked.components_, whole.components_))
