"""scikit-learn's own judgement of our estimators."""

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from ebm_sklearn import RBM, BernoulliRBM, RBMClassifier

pytestmark = pytest.mark.filterwarnings("ignore::ebm_sklearn.OutOfRangeWarning")

STOCHASTIC = "score_samples is scikit-learn's stochastic pseudo-likelihood: it flips one drawn feature a row"
CHAINS = "CD starts a chain from every row, so a row of weight 2 has one chain and a repeated row has two"


def expected_failures(estimator):
    if isinstance(estimator, BernoulliRBM):
        return dict.fromkeys(["check_methods_subset_invariance", "check_methods_sample_order_invariance"], STOCHASTIC)
    if isinstance(estimator, RBM) and estimator.learning == "cd":
        return dict.fromkeys([f"check_sample_weight_equivalence_on_{x}_data" for x in ("dense", "sparse")], CHAINS)
    return {}


ESTIMATORS = [
    RBM(),
    RBM(n_components=8, n_iter=3, learning="cd", n_gibbs=2, batch_size=1000),
    RBM(n_components=4, n_iter=3, learning="exact", batch_size=1000, binarize=0.5),
    BernoulliRBM(n_components=8, n_iter=3),
    RBMClassifier(n_components=16, n_iter=20),
    RBMClassifier(n_components=8, n_iter=20, objective="generative", learning="exact", binarize=0.0),
]


CHECKS = parametrize_with_checks(ESTIMATORS, expected_failed_checks=expected_failures)


# scikit-learn 1.7 gives a generator, and pytest 9 wants a list
@pytest.mark.parametrize(CHECKS.args[0], list(CHECKS.args[1]), **CHECKS.kwargs)
def test_estimator_keeps_the_contract(estimator, check):
    check(estimator)
