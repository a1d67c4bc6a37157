import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from matplotlib import pyplot as plt
from sklearn.decomposition import PCA

from benchmarks import series, variants
from benchmarks.__main__ import main
from benchmarks.data import load
from benchmarks.variants import architectures, deterministic, generative, measures
from benchmarks.variants.denoising import noises
from benchmarks.variants.study import Aim, Result, Study
from sklearn_ae import AutoencoderTransformer, nn
from sklearn_ae.latents.wasserstein import squared_discrepancy

# One epoch is too few, and the package says so.
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

PICTURES = {
    "undercomplete": ["undercomplete"],
    "sparse": ["sparse"],
    "k-sparse": ["k-sparse"],
    "denoising": ["denoising"],
    "variational": ["variational-samples", "variational-divergence"],
    "importance-weighted": ["importance-weighted-samples", "importance-weighted-divergence"],
    "wasserstein": ["wasserstein-samples"],
    "adversarial": ["adversarial-samples"],
    "recurrent-outliers": ["series"],
}


@pytest.fixture(autouse=True)
def small(monkeypatch):
    for module, sizes in {
        deterministic: {"_OVERCOMPLETE": 100, "_L1_WEIGHTS": (0.1, 1.0), "_KS": (3, 9)},
        generative: {"N_COPIES": 2, "EPOCHS": 2, "N_IMPORTANCE_SAMPLES": 10},
        architectures: {"N_WINDOWS": 300, "N_TEST_WINDOWS": 50, "_SERIES_SIZES": (8,)},
    }.items():
        for name, value in sizes.items():
            monkeypatch.setattr(module, name, value)
    monkeypatch.setattr(generative, "HIDDEN_LAYER_SIZES", (20,))


@pytest.fixture(scope="module")
def digits():
    return load("digits")


def run(folder, *arguments):
    arguments = ["variants", "--dataset", "digits", "--output", folder, *arguments]
    return main([str(argument) for argument in arguments])


def report(folder):
    return json.loads((folder / "variants-digits.json").read_text())


@pytest.mark.parametrize("name", variants.ROWS)
def test_every_row_runs(name, tmp_path, capsys):
    assert run(tmp_path, "--only", name, "--max-iter", 1) == 0
    printed = capsys.readouterr().out
    assert "digits: 1,347 + 450 images, 64 pixels" in printed
    assert f"\n{name}: " in printed
    row = report(tmp_path)["rows"][name]
    assert len(row["aims"]) == printed.count("\nmet ") + printed.count("\nmissed ") > 0
    for line in row["measured"]:
        assert line.get("test MSE") is None or 0 < line["test MSE"] < 0.5
    pictures = sorted(path.name for path in tmp_path.glob("*.png"))
    assert pictures == sorted(f"variants-digits-{file}.png" for file in PICTURES.get(name, []))
    for file in pictures:
        assert plt.imread(tmp_path / file).std() > 0.01


def test_same_seed_same_figures(tmp_path):
    for folder in ("a", "b"):
        assert run(tmp_path / folder, "--only", "noisy-code", "--max-iter", 1, "--seed", 3) == 0
    assert report(tmp_path / "a") == report(tmp_path / "b")


def line(folder, row, **wanted):
    (found,) = (
        line for line in report(folder)["rows"][row]["measured"] if wanted.items() <= line.items()
    )
    return found


def test_figures_are_what_they_say(tmp_path, digits):
    assert run(tmp_path, "--only", "undercomplete", "k-sparse", "tied", "--max-iter", 2) == 0
    pca = PCA(2).fit(digits.X_train)
    error = np.square(pca.inverse_transform(pca.transform(digits.X_test)) - digits.X_test).mean()
    found = line(tmp_path, "undercomplete", code=2, **{"": "PCA"})
    assert found["test MSE"] == pytest.approx(error, rel=1e-4)
    fitted = AutoencoderTransformer(32, max_iter=2, random_state=0)
    fitted.fit(digits.X_train)
    found = line(tmp_path, "undercomplete", **{"": "with linear path, 128-64-32"})
    assert found["test MSE"] == pytest.approx(-fitted.score(digits.X_test), rel=1e-4)
    for k in (3, 9):
        found = line(tmp_path, "k-sparse", k=k)
        assert (found["fewest"], found["most"]) == (k, k)
    untied, tied = (line(tmp_path, "tied", **{"": name}) for name in ("untied", "tied"))
    weights = 64 * 128 + 128 * 64 + 64 * 32
    assert untied["parameters"] == 2 * weights + 128 + 64 + 32 + 64 + 128 + 64
    assert tied["parameters"] == weights + 128 + 64 + 32 + 64 + 128 + 64


