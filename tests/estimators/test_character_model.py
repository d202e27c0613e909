"""A character model of a text that ships with Python, beside counts of five characters."""

import re
from pydoc_data.topics import topics

import numpy as np
import pytest

from ebm_sklearn import SequenceGenerator
from tests.reference.ngram import WittenBell

CHARACTERS = "".join(map(chr, range(32, 127)))


def sentences():
    """Sentences of Python's help, each once, in an order of their own."""
    paragraphs = [p for topic in sorted(topics) for p in re.split(r"\n\s*\n", topics[topic])]
    found = [s for p in paragraphs for s in re.split(r"(?<=[.!?]) (?=[A-Z])", " ".join(p.split()))]
    found = list(dict.fromkeys(s for s in found if re.fullmatch(r"[A-Z][\x20-\x7e]{18,198}\.", s)))
    return [found[i] for i in np.random.default_rng(0).permutation(len(found))]


def test_the_counts_are_probabilities():
    counts = WittenBell(3, 3).fit(["aab", "abc", "b"])
    for history in (("start", "start"), ("a", "b"), ("c", "c")):
        assert sum(counts.probability(history, token) for token in [*"abc", "stop"]) == pytest.approx(1)
    # N(b) = 3 of 10, T = 4 kinds:  p_1(b) = (3 + 4 / 4) / 14
    assert WittenBell(1, 3).fit(["aab", "abc", "b"]).probability((), "b") == pytest.approx(4 / 14)


@pytest.mark.slow
def test_an_lstm_needs_fewer_bits_than_five_grams():
    """On 169 held-out sentences: 1.66 bits per symbol where five-grams need 1.74."""
    every = sentences()
    held_out, train = every[: len(every) // 10], every[len(every) // 10 :]
    five = WittenBell(5, len(CHARACTERS)).fit(train).bits_per_symbol(held_out)
    options = {"units": 192, "dropout": 0.3, "n_iter": 16, "batch_size": 16, "learning_rate": 6e-3, "random_state": 0}
    model = SequenceGenerator(vocabulary=CHARACTERS, schedule="linear", **options).fit(train)
    found = model.bits_per_symbol(held_out)
    print(f"bits per symbol: {found:.3f}, five-grams {five:.3f}")
    assert found < five - 0.03
