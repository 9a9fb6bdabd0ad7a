"""Makes the pages of results: ``python -m benchmarks.pages``, or some of them by name."""

import argparse

from benchmarks.pages import PAGES, write

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("pages", nargs="*", metavar="PAGE", help=f"of {', '.join(PAGES)} (default: all)")
chosen = parser.parse_args().pages or list(PAGES)
for page in chosen:
    if page not in PAGES:
        parser.error(f"PAGE must be one of {', '.join(PAGES)} (got {page!r})")
for page in chosen:
    write(page)