# --- what is saved and what is said -------------------------------------------------------------


def test_rows_are_kept_in_their_order(tmp_path):
    assert run(tmp_path, "--only", "tied", "--max-iter", 1) == 0
    tied = report(tmp_path)["rows"]["tied"]
    assert run(tmp_path, "--only", "noisy-code", "--max-iter", 1) == 0
    assert list(report(tmp_path)["rows"]) == ["noisy-code", "tied"]
    assert report(tmp_path)["rows"]["tied"] == tied
    assert report(tmp_path)["machine"]["torch"]


@pytest.mark.parametrize("arguments", [("--seed", 1), ("--max-iter", 2)])
def test_rows_of_other_options_are_not_mixed(tmp_path, arguments):
    assert run(tmp_path, "--only", "tied", "--max-iter", 1) == 0
    assert run(tmp_path, "--only", "noisy-code", "--max-iter", 1, *arguments) == 0
    assert list(report(tmp_path)["rows"]) == ["noisy-code"]


def test_rows_of_another_machine_are_not_mixed(tmp_path, monkeypatch):
    assert run(tmp_path, "--only", "tied", "--max-iter", 1) == 0
    monkeypatch.setattr(variants.machine, "describe", lambda: {"processor": "another"})
    assert run(tmp_path, "--only", "noisy-code", "--max-iter", 1) == 0
    assert list(report(tmp_path)["rows"]) == ["noisy-code"]


def test_failure_loses_no_other_row(tmp_path, monkeypatch, capsys):
    def fail(study):
        raise RuntimeError("out of luck")

    monkeypatch.setitem(variants.ROWS, "sparse", fail)
    assert run(tmp_path, "--only", "sparse", "tied", "--max-iter", 1) == 1
    printed = capsys.readouterr()
    assert "out of luck" in printed.out
    assert "Failed, see above: sparse." in printed.err
    rows = report(tmp_path)["rows"]
    assert rows["sparse"] == {"error": "RuntimeError: out of luck"}
    assert rows["tied"]["measured"]


def test_epochs_of_a_quick_look(tmp_path, capsys):
    assert run(tmp_path, "--max-iter", 0) == 1
    assert "--max-iter must be at least 1" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("relation", "bound", "is_met"),
    [("<", 2, False), ("<", 3, True), ("<=", 2, True), ("<=", 1, False), (">", 2, False),
     (">", 1, True), (">=", 2, True), (">=", 3, False), ("=", 2, True), ("=", 1, False)],
)  # fmt: skip
def test_aims_are_judged_in_the_right_direction(relation, bound, is_met):
    aim = Aim("text", 2, relation, bound)
    assert aim.is_met is is_met
    assert variants.aims([aim]).startswith("[green]met" if is_met else "[bold red]missed")
    assert aim.to_json()["met"] is is_met


def test_not_a_number_meets_no_aim():
    assert not any(Aim("", np.nan, relation, 1).is_met for relation in ("<", "<=", ">", ">=", "="))


def test_table_leaves_out_what_is_a_list_and_what_is_missing():
    result = Result("settings", [{"": "a", "x": 1, "each": [1, 2]}, {"": "b", "y": None}], [])
    table = variants.table("name", "purpose", result)
    assert [column.header for column in table.columns] == ["", "x", "y"]
    assert list(table.columns[1].cells) == ["1", ""]


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


def test_discrepancy_is_that_of_training_but_for_the_bias():
    codes = np.random.default_rng(0).uniform(size=(50, 3))
    expected = squared_discrepancy(torch.tensor(codes)).item()
    assert measures.squared_discrepancy(codes, is_biased=True) == pytest.approx(expected)
    assert measures.squared_discrepancy(codes) < expected


def test_slope_of_pca_is_one(digits):
    fitted = AutoencoderTransformer(8, max_iter=1, learning_rate=1e-12, random_state=0)
    fitted.fit(digits.X_train)
    assert measures.squared_slope(fitted, digits.X_test) == pytest.approx(1, rel=1e-4)


