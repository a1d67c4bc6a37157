import json

import numpy as np
import pytest
from scipy.stats import rankdata

from benchmarks.__main__ import main
from benchmarks.data import BenchmarkError
from benchmarks.outliers import contenders, report, tables
from benchmarks.outliers.measuring import Job, Judged, measure
from benchmarks.outliers.tables import SEMI_SUPERVISED, SETTINGS, UNSUPERVISED


@pytest.fixture(autouse=True)
def folder(monkeypatch, tmp_path):
    """A folder of one table: a line, and outliers beside it."""
    rng = np.random.default_rng(0)
    t = rng.normal(size=(200, 1))
    X = np.hstack([t, t, t]) + rng.normal(scale=0.05, size=(200, 3))
    X = np.vstack([X, rng.normal(size=(20, 3))])
    (tmp_path / "adbench").mkdir()
    y = np.repeat([0, 1], [200, 20])
    np.savez(tmp_path / "adbench" / "7_line.npz", X=X, y=y)
    monkeypatch.setenv("SKLEARN_AE_DATA", str(tmp_path))


def divide(setting, **limits):
    return tables.divide("7_line", setting, 0, **{"max_train": 1000, "max_scored": 1000} | limits)


# --- tables -------------------------------------------------------------------------------------


def test_semi_supervised_fits_on_half_of_the_inliers():
    task = divide(SEMI_SUPERVISED)
    assert len(task.X_train) == 100
    assert len(task.X_scored) == 120
    assert task.y_scored.sum() == 20
    assert task.n_known == 0
    both = {row.tobytes() for row in task.X_train} & {row.tobytes() for row in task.X_scored}
    assert not both


def test_unsupervised_fits_and_scores_all_rows():
    task = divide(UNSUPERVISED)
    np.testing.assert_array_equal(task.X_train, task.X_scored)
    assert task.n_known == 220
    assert task.y_scored.sum() == 20


@pytest.mark.parametrize("setting", SETTINGS)
def test_columns_are_scaled_by_the_training_rows(setting):
    X = divide(setting).X_train
    np.testing.assert_allclose(X.mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(X.std(axis=0), 1, rtol=1e-6)


def test_limits_of_rows_leave_a_random_part():
    task = divide(UNSUPERVISED, max_train=50, max_scored=100)
    assert (len(task.X_train), len(task.X_scored), task.n_known) == (50, 100, 50)
    np.testing.assert_array_equal(task.X_train, task.X_scored[:50])
    some = divide(SEMI_SUPERVISED, max_scored=60)
    assert 3 <= some.y_scored.sum() <= 17  # of 10 that are expected


def test_unknown_table():
    with pytest.raises(BenchmarkError, match="No table nothing"):
        tables.choose(["nothing"])


@pytest.mark.parametrize("name", ["digits", "breast-cancer", "wine"])
def test_carried_tables_have_few_outliers(monkeypatch, name):
    monkeypatch.delenv("SKLEARN_AE_DATA")
    names, notes = tables.choose()
    assert name in names
    assert "scikit-learn's own" in notes[0]
    y = tables.divide(name, UNSUPERVISED, 0, 10_000, 10_000).y_scored
    assert 0.02 < y.mean() < 0.06


# --- contenders ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", [name for name in contenders.CONTENDERS if not name.endswith("(PyOD)")]
)
@pytest.mark.parametrize("setting", SETTINGS)
def test_contenders_find_outliers(name, setting):
    job = Job("7_line", setting, 0, 1000, 1000)
    _, judged = measure(job, [name])
    floor = 60 if name == contenders.ERROR_ALONE else 80
    assert judged[name].auroc > floor
    assert judged[name].seconds > 0


