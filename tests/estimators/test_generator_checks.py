"""scikit-learn's own judgement of generators of sequences: its vectors, and its targets as sequences of one token."""

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from ebm_sklearn import SequenceGenerator

pytestmark = pytest.mark.filterwarnings("ignore::ebm_sklearn.UnendedSequenceWarning")


SEQUENCES = "predict gives lists of tokens, and the check subtracts; test_sequence_generator.py compares them"
CHECKS_OF_PREDICT = [
    "check_sample_weight_equivalence_on_dense_data",
    "check_estimators_pickle",
    "check_methods_sample_order_invariance",
    "check_methods_subset_invariance",
    "check_fit_idempotent",
]


def expected_failures(estimator):
    return dict.fromkeys(CHECKS_OF_PREDICT, SEQUENCES)


SMALL = {"units": 4, "embedding_size": 3, "n_iter": 3, "n_jobs": 1}
ESTIMATORS = [
    SequenceGenerator(**SMALL),
    SequenceGenerator("tanh", n_layers=2, hidden_layer_sizes=(5,), early_stopping=True, **SMALL),
]
CHECKS = parametrize_with_checks(ESTIMATORS, expected_failed_checks=expected_failures)


@pytest.mark.parametrize(CHECKS.args[0], list(CHECKS.args[1]), **CHECKS.kwargs)
def test_estimator_keeps_the_contract(estimator, check):
    check(estimator)
