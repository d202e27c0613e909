"""
A character model of Python's own help
======================================

A language model tells how likely a text is, one character after the other, and can so write more of it.
:class:`~ebm_sklearn.SequenceGenerator` is fitted to sentences here, and stands beside what character models were made
of before recurrent networks: counts of what follows the last four characters.
"""

# %%
# Sentences
# ---------
# The help texts that ``help("for")`` and the like show ship with Python. A tenth of their sentences is held out.

import re
from collections import Counter, defaultdict
from pydoc_data.topics import topics

import matplotlib.pyplot as plt
import numpy as np

from ebm_sklearn import HistoryDisplay, SequenceGenerator

found = {}
for topic in sorted(topics):
    for paragraph in re.split(r"\n\s*\n", topics[topic]):
        for sentence in re.split(r"(?<=[.!?]) (?=[A-Z])", " ".join(paragraph.split())):
            if re.fullmatch(r"[A-Z][\x20-\x7e]{18,198}\.", sentence):
                found[sentence] = None  # each once, in order
order = np.random.default_rng(0).permutation(len(found))
sentences = [list(found)[i] for i in order]
test, train = sentences[: len(found) // 10], sentences[len(found) // 10 :]
print(f"{len(train)} sentences, {sum(map(len, train))} characters; {len(test)} held out")

# %%
# An LSTM
# -------
# The vocabulary is given, since a character may occur in held-out sentences only. The stop at the end of a sentence is
# a symbol like the others.

vocabulary = "".join(map(chr, range(32, 127)))
model = SequenceGenerator(
    units=192, dropout=0.3, vocabulary=vocabulary, n_iter=16, batch_size=16,
    learning_rate=6e-3, schedule="linear", random_state=0,
)  # fmt: skip
model.fit(train)
HistoryDisplay.from_estimator(model)

# %%
# Beside an n-gram model
# ----------------------
# Five-grams with Witten and Bell's smoothing: what followed the last four characters, mixed with what followed the last
# three, and so on, the more of it the more different characters have followed.


class NGrams:
    """p_k(c | h) = (N(hc) + T(h) p_{k-1}(c | h')) / (N(h) + T(h)), T(h) the number of kinds that followed h."""

    def __init__(self, n, sentences):
        self.n, self.following = n, defaultdict(Counter)
        for history, character in self.events(sentences):
            for k in range(n):
                self.following[history[len(history) - k :]][character] += 1

    def events(self, sentences):
        for sentence in sentences:
            text = "\2" * (self.n - 1) + sentence + "\3"
            for i in range(self.n - 1, len(text)):
                yield text[i - self.n + 1 : i], text[i]

    def bits(self, sentences):
        bits = []
        for history, character in self.events(sentences):
            p = 1 / (len(vocabulary) + 1)
            for k in range(self.n):
                seen = self.following.get(history[len(history) - k :], {})
                p = (seen.get(character, 0) + len(seen) * p) / (sum(seen.values()) + len(seen)) if seen else p
            bits.append(-np.log2(p))
        return np.array(bits)


ngrams = {n: NGrams(n, train) for n in range(1, 7)}
bits = {f"{n}-grams": counts.bits(test).mean() for n, counts in ngrams.items()}
bits["LSTM"] = model.bits_per_symbol(test)
for name, value in bits.items():
    print(f"{name:8s} {value:.3f} bits per symbol")

figure, ax = plt.subplots(figsize=(6, 2.6), layout="constrained")
ax.barh(list(bits), list(bits.values()), color=["0.7"] * 6 + ["C0"])
ax.invert_yaxis()
ax.set_xlabel("bits per symbol of held-out sentences (fewer are better)")

# %%
# Where it helps to remember
# --------------------------
# The bits of each character of two held-out sentences. Words are dear at their beginning; what the LSTM remembers from
# more than four characters ago, such as a quotation mark that is still open, costs it less.

chosen = sorted(test, key=lambda text: abs(len(text) - 70))[:2]
figure, axes = plt.subplots(2, 1, figsize=(11, 4.4), layout="constrained")
for ax, sentence, costs in zip(axes, chosen, model.score_symbols(chosen), strict=True):
    places = np.arange(len(sentence) + 1)
    ax.bar(places, ngrams[5].bits([sentence]), color="0.8", label="5-grams")
    ax.bar(places, -costs / np.log(2), width=0.4, color="C0", label="LSTM")
    ax.set_xticks(places, [*sentence, "stop"], fontsize=8)
    ax.set_ylabel("bits")
axes[0].legend()

# %%
# Writing
# -------
# Temperature divides the logits: below 1 the model keeps to what is likely, at 0 it repeats itself, above 1 it invents.

for temperature in (0.3, 0.7, 1.0, 1.3):
    print(f"temperature {temperature}")
    for text in model.sample(3, temperature=temperature, max_length=200, random_state=1, return_ended=True)[0]:
        print("   ", text)

# %%
# A sentence can be begun for it.

for text in model.sample(3, prefix="The statement ", temperature=0.5, random_state=0, return_ended=True)[0]:
    print(text)
plt.show()
