"""Sphinx settings: `make docs` builds docs/_build/index.html."""

import sys
from pathlib import Path

import gnnclr

project = "gnnclr"
author = "The gnnclr developers"
project_copyright = "The gnnclr developers"
release = gnnclr.__version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode", "sphinx_copybutton"]
extensions += ["sphinx-mathjax-offline"]  # formulas without a network
extensions += ["sphinx_gallery.gen_gallery"]  # pages and pictures of examples/tutorials and examples/gallery
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = f"gnnclr {release}"
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
python_maximum_signature_line_length = 100
napoleon_use_rtype = False

# Tables that are made of the package are made anew before the pages are read.
sys.path.insert(0, str(Path(__file__).parent))
import objectives_table  # noqa: E402
import scaling_table  # noqa: E402
import variants_table  # noqa: E402
from figure_scraper import SETTINGS as sphinx_gallery_conf  # noqa: E402, F401  # as sphinx-gallery expects it

for table in (objectives_table, scaling_table, variants_table):
    table.write(table.PAGE, table.page(table.PAGE.read_text(encoding="utf-8")))
del table, objectives_table, scaling_table, variants_table  # Sphinx keeps what a name of its settings holds
