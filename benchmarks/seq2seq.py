"""How well `Seq2Seq` copies, reverses and sorts strings that it has not seen, and where it looks.

    python -m benchmarks.seq2seq

Strings of 1 to 12 of 10 symbols, 20 000 to learn from and 1000 unseen ones. A step looks at the diagonal where its
largest weight is on the symbol that it says, or on a neighbour of that; what is counted is steps of unseen strings.
"""

from __future__ import annotations

from collections.abc import Callable
from statistics import median
from time import perf_counter, process_time
from typing import Any

import numpy as np

from benchmarks.report import RESULTS, in_words, machine, table
from ebm_sklearn import Seq2Seq

SYMBOLS, LONGEST, N_TRAIN, N_TEST, SEEDS = "abcdefghij", 12, 20_000, 1000, range(3)
SETTINGS: dict[str, Any] = {
    "units": 64, "embedding_size": 16, "attention_size": 32, "batch_size": 64, "learning_rate": 3e-3,
    "schedule": "linear", "n_iter": 10,
}  # fmt: skip
TASKS: dict[str, Callable[[str], str]] = {
    "copy": lambda x: x,
    "reverse": lambda x: x[::-1],
    "sort": lambda x: "".join(sorted(x)),
}


def strings(n: int, rng: np.random.Generator, longest: int = LONGEST) -> list[str]:
    """Return strings of random lengths and symbols."""
    lengths = rng.integers(1, longest + 1, n)
    return ["".join(rng.choice(list(SYMBOLS), length)) for length in lengths]


def split(seed: int, n_train: int = N_TRAIN, n_test: int = N_TEST, longest: int = LONGEST) -> tuple[list[str], ...]:
    """Return strings to learn from, and others that are not among them."""
    rng = np.random.default_rng(seed)
    train, seen = strings(n_train, rng, longest), set()
    seen.update(train)
    test: list[str] = []
    while len(test) < n_test:
        test += [x for x in strings(n_test, rng, longest) if x not in seen]
    return train, test[:n_test]


def on_diagonal(model: Seq2Seq, X: list[str], task: str) -> float:
    """Return the share of steps whose largest weight is within one place of where the symbol stands in the source."""
    found: list[np.ndarray] = []
    for x, weights in zip(X, model.attention_weights(X, [TASKS[task](x) for x in X]), strict=True):
        places = np.arange(len(x)) if task == "copy" else np.arange(len(x))[::-1]
        found.append(np.abs(weights.argmax(axis=1) - places) <= 1)
    return float(np.concatenate(found).mean())


def learnt(task: str, seed: int, **options: Any) -> tuple[Seq2Seq, dict[str, float]]:
    """Return a model, and what it took and reached."""
    train, test = split(seed)
    begin, used = perf_counter(), process_time()
    model = Seq2Seq(**{**SETTINGS, **options}, random_state=seed).fit(train, [TASKS[task](x) for x in train])
    facts = {"seconds": perf_counter() - begin, "cpu": process_time() - used}
    said = [TASKS[task](x) for x in test]
    facts["greedy"] = model.score(test, said)
    facts["beam"] = model.set_params(beam_width=4).score(test, said)
    facts["diagonal"] = np.nan if task == "sort" else on_diagonal(model, test, task)
    return model, facts


def main() -> None:
    """Learn every task from every seed, and write the table."""
    learnt("copy", 0, n_iter=0)  # compiles
    rows = []
    for task in TASKS:
        runs = [learnt(task, seed)[1] for seed in SEEDS]
        for seed, facts in zip(SEEDS, runs, strict=True):
            print(task, seed, {name: round(value, 4) for name, value in facts.items()}, flush=True)
        middle = {name: median(run[name] for run in runs) for name in runs[0]}
        rows.append(
            [
                task,
                f"{middle['greedy']:.1%} ({min(run['greedy'] for run in runs):.1%})",
                f"{middle['beam']:.1%} ({min(run['beam'] for run in runs):.1%})",
                "" if task == "sort" else f"{middle['diagonal']:.1%} ({min(run['diagonal'] for run in runs):.1%})",
                f"{middle['seconds']:.0f} s",
                f"{middle['cpu']:.0f} s",
            ]
        )
    header = ["task", "exact, greedy", "exact, beam of 4", "looks at the diagonal", "time to learn", "processor time"]
    updates = -(-N_TRAIN // SETTINGS["batch_size"]) * SETTINGS["n_iter"]
    text = (
        f"# Strings copied, reversed and sorted\n\n{in_words(machine())}\n- settings: {SETTINGS}, {updates} updates\n\n"
        f"Medians of {len(SEEDS)} seeds (and the worst). {N_TEST} unseen strings of 1 to {LONGEST} symbols.\n\n"
        f"{table(header, rows)}\n"
    )
    (RESULTS / "seq2seq.md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
