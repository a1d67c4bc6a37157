import json

import numpy as np
import pytest
from sklearn.decomposition import PCA

from benchmarks import pca
from benchmarks.__main__ import main
from benchmarks.data import load
from sklearn_ae.metrics import reconstruction_error


def run(tmp_path, *arguments):
    return main(["pca", "--output", str(tmp_path), *map(str, arguments)])


def test_from_the_command_line(tmp_path, capsys):
    assert run(tmp_path, "--n-components", 1, 2, "--methods", "PCA") == 0
    printed = capsys.readouterr().out
    assert "digits, 2 components (1,347 + 450 rows, 64 columns)" in printed
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "pca-digits-codes.png",
        "pca-digits-error.png",
        "pca-digits-reconstructions-1.png",
        "pca-digits-reconstructions-2.png",
        "pca-digits.json",
    ]
    report = json.loads((tmp_path / "pca-digits.json").read_text())
    assert report["machine"]["torch"]
    data = load("digits")
    found = {(r["method"], r["n_components"]): r for r in report["results"]}
    expected = reconstruction_error(PCA(2).fit(data.X_train), data.X_test)
    assert found["PCA", 2]["mse"] == pytest.approx(expected, rel=1e-4)
    assert found["PCA", 2]["squared_error"] == pytest.approx(64 * expected, rel=1e-4)
    assert len(found) == 2


def test_unlabelled_file(tmp_path, capsys):
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "own.npz", X=rng.normal(size=(300, 4)))
    arguments = ["--dataset", tmp_path / "own.npz", "--n-components", 2, "--methods", "PCA"]
    assert run(tmp_path, *arguments) == 0
    assert "LogReg" not in capsys.readouterr().out
    assert not list(tmp_path.glob("*.png"))


def test_sentence_instead_of_a_traceback(tmp_path, capsys):
    assert run(tmp_path, "--dataset", "nowhere.csv") == 1
    assert capsys.readouterr().err.startswith("There is no data set 'nowhere.csv'")


@pytest.mark.parametrize("size", [0, 65])
def test_code_size_that_pca_can_not_have(tmp_path, capsys, size):
    assert run(tmp_path, "--n-components", size) == 1
    assert "between 1 and the number of columns, 64" in capsys.readouterr().err


@pytest.mark.parametrize("method", pca.METHODS)
def test_every_method_is_measured(method, monkeypatch):
    monkeypatch.setattr(pca, "_KERNEL_PCA_ROWS", 200)
    result, sample = pca.measure(method, 3, "digits", 0)
    assert 0 < result["mse"] < 0.1
    assert 0 < result["r2"] < 1
    assert result["fit_rows"] == (200 if method == "KernelPCA" else 1347)
    assert 0.2 < result["nearest_neighbour"] < 1
    assert 0.2 < result["logistic_regression"] < 1
    assert 0.1 < result["v_measure"] < 1
    assert result["peak_memory_mib"] >= 0
    assert sample["codes"].shape == (450, 3)
    assert sample["reconstructions"].shape == (10, 64)
