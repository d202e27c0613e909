"""Updates of RBMs with other units, or rules, than the fused loops take."""

import numpy as np

from ebm.boltzmann.learners import make_learner
from ebm.boltzmann.learning import initial_model
from ebm.boltzmann.rule import Rule
from ebm.boltzmann.unit_types import as_unit
from ebm.data import TrainingData
from ebm.random import Random


class Updates:
    """Ten updates of 784 x 500 units in batches of 100."""

    params = (["bernoulli", "gaussian", "relu"], ["pcd", "fpcd", "pt"])
    param_names = ("visible", "learning")

    def setup(self, visible, learning):
        X = np.random.default_rng(0).random((1000, 784), np.float32)
        data = TrainingData.from_array(X if visible != "bernoulli" else (X > 0.8).astype(np.float32))
        start = initial_model(data, 500, Random(0), visible=as_unit(visible, "visible"))
        rule = Rule(learning=learning, batch_size=100, n_chains=100, learning_rate=0.01)
        self.learner = make_learner(start, data, rule, Random(0), n_epochs=1)
        self.learner.begin_epoch(0)
        self.learner.update(0, 1)

    def time_ten_updates(self, visible, learning):
        self.learner.update(0, 10)
