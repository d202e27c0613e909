"""scikit-learn's own judgement of variational autoencoders."""

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from ebm_sklearn import ConditionalVAE, VariationalAutoencoder

pytestmark = pytest.mark.filterwarnings("ignore::ebm_sklearn.OutOfRangeWarning")


NOISE = "noise is drawn by the number of a row, and a row of weight 2 has one draw where a repeated one has two"


def expected_failures(estimator):
    return dict.fromkeys([f"check_sample_weight_equivalence_on_{x}_data" for x in ("dense", "sparse")], NOISE)


SMALL = {"hidden_layer_sizes": (5,), "n_iter": 3, "n_importance": 4}
ESTIMATORS = [
    VariationalAutoencoder(3, **SMALL),
    VariationalAutoencoder(2, likelihood="gaussian", **SMALL),
    VariationalAutoencoder(2, likelihood="gaussian", noise_variance="features", early_stopping=True, **SMALL),
    ConditionalVAE(3, **SMALL),
    ConditionalVAE(2, likelihood="gaussian", noise_variance=0.5, **SMALL),
]
CHECKS = parametrize_with_checks(ESTIMATORS, expected_failed_checks=expected_failures)


@pytest.mark.parametrize(CHECKS.args[0], list(CHECKS.args[1]), **CHECKS.kwargs)
def test_estimator_keeps_the_contract(estimator, check):
    check(estimator)
