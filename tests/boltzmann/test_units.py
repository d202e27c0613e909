"""Every pair of unit types: energies, conditionals, draws and gradients are those of sums and integrals over states."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from scipy.stats import chi2_contingency

from ebm.boltzmann import enumeration
from ebm.boltzmann.annealing import RBMPath
from ebm.boltzmann.exact import NAMES, exact_gradient, statistics
from ebm.boltzmann.gauge import zero_sum
from ebm.boltzmann.rbm import RBM
from ebm.boltzmann.unit_types import Binomial, Categorical, Gaussian, NoisyReLU, ReLU, Spin, as_unit
from ebm.boltzmann.units import Bernoulli
from ebm.random import Random
from ebm.sampling.gibbs import gibbs
from tests.reference.units import Table, softplus_copies

UNITS = {
    "bernoulli": Bernoulli(),
    "spin": Spin(),
    "gaussian": Gaussian(np.array([1.7, 0.8])),
    "relu": ReLU(np.array([1.4, 0.9])),
    "binomial": Binomial(3),
    "categorical": Categorical(3),
}
PAIRS = list(product(UNITS, UNITS))
REAL = ("gaussian", "relu")
N_CHAINS = 20_000


def make(visible, hidden, seed=0, scale=0.6):
    """A small model with nothing at zero or one, and its numbers of units; one real unit a layer, else two."""
    pair = [UNITS[name] for name in (visible, hidden)]
    n_units = [1 if name in REAL else 2 for name in (visible, hidden)]
    columns = [n * (1 if unit.levels is None else unit.levels.shape[1]) for n, unit in zip(n_units, pair, strict=True)]
    pair = [replace(u, precision=u.precision[:n]) if u.name in REAL else u for u, n in zip(pair, columns, strict=True)]
    rng = np.random.default_rng(seed)
    parts = (scale * rng.normal(size=shape) for shape in (columns, columns[0], columns[1]))
    return RBM(*parts, *pair), n_units


def biased(*names):
    """The same with biases far from zero, so that forgetting or scaling them shows."""
    model, sizes = make(*names)
    far = {name: getattr(model, name) + np.copysign(0.8, getattr(model, name)) for name in NAMES[1:]}
    return replace(model, **far), sizes


@pytest.fixture(params=PAIRS, ids="-".join)
def pair(request):
    return request.param


def test_energies_and_conditionals_are_those_of_the_definition(pair):
    model, sizes = make(*pair)
    table = Table(model, *sizes)
    tolerance = {"rtol": 1e-8, "atol": 1e-8}
    np.testing.assert_allclose(model.free_energy(table.v), table.free_energy(), **tolerance)
    np.testing.assert_allclose(model.hidden_mean(table.v), table.hidden_mean(), **tolerance)
    turned = RBM(model.weights.T, model.hidden_bias, model.visible_bias, model.hidden, model.visible)
    np.testing.assert_allclose(model.hidden_free_energy(table.h), turned.free_energy(table.h), **tolerance)
    np.testing.assert_allclose(model.visible_mean(table.h), table.visible_mean(), **tolerance)
    rows = np.arange(min(len(table.v), len(table.h)))
    energy = -np.log(table.mass[rows, rows] / table.v_weights[rows] / table.h_weights[rows])
    np.testing.assert_allclose(model.energy(table.v[rows], table.h[rows]), energy, atol=1e-9)
    single = model.astype(np.float32)
    np.testing.assert_allclose(single.hidden_mean(table.v.astype(np.float32)), table.hidden_mean(), atol=2e-4)
    assert single.free_energy(table.v.astype(np.float32)).dtype == np.float32


def test_log_z_by_enumeration_of_one_layer(pair):
    model, sizes = make(*pair)
    if all(name in REAL for name in pair):
        with pytest.raises(ValueError, match="real-valued states; at most"):
            enumeration.log_partition(model)
        return
    table = Table(model, *sizes)
    assert enumeration.log_partition(model) == pytest.approx(table.log_z, abs=1e-8)
    moments = enumeration.moments(model)
    np.testing.assert_allclose(moments.visible, table.joint.sum(1) @ table.v, atol=1e-8)
    np.testing.assert_allclose(moments.hidden, table.joint.sum(0) @ table.h, atol=1e-8)
    np.testing.assert_allclose(moments.pairs, table.v.T @ table.joint @ table.h, atol=1e-8)


def moved(model, name, place, by):
    if name == "visible_precision":
        precision = model.visible.precision.copy()
        precision[place] += by
        return replace(model, visible=replace(model.visible, precision=precision))
    part = getattr(model, name).copy()
    part[place] += by
    return replace(model, **{name: part})


def test_the_gradient_is_the_slope_of_the_likelihood(pair):
    """-F(v) - log Z with log Z from the table; the learner's statistics make the gradient."""
    model, sizes = make(*pair)
    table = Table(model, *sizes)
    v, share = table.v[[len(table.v) // 3, len(table.v) // 2]], np.array([0.3, 0.7])
    clamped, free = statistics(model, v, share), statistics(model, table.v, table.joint.sum(1))
    gradient = {name: clamped[name] - free[name] for name in clamped}
    if "visible_square" in gradient:
        gradient["visible_precision"] = -gradient.pop("visible_square") / 2
    step = 1e-4

    def likelihood(changed):
        return share @ -changed.free_energy(v) - Table(changed, *sizes).log_z

    for name, slope in gradient.items():
        places = list(np.ndindex(slope.shape))
        for place in places[:: max(1, len(places) // 2)]:  # some of each: a table is slow
            up, down = (likelihood(moved(model, name, place, sign * step)) for sign in (1, -1))
            assert slope[place] == pytest.approx((up - down) / (2 * step), abs=2e-7), (name, place)
    if not all(name in REAL for name in pair):
        exact = exact_gradient(model, v, share)
        for name, slope in gradient.items():
            np.testing.assert_allclose(exact[name], slope, atol=1e-7)


def exact_samples(model, sizes, n, seed):
    """Samples of the joint without Gibbs: of the table where it is one, by rejection from boxes where it is not."""
    rng = np.random.default_rng(seed)
    table = Table(model, *sizes)
    cells = rng.choice(table.joint.size, n, p=table.joint.ravel())
    v, h = table.v[cells // len(table.h)].copy(), table.h[cells % len(table.h)].copy()
    for states, unit in ((v, model.visible), (h, model.hidden)):
        if unit.name in REAL:
            _redraw(model, v, h, states, unit, rng)
    return v, h


def _redraw(model, v, h, states, unit, rng):
    """Draw a real unit given the other layer, by rejection: in turn with itself it makes the grid's points exact."""
    other, inputs = (h, model.visible_inputs(h)) if states is v else (v, model.hidden_inputs(v))
    a = np.ones(1) if unit.precision is None else unit.precision
    open_rows = np.arange(len(other))
    while open_rows.size:
        drawn = inputs[open_rows] / a + rng.normal(size=(open_rows.size, 1)) / np.sqrt(a)
        fine = (drawn > 0).all(1) if unit.name == "relu" else np.ones(len(drawn), bool)
        states[open_rows[fine]] = drawn[fine]
        open_rows = open_rows[~fine]


def cells(states, unit, edges):
    """Numbers of the states, or of the bins of real ones."""
    if unit.name in REAL:
        return np.digitize(states[:, 0], edges)
    return (states + 1).astype(int) @ 5 ** np.arange(states.shape[1])


def p_stays(model, sampler, sizes, n_sweeps, seed=0):
    """p-value of 'chains that started at the target are still there', against fresh exact samples."""
    v0, h0 = exact_samples(model, sizes, N_CHAINS, seed)
    v1, h1 = gibbs(sampler, h0, n_sweeps, Random(seed))
    v2, h2 = exact_samples(model, sizes, N_CHAINS, seed + 1)
    edges = [np.quantile(x[:, 0], np.linspace(0, 1, 7)[1:-1]) for x in (v0, h0)]
    number = [
        cells(v, model.visible, edges[0]) * 10**5 + cells(h, model.hidden, edges[1]) for v, h in ((v1, h1), (v2, h2))
    ]
    number = np.split(np.unique(np.concatenate(number), return_inverse=True)[1], 2)
    counts = np.array([np.bincount(n, minlength=max(map(np.max, number)) + 1) for n in number])
    often = counts.sum(0) >= 20
    rare = counts[:, ~often].sum(1, keepdims=True)
    both = np.hstack([counts[:, often], rare]) if rare.min() >= 10 else counts[:, often]
    return chi2_contingency(both).pvalue


def test_the_target_is_stationary(pair):
    model, sizes = biased(*pair)
    assert p_stays(model, model, sizes, 8, seed=3) > 1e-4  # eight sweeps: what is wrong in one, or between two


class ForgetsBias(RBM):
    """Broken: the hidden units are drawn without their biases."""

    def sample_hidden(self, v, draw):
        forgetful = RBM(self.weights, self.visible_bias, 0 * self.hidden_bias, self.visible, self.hidden)
        return forgetful.sample_hidden(v, draw)


class Hot(RBM):
    """Broken: the visible units are drawn at an inverse temperature of 0.7 that belongs nowhere."""

    def sample_visible(self, h, draw):
        cold = RBM(0.7 * self.weights, 0.7 * self.visible_bias, self.hidden_bias, self.visible, self.hidden)
        return cold.sample_visible(h, draw)


@pytest.mark.parametrize("broken", [ForgetsBias, Hot])
def test_a_broken_sampler_is_caught(pair, broken):
    model, sizes = biased(*pair)
    parts = (model.weights, model.visible_bias, model.hidden_bias, model.visible, model.hidden)
    assert p_stays(model, broken(*parts), sizes, 1, seed=3) < 1e-8


@pytest.mark.parametrize("name", list(UNITS))
def test_draws_have_the_conditionals_moments(name):
    unit = UNITS[name]
    n = 2 if name in REAL else 6
    inputs = np.tile(np.linspace(-2.5, 2.0, n), (40_000, 1))
    states = unit.sample(inputs, Random(5).at(2, 7))
    mean = unit.mean(inputs[:1])[0]
    error = states.std(axis=0) / np.sqrt(len(states))
    assert (np.abs(states.mean(axis=0) - mean) < 4.5 * error).all()
    if name in REAL:
        squares = states**2
        error = squares.std(axis=0) / np.sqrt(len(states))
        assert (np.abs(squares.mean(axis=0) - unit.mean_square(inputs[:1])[0]) < 4.5 * error).all()


@pytest.mark.parametrize("name", [*UNITS, "noisy_relu"])
def test_biases_give_the_mean(name):
    unit = UNITS.get(name, NoisyReLU())
    mean = {"spin": [-0.6, 0.4], "gaussian": [-1.2, 3.0], "categorical": [0.2, 0.3, 0.5]}.get(name, [0.3, 0.8])
    back = unit.mean(unit.bias_from_mean(np.array(mean))[None])[0]
    np.testing.assert_allclose(back, mean, atol=1e-6)


def test_the_slope_of_the_cumulant_is_the_mean():
    for unit in UNITS.values():
        n = 3 if unit.name == "categorical" else 2
        x = np.linspace(-30, 25, 42)[: 42 // n * n].reshape(-1, n)
        for j in range(n):
            step = np.zeros(n)
            step[j] = 1e-5
            slope = (unit.cumulant(x + step) - unit.cumulant(x - step)) / 2e-5
            np.testing.assert_allclose(slope, unit.mean(x)[:, j], atol=1e-7, rtol=1e-6)


# ---- rectified units from shifted sigmoids (B24), and the noisy form that stands for them ----


def test_shifted_sigmoids_make_a_softplus():
    """sum_i sigma(x - i + 1/2) is log(1 + e^x) within 0.011, at its worst near 0."""
    x = np.linspace(-8, 20, 281)
    total = (1 / (1 + np.exp(-(x[:, None] - np.arange(1, 200) + 0.5)))).sum(axis=1)
    error = np.abs(total - np.logaddexp(0, x))
    assert error.max() < 0.011
    assert error[(x < -5) | (x > 5)].max() < 1e-3


def test_noisy_rectified_units_stand_for_those_copies():
    """The cumulant is the copies' exactly; the draws have its mean and spread where it is large, and 0.41 less at 0."""
    unit, x = NoisyReLU(), np.linspace(-6, 12, 37)[:, None]
    np.testing.assert_allclose(unit.cumulant(x), [softplus_copies(t) for t in x[:, 0]], rtol=1e-12)
    copies = 1 / (1 + np.exp(-(x - np.arange(1, 200) + 0.5)))
    missing = copies.sum(axis=1) - unit.mean(x)[:, 0]
    assert missing.max() < 0.42
    assert np.abs(missing[x[:, 0] > 4]).max() < 0.02
    drawn = unit.sample(np.repeat(x, 20_000, axis=1), Random(2).at(1, 1))
    assert np.abs(drawn.mean(axis=1) - unit.mean(x)[:, 0]).max() < 5 / np.sqrt(20_000)
    far = x[:, 0] > 3
    np.testing.assert_allclose(drawn.var(axis=1)[far], (copies * (1 - copies)).sum(axis=1)[far], atol=0.06)


# ---- gauge, base path, names ----


@pytest.mark.parametrize(
    "names", [("categorical", "bernoulli"), ("spin", "categorical"), ("categorical",) * 2], ids="-".join
)
def test_the_zero_sum_gauge_changes_no_probability(names):
    model, sizes = make(*names)
    parts = zero_sum({name: getattr(model, name) for name in NAMES}, model.visible, model.hidden)
    gauged = replace(model, **parts)
    for unit, bias, weights in (
        (model.visible, "visible_bias", gauged.weights),
        (model.hidden, "hidden_bias", gauged.weights.T),
    ):
        if unit.name == "categorical":
            np.testing.assert_allclose(getattr(gauged, bias).reshape(-1, 3).sum(axis=1), 0, atol=1e-14)
            np.testing.assert_allclose(weights.reshape(-1, 3, weights.shape[1]).sum(axis=1), 0, atol=1e-14)
    np.testing.assert_allclose(Table(gauged, *sizes).joint, Table(model, *sizes).joint, atol=1e-14)
    again = zero_sum(parts, model.visible, model.hidden)
    for name in NAMES:
        np.testing.assert_allclose(again[name], parts[name], atol=1e-14)


def test_the_annealing_path_begins_at_the_base_and_ends_at_the_model(pair):
    model, sizes = make(*pair)
    path = RBMPath(model, 0.3 * model.visible_bias)
    base = RBM(0 * model.weights, 0.3 * model.visible_bias, 0 * model.hidden_bias, model.visible, model.hidden)
    assert path.log_base == pytest.approx(Table(base, *sizes).log_z, abs=1e-8)
    table = Table(model, *sizes)
    v = table.v[:: max(1, len(table.v) // 7)]
    _, log_ratio = path.move(v, 0.0, 1.0, Random(0), 1)
    np.testing.assert_allclose(log_ratio, base.free_energy(v) - model.free_energy(v), atol=1e-9)


@pytest.mark.parametrize(
    ("make_it", "message"),
    [
        (lambda: as_unit("potts", "visible"), "visible must be one of 'bernoulli', 'spin'.*got 'potts'"),
        (lambda: as_unit("categorical", "hidden"), r"hidden must be .*give an object, Categorical\(n_values\)"),
        (lambda: Categorical(1), "n_values must be a whole number of at least 2.* got 1"),
        (lambda: Categorical([3, 2]), r"the same for all units, got \[3, 2\]"),
        (lambda: Binomial(0), "n_copies must be a whole number from 1 to 100, got 0"),
        (lambda: Gaussian(np.array([1.0, 0.0])), "precision must be above 0"),
        (lambda: Categorical(3).states(4), "4 columns are no whole number of categorical units of 3"),
        (lambda: Categorical(3).mean(np.zeros((2, 4))), "multiple of 3 columns"),
        (lambda: Gaussian().states(2), "cannot be enumerated"),
        (lambda: Spin().mean(np.zeros(3)), "2-D"),
    ],
)
def test_bad_input_is_refused(make_it, message):
    with pytest.raises(ValueError, match=message):
        make_it()
