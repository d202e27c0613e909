"""Chains over states and temperatures: stationarity of both together, and broken twins."""

import numpy as np
import pytest

from ebm.random import Random
from ebm.sampling.simulated_tempering import SimulatedTempering
from tests.boltzmann.models import p_value
from tests.sampling.families import exact, lattice, numbers, probabilities, rbm, sparse

BETAS = np.array([0.0, 0.3, 0.7, 1.0])
WEIGHTS = np.array([0.0, -1.2, -0.4, -2.0])
N = 20_000
FAMILIES = {
    "rbm": lambda: rbm(2, 2, dtype=np.float32),
    "sparse": sparse,
    "sparse float32": lambda: sparse().astype(np.float32),
    "lattice": lattice,
    "lattice 2 x 2": lambda: lattice((2, 2), np.float64),
}


def joint(family):
    """p(x, k), by level and state, with log Z_k as it is by enumeration."""
    log_p = np.stack([family.log_f(beta).astype(np.float64) for beta in BETAS]) + WEIGHTS[:, None]
    p = np.exp(log_p - log_p.max())
    return p / p.sum()


def stationarity(family, n_sweeps, kind=SimulatedTempering):
    rng, p = np.random.default_rng(0), joint(family)
    level, state = np.divmod(rng.choice(p.size, N, p=p.ravel()), p.shape[1])
    chains = kind(family, BETAS, N, Random(3), log_weights=WEIGHTS, states=family.states[state], levels=level)
    for _ in chains.sweeps(n_sweeps):
        pass
    cells = chains.levels * p.shape[1] + numbers(family, chains.states)
    return p_value(np.bincount(cells, minlength=p.size), p.ravel())


@pytest.mark.parametrize("n_sweeps", [1, 5])
@pytest.mark.parametrize("name", FAMILIES)
def test_state_and_temperature_together_are_stationary(name, n_sweeps):
    assert stationarity(FAMILIES[name](), n_sweeps) > 1e-3


class ForgetsWeights(SimulatedTempering):
    """Broken: levels are drawn as if all weights were zero."""

    def _sweep(self):
        kept, self.log_weights = self.log_weights, np.zeros(self.betas.size)
        try:
            return super()._sweep()
        finally:
            self.log_weights = kept


class BetaTwice(SimulatedTempering):
    """Broken: states are moved at beta squared."""

    def _sweep(self):
        kept, betas = self.betas, self.betas[self.levels] ** 2
        family = self.family
        self.family = type("Twin", (), {"sweep": lambda _, x, b, *rest: family.sweep(x, betas, *rest),
                                        "potential": family.potential})()  # fmt: skip
        try:
            return super()._sweep()
        finally:
            self.family, self.betas = family, kept


class WrongSign(SimulatedTempering):
    """Broken: levels are drawn from the inverse ratios."""

    def _sweep(self):
        family = self.family
        self.family = type("Twin", (), {"sweep": lambda _, *args: family.sweep(*args),
                                        "potential": lambda _, x: -family.potential(x)})()  # fmt: skip
        try:
            return super()._sweep()
        finally:
            self.family = family


@pytest.mark.parametrize("broken", [ForgetsWeights, BetaTwice, WrongSign])
@pytest.mark.parametrize("name", ["rbm", "sparse", "lattice"])
def test_broken_twins_are_caught(broken, name):
    assert stationarity(FAMILIES[name](), 3, broken) < 1e-9


def test_adapted_weights_visit_all_levels_and_give_log_z():
    family = lattice()
    chains = SimulatedTempering(family, np.linspace(0, 1, 6), 200, Random(0))
    weights = chains.adapt(600)
    assert chains.visits.sum() == 0
    fixed = weights.copy()
    drawn = np.concatenate(list(chains.sweeps(400)))
    np.testing.assert_array_equal(chains.log_weights, fixed)
    np.testing.assert_allclose(chains.visits / chains.visits.sum(), 1 / 6, atol=0.03)
    log_z = np.log(np.exp(family.log_f(1.0)).sum())
    assert chains.log_partition == pytest.approx(log_z, abs=0.1)
    exact_mean = probabilities(family, 1.0) @ family.states
    np.testing.assert_allclose(drawn.mean(axis=0), exact_mean, atol=0.03)


def test_what_is_yielded_stands_at_beta_one():
    chains = SimulatedTempering(sparse(), BETAS, 50, Random(0))
    for states in chains.sweeps(5):
        np.testing.assert_array_equal(states, chains.states[chains.levels == 3])
    before = chains.visits.sum()
    np.testing.assert_array_equal(chains.run(3), chains.states[chains.at_model])
    assert chains.visits.sum() == before + 150


def test_a_run_goes_on_exactly():
    family, random = sparse(), Random(5)
    whole = SimulatedTempering(family, BETAS, 20, random, log_weights=WEIGHTS)
    whole.run(17)
    first = SimulatedTempering(family, BETAS, 20, random, log_weights=WEIGHTS)
    first.run(6)
    second = SimulatedTempering(
        family, BETAS, 20, random, log_weights=first.log_weights, states=first.states, levels=first.levels
    )
    second.step, second.visits = first.step, first.visits.copy()
    second.run(11)
    for name in ("states", "levels", "visits", "log_weights", "step"):
        np.testing.assert_array_equal(getattr(second, name), getattr(whole, name))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"n_chains": 0}, "n_chains must be at least 1, got 0"),
        ({"betas": [0.0, 0.9]}, "betas must be at least 2 that rise to 1"),
        ({"log_weights": [0.0, np.inf, 0.0, 0.0]}, "log_weights must be 4 finite numbers"),
        ({"log_weights": [0.0, 1.0]}, "log_weights must be 4 finite numbers"),
        ({"levels": [0, 4]}, "levels must lie within 0 and 3"),
        ({"states": np.zeros((3, 4))}, "n_chains is 2, but states have shape"),
    ],
)
def test_bad_input_is_refused_with_its_name(change, message):
    given = {"family": sparse(), "betas": BETAS, "n_chains": 2, "random": Random(0)} | change
    with pytest.raises(ValueError, match=message):
        SimulatedTempering(**given)


def test_no_sweeps_are_refused_and_log_z_is_unknown_at_first():
    chains = SimulatedTempering(sparse(), BETAS, 2, Random(0))
    assert np.isnan(chains.log_partition)
    with pytest.raises(ValueError, match="n_sweeps must be at least 1, got 0"):
        chains.run(0)
    with pytest.raises(ValueError, match="n_sweeps must be at least 4 for each of 4 levels, got 15"):
        chains.adapt(15)


def test_exact_helpers_of_these_tests_agree():
    """The families' own enumeration: states drawn by ``exact`` have the probabilities of ``log_f``."""
    family = sparse()
    drawn = exact(family, 0.6, N, np.random.default_rng(1))
    assert p_value(np.bincount(numbers(family, drawn), minlength=16), probabilities(family, 0.6)) > 1e-3
