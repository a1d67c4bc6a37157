"""The benchmark of the classic figures."""

import json

import pytest

from benchmarks.__main__ import main
from benchmarks.mnist import MODELS, report


def test_models_on_digits(tmp_path, capsys):
    models = ["deep", "default", "two"]  # digits have too few pixels for the others
    command = ["mnist", "--dataset", "digits", "--seeds", "2", "--max-iter", "2"]
    assert main([*command, "--only", *models, "--output", str(tmp_path)]) == 0
    found = json.loads((tmp_path / "mnist-digits.json").read_text())
    assert list(found["models"]) == models
    for name, model in found["models"].items():
        assert len(model["fits"]) == 2
        assert {aim["aim"] for aim in model["aims"]} == set(MODELS[name].aims)
        assert set(model["pca"]) <= set(model["mean"])
    codes = found["models"]["two"]["mean"]
    assert codes["MSE"] < found["models"]["two"]["pca"]["MSE"]
    assert 0.3 < codes["1-NN accuracy"] <= 1
    assert 0.1 < codes["V-measure"] <= 1
    printed = capsys.readouterr().out
    assert "missed" in printed or "met" in printed


def test_models_of_other_runs_are_kept(tmp_path, capsys):
    command = ["mnist", "--dataset", "digits", "--seeds", "1", "--output", str(tmp_path)]
    assert main([*command, "--max-iter", "1", "--only", "default"]) == 0
    assert main([*command, "--max-iter", "1", "--only", "two"]) == 0
    file = tmp_path / "mnist-digits.json"
    models = json.loads(file.read_text())["models"]
    assert list(models) == ["default", "two"]
    assert all("processor" in model["machine"] for model in models.values())
    assert main([*command, "--max-iter", "2", "--only", "two"]) == 0
    assert list(json.loads(file.read_text())["models"]) == ["two"]
    capsys.readouterr()


def test_aims_are_of_means():
    model = MODELS["default"]
    fits = [{"error of an image": error} for error in (3.0, 3.8)]
    (aim,) = report(model, fits, fits[0])["aims"]
    assert aim["value"] == pytest.approx(3.4)
    assert aim["met"]


def test_number_of_seeds(capsys):
    assert main(["mnist", "--seeds", "0"]) == 1
    assert "--seeds must be at least 1" in capsys.readouterr().err
