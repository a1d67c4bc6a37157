"""What the site reads and writes by itself."""

import json
import sys
from pathlib import Path

import pytest

pytest.importorskip("sphinx", reason="the site needs Sphinx")

from sphinx.application import Sphinx

ROOT = Path(__file__).parent.parent
EXTENSIONS = ROOT / "docs" / "_ext"


@pytest.fixture
def build(tmp_path, monkeypatch):
    """Build a site of some pages with the extensions of ours, and give its folder."""
    monkeypatch.syspath_prepend(EXTENSIONS)

    def build(pages):
        source = tmp_path / "docs"
        source.mkdir()
        for name, text in pages.items():
            (source / f"{name}.md").write_text(text, encoding="utf-8")
        options = {"extensions": ["myst_parser", "llms", "measured"]}
        folders = tmp_path / "html", tmp_path / "doctrees"
        Sphinx(source, None, *folders, "html", options, status=None, warning=sys.stderr).build()
        return folders[0]

    return build


def test_llms_txt_lists_all_pages_in_order(build):
    home = "# Name\n\nOne sentence. Another one.\n\n```{toctree}\nsecond\nfirst\n```\n"
    second = "# Second\n\n```{note}\nIn a box.\n```\n\nWhat it tells: this.\n"
    folder = build({"index": home, "first": "# First\n", "second": second})
    assert (folder / "llms.txt").read_text(encoding="utf-8").splitlines() == [
        "# Name",
        "",
        "> One sentence.",
        "",
        "## Second",
        "",
        "- [Second](second.html): What it tells: this.",
        "",
        "## First",
        "",
        "- [First](first.html)",
    ]


@pytest.mark.parametrize("file", sorted((ROOT / "benchmarks" / "results").glob("*.json")))
def test_every_result_names_its_machine(file, monkeypatch):
    monkeypatch.syspath_prepend(EXTENSIONS)
    from measured import describe

    content = json.loads(file.read_text(encoding="utf-8"))
    machine = content.get("machine") or next(iter(content["models"].values()))["machine"]
    text = describe(file)
    assert text.startswith(f"{machine['processor']}, {machine['cores']} cores")
    assert f"PyTorch {machine['torch']}" in text
