"""How the documentation is built: `scripts/docs` writes docs/_build."""

project = "Assay"
author = "The Assay developers"
copyright = "2026, the Assay developers"  # noqa: A001
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = "Assay"
autodoc_typehints = "description"
autodoc_member_order = "alphabetical"
napoleon_use_rtype = False
myst_heading_anchors = 3
