"""The Ising lattice: against enumeration, transfer matrices and what is known of the infinite lattice."""

import numpy as np
import pytest

from ebm.boltzmann.ising import IsingLattice
from ebm.boltzmann.ising_exact import (
    CRITICAL_BETA,
    enumerate_energies,
    ground_state,
    onsager_energy,
    partition,
    states_of,
    yang_magnetization,
)  # fmt: skip
from ebm.boltzmann.spin_glass import gaussian_glass, plus_minus_glass
from ebm.random import Random
from ebm.sampling.annealing import annealed_importance_sampling, temperatures
from ebm.sampling.diagnostics import autocorrelation_time, mean_with_error
from ebm.sampling.tempered import TemperedPath
from tests.boltzmann.lattices import random_lattice, spins
from tests.reference import lattice as slow

KNOWN = {4: (15.52191546, -1.565624), 8: (60.14178079, -1.491589)}  # log Z, energy per site at the critical point


@pytest.mark.parametrize("side", KNOWN)
def test_known_values_of_the_critical_torus(side):
    lattice = IsingLattice((side, side))
    log_z, energy = KNOWN[side]
    assert lattice.log_partition(CRITICAL_BETA) == pytest.approx(log_z, abs=1e-8)
    assert lattice.mean_energy(CRITICAL_BETA) / side**2 == pytest.approx(energy, abs=1e-6)


@pytest.mark.parametrize("beta", [0.0, 0.7, 2.0, -0.5])
@pytest.mark.parametrize("shape", [(2, 2), (2, 4), (4, 2), (2, 2, 2)], ids=str)
def test_partition_is_the_sum_over_all_states(shape, beta):
    lattice = random_lattice(shape, seed=3, dtype=np.float64)
    expected = slow.partition(lattice.coupling, lattice.field, beta)
    np.testing.assert_allclose(partition(lattice, beta), expected, rtol=1e-12, atol=1e-12)


def test_transfer_matrix_equals_enumeration_of_65536_states():
    lattice = random_lattice((4, 4), seed=4, scale=1.0)
    e = enumerate_energies(lattice)
    log_z = np.logaddexp.reduce(-0.7 * e)
    np.testing.assert_allclose(partition(lattice, 0.7), (log_z, np.exp(-0.7 * e - log_z) @ e), rtol=1e-12)
    state, lowest = ground_state(lattice)
    assert lowest == pytest.approx(e.min(), abs=1e-9)
    assert lattice.energy(state)[0] == pytest.approx(lowest, abs=1e-4)


def test_mean_energy_is_the_slope_of_log_z():
    lattice, step = random_lattice((6, 8), seed=5), 1e-4
    slope = (lattice.log_partition(0.9 + step) - lattice.log_partition(0.9 - step)) / (2 * step)
    assert lattice.mean_energy(0.9) == pytest.approx(-slope, rel=1e-7)


def test_a_strip_can_lie_either_way():
    lattice = random_lattice((4, 10), seed=6, dtype=np.float64)
    upright = IsingLattice(
        (10, 4), np.stack([lattice.coupling[1].T, lattice.coupling[0].T]), lattice.field.T, np.float64
    )
    np.testing.assert_allclose(partition(upright, 0.8), partition(lattice, 0.8), rtol=1e-12)
    (state, lowest), (_, same) = ground_state(lattice), ground_state(upright)
    assert lowest == pytest.approx(same, abs=1e-9)
    assert lattice.energy(state)[0] == pytest.approx(lowest, abs=1e-9)
    assert state.shape == (4, 10)


def test_states_are_numbered_by_their_bits():
    lattice = random_lattice((2, 4), seed=7, dtype=np.float64)
    expected = [slow.energy(np.reshape(s, (2, 4)), lattice.coupling, lattice.field) for s in slow.all_states(8)]
    np.testing.assert_allclose(enumerate_energies(lattice), expected, atol=1e-12)
    np.testing.assert_array_equal(states_of(np.arange(256), 8), slow.all_states(8))


