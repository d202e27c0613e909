"""Seconds of learning until unseen digits have a given log-likelihood: ours beside scikit-learn's BernoulliRBM.

Learning runs in a process of its own and stops at the marks, where the log-likelihood of 1,000 digits is measured with
the clock standing, for both in the same way: log Z by annealed importance sampling from either end, and of the two the
value that flatters less. Each starts as its own ``fit`` does and tries several rates. Compiling is outside the clock as
well; ``benchmarks.first_fit`` measures it.
"""

from __future__ import annotations

import argparse
import math
import tempfile
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import report
from benchmarks.cases import N_HIDDEN, N_VISIBLE, Case
from benchmarks.clock import Timing
from benchmarks.start import Start, digits, save, untrained
from benchmarks.workers import Worker, thread_words
from ebm.boltzmann.learning import initial_model
from ebm.boltzmann.likelihood import enclose_log_partition
from ebm.boltzmann.rbm import RBM
from ebm.data import TrainingData
from ebm.errors import UntrustedEstimateWarning
from ebm.random import Random, Stream
from ebm.sampling.gibbs import gibbs

N_TRAIN = 4000
N_CHAINS, N_SWEEPS = 100, 200  # of annealing; sweeps from the digits to the states from which reverse chains start
LEVELS = (-250, -200, -180, -160, -150, -140, -130, -120, -115, -110)
MARKS = (1, 2, 3, 4, 6, 8, 11, 16, 23, 32, 45, 64, 90, 128, 181, 256)  # epochs, the same for all
BEST = ("where each was best", "epochs", "seconds", "nats an image", "gap of log Z, nats", "CPU s of others")


@dataclass(frozen=True)
class Contestant:
    """A library, and how it learns."""

    peer: str
    batch: int
    learning_rate: float

    @property
    def name(self) -> str:
        return f"{self.peer}, batch {self.batch}, rate {self.learning_rate:g}"

    @property
    def case(self) -> Case:
        return Case("pcd", 1, self.batch, self.peer, self.peer == "ours", self.learning_rate)

    @property
    def warm_up(self) -> Case:
        return Case("pcd", 1, self.batch, self.peer, self.peer == "ours")


CONTESTANTS = (
    Contestant("ours", 100, 0.05),
    Contestant("scikit-learn", 10, 0.1),  # its defaults
    Contestant("ours", 100, 0.02),
    Contestant("ours", 100, 0.01),
    Contestant("scikit-learn", 10, 0.01),
    Contestant("scikit-learn", 10, 0.003),
    Contestant("scikit-learn", 100, 0.05),
    Contestant("scikit-learn", 100, 0.02),
)


@dataclass(frozen=True)
class Mark:
    """Where a contestant stood: seconds of learning, and the test log-likelihood in nats an image."""

    epochs: int
    seconds: float
    log_likelihood: float
    gap: float  # between the two estimates of log Z, in nats
    foreign: float  # CPU seconds that others took from the machine meanwhile


def first(X: np.ndarray) -> dict[str, Start]:
    """Return what each library's own ``fit`` starts from."""
    own, random = untrained(), Random(0)
    ours = initial_model(TrainingData.from_array(X), N_HIDDEN, random)
    theirs = Start(own.weights, own.visible_bias, own.hidden_bias, np.zeros_like(own.chains))
    return {
        "ours": Start(ours.weights, ours.visible_bias, ours.hidden_bias, own.chains),
        "scikit-learn": theirs,
    }


def measured(model: RBM, train: np.ndarray, test: np.ndarray, temperatures: int) -> tuple[float, float]:
    """Return the mean log-likelihood of test digits by the larger estimate of log Z, and how far the two differ."""
    random = Random(1)
    hidden = model.sample_hidden(train[:N_CHAINS], random.at(Stream.START))
    states, _ = gibbs(model, hidden, N_SWEEPS, random)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UntrustedEstimateWarning)  # the table shows how far the estimates differ
        mean = train.mean(axis=0, dtype=np.float64)
        log_z = enclose_log_partition(model, states, data_mean=mean, random=random, n_temperatures=temperatures)
    values = log_z.lower.value, log_z.upper.value
    return float(-model.free_energy(test).mean() - max(values)), max(values) - min(values)


