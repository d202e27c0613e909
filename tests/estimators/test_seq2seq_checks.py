"""scikit-learn's own judgement of Seq2Seq."""

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from ebm_sklearn.seq2seq import Seq2Seq

pytestmark = pytest.mark.filterwarnings("ignore::ebm_sklearn.UnendedSequenceWarning")

SMALL = {"units": 4, "embedding_size": 3, "n_iter": 2, "n_jobs": 1}
ESTIMATORS = [Seq2Seq(**SMALL), Seq2Seq(**SMALL, attention=False, early_stopping=True)]

COMPARED = "predict gives sequences, of whatever lengths, and the check subtracts them"  # test_seq2seq.py compares them
FLOATS = "targets are tokens, strings or integers, and the check gives floats"
CHECKS = {
    "check_estimators_nan_inf": FLOATS,
    **dict.fromkeys(
        (
            "check_sample_weight_equivalence_on_dense_data", "check_estimators_pickle", "check_fit_idempotent",
            "check_methods_sample_order_invariance", "check_methods_subset_invariance",
        ),
        COMPARED,
    ),
}  # fmt: skip


def expected_failures(estimator):
    return CHECKS


@parametrize_with_checks(ESTIMATORS, expected_failed_checks=expected_failures)
def test_scikit_learn_contract(estimator, check):
    check(estimator)