def test_limits_of_what_is_exact():
    with pytest.raises(ValueError, match=r"at most 12.*\(14, 14\)"):
        IsingLattice((14, 14)).log_partition()
    with pytest.raises(ValueError, match=r"at most 20 sites.*\(4, 4, 4\)"):
        IsingLattice((4, 4, 4)).log_partition()
    with pytest.raises(ValueError, match="beta must be finite, got inf"):
        IsingLattice((4, 4)).log_partition(np.inf)
    with pytest.raises(ValueError, match=r"at most 20 sites, the lattice \(4, 6\) has 24"):
        enumerate_energies(IsingLattice((4, 6)))
    across = np.array([-1.0, 1.0, 1.0, 1.0])[:, None] * np.ones(2)  # frustrated: the likeliest ways do not close
    with pytest.raises(ValueError, match="too large for sums"):
        partition(IsingLattice((4, 2), np.stack([across, 0 * across])), 2000.0)


def test_onsager_is_the_limit_of_wide_strips():
    beta = np.array([0.2, 0.6])
    exact = [IsingLattice((8, 8)).mean_energy(b) / 64 for b in beta]
    np.testing.assert_allclose(onsager_energy(beta), exact, atol=3e-4)
    assert onsager_energy(CRITICAL_BETA) == pytest.approx(-np.sqrt(2), abs=1e-9)
    assert onsager_energy(CRITICAL_BETA / 2, -2.0) == pytest.approx(-2 * np.sqrt(2), abs=1e-9)
    assert onsager_energy(0.0) == 0
    assert onsager_energy(50.0) == pytest.approx(-2)
    np.testing.assert_allclose(yang_magnetization([0.3, CRITICAL_BETA - 1e-6, 5.0]), [0, 0, 1], atol=1e-8)
    assert yang_magnetization(0.5) == pytest.approx(0.911319, abs=1e-6)


@pytest.mark.parametrize("side", KNOWN)
def test_energy_at_the_critical_point(side):
    lattice = IsingLattice((side, side))
    start = lattice.sample(64, 300, beta=CRITICAL_BETA, random=1)
    draws = lattice.measure(64, 2000, beta=CRITICAL_BETA, random=1, start=start, first_step=301).energy / side**2
    mean = mean_with_error(draws)
    assert mean.error < 3e-3
    assert abs(mean.mean - KNOWN[side][1]) < 3 * mean.error
    assert autocorrelation_time(draws) > 1.5  # so counting draws as independent would flatter


@pytest.mark.parametrize("side", KNOWN)
def test_log_z_by_annealing(side):
    model = IsingLattice((side, side), CRITICAL_BETA)  # beta = 1 is the critical point
    found = annealed_importance_sampling(TemperedPath(model), 1000, temperatures(300), Random(5))
    assert found.trusted
    assert found.standard_error < 0.05
    assert abs(found.value - KNOWN[side][0]) < 3 * found.standard_error


def test_the_infinite_lattice_away_from_its_transition():
    measured = IsingLattice((128, 128)).measure(2, 60, beta=0.35, random=2, every=2)
    mean = mean_with_error(measured.energy[:, 20:] / 128**2)
    assert mean.mean == pytest.approx(onsager_energy(0.35), abs=max(4 * mean.error, 1e-3))
    cold = IsingLattice((128, 128)).measure(1, 60, beta=0.55, random=2, start=np.ones((1, 128, 128), np.float32),
                                                first_step=1)  # fmt: skip
    assert cold.magnetization[:, 20:].mean() == pytest.approx(yang_magnetization(0.55), abs=5e-3)


def test_three_dimensions_order_where_they_should():
    lattice = IsingLattice((12, 12, 12))  # the transition is at 0.2217
    hot, cold = (lattice.measure(8, 50, beta=beta, random=3, every=4, start=np.ones((8, 1728), np.float32),
                                 first_step=1)
                 for beta in (0.18, 0.27))  # fmt: skip
    assert np.abs(hot.magnetization[:, 25:]).mean() < 0.2
    assert cold.magnetization[:, 25:].mean() > 0.7


