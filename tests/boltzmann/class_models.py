"""Small classification RBMs with nothing at zero or one."""

import numpy as np

from ebm.boltzmann.classification_rbm import FIELDS, ClassificationRBM
from tests.reference.classification_rbm import SlowClassificationRBM


def small_classifier(n_visible, n_hidden, n_classes, *, dtype=np.float64, seed=0, scale=1.0):
    rng = np.random.default_rng(seed)
    shapes = (n_visible, n_hidden), (n_classes, n_hidden), (n_visible,), (n_hidden,), (n_classes,)
    return ClassificationRBM(*((scale * rng.normal(size=shape)).astype(dtype) for shape in shapes))


def slow_classifier(model):
    return SlowClassificationRBM(*(np.asarray(getattr(model, name), np.float64) for name in FIELDS))
