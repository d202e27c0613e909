"""What CD-1, CD-10 and PCD-1 reach on 4 x 4 bars and stripes, plain and centred: exact likelihoods.

    python -m benchmarks.learning_rules

All rules get the same data (the 30 distinct patterns, as often as there are chains), number of updates, chains and
annealed rate. The bound is the entropy of the data, -ln 30 nats a pattern.
"""

from __future__ import annotations

from itertools import product
from time import perf_counter

import numpy as np

from benchmarks.report import RESULTS, in_words, machine, table
from ebm.boltzmann.enumeration import log_likelihood
from ebm.boltzmann.learning import ContrastiveLearner, initial_model
from ebm.boltzmann.rule import Rule
from ebm.data import TrainingData
from ebm.optimizers.schedules import Linear
from ebm.random import Random
from tests.reference.data import bars_and_stripes, best_mean_log_likelihood

N_HIDDEN, N_UPDATES, COPIES, SEEDS = 16, 10_000, 16, range(5)
RATE = Linear(0.05, 0.0)
RULES = (("CD-1", "cd", 1), ("CD-10", "cd", 10), ("PCD-1", "pcd", 1))


def learnt(learning: str, n_gibbs: int, centered: bool, seed: int) -> float:
    """Return the mean log-likelihood of the patterns after learning, in nats."""
    patterns = bars_and_stripes(4, distinct=True)
    data = TrainingData.from_array(np.tile(patterns, (COPIES, 1)).astype(np.float32))
    rule = Rule(
        learning=learning,
        n_gibbs=n_gibbs,
        batch_size=data.n_samples,
        learning_rate=RATE,
        momentum=0.0,
        l2=0.0,
        centered=centered,
    )
    random = Random(seed)
    learner = ContrastiveLearner(
        initial_model(data, N_HIDDEN, random), data, rule, random, n_epochs=N_UPDATES, n_threads=1
    )
    for epoch in range(N_UPDATES):
        learner.begin_epoch(epoch)
        learner.update(0, 1)
    return float(log_likelihood(learner.model.astype(np.float64), patterns).mean())


def main() -> None:
    """Print the table and write it to results/learning_rules.md."""
    bound = best_mean_log_likelihood(bars_and_stripes(4, distinct=True))
    rows = []
    for (name, learning, n_gibbs), centered in product(RULES, (False, True)):
        start = perf_counter()
        values = [learnt(learning, n_gibbs, centered, seed) for seed in SEEDS]
        seconds = (perf_counter() - start) / len(values)
        gradient = "centred" if centered else "plain"
        figures = [np.median(values), np.median(values) - bound, min(values), max(values)]
        rows.append([name, gradient, *(f"{x:.3f}" for x in figures), f"{seconds:.1f}"])
        print(*rows[-1], sep="\t", flush=True)
    header = ["rule", "gradient", "median", "from the bound", "worst", "best", "s a run"]
    facts = {
        "task": f"30 distinct patterns, {N_HIDDEN} hidden units, float32; bound {bound:.4f} nats a pattern",
        "learning": f"{N_UPDATES} updates of all patterns, {COPIES * 30} chains, rate 0.05 falling to 0, no momentum",
        "figures": f"exact mean log-likelihood in nats a pattern, over {len(SEEDS)} seeds",
        **machine(),
    }
    text = f"# Learning rules on bars and stripes\n\n{table(header, rows)}\n\n{in_words(facts)}\n"
    print(text)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "learning_rules.md").write_text(text)  # the same on any machine, but for the seconds


if __name__ == "__main__":
    main()