def test_frozen_spins_follow_their_fields():
    lattice = random_lattice((4, 6), seed=8)
    states = lattice.sample(50, 60, beta=np.inf, random=0).reshape(50, -1)
    for site in range(24):
        flipped = states.copy()
        flipped[:, site] *= -1
        assert (lattice.energy(flipped) > lattice.energy(states)).all()


def test_a_site_without_a_field_tosses_a_coin_at_any_temperature():
    lattice = IsingLattice((4, 4), 0.0)
    for beta in (0.0, 1.0, np.inf):
        states = lattice.sample(500, 1, beta=beta, random=4)
        assert abs(states.mean()) < 4 / np.sqrt(states.size)


def test_magnetization_and_shapes():
    lattice = random_lattice((4, 6))
    states = spins(5, lattice)
    shaped = states.reshape(5, 4, 6)
    np.testing.assert_array_equal(lattice.energy(shaped), lattice.energy(states))
    np.testing.assert_allclose(lattice.magnetization(shaped), states.mean(axis=1, dtype=np.float64))
    assert lattice.energy(shaped[0]).shape == (1,)
    np.testing.assert_array_equal(lattice.energy(shaped.astype(np.int8)), lattice.energy(states))
    np.testing.assert_array_equal(lattice.energy(np.asfortranarray(states)), lattice.energy(states))
    assert lattice.start(3, Random(0)).shape == (3, 24)
    assert set(np.unique(lattice.start(3, Random(0)))) == {-1, 1}


def test_a_run_can_be_cut_in_time_and_shared_out_by_chains():
    lattice = random_lattice((4, 6))
    whole = lattice.sample(7, 10, beta=0.7, random=3)
    half = lattice.sample(7, 4, beta=0.7, random=3)
    rest = lattice.sample(7, 6, beta=0.7, random=3, start=half, first_step=5)
    np.testing.assert_array_equal(rest, whole)
    np.testing.assert_array_equal(lattice.sample(2, 10, beta=0.7, random=3, first_chain=5), whole[5:])
    measured = lattice.measure(7, 5, every=2, beta=0.7, random=Random(3))
    np.testing.assert_array_equal(measured.states, whole)
    np.testing.assert_array_equal(measured.energy[:, -1], lattice.energy(whole))
    by_chain = lattice.sample(7, 10, beta=np.linspace(0.1, 2, 7), random=3)
    assert not np.array_equal(by_chain, whole)


def test_a_run_from_another_ones_end_cannot_replay_it_by_default():
    lattice = random_lattice((4, 6))
    ends = lattice.sample(7, 10, beta=0.7, random=3)
    for run in (lattice.sample, lattice.measure):
        with pytest.raises(ValueError, match=r"first_step must be given with start.*1 \+ n_sweeps"):
            run(7, 10, beta=0.7, random=3, start=ends)
    replayed = IsingLattice((4, 6), 0.0)  # free spins: where they end is what was drawn last
    ends = replayed.sample(7, 10, random=3)
    np.testing.assert_array_equal(replayed.sample(7, 10, random=3, start=-ends, first_step=1), ends)
    assert not np.array_equal(replayed.sample(7, 10, random=3, start=ends, first_step=11), ends)


def test_runs_at_other_steps_have_other_beginnings():
    lattice = random_lattice((4, 6))
    first, other = (lattice.sample(7, 0, random=3, first_step=step) for step in (1, 100))
    np.testing.assert_array_equal(lattice.sample(7, 0, random=3), first)
    assert not np.array_equal(first, other)


