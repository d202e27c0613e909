"""What `Seq2Seq` reaches on strings that it has not seen; slow."""

import numpy as np
import pytest

from benchmarks.seq2seq import TASKS, learnt, on_diagonal, split
from ebm_sklearn import Seq2Seq


def test_short_strings_are_reversed():
    """In seconds: strings of up to 5 symbols."""
    train, test = split(0, n_train=2000, n_test=200, longest=5)
    turn = TASKS["reverse"]
    model = Seq2Seq(units=32, embedding_size=8, learning_rate=0.01, schedule="linear", n_iter=15, random_state=0)
    model.fit(train, list(map(turn, train)))
    assert model.score(test, list(map(turn, test))) >= 0.95
    assert on_diagonal(model, test, "reverse") >= 0.9
    np.testing.assert_allclose([w.sum() for w in model.attention_weights(["abc"])[0]], 1, rtol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("task", TASKS)
def test_strings_of_twelve_of_ten_symbols(task):
    """At least 99 % exact by the median of three seeds, a beam no worse, and the largest weight where it should be."""
    runs = [learnt(task, seed)[1] for seed in range(3)]
    assert np.median([run["greedy"] for run in runs]) >= 0.99
    assert np.median([run["beam"] for run in runs]) >= 0.99
    assert np.median([run["seconds"] for run in runs]) < 600
    if task != "sort":
        assert min(run["diagonal"] for run in runs) >= 0.9
