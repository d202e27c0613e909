"""Importing in a fresh process: the package, which loads nothing yet, and one estimator beside scikit-learn's."""

STATEMENTS = [
    "import ebm_sklearn",
    "from ebm_sklearn import RBM",
    "from sklearn.neural_network import BernoulliRBM",
]


def timeraw_import(statement: str) -> str:
    return statement


timeraw_import.params = STATEMENTS
timeraw_import.param_names = ["statement"]
