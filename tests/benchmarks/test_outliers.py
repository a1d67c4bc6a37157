import json
from functools import partial

import numpy as np
import pytest
from scipy.stats import rankdata

from benchmarks.__main__ import main
from benchmarks.outliers import contenders, summary, tables
from benchmarks.outliers.measuring import Job, Judged, measure
from benchmarks.outliers.tables import SEMI_SUPERVISED, SETTINGS, UNSUPERVISED

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")
FIGURES = {
    SEMI_SUPERVISED: {
        "ours": [90.0, 80.0, 70.0],
        "without network": [85.0, 79.0, 70.0],
        "k-NN": [85.0, 81.0, 60.0],
        "AutoEncoder (PyOD)": [80.0, 83.0, 60.0],
    },
    UNSUPERVISED: {
        "ours": [60.0, 80.0, 70.0],
        "without network": [63.0, 80.0, 70.0],
        "k-NN": [50.0, 80.0, 60.0],
        "AutoEncoder (PyOD)": [61.0, 70.0, 60.0],
    },
}


@pytest.fixture
def folder(monkeypatch, tmp_path):
    """A folder of one table: a line, and outliers beside it."""
    rng = np.random.default_rng(0)
    t = rng.normal(size=(200, 1))
    X = np.hstack([t, t, t]) + rng.normal(scale=0.05, size=(200, 3))
    X = np.vstack([X, rng.normal(size=(20, 3))])
    (tmp_path / "adbench").mkdir()
    np.savez(tmp_path / "adbench" / "7_line.npz", X=X, y=np.repeat([0, 1], [200, 20]))
    monkeypatch.setenv("SKLEARN_AE_DATA", str(tmp_path))
    quick = partial(contenders.AutoencoderOutlierDetector, max_iter=5)
    monkeypatch.setattr(contenders, "AutoencoderOutlierDetector", quick)


def divide(setting, **limits):
    return tables.divide("7_line", setting, 0, **{"max_train": 1000, "max_scored": 1000} | limits)


def test_semi_supervised_fits_on_half_of_the_inliers(folder):
    task = divide(SEMI_SUPERVISED)
    assert (len(task.X_train), len(task.X_scored), task.n_known) == (100, 120, 0)
    assert task.y_scored.sum() == 20
    assert not {row.tobytes() for row in task.X_train} & {row.tobytes() for row in task.X_scored}
    np.testing.assert_allclose(task.X_train.mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(task.X_train.std(axis=0), 1, rtol=1e-6)


def test_unsupervised_fits_and_scores_all_rows(folder):
    task = divide(UNSUPERVISED)
    np.testing.assert_array_equal(task.X_train, task.X_scored)
    assert task.n_known == 220
    some = divide(UNSUPERVISED, max_train=50, max_scored=100)
    assert (len(some.X_train), len(some.X_scored), some.n_known) == (50, 100, 50)
    np.testing.assert_array_equal(some.X_train, some.X_scored[:50])


def test_the_published_protocol_keeps_the_order_of_the_file_and_resamples_small_tables(folder):
    X, _ = tables._read("7_line")
    task = divide(SEMI_SUPERVISED, protocol=tables.FILE_ORDER)
    scaled = (X[:100] - X[:100].mean(axis=0)) / X[:100].std(axis=0)
    np.testing.assert_allclose(task.X_train, scaled, rtol=1e-4, atol=1e-5)
    task = divide(SEMI_SUPERVISED, protocol=tables.RESAMPLED)
    assert len(task.X_train) + len(task.X_scored) == 1000
    assert {row.tobytes() for row in task.X_train} & {row.tobytes() for row in task.X_scored}
    task = divide(UNSUPERVISED, protocol=tables.FILE_ORDER)
    assert (task.n_known, task.y_scored.sum()) == (220, 20)


@pytest.mark.parametrize("name", ["digits", "breast-cancer", "wine"])
def test_carried_tables_have_few_outliers(name):
    names, notes = tables.choose()
    assert name in names
    assert "scikit-learn's own" in notes[0]
    y = tables.divide(name, UNSUPERVISED, 0, 10_000, 10_000).y_scored
    assert 0.02 < y.mean() < 0.06


@pytest.mark.parametrize(
    "name", [name for name in contenders.CONTENDERS if not name.endswith("(PyOD)")]
)
def test_contenders_find_outliers(name, folder):
    _, judged = measure(Job("7_line", SEMI_SUPERVISED, 0, 1000, 1000, tables.OWN), [name])
    assert judged[name].auroc > 80
    assert judged[name].seconds > 0


def test_known_rows_are_not_their_own_neighbors(folder):
    task = divide(UNSUPERVISED, max_train=150)
    scores = contenders.neighbors(task, 0)
    for row, place in ((0, 5), (200, 4)):
        distance = np.linalg.norm(task.X_train - task.X_scored[row], axis=1)
        assert scores[row] == pytest.approx(np.sort(distance)[place], rel=1e-5)


def test_aims_by_hand():
    measured = [
        (
            Job(f"t{table}", setting, 0, 10, 10, tables.OWN),
            {name: Judged(of[table], of[table] / 2, 1.0) for name, of in FIGURES[setting].items()},
        )
        for setting in SETTINGS
        for table in range(3)
    ]
    results = summary.Results(measured, {"t0": 10, "t1": 1000, "t2": 1001})
    expected = {"auroc": 80.0, "ap": 40.0, "rank": 11 / 6, "seconds": 3.0}
    assert results.summary(SEMI_SUPERVISED)["ours"] == expected
    ranks = rankdata(-np.array(list(FIGURES[UNSUPERVISED].values())), axis=0)
    np.testing.assert_array_equal(results.ranks(UNSUPERVISED), ranks)
    found = {aim.text: aim for aim in summary.aims(results)}
    neighbors = found["semi-supervised AUROC, k-NN's + 1"]
    assert neighbors.bound == pytest.approx((85 + 81 + 60) / 3 + 1)
    assert neighbors.is_met
    worth = found["worth of the network, semi-supervised AUROC"]
    assert (worth.value, worth.is_met) == (2.0, True)
    assert not found["worth of the network, unsupervised AUROC"].is_met
    small = found["semi-supervised AUROC, up to 1,000 rows, k-NN's"]
    assert (small.value, small.bound) == (85.0, 83.0)
    assert found["semi-supervised AUROC, more rows, k-NN's"].value == 70.0
    assert found["unsupervised AUROC, best of the others"].bound == pytest.approx(191 / 3)
    assert found["time of fit and score, AutoEncoder (PyOD)'s being 1"].value == 1


def test_command(tmp_path, capsys, folder):
    arguments = ["outliers", "--seeds", "1", "--contenders", "IForest", "--output", str(tmp_path)]
    assert main(arguments) == 0
    assert "unsupervised: means over 1 tables" in capsys.readouterr().out
    saved = json.loads((tmp_path / "outliers.json").read_text())
    assert set(saved["summary"][SEMI_SUPERVISED]) == {"ours", "IForest"}
    assert len(saved["tables"]) == 2
    assert (tmp_path / "outliers.png").stat().st_size > 1000
