"""Imports run one way, down the rooms, without a circle: all modules, typing imports too."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import sklearn_ae

ROOT = Path(sklearn_ae.__file__).parent
# From the bottom to the top: a module imports only from rooms at or below its own.
ROOMS = (
    ("_compat",),
    ("nn", "parameters"),
    ("_data",),
    ("architectures", "corruption", "latents", "losses", "metrics", "plotting", "distributed"),
    ("training",),
    ("_fitting",),
    ("_inspection", "_outliers"),
    ("_persistence",),
    ("_base",),
    ("_transformer", "_outlier_detector"),
    ("_load", "_onnx", "_search", "_dask"),
    ("model_selection", "dask"),
    ("__init__",),
)
LEVEL = {room: level for level, rooms in enumerate(ROOMS) for room in rooms}


def module_name(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)


MODULES = {module_name(path): path for path in sorted(ROOT.rglob("*.py"))}


def imported_modules(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            yield node.module
            yield from (f"{node.module}.{name.name}" for name in node.names)
        elif isinstance(node, ast.Import):
            yield from (name.name for name in node.names)


def own_imports(path):
    names = {name.removeprefix("sklearn_ae.") for name in imported_modules(path)}
    return {name for name in names if name in MODULES and MODULES[name] != path}


@pytest.mark.parametrize("name", MODULES)
def test_imports_go_down_only(name):
    room = name.partition(".")[0]
    assert room in LEVEL, f"{name} is in no room"
    for imported in own_imports(MODULES[name]):
        assert LEVEL[imported.partition(".")[0]] <= LEVEL[room], f"{name} imports {imported}"


def test_no_circles():
    # A package's own __init__ gathers its modules: they import each other directly.
    graph = {name: own_imports(path) for name, path in MODULES.items()}
    packages = {name for name, path in MODULES.items() if path.name == "__init__.py"}
    done, path = set(), []

    def visit(name):
        assert name not in path, f"circle: {' -> '.join([*path[path.index(name) :], name])}"
        if name in done:
            return
        path.append(name)
        for imported in sorted(graph[name]):
            if not (imported in packages and name.startswith(f"{imported}.")):
                visit(imported)
        path.pop()
        done.add(name)

    for name in graph:
        visit(name)


@pytest.mark.parametrize("name", [name for name in MODULES if name.partition(".")[0] == "nn"])
def test_nn_knows_neither_scikit_learn_nor_skorch(name):
    for module in imported_modules(MODULES[name]):
        assert module.partition(".")[0] not in ("sklearn", "skorch")


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