def test_known_rows_are_not_their_own_neighbors():
    task = divide(UNSUPERVISED, max_train=150)
    scores = contenders.neighbors(task, 0)
    assert len(scores) == 220
    distance = np.linalg.norm(task.X_train - task.X_train[0], axis=1)
    assert scores[0] == pytest.approx(np.sort(distance)[5], rel=1e-5)
    distance = np.linalg.norm(task.X_train - task.X_scored[200], axis=1)
    assert scores[200] == pytest.approx(np.sort(distance)[4], rel=1e-5)


def test_wide_tables_have_no_determinant():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 201)).astype(np.float32)
    task = tables.Task(X, X, 300, np.zeros(300))
    np.testing.assert_array_equal(
        contenders.robust_covariance(task, 0), contenders.principal_components(task, 0)
    )


def test_unknown_contender():
    with pytest.raises(BenchmarkError, match="No contender nobody"):
        contenders.at_hand(["nobody"])


# --- report -------------------------------------------------------------------------------------


def results(figures):
    """Make results of one seed, from AUROCs by setting, contender and table."""
    measured = []
    for setting in SETTINGS:
        for table in range(3):
            judged = {
                name: Judged(values[table], values[table] / 2, 1.0)
                for name, values in figures[setting].items()
            }
            measured.append((Job(f"t{table}", setting, 0, 10, 10), judged))
    return report.Results(measured)


FIGURES = {
    SEMI_SUPERVISED: {
        "ours": [90.0, 80.0, 70.0],
        "k-NN": [85.0, 81.0, 60.0],
        "AutoEncoder (PyOD)": [80.0, 83.0, 60.0],
    },
    UNSUPERVISED: {
        "ours": [60.0, 80.0, 70.0],
        "k-NN": [50.0, 80.0, 60.0],
        "AutoEncoder (PyOD)": [61.0, 70.0, 60.0],
    },
}


def test_summary_by_hand():
    summary = report.summary(results(FIGURES), SEMI_SUPERVISED)
    assert summary["ours"] == {"auroc": 80.0, "ap": 40.0, "rank": 5 / 3, "seconds": 3.0}
    ranks = rankdata(-np.array(list(FIGURES[UNSUPERVISED].values())), axis=0)
    np.testing.assert_array_equal(results(FIGURES).ranks(UNSUPERVISED), ranks)


def test_aims_by_hand():
    found = {aim.text: aim for aim in report.aims(results(FIGURES))}
    neighbors = found["semi-supervised AUROC, k-NN's + 2"]
    assert neighbors.bound == pytest.approx((85 + 81 + 60) / 3 + 2)
    assert neighbors.is_met
    best = found["unsupervised AUROC, best of the others"]
    assert best.bound == pytest.approx(max(190, 191) / 3)
    share = found["share of tables within 2 AUROC of PyOD's AutoEncoder"]
    assert share.value == pytest.approx(5 / 6)
    assert not share.is_met
    assert found["time of fit and score, PyOD's AutoEncoder's being 1"].value == 1


def test_critical_difference_is_that_of_the_paper():
    # Demšar 2006, table 5: q of 2.343 for 3 and 2.569 for 4 classifiers.
    assert report.critical_difference(4, 14) == pytest.approx(2.569 * np.sqrt(20 / 84), rel=1e-3)
    assert report.critical_difference(3, 10) == pytest.approx(2.343 * np.sqrt(12 / 60), rel=1e-3)


def test_command(tmp_path, capsys):
    arguments = ["outliers", "--seeds", "1", "--contenders", "IForest", "--output", str(tmp_path)]
    assert main(arguments) == 0
    assert "unsupervised: means over 1 tables" in capsys.readouterr().out
    saved = json.loads((tmp_path / "outliers.json").read_text())
    assert set(saved["summary"][SEMI_SUPERVISED]) == {"ours", "IForest"}
    assert len(saved["tables"]) == 2
    assert (tmp_path / "outliers.png").stat().st_size > 1000


@pytest.mark.parametrize("option", ["--seeds", "--jobs", "--max-train", "--max-scored"])
def test_bad_options(option, capsys):
    assert main(["outliers", option, "0"]) == 1
    assert option in capsys.readouterr().err