def test_long_runs_are_cut_into_calls_that_can_be_interrupted(monkeypatch):
    lattice = random_lattice((4, 6))
    whole = lattice.sample(3, 10, random=0)
    monkeypatch.setattr("ebm.boltzmann.ising.MOST_UPDATES", 3 * 24 * 4)
    np.testing.assert_array_equal(lattice.sample(3, 10, random=0), whole)
    np.testing.assert_array_equal(lattice.measure(3, 2, every=5, random=0).states, whole)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"shape": (5, 4)}, r"even sides.*got \(5, 4\)"),
        ({"shape": (4,)}, r"two or three even sides.*got \(4,\)"),
        ({"shape": (0, 4)}, "at least 2 each"),
        ({"shape": (2, 2, 2, 2)}, "two or three"),
        ({"coupling": np.ones((3, 4, 4))}, r"coupling must broadcast to \(2, 4, 4\), got shape \(3, 4, 4\)"),
        ({"coupling": np.nan}, "coupling must be finite, got nan"),
        ({"field": np.ones(3)}, r"field must broadcast to \(4, 4\)"),
        ({"field": [np.inf, 0, 0, 0]}, "field must be finite, got inf"),
        ({"dtype": np.int64}, "dtype must be float32 or float64, got int64"),
        ({"device": "tpu"}, "device must be"),
    ],
)
def test_what_is_no_lattice_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        IsingLattice(**({"shape": (4, 4)} | arguments))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_chains": 0}, "n_chains must be at least 1"),
        ({"n_sweeps": -1}, "n_sweeps at least 0, got 2 and -1"),
        ({"beta": -0.1}, "betas must be 0 or larger, got -0.1"),
        ({"beta": np.nan}, "betas must be 0 or larger, got nan"),
        ({"beta": [0.1, 0.2, 0.3]}, r"beta must be a number or have shape \(2,\), got shape \(3,\)"),
        ({"start": np.ones((2, 15), np.float32), "first_step": 1}, r"states must be spins of shape \(n_chains, 16\)"),
        ({"start": np.zeros((2, 16)), "first_step": 1}, r"start must consist of spins -1 and 1, got 0\.0"),
        ({"random": -1}, r"random must be a Random or a seed in \[0, 2\*\*64\), got -1"),
        ({"random": None}, "random must be a Random or a seed"),
        ({"start": np.ones((3, 16), np.float32), "first_step": 1}, "start must have n_chains = 2 rows, got 3"),
        ({"start": np.ones((2, 16), np.float32)}, "first_step must be given with start: .* got None"),
        ({"first_step": -1}, "first_step must be at least 0, got -1"),
    ],
)
def test_what_cannot_be_sampled_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        IsingLattice((4, 4)).sample(**({"n_chains": 2, "n_sweeps": 1, "random": 0} | arguments))


def test_betas_and_draws_that_do_not_fit_are_refused():
    lattice = IsingLattice((4, 4))
    with pytest.raises(ValueError, match=r"a column for each of 2 chains, or one; got shape \(1, 3\)"):
        lattice.sweep(lattice.start(2, Random(0)), np.ones(3), Random(0), 1)
    with pytest.raises(ValueError, match="n_chains must be at least 1 and n_sweeps at least 0, got -1 and 3"):
        lattice.measure(-1, 3, random=0)
    with pytest.raises(ValueError, match="every must be at least 1, got 0"):
        lattice.measure(2, 3, every=0, random=0)


def test_glasses_have_the_couplings_they_say():
    glass = plus_minus_glass((30, 40), 1, share=0.3)
    assert set(np.unique(glass.coupling)) == {-1, 1}
    assert (glass.coupling < 0).mean() == pytest.approx(0.3, abs=0.04)
    normal = gaussian_glass((20, 30, 20), 2, scale=0.5, field=0.1, dtype=np.float64)
    assert normal.coupling.std() == pytest.approx(0.5, abs=0.01)
    assert normal.field.flat[0] == 0.1
    np.testing.assert_array_equal(gaussian_glass((4, 4), Random(3)).coupling, gaussian_glass((4, 4), 3).coupling)
    with pytest.raises(ValueError, match=r"share must be between 0 and 1, got 1\.5"):
        plus_minus_glass((4, 4), 0, share=1.5)
    with pytest.raises(ValueError, match="scale must be positive, got 0"):
        gaussian_glass((4, 4), 0, scale=0.0)
