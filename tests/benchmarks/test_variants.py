import json

import numpy as np
import pytest
from matplotlib import pyplot as plt
from sklearn.decomposition import PCA

from benchmarks import series, variants
from benchmarks.__main__ import main
from benchmarks.data import Data, load
from benchmarks.variants import architectures, deterministic, generative, measures
from benchmarks.variants.denoising import noises
from benchmarks.variants.study import Study
from sklearn_ae import AutoencoderTransformer

# One epoch is too few, and the package says so.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

PICTURES = {
    "undercomplete": ["undercomplete"],
    "sparse": ["sparse"],
    "k-sparse": ["k-sparse"],
    "denoising": ["denoising"],
    "variational": ["variational-entries", "variational-samples"],
    "importance-weighted": ["importance-weighted-entries", "importance-weighted-samples"],
    "wasserstein": ["wasserstein-samples"],
    "adversarial": ["adversarial-samples"],
    "recurrent-outliers": ["series"],
}


@pytest.fixture(scope="module")
def digits():
    data = load("digits")
    few = slice(300), slice(100)
    X, y = ([each[part] for each, part in zip(pair, few, strict=True)] for pair in
            ((data.X_train, data.X_test), (data.y_train, data.y_test)))  # fmt: skip
    return Data(*X, *y, data.image_shape)


@pytest.fixture
def small(monkeypatch, digits):
    monkeypatch.setattr(variants, "load", lambda name, seed: digits)
    for module, sizes in {
        deterministic: {"OVERCOMPLETE": 100, "L1_WEIGHTS": (0.1, 1.0), "KS": (3, 9)},
        generative: {"N_COPIES": 2, "EPOCHS": 2, "N_IMPORTANCE_SAMPLES": 10},
        architectures: {"N_WINDOWS": 100, "N_TEST_WINDOWS": 20, "SERIES_SIZES": (8,)},
    }.items():
        for name, value in sizes.items():
            monkeypatch.setattr(module, name, value)
    monkeypatch.setattr(generative, "HIDDEN_LAYER_SIZES", (20,))


def run(folder, *arguments):
    arguments = ["variants", "--dataset", "digits", "--output", folder, *arguments]
    return main([str(argument) for argument in arguments])


def saved(folder):
    return json.loads((folder / "variants-digits.json").read_text())


def line(folder, row, **wanted):
    lines = saved(folder)["rows"][row]["measured"]
    (found,) = (line for line in lines if wanted.items() <= line.items())
    return found


@pytest.mark.parametrize("name", variants.ROWS)
def test_every_row_runs(name, small, tmp_path, capsys):
    assert run(tmp_path, "--only", name, "--max-iter", 1) == 0
    printed = capsys.readouterr().out
    assert "digits: 300 + 100 images, 64 pixels" in printed
    assert f"\n{name}: " in printed
    row = saved(tmp_path)["rows"][name]
    assert len(row["aims"]) == printed.count("\nmet ") + printed.count("\nmissed ") > 0
    for line in row["measured"]:
        assert line.get("test MSE") is None or 0 < line["test MSE"] < 0.5
    pictures = sorted(path.name for path in tmp_path.glob("*.png"))
    assert pictures == sorted(f"variants-digits-{file}.png" for file in PICTURES.get(name, []))
    for file in pictures:
        assert plt.imread(tmp_path / file).std() > 0.01


def test_figures_are_what_they_say(small, tmp_path, digits):
    assert run(tmp_path, "--only", "undercomplete", "k-sparse", "--max-iter", 1) == 0
    assert run(tmp_path, "--only", "tied", "--max-iter", 1) == 0
    pca = PCA(2).fit(digits.X_train)
    error = np.square(pca.inverse_transform(pca.transform(digits.X_test)) - digits.X_test).mean()
    found = line(tmp_path, "undercomplete", code=2, **{"": "PCA"})
    assert found["test MSE"] == pytest.approx(error, rel=1e-4)
    fitted = AutoencoderTransformer(
        32, hidden_layer_sizes=(128, 64), max_iter=1, random_state=0
    ).fit(digits.X_train)
    found = line(tmp_path, "undercomplete", **{"": "with linear path, 128-64-32"})
    assert found["test MSE"] == pytest.approx(-fitted.score(digits.X_test), rel=1e-4)
    for k in (3, 9):
        found = line(tmp_path, "k-sparse", k=k)
        assert (found["fewest"], found["most"]) == (k, k)
    untied, tied = (line(tmp_path, "tied", **{"": name}) for name in ("untied", "tied"))
    assert 0.49 < tied["parameters"] / untied["parameters"] < 0.55


def test_rows_of_other_options_are_not_mixed(small, tmp_path):
    assert run(tmp_path, "--only", "tied", "--max-iter", 1) == 0
    assert run(tmp_path, "--only", "tied", "--max-iter", 1, "--seed", 1) == 0
    assert list(saved(tmp_path)["rows"]) == ["tied"]
    assert saved(tmp_path)["seed"] == 1


# --- measures -----------------------------------------------------------------------------------


