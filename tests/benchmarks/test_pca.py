import json
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from sklearn.decomposition import PCA

from benchmarks import pca
from benchmarks.__main__ import main
from benchmarks.data import load
from sklearn_ae.metrics import reconstruction_error

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


def test_from_the_command_line(tmp_path, capsys, monkeypatch):
    # A process of its own would take seconds to start.
    monkeypatch.setattr(pca, "ProcessPoolExecutor", lambda n, **_: ThreadPoolExecutor(n))
    command = ["pca", "--output", str(tmp_path), "--n-components", "1", "2", "--methods", "PCA"]
    assert main(command) == 0
    assert "digits, 2 components (1,347 + 450 rows, 64 columns)" in capsys.readouterr().out
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


@pytest.mark.parametrize("method", pca.METHODS)
def test_every_method_is_measured(method, tmp_path):
    rng = np.random.default_rng(0)
    y = np.arange(160) % 2
    X = y[:, None] + rng.normal(size=(160, 2)) @ rng.normal(size=(2, 6))
    np.savez(tmp_path / "own.npz", X=X, y=y)
    result, sample = pca.measure(method, 2, str(tmp_path / "own.npz"), 0)
    assert 0 < result["mse"] < 0.1
    assert result["r2"] < 1
    assert result["fit_rows"] == 120
    assert 0.3 < result["nearest_neighbour"] <= 1
    assert result["peak_memory_mib"] >= 0
    assert sample["codes"].shape == (40, 2)
    assert sample["reconstructions"].shape == (10, 6)


def test_unlabelled_file(tmp_path):
    np.savez(tmp_path / "own.npz", X=np.random.default_rng(0).normal(size=(300, 4)))
    result, _ = pca.measure("PCA", 2, str(tmp_path / "own.npz"), 0)
    assert "nearest_neighbour" not in result
