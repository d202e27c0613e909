"""Models on which annealing fails: every method says so itself, or methods that start at both ends disagree."""

import numpy as np
import pytest

from ebm.boltzmann.annealing import RBMPath
from ebm.boltzmann.enumeration import log_partition as exact_log_partition
from ebm.boltzmann.likelihood import bridge_log_partition, enclose_log_partition, log_partition, reverse_log_partition
from ebm.boltzmann.rbm import RBM
from ebm.errors import UntrustedEstimateWarning
from ebm.random import Random
from ebm.sampling.annealing import temperatures
from ebm.sampling.bridge_ladder import Draws, bridge_ladder
from ebm.sampling.population import follow, start_populations
from tests.boltzmann.models import small_model
from tests.boltzmann.pairs import exact_visible, visible_mean

N = 20


def far_modes():
    """All visible units off (p = 0.05) or all on (p = 0.95); Gibbs sampling never passes between them."""
    return RBM(np.full((N, 1), 8.0), np.full(N, -4.0), np.array([-4.0 * N + np.log(19.0)]))


def populations(path, n_temperatures):
    now = start_populations(path, 20, 10, Random(0))
    return follow(path, now, temperatures(n_temperatures), Random(0)).estimate()


def from_the_base(path, n_temperatures):
    """Estimates by chains that start at the base."""
    options = {"data_mean": 1 / (1 + np.exp(-path.base_visible_bias)), "random": Random(0), "exact_below": 0}
    yield log_partition(path.model, **options, n_temperatures=n_temperatures)
    yield log_partition(path.model, **options, n_temperatures=n_temperatures, temperatures="adaptive")
    yield bridge_ladder(path, 50, temperatures(n_temperatures // 10 + 2), Random(0), draws=Draws(5, 5))
    yield populations(path, n_temperatures)


@pytest.mark.filterwarnings("ignore::ebm.errors.UntrustedEstimateWarning")
@pytest.mark.parametrize("n_temperatures", [5, 300])
def test_a_base_at_one_of_two_modes(n_temperatures):
    model = far_modes()
    exact, v = exact_log_partition(model), exact_visible(model, 200)
    path = RBMPath(model, np.full(N, -4.0))
    wrong = [one for one in from_the_base(path, n_temperatures) if abs(one.value - exact) > 2.5]
    assert len(wrong) == 4, "all of them miss the mode; if not, the example has lost its point"
    assert any(one.trusted for one in wrong), "nor can they know"
    options = {"data_mean": np.full(N, 1 / (1 + np.exp(4.0))), "random": Random(0), "n_temperatures": n_temperatures}
    joined = bridge_log_partition(model, v, **options, exact_below=0)
    assert not joined.trusted
    assert "one of them missed regions" in joined.verdict
    assert not enclose_log_partition(model, v, **options, exact_below=0).trusted
    for one in wrong:
        assert abs(one.value - joined.value) > 3 * (one.standard_error + joined.standard_error)


@pytest.mark.filterwarnings("ignore::ebm.errors.UntrustedEstimateWarning")
def test_a_base_with_the_datas_means_at_the_same_model():
    model = far_modes()
    exact, v = exact_log_partition(model), exact_visible(model, 200)
    options = {"data_mean": visible_mean(model), "random": Random(0), "n_temperatures": 300, "exact_below": 0}
    found = bridge_log_partition(model, v, **options)
    assert abs(found.value - exact) < 3 * found.standard_error if found.trusted else True
    assert abs(found.value - exact) < 0.7


def test_each_method_tells_when_temperatures_are_too_few():
    model = small_model(12, 8, scale=2.5)
    mean, v = np.full(12, 0.5), exact_visible(model, 100)
    options = {"data_mean": mean, "random": Random(0), "n_temperatures": 3}
    path = RBMPath(model, np.zeros(12))
    for function, extra in (
        (log_partition, {"exact_below": 0}),
        (log_partition, {"exact_below": 0, "temperatures": "adaptive"}),
    ):
        with pytest.warns(UntrustedEstimateWarning, match="not to be trusted"):
            assert not function(model, **options, **extra).trusted
    for function in (bridge_log_partition, enclose_log_partition):
        with pytest.warns(UntrustedEstimateWarning, match="not to be trusted"):
            assert not function(model, v, **options, exact_below=0).trusted
    assert not bridge_ladder(path, 50, np.array([0.0, 1.0]), Random(0)).trusted
    assert not populations(path, 3).trusted


def test_reverse_chains_from_a_narrow_model_are_wrong_and_agree():
    """So a reverse run is no judge of itself: few temperatures show in both directions together only."""
    model = small_model(12, 8, scale=2.5)
    v, options = exact_visible(model, 100), {"data_mean": np.full(12, 0.5), "random": Random(0), "n_temperatures": 3}
    alone = reverse_log_partition(model, v, **options)
    assert alone.trusted, "if this fails the example has lost its point"
    assert alone.value - exact_log_partition(model) > 5 * alone.standard_error


def test_extreme_parameters_give_untrusted_estimates():
    model = RBM(np.full((6, 4), np.inf), np.zeros(6), np.zeros(4))
    options = {"data_mean": np.full(6, 0.5), "random": Random(0), "n_temperatures": 5}
    with pytest.warns(UntrustedEstimateWarning, match="weights are not finite"), np.errstate(all="ignore"):
        bridge = bridge_log_partition(model, np.ones((20, 6)), **options, exact_below=0)
    with pytest.warns(UntrustedEstimateWarning, match="weights are not finite"), np.errstate(all="ignore"):
        adaptive = log_partition(model, **options, temperatures="adaptive", exact_below=0)
    assert np.isnan(bridge.value)
    assert np.isnan(adaptive.value)


@pytest.mark.parametrize("function", [bridge_log_partition, reverse_log_partition])
def test_bad_input_is_refused(function):
    model = small_model(6, 4)
    options = {"data_mean": np.full(6, 0.5), "random": Random(0)}
    extra = {} if function is reverse_log_partition else {"exact_below": 0}
    with pytest.raises(ValueError, match="temperatures must be 'fixed' or 'adaptive', got 'even'"):
        function(model, np.zeros((5, 6)), **options, **extra, temperatures="even")
    with pytest.raises(ValueError, match="at least 2"):
        function(model, np.zeros((1, 6)), **options, **extra)
    with pytest.raises(ValueError, match="n_temperatures must be at least 2"):
        function(model, np.zeros((5, 6)), **options, **extra, n_temperatures=1)
