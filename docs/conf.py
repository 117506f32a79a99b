"""Settings of the site that `scripts/docs` builds with Sphinx."""

from mfsearch import __version__

project = "mfsearch"
author = "the mfsearch developers"
copyright = "2026, the mfsearch developers"
version = release = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_click"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["images/**"]

myst_heading_anchors = 4

autodoc_typehints = "signature"
autodoc_member_order = "bysource"
napoleon_numpy_docstring = False

html_theme = "furo"
html_title = f"mfsearch {__version__}"
