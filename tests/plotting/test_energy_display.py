import matplotlib
import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

from ebm.plotting import draw_traces
from ebm_sklearn import EnergyTraceDisplay, HeteroAssociativeMemory, HopfieldNetwork, ModernHopfield

matplotlib.use("agg")
from matplotlib import pyplot as plt

rng = np.random.default_rng(0)
X, CUES = (rng.integers(0, 2, (n, 60)).astype(np.float32) for n in (4, 9))


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


@pytest.mark.parametrize("updates", ["asynchronous", "synchronous"])
def test_a_line_is_a_samples_energies(updates):
    network = HopfieldNetwork(updates=updates, random_state=0).fit(X)
    display = EnergyTraceDisplay.from_estimator(network, CUES)
    expected = network.energy_trace(CUES)
    assert len(display.lines_) == 9
    for line, energies in zip(display.lines_, expected.T, strict=True):
        np.testing.assert_array_equal(line.get_ydata(), energies)
        np.testing.assert_array_equal(line.get_xdata(), np.arange(len(expected)))
    assert (display.ax_.get_xlabel(), display.ax_.get_ylabel()) == ("sweeps", "energy")
    assert display.figure_ is display.ax_.figure


def test_single_updates_stand_between_sweeps():
    network = HopfieldNetwork(random_state=0).fit(X)
    display = EnergyTraceDisplay.from_estimator(network, CUES, points=60)
    np.testing.assert_allclose(display.places[:3], [0, 1 / 60, 2 / 60])
    np.testing.assert_array_equal(display.energies, network.energy_trace(CUES, points=60))


def test_other_memories_are_drawn_in_steps():
    modern = EnergyTraceDisplay.from_estimator(ModernHopfield().fit(X), CUES)
    np.testing.assert_array_equal(modern.places, np.arange(len(modern.energies)))
    pairs = EnergyTraceDisplay.from_estimator(HeteroAssociativeMemory().fit(X, X[:, :30]), CUES)
    np.testing.assert_array_equal(pairs.places, np.arange(len(pairs.energies)) / 2)
    assert modern.ax_.get_xlabel() == pairs.ax_.get_xlabel() == "steps"


def test_it_draws_where_it_is_told_and_can_draw_again():
    _, ax = plt.subplots()
    display = EnergyTraceDisplay.from_estimator(ModernHopfield().fit(X), CUES, ax=ax)
    assert display.ax_ is ax
    assert display.plot().ax_ is not ax


def test_what_is_not_fitted_or_does_not_fit_is_refused():
    with pytest.raises(NotFittedError):
        EnergyTraceDisplay.from_estimator(HopfieldNetwork(), CUES)
    with pytest.raises(ValueError, match=r"values \(3, 2\) must be \(n_points, n_runs\), and places \(4,\)"):
        draw_traces(np.zeros((3, 2)), np.arange(4), x_label="", y_label="")
