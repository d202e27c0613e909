"""What PCD, fast PCD and parallel tempering reach on 4 x 4 bars and stripes at equal Gibbs steps: exact likelihoods.

    python -m benchmarks.equal_steps

Each rule has 400 chain-sweeps an update: 40 chains of 10 sweeps, 400 of one, or 40 ladders of 10 temperatures that
sweep once. The bound is the entropy of the data, -ln 30 nats a pattern.
"""

from __future__ import annotations

from time import perf_counter

import numpy as np

from benchmarks.report import RESULTS, in_words, machine, table
from ebm.boltzmann.enumeration import log_likelihood
from ebm.boltzmann.learners import make_learner
from ebm.boltzmann.learning import initial_model
from ebm.boltzmann.rule import Rule
from ebm.data import TrainingData
from ebm.optimizers.schedules import Linear
from ebm.random import Random
from tests.reference.data import bars_and_stripes, best_mean_log_likelihood

N_HIDDEN, N_UPDATES, RATE, SEEDS = 16, 4000, 0.2, range(5)
RULES = {
    "PCD-10, 40 chains": {"learning": "pcd", "n_gibbs": 10, "n_chains": 40},
    "PCD-1, 400 chains": {"learning": "pcd", "n_gibbs": 1, "n_chains": 400},
    "fast PCD-10, 40 chains": {"learning": "fpcd", "n_gibbs": 10, "n_chains": 40},
    "tempering, 40 ladders of 10": {"learning": "pt", "n_gibbs": 1, "n_chains": 40, "n_temperatures": 10},
}


def learnt(options: dict, seed: int, n_updates: int = N_UPDATES) -> float:
    """Return the mean log-likelihood of the patterns after learning, in nats."""
    patterns = bars_and_stripes(4, distinct=True)
    data = TrainingData.from_array(patterns.astype(np.float32))
    rule = Rule(batch_size=data.n_samples, learning_rate=Linear(RATE), momentum=0.0, l2=0.0, **options)
    random = Random(seed)
    learner = make_learner(initial_model(data, N_HIDDEN, random), data, rule, random, n_epochs=n_updates, n_threads=1)
    for epoch in range(n_updates):
        learner.begin_epoch(epoch)
        learner.update(0, 1)
    return float(log_likelihood(learner.model.astype(np.float64), patterns).mean())


def main() -> None:
    """Print the table and write it to results/equal_steps.md."""
    bound = best_mean_log_likelihood(bars_and_stripes(4, distinct=True))
    rows = []
    for name, options in RULES.items():
        start = perf_counter()
        values = [learnt(options, seed) for seed in SEEDS]
        seconds = (perf_counter() - start) / len(values)
        figures = [np.median(values), np.median(values) - bound, min(values), max(values)]
        rows.append([name, *(f"{x:.3f}" for x in figures), f"{seconds:.1f}"])
        print(*rows[-1], sep="\t", flush=True)
    header = ["rule", "median", "from the bound", "worst", "best", "s a run"]
    facts = {
        "task": f"30 distinct patterns, {N_HIDDEN} hidden units, float32; bound {bound:.4f} nats a pattern",
        "learning": f"{N_UPDATES} updates of all patterns, centred, rate {RATE} falling to 0, no momentum",
        "figures": f"exact mean log-likelihood in nats a pattern, over {len(SEEDS)} seeds",
        **machine(),
    }
    text = f"# Learning rules at equal Gibbs steps, on bars and stripes\n\n{table(header, rows)}\n\n{in_words(facts)}\n"
    print(text)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "equal_steps.md").write_text(text)  # the same on any machine, but for the seconds


if __name__ == "__main__":
    main()