def test_accuracy_of_a_fresh_classifier():
    rng = np.random.default_rng(0)
    assert measures.accuracy_against_normal(rng.normal(size=(2000, 3)), rng) == pytest.approx(
        0.5, abs=0.05
    )
    assert measures.accuracy_against_normal(rng.normal(size=(2000, 3)) + 4, rng) > 0.95


@pytest.mark.parametrize(("sign", "expected"), [(1, 1), (-1, 0)])
def test_accuracy_of_the_own_discriminator(sign, expected):
    latent = SimpleNamespace(discriminator=lambda codes: sign * (5 - codes[:, :1]))
    module = SimpleNamespace(latent=latent)
    estimator = SimpleNamespace(net_=SimpleNamespace(module_=module))
    codes = np.full((50, 2), 10, np.float32)
    rng = np.random.default_rng(0)
    assert measures.discriminator_accuracy(estimator, codes, rng) == expected


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


def test_noise_is_that_of_training(digits):
    X = digits.X_train
    scale = np.sqrt(X.var(axis=0).mean())
    for i, (corruption, add_noise) in enumerate(noises(X).values()):
        noisy = add_noise(X, np.random.default_rng(0))
        assert noisy.dtype == X.dtype
        module = corruption.build(X, scale)
        module.context = nn.Context(torch.Generator().manual_seed(0))
        module.context.begin(torch.tensor(X), None)
        trained = module(torch.tensor(X)).numpy()
        for moment in (np.mean, np.std):
            assert moment(noisy - X) == pytest.approx(moment(trained - X), rel=0.03, abs=0.01)
        assert i == 0 or ((noisy == 0) == (trained == 0)).mean() > 0.5


def test_width_of_equal_size(digits):
    width = architectures.width_of_equal_size(20_000, 64, 32)
    fitted = AutoencoderTransformer(
        32, hidden_layer_sizes=(width,), linear_path=None, max_iter=1, random_state=0
    ).fit(digits.X_train)
    assert measures.n_parameters(fitted) == pytest.approx(20_000, rel=0.01)


def test_rows_are_drawn_without_repetition(tmp_path, digits):
    study = Study("digits", digits, tmp_path)
    rows = study.some_test_rows(100)
    assert len(set(rows)) == 100
    assert rows.max() > 300
    np.testing.assert_array_equal(rows, study.some_test_rows(100))
    np.testing.assert_array_equal(study.some_test_rows(9999), np.arange(450))


def test_what_was_fitted_is_not_fitted_again(tmp_path, digits):
    study = Study("digits", digits, tmp_path, max_iter=1)
    fits = [study.fit(2, 9), study.fit(2, 9), study.fit(3, 9), study.fit(2, 9, n_rows=200)]
    assert fits[0] is fits[1]
    assert len(set(map(id, fits))) == 3


# --- time series --------------------------------------------------------------------------------


@pytest.mark.parametrize("anomaly", [None, *series.ANOMALIES])
def test_series_are_seeded(anomaly):
    windows = series.make_windows(20, 0, anomaly=anomaly)
    assert windows.shape == (20, np.prod(series.SHAPE))
    assert windows.dtype == np.float32
    np.testing.assert_array_equal(windows, series.make_windows(20, 0, anomaly=anomaly))
    assert not np.array_equal(windows, series.make_windows(20, 1, anomaly=anomaly))


@pytest.mark.parametrize("anomaly", series.ANOMALIES)
def test_anomalies_hardly_change_single_values(anomaly):
    normal = series.make_windows(4000, 0).reshape(-1, series.SHAPE[1])
    changed = series.make_windows(4000, 1, anomaly=anomaly).reshape(-1, series.SHAPE[1])
    np.testing.assert_allclose(changed.mean(axis=0), normal.mean(axis=0), atol=0.03)
    np.testing.assert_allclose(changed.std(axis=0), normal.std(axis=0), rtol=0.05)


def test_channels_are_coupled_but_not_linearly():
    windows = series.make_windows(4000, 0).reshape(-1, *series.SHAPE)
    correlation = np.corrcoef(windows[:, 0].T)
    np.testing.assert_allclose(correlation, np.eye(3), atol=0.05)


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
