"""``{measured}``: where figures come from, read from their file, so that it can not go stale.

The argument names files of benchmarks/results, the content is the command that wrote them.
"""

import json
from pathlib import Path
from typing import Any

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

RESULTS = Path(__file__).parents[2] / "benchmarks" / "results"
NAMES = {
    "scikit-learn": "scikit-learn",
    "torch": "PyTorch",
    "skorch": "skorch",
    "numpy": "NumPy",
    "umap-learn": "umap-learn",
    "pacmap": "PaCMAP",
}


def describe(file: Path) -> str:
    """Say in a line on which machine and with which versions a result was measured."""
    content = json.loads(file.read_text(encoding="utf-8"))
    # A file of several models has a machine for each.
    found = content.get("machine") or next(iter(content["models"].values()))["machine"]
    versions = [f"Python {found['python']}"]
    versions += [f"{text} {found[name]}" for name, text in NAMES.items() if name in found]
    return f"{found['processor']}, {found['cores']} cores, {found['system']}; {', '.join(versions)}"


class Measured(SphinxDirective):
    """Show command, machine, versions and file."""

    required_arguments = 1
    final_argument_whitespace = True
    has_content = True

    def run(self) -> list[nodes.Node]:
        """Write Markdown, and let it be parsed as a part of the page."""
        files = [RESULTS / name for name in self.arguments[0].split()]
        for file in files:
            self.env.note_dependency(str(file))
        up = "../" * self.env.docname.count("/")
        links = ", ".join(f"[{it.name}]({up}../benchmarks/results/{it.name})" for it in files)
        machines = " / ".join(dict.fromkeys(map(describe, files)))
        lines = ["```", *self.content, "```", "", f"{machines}. All figures: {links}."]
        box = nodes.container(classes=["measured"])
        self.state.nested_parse(StringList(lines, source=self.get_source_info()[0]), 0, box)
        return [box]


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directive."""
    app.add_directive("measured", Measured)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
