"""A model of n-grams of tokens, to which models of sequences are compared: interpolated Witten-Bell smoothing.

    p_k(c | h) = (N(h c) + T(h) p_{k-1}(c | h')) / (N(h) + T(h)),    p_0 = 1 / (V + 1)

with N the counts, T(h) how many different tokens followed the context h of k - 1 tokens, and h' = h without its first
token. Every sequence begins after n - 1 starts and ends with a stop, which is predicted as the tokens are.

Source: Witten & Bell 1991 (doi:10.1109/18.87000), method C; Chen & Goodman 1999 (doi:10.1006/csla.1999.0128), eqs. 15
and 16, for the interpolation.
"""

import math
from collections import Counter, defaultdict

START, STOP = "start", "stop"


class WittenBell:
    """Fit to sequences of hashable tokens, with ``n_tokens`` that there are in all."""

    def __init__(self, n, n_tokens):
        self.n, self.n_tokens = n, n_tokens
        self.following = defaultdict(Counter)  # of each context, by what follows

    def fit(self, sequences):
        for history, token in self._events(sequences):
            for k in range(self.n):
                self.following[history[len(history) - k :]][token] += 1
        self.total = {context: sum(found.values()) for context, found in self.following.items()}
        return self

    def _events(self, sequences):
        """Every token, with the n - 1 before it."""
        for sequence in sequences:
            padded = (*((START,) * (self.n - 1)), *sequence, STOP)
            for i in range(self.n - 1, len(padded)):
                yield padded[i - self.n + 1 : i], padded[i]

    def probability(self, history, token):
        p = 1 / (self.n_tokens + 1)
        for k in range(self.n):
            context = history[len(history) - k :]
            if context not in self.following:
                break
            kinds = len(self.following[context])
            p = (self.following[context][token] + kinds * p) / (self.total[context] + kinds)
        return p

    def bits_per_symbol(self, sequences):
        bits = [-math.log2(self.probability(*event)) for event in self._events(sequences)]
        return sum(bits) / len(bits)
