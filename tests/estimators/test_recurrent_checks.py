"""scikit-learn's own judgement of recurrent networks: a row of a plain array is a sequence of one frame."""

from sklearn.utils.estimator_checks import parametrize_with_checks

from ebm_sklearn.rnn_classifier import RNNClassifier
from ebm_sklearn.rnn_regressor import RNNRegressor
from ebm_sklearn.sequence_labeler import SequenceLabeler
from ebm_sklearn.sequence_regressor import SequenceRegressor

HELD_OUT = "the sequences that are held out are drawn by number, and a repeated one has two"
DROPPED = "what is dropped of a sequence of weight 2 is dropped once, and of a repeated one twice"


def expected_failures(estimator):
    reason = HELD_OUT if estimator.early_stopping else DROPPED if estimator.dropout else None
    return {} if reason is None else {"check_sample_weight_equivalence_on_dense_data": reason}


ESTIMATORS = [
    RNNClassifier(units=8, n_iter=30),
    RNNClassifier(cell="gru", units=8, n_iter=20, bidirectional=True, pooling="mean", early_stopping=True),
    RNNRegressor(units=8, n_iter=30),
    RNNRegressor(cell="tanh", units=8, hidden_layer_sizes=(8,), n_layers=2, dropout=0.1, n_iter=30),
    SequenceLabeler(units=8, n_iter=30),
    SequenceRegressor(units=8, n_iter=30, bidirectional=True),
]


@parametrize_with_checks(ESTIMATORS, expected_failed_checks=expected_failures)
def test_scikit_learn_contract(estimator, check):
    check(estimator)
