"""Sphinx settings: `make docs` builds docs/_build/index.html."""

import gnnclr

project = "gnnclr"
author = "The gnnclr developers"
release = gnnclr.__version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.mathjax", "sphinx.ext.viewcode"]
myst_enable_extensions = ["dollarmath"]
exclude_patterns = ["_build"]
html_theme = "alabaster"
html_theme_options = {"description": "A contrastive batch is a graph", "page_width": "1300px", "body_max_width": "auto"}
autodoc_member_order = "bysource"
autodoc_typehints = "none"
napoleon_use_rtype = False
