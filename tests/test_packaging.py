"""The built package holds what it should, and its declared requirements are all that it needs."""

import os
import re
import subprocess
import sys
import tarfile
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.test_public_api import MODULES

ROOT = Path(__file__).parent.parent
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT = PYPROJECT["project"]
PINS = {
    canonicalize_name(name): version
    for line in (ROOT / "requirements-dev.txt").read_text(encoding="utf-8").splitlines()
    for name, equals, version in [line.partition("==")]
    if equals
}


def requirements():
    extras = PROJECT["optional-dependencies"]
    texts = PROJECT["dependencies"] + PYPROJECT["dependency-groups"]["dev"]
    # Only the benchmarks compare with peers. What "maps" brings takes a minute to compile: another
    # class stands for it in the tests.
    for name in sorted(extras.keys() - {"maps", "peers"}):
        texts = texts + extras[name]
    return [it for it in map(Requirement, texts) if it.name != PROJECT["name"]]


@pytest.mark.parametrize("requirement", requirements(), ids=str)
def test_what_the_package_needs_is_pinned_for_development(requirement):
    assert requirement.specifier.contains(PINS[canonicalize_name(requirement.name)])


def test_pre_commit_has_the_pinned_versions():
    text = (ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8")
    hooks = dict(re.findall(r"repo: \S+/(\S+)\n +rev: v(\S+)", text))
    del hooks["pre-commit-hooks"]  # nothing else uses them
    versions = {name.removesuffix("-pre-commit"): version for name, version in hooks.items()}
    assert versions == {name: PINS[name] for name in ("ruff", "codespell", "rumdl", "zizmor")}


def test_each_ignored_repository_check_has_a_reason():
    text = (ROOT / "docs" / "development" / "contributing.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| ([A-Z]+\d+) \|", text, flags=re.MULTILINE)
    assert listed == PYPROJECT["tool"]["repo-review"]["ignore"]


def run(*command, **kwargs):
    # Paths of the caller would hide what is missing.
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    environment["OMP_NUM_THREADS"] = "1"  # as in conftest.py
    done = subprocess.run(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        env=environment,
        **kwargs,
    )
    assert done.returncode == 0, done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Build an sdist, and a wheel from it."""
    folder = tmp_path_factory.mktemp("dist")
    # With the pinned setuptools.
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, ROOT)
    return folder


@pytest.fixture(scope="module")
def wheel(built):
    (path,) = built.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def install(tmp_path_factory):
    """Install into an environment that is empty at first, and give its Python."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False)
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")

    def install(requirement):
        pip = sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", python
        pins = "--constraint", ROOT / "requirements-dev.txt"
        # Only wheels: no user needs a compiler.
        options = "--quiet", "--no-compile", "--only-binary", ":all:"
        run(*pip, "install", *options, *pins, requirement)
        run(*pip, "check")
        return python

    return install


@pytest.mark.wheel
def test_wheel_is_the_package_and_its_licence(wheel):
    assert wheel.name.endswith("-py3-none-any.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if not name.endswith("/")}
    modules = {path.relative_to(ROOT).as_posix() for path in (ROOT / "sklearn_ae").rglob("*.py")}
    info = f"sklearn_ae-{wheel.name.split('-')[1]}.dist-info"
    about = {"METADATA", "RECORD", "WHEEL", "licenses/LICENSE", "top_level.txt"}
    assert names == modules | {"sklearn_ae/py.typed"} | {f"{info}/{name}" for name in about}


@pytest.mark.wheel
def test_sdist_has_tests_and_docs_and_no_leavings(built):
    (path,) = built.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        members = [member.name.partition("/")[2] for member in archive if member.isfile()]
    names = set(members)
    for folder in ("sklearn_ae", "tests", "docs"):
        files = {path for path in (ROOT / folder).rglob("*") if path.is_file()}
        files = {path.relative_to(ROOT).as_posix() for path in files if path.suffix != ".pyc"}
        assert files == {name for name in names if name.startswith(f"{folder}/")}
    files = {".pre-commit-config.yaml", "Makefile", "pyproject.toml", "requirements-dev.txt"}
    texts = {"CHANGELOG.md", "CITATION.cff", "LICENSE", "README.md"}
    assert files | texts <= names
    folders = {"benchmarks", "docs", "sklearn_ae", "sklearn_ae.egg-info", "tests", ".ci"}
    assert {name.partition("/")[0] for name in names if "/" in name} == folders
    assert not [name for name in names if "cache" in name or name.startswith("benchmarks/out/")]


README = """
import doctest, importlib, pathlib, sys
readme, modules, environment = sys.argv[1:]
for module in modules.split():
    importlib.import_module(module)
assert pathlib.Path(sys.modules["sklearn_ae"].__file__).is_relative_to(environment)
text = pathlib.Path(readme).read_text(encoding="utf-8")
examples = doctest.DocTestParser().get_examples(text)
{choose}
test = doctest.DocTest(examples, {{}}, "README.md", readme, 0, text)
results = doctest.DocTestRunner().run(test)
sys.exit(results.failed > 0 or results.attempted < 15)
"""


@pytest.mark.wheel
@pytest.mark.parametrize(
    ("extra", "choose"),
    [
        # explain gives a pandas table.
        pytest.param(
            "", "examples = [it for it in examples if '.explain(' not in it.source]", id="bare"
        ),
        pytest.param("[plot]", "", id="plot"),
    ],
)
def test_readme_runs_in_an_empty_environment(install, wheel, tmp_path, extra, choose):
    python = install(f"{wheel}{extra}")
    script = README.format(choose=choose)
    modules = " ".join(MODULES)
    run(python, "-I", "-c", script, ROOT / "README.md", modules, python.parent.parent, cwd=tmp_path)
