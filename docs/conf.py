"""Build the site: ``make docs``."""

import sys
from pathlib import Path

import sklearn_ae

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "sklearn_ae"
author = "The sklearn_ae developers"
copyright = author  # noqa: A001
version = release = sklearn_ae.__version__

extensions = [
    "llms",
    "mathml",
    "measured",
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = [
    "**/sg_execution_times.rst",
    "sg_execution_times.rst",
    "examples/**",
    "gallery/**/*.ipynb",
    "gallery/**/*.py",
    "gallery/**/*.zip",
    "**/*.md5",
]
templates_path = ["_templates"]

myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 4

default_role = "literal"
toc_object_entries_show_parents = "hide"
autosummary_generate = True
autodoc_typehints = "none"  # the docstrings tell the types
autodoc_member_order = "groupwise"
numpydoc_show_class_members = False  # the template lists them
numpydoc_xref_param_type = False

copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True
copybutton_exclude = ".linenos, .gp, .go"

sphinx_gallery_conf = {
    "examples_dirs": "examples",
    "gallery_dirs": "gallery",
    "filename_pattern": r"plot_",
    "subsection_order": [
        f"examples/{name}" for name in ("reduce", "repair", "networks", "practice")
    ],
    "within_subsection_order": "FileNameSortKey",
    "reset_modules": ("matplotlib", "seaborn", "gallery_style.calm_axes"),
    "download_all_examples": False,
    "backreferences_dir": "gallery/backreferences",
    "doc_module": ("sklearn_ae",),
    "matplotlib_animations": False,
    "show_memory": True,
    "min_reported_time": 0,
    "remove_config_comments": True,
    "abort_on_example_error": True,
    "plot_gallery": "True",
}

html_theme = "pydata_sphinx_theme"
html_context = {"default_mode": "auto"}
html_title = "sklearn_ae"
html_favicon = "_static/logo.svg"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_sidebars = {"index": [], "get_started": [], "gallery/**": [], "gallery/index": []}
html_theme_options = {
    "logo": {
        "text": "sklearn_ae",
        "image_light": "_static/logo.svg",
        "image_dark": "_static/logo.svg",
    },
    "header_links_before_dropdown": 7,
    "navbar_align": "left",
    "navbar_persistent": ["search-button"],
    "show_prev_next": False,
    "show_toc_level": 2,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}


def _skip(app, what, name, obj, skip, options):  # noqa: ARG001
    """Leave what scikit-learn and PyTorch document to their own pages."""
    module = getattr(getattr(obj, "fget", obj), "__module__", None) or ""
    return True if module.split(".")[0] in ("sklearn", "torch", "skorch") else None


def _polish(app, pagename, templatename, context, doctree):  # noqa: ARG001
    """Let the keyboard scroll tables, and correct two things of docutils.

    Code ends without an empty line, and lists of citations have no role that citations contradict.
    """
    body = context.get("body", "").replace("\n\n</pre>", "\n</pre>")
    body = body.replace('<div role="list" class="citation-list">', "<div>")
    table = '<div class="pst-scrollable-table-container"'
    context["body"] = body.replace(table, f'{table} tabindex="0"')


def setup(app):
    """Connect the functions above."""
    app.connect("autodoc-skip-member", _skip)
    app.connect("html-page-context", _polish)
