"""Tasks that ask for a long memory."""

import numpy as np


def adding(n, length, seed=0, dtype=np.float32):
    """Return sequences of pairs (value in [0, 1), mark) and the sum of the two marked values.

    One mark is in either half. Always to answer the mean, 1, has the squared error 1/6. (Hochreiter & Schmidhuber 1997,
    experiment 4, with one length and values in [0, 1].)
    """
    rng = np.random.default_rng(seed)
    values, marks = rng.uniform(size=(n, length)), np.zeros((n, length))
    half = length // 2
    marks[np.arange(n), rng.integers(0, half, size=n)] = 1
    marks[np.arange(n), rng.integers(half, length, size=n)] = 1
    return np.stack([values, marks], axis=2).astype(dtype), (values * marks).sum(axis=1).astype(dtype)


def copying(n, delay, seed=0, dtype=np.float32):
    """Return one-hot sequences of 10 symbols, blanks for a while, a signal; and labels: blanks, at the end the symbols.

    Symbols are 8, label 8 is the blank, 9 the signal. Who remembers nothing knows when to answer but not what: 10 ln 8
    nats in delay + 20 frames. (Arjovsky, Shah & Bengio 2016, arXiv:1511.06464, section 5.1.)
    """
    rng = np.random.default_rng(seed)
    symbols = rng.integers(0, 8, size=(n, 10))
    shown = np.concatenate([symbols, np.full((n, delay - 1), 8), np.full((n, 1), 9), np.full((n, 10), 8)], axis=1)
    labels = np.concatenate([np.full((n, delay + 10), 8), symbols], axis=1)
    return np.eye(10, dtype=dtype)[shown], labels


def temporal_order(n, seed=0, dtype=np.float32, lengths=(100, 110)):
    """Return one-hot sequences with two symbols X or Y among noise, and which came first and second: four classes.

    The first is in frames 10 to 19, the second in 50 to 59, of 100 to 110 frames that begin with E and end with B.
    (Hochreiter & Schmidhuber 1997, experiment 6a.)
    """
    rng = np.random.default_rng(seed)
    X, y = [], []
    for length in rng.integers(lengths[0], lengths[1] + 1, size=n):
        frames = rng.integers(4, 8, size=length)  # the noise a, b, c, d
        kinds = rng.integers(0, 2, size=2)
        frames[rng.integers(10, 20)], frames[rng.integers(50, 60)] = kinds
        frames[0], frames[-1] = 2, 3
        X.append(np.eye(8, dtype=dtype)[frames])
        y.append(2 * kinds[0] + kinds[1])
    return X, np.array(y)


def delayed(n, delay=3, seed=0, dtype=np.float32):
    """Return ragged sequences of one of four symbols, and for every frame the symbol ``delay`` frames before.

    The first frames, which have none before them, are labelled 4.
    """
    rng = np.random.default_rng(seed)
    symbols = [rng.integers(0, 4, size=length) for length in rng.integers(1, 20, size=n)]
    labels = [np.concatenate([np.full(min(delay, len(s)), 4), s[:-delay]]) for s in symbols]
    return [np.eye(4, dtype=dtype)[s] for s in symbols], labels
