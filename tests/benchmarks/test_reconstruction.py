import json

import numpy as np
import pytest
from matplotlib import pyplot as plt
from sklearn.decomposition import PCA

from benchmarks.__main__ import main
from benchmarks.data import BenchmarkError, Data
from benchmarks.reconstruction import contenders, drawing, summary, tables
from benchmarks.reconstruction.cases import ROUNDING, ZERO, Case
from benchmarks.reconstruction.measuring import Settings, code_sizes, measure, split

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


def case(*ratios, table="t", rows=1000, columns=20, k=2, pca=0.1, others=None, seconds=1.0):
    """Make what would have been measured, ours being so many times the error of PCA."""
    mse = {"PCA": [pca] * len(ratios), "ours": [pca * ratio for ratio in ratios]}
    mse |= {name: [pca * ratio] * len(ratios) for name, ratio in (others or {}).items()}
    times = {name: [seconds] * len(ratios) for name in mse}
    return Case(table, rows, columns, k, [1.0] * len(ratios), mse, times)


def aims(*cases):
    return {aim.text: aim for aim in summary.aims(list(cases))}


# --- tables and splits --------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Make a folder of tables, with a constant column and outliers that are easily told."""
    (tmp_path / "adbench").mkdir()
    rng = np.random.default_rng(0)
    X = rng.integers(0, 100, (60, 4)).astype(np.uint8)
    X[:, 2] = 7
    y = np.arange(60) % 6 == 5
    X[y] = 255
    for name in ("10_tens", "2_twos"):
        np.savez(tmp_path / "adbench" / f"{name}.npz", X=X, y=y.astype(int))
    monkeypatch.setenv("SKLEARN_AE_DATA", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("name", [name for name in tables.names() if name != "mnist"])
def test_tables_are_the_same_each_time(name):
    X = tables.load(name)
    assert X.dtype == np.float64
    assert X.ndim == 2
    assert np.isfinite(X).all()
    np.testing.assert_array_equal(X, tables.load(name))


def test_tables_are_what_they_are_called():
    assert tables.load("linnerud").shape == (20, 6)
    assert tables.load("friedman1").shape == (1000, 11)
    variances = PCA().fit(tables.load("low-rank")).explained_variance_ratio_
    assert variances[8:].sum() < 1e-12
    words = tables.load("word-counts")
    assert (words == 0).mean() > 0.7


def test_tables_of_a_folder(folder, monkeypatch):
    images = Data(*(np.ones((n, 784), np.float32) for n in (6, 2)), None, None)
    monkeypatch.setattr(tables.data, "load", lambda name: images)
    chosen, notes = tables.choose()
    assert chosen[-3:] == ["mnist", "2_twos", "10_tens"]
    assert notes == []
    assert tables.load("mnist").shape == (8, 784)
    X = tables.load("2_twos")
    assert X.shape == (50, 4)
    assert X.max() < 100


def test_without_a_folder(monkeypatch):
    def offline(name):
        raise BenchmarkError("MNIST is not at hand.")

    monkeypatch.setattr(tables.data, "load", offline)
    chosen, notes = tables.choose()
    assert chosen == [name for name in tables.names() if name != "mnist"]
    assert "set SKLEARN_AE_DATA" in notes[0]
    assert notes[1] == "MNIST is not at hand."


@pytest.mark.parametrize("content", [{"X": np.ones((3, 2))}, {"X": [["a"]], "y": [0]}, None])
def test_file_that_can_not_be_read(folder, content):
    file = folder / "adbench" / "3_bad.npz"
    if content is None:
        file.write_text("nothing")
    else:
        np.savez(file, **content)
    with pytest.raises(BenchmarkError, match="could not be read"):
        tables.load("3_bad")


@pytest.mark.parametrize(
    ("n_rows", "n_features", "expected"),
    [(1000, 100, [2, 5, 10, 25, 50]), (1000, 4, [1, 2]), (14, 6, [1, 2, 3]), (20, 100, [2, 5, 10]),
     (1000, 2, [1]), (1000, 1, [])],
)  # fmt: skip
def test_code_sizes(n_rows, n_features, expected):
    assert code_sizes(n_rows, n_features, (0.02, 0.05, 0.1, 0.25, 0.5)) == expected


def test_columns_are_scaled_by_the_training_rows(folder):
    X_train, X_test = split("2_twos", 0, 1000)
    assert (len(X_train), len(X_test)) == (35, 15)
    assert X_train.dtype == X_test.dtype == np.float32
    np.testing.assert_allclose(X_train.mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(X_train.std(axis=0), [1, 1, 0, 1], rtol=1e-5)
    pixels, _ = split("digits", 0, 500)
    assert len(pixels) == 350
    assert (pixels.min(), pixels.max()) == (0, 1)


def test_seed_draws_rows_and_split():
    first, _ = split("iris", 0, 50)
    np.testing.assert_array_equal(first, split("iris", 0, 50)[0])
    assert not np.array_equal(first, split("iris", 1, 50)[0])


# --- contenders ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", contenders.CONTENDERS)
def test_contenders_reconstruct(name):
    X_train, X_test = split("iris", 0, 300)
    reconstruct = contenders.CONTENDERS[name](X_train, 2, 0)
    error = np.square(reconstruct(X_test) - X_test).mean()
    assert error < 0.7 * X_test.var(axis=0).mean()


def test_kernel_pca_has_its_limit():
    assert contenders.taking_part(["PCA", "KernelPCA"], 2000) == ["PCA", "KernelPCA"]
    assert contenders.taking_part(["PCA", "KernelPCA"], 2001) == ["PCA"]


def test_measured_by_hand():
    (measured,) = measure("iris", Settings(2, (0.5,), 1000, ("PCA",)))
    assert (measured.n_rows, measured.n_features, measured.n_components) == (150, 4, 2)
    for seed in (0, 1):
        X_train, X_test = split("iris", seed, 1000)
        pca = PCA(2).fit(X_train)
        residuals = pca.inverse_transform(pca.transform(X_test)) - X_test
        assert measured.mse["PCA"][seed] == pytest.approx(np.square(residuals).mean(), rel=1e-4)
        assert measured.variance[seed] == pytest.approx(X_test.var(axis=0).mean(), rel=1e-4)
    assert len(measured.seconds["PCA"]) == 2


# --- what it says -------------------------------------------------------------------------------


def test_ratio_is_taken_split_by_split():
    made = Case("t", 9, 4, 1, [1, 1], {"PCA": [1, 4], "ours": [2, 2]}, {})
    # The ratio of the means would be 4 / 5.
    assert made.ratio("ours").mean == pytest.approx((2 + 0.5) / 2)
    assert made.ratio("ours").error == pytest.approx(1.5 / np.sqrt(2) / np.sqrt(2))
    assert made.ratio("PCA") == (1, 0)


@pytest.mark.parametrize(
    ("ratios", "is_worse"),
    [
        ([1, 1, 1], False),
        ([0.9, 1.1, 1.1], False),  # 1.033 with a standard error of 0.067
        ([1.05, 1.1, 1.1], True),
        ([1 + ROUNDING / 2] * 3, False),
        ([1 + 2 * ROUNDING] * 3, True),
        ([1.01], True),  # of one split
        ([0.99], False),
    ],
    ids=str,
)
def test_standard_error(ratios, is_worse):
    assert case(*ratios).ratio("ours").is_worse is is_worse
    assert summary.worse([case(*ratios)]) == [case(*ratios)] * is_worse


def test_aims_beside_pca():
    found = aims(case(0.2), case(0.6), case(1.02))
    share = found["not worse than PCA within the standard error, share"]
    assert share.value == pytest.approx(2 / 3)
    assert found["worst ratio to PCA"].value == pytest.approx(1.02)
    assert found["median ratio to PCA"].value == pytest.approx(0.6)
    assert not any(aim.is_met for text, aim in found.items() if "PCA" in text)
    assert all(aim.is_met for aim in aims(case(0.2), case(0.4), case(1)).values())


def test_aims_beside_the_best_of_the_others():
    # Half of the better one, and as much again more than the better one.
    cases = case(0.2, others={"plain": 0.4, "KernelPCA": 3}), case(0.9, others={"plain": 0.6})
    found = aims(*cases, case(0.1))
    assert found["median ratio to the best of the others"].value == pytest.approx((0.5 + 1.5) / 2)
    assert found["better than the best of the others, share"].value == pytest.approx(0.5)
    text = "\n".join(summary.figures([case(0.25), case(1, rows=100), *cases]))
    assert "PCA among them: median 1.000, below 1 in 50% of the cases" in text
    assert "geometric mean of the ratio to PCA, 30 to 300 rows: 1.000" in text


def test_where_pca_is_exact_there_is_no_ratio():
    exact = case(100, 1, pca=ZERO / 1000)
    found = aims(exact)
    # The worst of the splits counts.
    aim = found["PCA is exact: largest share of variance left"]
    assert aim.value == pytest.approx(ZERO / 10)
    assert aim.is_met
    assert not any("ratio" in text for text in found)
    assert not aims(case(2000, 1, pca=ZERO / 1000))[aim.text].is_met
    assert not case(1, pca=2 * ZERO).is_exact
    assert "1 that PCA leaves nothing of" in summary.figures([exact])[0]
    assert "ours" not in summary.lines([exact])[0]


def test_noise_small_and_quick_tables_have_aims_of_their_own():
    found = aims(case(1.004, table="noise"), case(1.006, table="noise"), case(1.2, rows=300))
    assert found["noise: largest ratio to PCA"].value == pytest.approx(1.006)
    assert found["30 to 300 rows: worst ratio to PCA"].value == pytest.approx(1.2)
    assert "30 to 300 rows: worst ratio to PCA" not in aims(case(1, rows=29), case(1, rows=301))
    quick = case(1, rows=2000, columns=50, seconds=3)
    found = aims(quick, case(1, rows=2001, seconds=9), case(1, columns=51, seconds=9))
    (aim,) = (aim for text, aim in found.items() if "seconds" in text)
    assert aim.value == 3
    assert not aim.is_met


def test_picture_is_drawn(tmp_path):
    cases = [case(0.01 + i / 100, others={"plain": 1e5, "KernelPCA": 1}) for i in range(20)]
    drawing.draw_ratios([*cases, case(1, pca=1e-9)], tmp_path / "a.png")
    assert plt.imread(tmp_path / "a.png").std() > 0.01


def test_report_is_written(tmp_path, capsys):
    command = ["reconstruction", "--output", str(tmp_path), "--seeds", "2", "--only", "linnerud"]
    assert main([*command, "--contenders"]) == 0
    assert "median ratio to PCA" in capsys.readouterr().out
    found = json.loads((tmp_path / "reconstruction.json").read_text())
    assert found["machine"]["torch"]
    assert found["contenders"] == ["PCA", "ours"]  # which always take part
    assert [it["n_components"] for it in found["cases"]] == [1, 2, 3]
    first = found["cases"][0]
    assert len(first["mse"]["ours"]) == len(first["seconds"]["PCA"]) == 2
    assert first["ratio"]["PCA"] == [1, 0]
    assert all(np.isfinite(aim["value"]) for aim in found["aims"])
    assert plt.imread(tmp_path / "reconstruction.png").std() > 0.01
    assert len(list(tmp_path.iterdir())) == 2
