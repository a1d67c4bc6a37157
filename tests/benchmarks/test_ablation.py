"""The benchmark of what each default is worth."""

import json

import numpy as np
import pytest

import sklearn_ae._fitting as fitting
from benchmarks import ablation
from benchmarks.__main__ import main
from sklearn_ae import AutoencoderTransformer


def test_every_variant_on_a_table(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(ablation, "_SIZES", (0.25,))
    monkeypatch.setattr(fitting, "_MAX_EPOCHS", 20)
    command = ["ablation", "--only", "linnerud", "--seeds", "1", "--output", str(tmp_path)]
    assert main(command) == 0
    found = json.loads((tmp_path / "ablation.json").read_text())
    assert list(found["summary"]) == list(found["variants"]) == list(ablation.VARIANTS)
    assert {case.split(",")[0] for case in found["ratios"]} == {"linnerud"}
    assert any(len(set(ratios.values())) > 1 for ratios in found["ratios"].values())
    printed = capsys.readouterr().out
    assert all(variant in printed for variant in ablation.VARIANTS)


def test_parameters_are_known():
    known = set(AutoencoderTransformer().get_params())
    defaults = AutoencoderTransformer().get_params()
    for variant, parameters in ablation.VARIANTS.items():
        assert set(parameters) <= known
        if variant != ablation.DEFAULT:
            assert any(defaults[name] != value for name, value in parameters.items())


def test_summary():
    cases = {"a": dict.fromkeys(ablation.VARIANTS, 0.5), "b": dict.fromkeys(ablation.VARIANTS, 2.0)}
    for figures in ablation.summary(cases).values():
        assert figures["geometric mean"] == pytest.approx(1)
        assert figures["median"] == 1.25
        assert figures["worst"] == 2
        assert figures["above PCA"] == 0.5


def test_tables_that_pca_reconstructs_exactly_have_no_ratios(monkeypatch, capsys):
    plane = np.random.default_rng(0).standard_normal((40, 1)) * np.ones(8)
    rows = plane.astype(np.float32)
    monkeypatch.setattr(ablation, "split", lambda *_: (rows[:30], rows[30:]))
    assert main(["ablation", "--only", "wine"]) == 1
    assert "No table" in capsys.readouterr().err


def test_options_are_positive(capsys):
    assert main(["ablation", "--max-rows", "0"]) == 1
    assert "--max-rows must be at least 1" in capsys.readouterr().err