def test_psnr_by_hand():
    clean = np.zeros((2, 4))
    images = np.array([[0.1] * 4, [0.2, 0, 0, 0]])  # mean squares 0.01 and 0.01
    assert measures.psnr(images, clean) == pytest.approx(20)
    assert measures.psnr(images[:1] * 10, clean[:1]) == pytest.approx(0)


def test_discrepancy_of_normal_draws_is_near_zero():
    rng = np.random.default_rng(0)
    draws = [measures.squared_discrepancy(rng.normal(size=(300, 4))) for _ in range(20)]
    assert abs(np.mean(draws)) < 1e-3
    assert min(draws) < 0 < max(draws)
    assert measures.squared_discrepancy(2 * rng.normal(size=(300, 4))) > 0.02
    assert measures.squared_discrepancy(1 + rng.normal(size=(300, 4))) > 0.02


def test_slope_of_pca_is_one(digits):
    rng = np.random.default_rng(0)
    slope = measures.squared_slope(PCA(8).fit(digits.X_train), digits.X_test, rng)
    assert slope == pytest.approx(1, rel=0.1)


def test_accuracy_of_a_fresh_classifier():
    rng = np.random.default_rng(0)
    normal = rng.normal(size=(300, 3))
    assert measures.accuracy_against_normal(normal, rng) == pytest.approx(0.5, abs=0.15)
    assert measures.accuracy_against_normal(normal + 4, rng) > 0.95


def test_standardized():
    codes = measures.standardized(np.random.default_rng(0).normal(3, 2, (50, 4)))
    np.testing.assert_allclose(codes.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(codes.std(axis=0), 1)


def test_binarized_copies_are_independent_and_right_on_average():
    X = np.tile(np.array([0, 0.3, 1], np.float32), (2000, 1))
    copies = generative.binarized_copies(X, 3, np.random.default_rng(0)).reshape(3, 2000, 3)
    assert set(np.unique(copies)) == {0, 1}
    np.testing.assert_allclose(copies.mean(axis=(0, 1)), [0, 0.3, 1], atol=0.02)
    assert np.corrcoef(copies[:, :, 1])[0, 1] == pytest.approx(0, abs=0.08)


def test_noise_is_as_strong_as_it_says(digits):
    X = digits.X_train
    gaussian, masking, salt_and_pepper = (
        add_noise(X, np.random.default_rng(0)) for _, add_noise in noises(X).values()
    )
    assert (gaussian - X).std() == pytest.approx(0.4, rel=0.02)
    assert (masking[X > 0] == 0).mean() == pytest.approx(0.5, abs=0.02)
    assert ((salt_and_pepper != X) & (X > 0)).sum() <= 0.3 * (X > 0).sum() * 1.05


def test_width_of_equal_size(digits):
    width = architectures.width_of_equal_size(20_000, 64, 32)
    fitted = AutoencoderTransformer(
        32, hidden_layer_sizes=(width,), linear_path=None, max_iter=1, random_state=0
    ).fit(digits.X_train)
    assert measures.n_parameters(fitted) == pytest.approx(20_000, rel=0.01)


def test_what_was_fitted_is_not_fitted_again(tmp_path, digits):
    study = Study("digits", digits, tmp_path, max_iter=1)
    fits = [study.fit(2, 9), study.fit(2, 9), study.fit(3, 9), study.fit(2, 9, n_rows=200)]
    assert fits[0] is fits[1]
    assert len(set(map(id, fits))) == 3
    rows = study.some_test_rows(50)
    assert len(set(rows)) == 50
    np.testing.assert_array_equal(rows, study.some_test_rows(50))


# --- time series --------------------------------------------------------------------------------


@pytest.mark.parametrize("anomaly", series.ANOMALIES)
def test_anomalies_hardly_change_single_values(anomaly):
    np.testing.assert_array_equal(
        series.make_windows(20, 0, anomaly=anomaly), series.make_windows(20, 0, anomaly=anomaly)
    )
    normal = series.make_windows(4000, 0).reshape(-1, series.SHAPE[1])
    changed = series.make_windows(4000, 1, anomaly=anomaly).reshape(-1, series.SHAPE[1])
    np.testing.assert_allclose(changed.mean(axis=0), normal.mean(axis=0), atol=0.03)
    np.testing.assert_allclose(changed.std(axis=0), normal.std(axis=0), rtol=0.05)


@pytest.mark.parametrize(("anomaly", "is_coupled"), [(None, True), ("phase", False)])
def test_third_wave_is_made_of_the_others(anomaly, is_coupled):
    windows = series.make_windows(4000, 0, anomaly=anomaly).reshape(-1, *series.SHAPE)
    product = windows[:, 0, 0] * windows[:, 0, 1]
    # sin(a) sin(b) holds -cos(a + b) / 2, which is sin(a + b) a quarter of a period ago.
    correlation = np.corrcoef(product, windows[:, 3, 2])[0, 1]
    assert (abs(correlation) > 0.4) == is_coupled
    assert is_coupled or abs(correlation) < 0.06


def test_unknown_anomaly():
    with pytest.raises(ValueError, match="anomaly must be one of"):
        series.make_windows(1, 0, anomaly="spike")