def learn(contestant: Contestant, start: Path, options: argparse.Namespace) -> list[Mark]:
    """Let a contestant learn until it reaches the highest level or its time is over."""
    X = digits()
    train, test = X[:N_TRAIN], X[N_TRAIN:]
    marks: list[Mark] = []
    clock, done, saved = Timing(0.0, 0.0), 0, start.with_name("now.npz")
    with Worker(contestant.peer, start, options.threads) as worker:
        worker.time(contestant.warm_up, 5)
        for epochs in MARKS:
            updates = (epochs - done) * (N_TRAIN // contestant.batch)
            clock += worker.time(contestant.case, updates)
            done = epochs
            worker.save(contestant.case, saved)
            with np.load(saved) as file:
                model = RBM(*(np.ascontiguousarray(file[f"arr_{i}"], np.float32) for i in range(3)))
            likelihood, gap = measured(model, train, test, options.temperatures)
            marks.append(Mark(epochs, clock.seconds, likelihood, gap, clock.foreign))
            print(f"{contestant.name}: {marks[-1]}", flush=True)
            if marks[-1].log_likelihood >= LEVELS[-1] or clock.seconds > options.budget:
                break
    return marks


def time_to(level: float, marks: list[Mark]) -> float:
    """Return when the level was first reached, on a line between the marks around; infinity when it was not."""
    for before, mark in zip([None, *marks], marks, strict=False):
        if mark.log_likelihood >= level:
            if before is None:
                return mark.seconds
            share = (level - before.log_likelihood) / (mark.log_likelihood - before.log_likelihood)
            return before.seconds + share * (mark.seconds - before.seconds)
    return math.inf


def lines(curves: dict[Contestant, list[Mark]]) -> list[list[str]]:
    """Return a line for each level: every contestant's seconds, and the best of scikit-learn over the best of ours."""
    found = []
    for level in LEVELS:
        times = {contestant: time_to(level, marks) for contestant, marks in curves.items()}
        ours, theirs = (min(t for c, t in times.items() if c.peer == peer) for peer in ("ours", "scikit-learn"))
        ratio = f"{theirs / ours:.1f}" if math.isfinite(theirs + ours) else "-"
        shown = (f"{time:.2f}" if math.isfinite(time) else "-" for time in times.values())
        found.append([str(level), *shown, ratio])
    return found


def text(curves: dict[Contestant, list[Mark]], facts: dict[str, Any]) -> str:
    """Return the whole report."""
    header = ["nats an image", *(f"{contestant.name}, s" for contestant in curves), "best / best"]
    best = [(c, max(marks, key=lambda mark: mark.log_likelihood)) for c, marks in curves.items()]
    ends = [[c.name, *(f"{value:.4g}" for value in vars(mark).values())] for c, mark in best]
    return "\n\n".join([
        f"# Time to a test log-likelihood, {N_VISIBLE} x {N_HIDDEN} units, {N_TRAIN} digits to learn from",
        report.in_words(facts),
        report.table(header, lines(curves)),
        report.table(BEST, ends),
    ])  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.time_to_likelihood", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="two contestants, 1 s each; writes nothing")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--budget", type=float, default=60.0, help="seconds of learning each may take")
    parser.add_argument("--temperatures", type=int, default=1000, help="of annealed importance sampling")
    parser.add_argument("--output", type=Path, help="folder for the result")
    options = parser.parse_args()
    if options.quick:
        options.budget, options.temperatures = 1.0, 200
    train = digits()[:N_TRAIN]
    with tempfile.TemporaryDirectory() as folder:
        start = Path(folder) / "start.npz"
        save(start, train, first(train))
        contestants = CONTESTANTS[:2] if options.quick else CONTESTANTS
        curves = {contestant: learn(contestant, start, options) for contestant in contestants}
    annealing = f"{options.temperatures} temperatures, {N_CHAINS} chains each way"
    facts = report.machine() | {"threads": thread_words(options.threads), "annealing": annealing}
    full = text(curves, facts)
    print(f"\n{full}")
    if not options.quick or options.output:
        data = {contestant.name: [vars(mark) for mark in marks] for contestant, marks in curves.items()}
        data = {"facts": facts, "curves": data}
        print("\nwritten:", report.write(full, data, "time-to-likelihood", options.output or report.RESULTS))


if __name__ == "__main__":
    main()
