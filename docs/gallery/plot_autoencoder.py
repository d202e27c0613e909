"""
An autoencoder beside PCA
=========================

Principal components are the best code from which a linear map can read the data back, and a linear autoencoder finds
their plane. A deep one may bend: at the same size of the code it reconstructs better, the more so the smaller the code.

.. seealso:: :doc:`the figures for 5,000 MNIST digits </autoencoders>`
"""

# %%
# The linear one first. Without hidden layers, with the squared loss, it has the plane of PCA as its only minimum
# (Baldi & Hornik 1989). The largest angle between the two planes tells how far learning has come.

import numpy as np
from scipy.linalg import subspace_angles
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split

from ebm.optimizers.sgd import SGD
from ebm_sklearn import Autoencoder, LatentPlaneDisplay, LatentWalkDisplay, ReconstructionDisplay

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X / 16, y, random_state=0)

descent = SGD(0.01, momentum=0.95, nesterov=True)
linear = Autoencoder(5, tied=True, optimizer=descent, batch_size=len(X_train), n_iter=600, random_state=0).fit(X_train)
pca = PCA(5).fit(X_train)
angle = subspace_angles(linear.parameters_["encoder.0.weights"], pca.components_.T).max()
discarded = np.linalg.eigvalsh(np.cov(X_train.T, bias=True))[:-5].sum()
print(f"largest angle {angle:.1e}; loss {-linear.score(X_train):.6f}, discarded eigenvalues {discarded:.6f}")

# %%
# Now two numbers for a digit: PCA, and a deep autoencoder with hidden layers of 128 and 32 units on either side.


def error(model, X):
    """Squared error of a digit, mean over digits."""
    return ((model.inverse_transform(model.transform(X)) - X) ** 2).sum(axis=1).mean()


options = {"learning_rate": 3e-3, "schedule": "linear", "n_iter": 150, "random_state": 0}
plane = PCA(2).fit(X_train)
deep = Autoencoder(2, hidden_layer_sizes=(128, 32), **options).fit(X_train)
print(f"error on unseen digits: PCA {error(plane, X_test):.2f}, autoencoder {error(deep, X_test):.2f}")

ReconstructionDisplay.from_estimator(plane, X_test).ax_.set_title("PCA, two components")
ReconstructionDisplay.from_estimator(deep, X_test).ax_.set_title("autoencoder, two numbers")

# %%
# Its plane of codes separates the digits better than that of the principal components.

LatentPlaneDisplay.from_estimator(plane, X_test, y_test).ax_.set_title("PCA")
LatentPlaneDisplay.from_estimator(deep, X_test, y_test).ax_.set_title("autoencoder")

# %%
# Between two digits: what lies on the straight line from one's code to the other's.

first = [np.flatnonzero(y_test == label)[0] for label in (0, 3, 5)]
last = [np.flatnonzero(y_test == label)[0] for label in (6, 8, 9)]
LatentWalkDisplay.from_estimator(deep, X_test[first], X_test[last])

# %%
# Images may come as such, and convolutions before the dense layers are a parameter.

images = (X_train.reshape(-1, 8, 8)).astype("float32")
convolutional = Autoencoder(8, channels=(16, 32), kernel_size=3, hidden_layer_sizes=(64,), **options).fit(images)
dense = Autoencoder(8, hidden_layer_sizes=(64,), **options).fit(images)
for name, model in (("dense", dense), ("convolutional", convolutional)):
    print(f"{name}: {-model.score(X_test.reshape(-1, 8, 8).astype('float32')):.2f}")
