import json

import numpy as np
import pytest

from benchmarks import mnist
from benchmarks.__main__ import main
from benchmarks.data import Data

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


def test_models(tmp_path, capsys, monkeypatch):
    rng = np.random.default_rng(0)
    y = np.arange(160) % 10
    X = rng.normal(size=(10, 40)).astype(np.float32)[y]
    X += 0.2 * rng.normal(size=X.shape).astype(np.float32)
    monkeypatch.setattr(mnist, "load", lambda name: Data(X[:100], X[100:], y[:100], y[100:]))
    command = ["mnist", "--dataset", "digits", "--max-iter", "2", "--output", str(tmp_path)]
    assert main([*command, "--only", "default", "--seeds", "2"]) == 0
    assert main([*command, "--only", "two", "--seeds", "1"]) == 0
    models = json.loads((tmp_path / "mnist-digits.json").read_text())["models"]
    assert list(models) == ["default", "two"]
    for name, model in models.items():
        assert {aim["aim"] for aim in model["aims"]} == set(mnist.MODELS[name].aims)
        assert set(model["pca"]) <= set(model["mean"])
        assert model["machine"]["processor"]
    errors = [fit["error of an image"] for fit in models["default"]["fits"]]
    assert models["default"]["mean"]["error of an image"] == pytest.approx(np.mean(errors))
    assert models["default"]["aims"][0]["value"] == pytest.approx(np.mean(errors))
    assert 0.3 < models["two"]["mean"]["1-NN accuracy"] <= 1
    printed = capsys.readouterr().out
    assert "missed" in printed or "met" in printed
