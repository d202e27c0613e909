"""scikit-learn's own test_rbm.py, from the installed package, with the import of BernoulliRBM swapped."""

import importlib.util
import re
import sys
from pathlib import Path

import sklearn

SWAPPED = "from sklearn.neural_network import BernoulliRBM"
LEFT_OUT = {
    "test_fit_gibbs": "compares weights with figures that RandomState(42)'s very draws gave",
    "test_convergence_dtype_consistency": (
        "needs the same draws in both precisions; our uniforms have 24 bits in float32 and 53 in float64"
    ),
}


def theirs():
    """Load the module under a name of ours, so that pytest finds its tests here."""
    path = Path(sklearn.__file__).parent / "neural_network" / "tests" / "test_rbm.py"
    source = path.read_text()
    assert SWAPPED in source
    source = source.replace(SWAPPED, "from ebm_sklearn import BernoulliRBM")
    source = re.sub(r"@pytest\.mark\.thread_unsafe.*\n", "", source)  # a marker of their own
    spec = importlib.util.spec_from_loader("sklearn_test_rbm_swapped", loader=None)
    module = importlib.util.module_from_spec(spec)
    sys.modules[module.__name__] = module
    exec(compile(source, str(path), "exec"), module.__dict__)
    return module


module = theirs()
tests = {name: function for name, function in vars(module).items() if re.match("test_", name)}
globals().update({name: function for name, function in tests.items() if name not in LEFT_OUT})


def test_all_that_is_left_out_exists_and_the_rest_is_here():
    assert set(LEFT_OUT) < set(tests)
    assert len(tests) - len(LEFT_OUT) >= 11
    assert module.BernoulliRBM.__module__ == "ebm_sklearn.bernoulli_rbm"
