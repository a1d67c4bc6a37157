import json

import numpy as np
import pytest

from benchmarks import ablation
from benchmarks.__main__ import main
from sklearn_ae import AutoencoderTransformer

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


def test_every_variant_on_a_table(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(ablation, "SIZES", (0.25,))
    command = ["ablation", "--only", "linnerud", "--seeds", "1", "--output", str(tmp_path)]
    assert main(command) == 0
    found = json.loads((tmp_path / "ablation.json").read_text())
    assert list(found["summary"]) == list(found["variants"]) == list(ablation.VARIANTS)
    assert {case.split(",")[0] for case in found["ratios"]} == {"linnerud"}
    assert all(min(seconds.values()) > 0 for seconds in found["seconds"].values())
    assert any(len(set(ratios.values())) > 1 for ratios in found["ratios"].values())
    printed = capsys.readouterr().out
    assert all(variant in printed for variant in [*ablation.VARIANTS, "fit, seconds"])


def test_variants_differ_from_the_defaults():
    defaults = AutoencoderTransformer().get_params()
    first, *others = ablation.VARIANTS.values()
    assert first == {}
    for parameters in others:
        assert any(defaults[name] != value for name, value in parameters.items())


def test_summary():
    cases = {"a": dict.fromkeys(ablation.VARIANTS, 0.5), "b": dict.fromkeys(ablation.VARIANTS, 2.0)}
    for figures in ablation.summary(cases, cases).values():
        assert figures["geometric mean"] == pytest.approx(1)
        assert figures["median"] == figures["fit, seconds"] == 1.25
        assert figures["worst"] == 2
        assert figures["above PCA"] == 0.5


def test_tables_that_pca_reconstructs_exactly_have_no_ratios(monkeypatch, capsys):
    rows = (np.random.default_rng(0).standard_normal((40, 1)) * np.ones(8)).astype(np.float32)
    monkeypatch.setattr(ablation, "split", lambda *_: (rows[:30], rows[30:]))
    assert main(["ablation", "--only", "wine"]) == 1
    assert "No table" in capsys.readouterr().err
