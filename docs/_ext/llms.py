"""Write llms.txt beside the pages: a title, a sentence, and what each page tells.

The format is that of https://llmstxt.org.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.addnodes import desc_content
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment


def first_sentence(env: BuildEnvironment, page: str) -> str:
    """Give the first sentence of the first paragraph of the page, or of what it describes."""
    for paragraph in env.get_doctree(page).findall(nodes.paragraph):
        # What stands in boxes is not the page's own first word.
        if isinstance(paragraph.parent, nodes.section | desc_content):
            text = " ".join(paragraph.astext().split())
            return re.split(r"(?<=[.:?!]) (?=[A-Z])", text)[0].rstrip(":")
    return ""


def below(env: BuildEnvironment, page: str) -> Iterator[str]:
    """Give the pages below one, in the order of the tables of contents."""
    for child in env.toctree_includes.get(page, []):
        yield child
        yield from below(env, child)


def write(app: Sphinx, error: Exception | None) -> None:
    """Write the file after a build of HTML."""
    if error is not None or app.builder.name != "html":
        return
    env = app.env
    root = app.config.root_doc

    def line(page: str) -> str:
        entry = f"- [{env.titles[page].astext()}]({app.builder.get_target_uri(page)})"
        sentence = first_sentence(env, page)
        return f"{entry}: {sentence}" if sentence else entry

    lines = [f"# {env.titles[root].astext()}", "", f"> {first_sentence(env, root)}"]
    for chapter in env.toctree_includes[root]:
        pages = [chapter, *below(env, chapter)]
        lines += ["", f"## {env.titles[chapter].astext()}", "", *map(line, pages)]
    (Path(app.outdir) / "llms.txt").write_text("\n".join([*lines, ""]), encoding="utf-8")


def setup(app: Sphinx) -> dict[str, Any]:
    """Write once all pages are there."""
    app.connect("build-finished", write)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
