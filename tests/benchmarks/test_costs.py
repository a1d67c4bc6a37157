import json

import numpy as np
import pytest

from benchmarks import costs
from benchmarks.__main__ import main
from sklearn_ae import AutoencoderTransformer

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


def test_a_case(tmp_path, capsys):
    assert main(["costs", "--cases", "detector, wine", "--output", str(tmp_path)]) == 0
    measured = json.loads((tmp_path / "costs.json").read_text())["measured"]
    assert [line["call"] for line in measured] == ["fit", "score_samples", "explain"]
    assert all(line["rows"] == 178 and line["columns"] == 13 for line in measured)
    assert measured[0]["seconds"] > 0
    assert "detector, wine" in capsys.readouterr().out


def test_models_in_onnx_are_exported_and_run():
    X = np.random.default_rng(0).normal(size=(60, 5))
    estimator = AutoencoderTransformer(1, max_iter=1, n_refinement_steps=0)
    methods = ("save", "to_onnx", "run 1 row", "run all rows")
    done = {}
    for name, call in costs.calls(estimator, methods, X):
        done[name] = call()
    assert list(done) == ["fit", *methods]
    assert done["run 1 row"][0].shape == (1, 1)
    np.testing.assert_allclose(
        done["run all rows"][0], estimator.transform(X), rtol=1e-4, atol=1e-6
    )


def test_every_case_names_methods_of_its_estimator():
    for rows, estimator, methods in costs.CASES.values():
        assert rows in costs.ROWS
        own = set(methods) - {"to_onnx", "run 1 row", "run all rows"}
        assert all(hasattr(estimator, name) for name in own)
