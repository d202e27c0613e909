"""What the benchmark times side by side does the same."""

import numpy as np

from benchmarks.suites.bench_hopfield import PEERS, Storing, problem, recaller


def test_the_peers_recall_the_same():
    weights, cues = problem(7)
    ours, theirs = (recaller(peer, weights, cues)() for peer in PEERS)
    np.testing.assert_array_equal(ours, theirs)
    assert (ours != cues).any()


def test_every_rule_is_timed():
    for rule in Storing.params[0]:
        suite = Storing()
        suite.setup(rule)
        suite.time_store(rule)
