"""Imports run one way: estimators -> training -> nn."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import sklearn_ae

ROOT = Path(sklearn_ae.__file__).parent
PARTS = ("architectures", "corruption", "latents", "losses")  # what is built of nn alone


def imported_modules(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            yield node.module
        elif isinstance(node, ast.Import):
            yield from (name.name for name in node.names)


@pytest.mark.parametrize(
    ("files", "forbidden"),
    [
        ("nn/*.py", ("sklearn.", "skorch", "sklearn_ae._", "sklearn_ae.training", *PARTS)),
        ("training/*.py", ("sklearn_ae._", "sklearn_ae.architectures", "sklearn_ae.losses")),
        ("architectures.py", ("skorch", "sklearn_ae._base", "sklearn_ae.training")),
        ("latents/*.py", ("skorch", "sklearn_ae._base", "sklearn_ae.training")),
        ("corruption.py", ("skorch", "sklearn_ae._base", "sklearn_ae.training")),
        ("losses.py", ("skorch", "sklearn_ae._base", "sklearn_ae.training")),
    ],
)
def test_imports_run_one_way(files, forbidden):
    paths = list(ROOT.glob(files))
    assert paths
    for path in paths:
        for module in imported_modules(path):
            assert module != "sklearn"
            assert not module.startswith(forbidden), f"{path.name} imports {module}"


def test_public_names():
    assert sklearn_ae.__all__ == ["AutoencoderOutlierDetector", "AutoencoderTransformer"]


def test_import_takes_little_beside_its_packages():
    # These bring half of scikit-learn with them.
    large = {
        "sklearn.decomposition",
        "sklearn.linear_model",
        "sklearn.mixture",
        "sklearn.neighbors",
    }
    command = f"import sklearn_ae, sys; print({large} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", command], capture_output=True, check=True)
    assert done.stdout.decode().strip() == "set()"
