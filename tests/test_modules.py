"""Every module of the package can be imported, on any Python that is supported."""

import importlib
import pkgutil

import gnnclr


def test_every_module_is_imported():
    names = [module.name for module in pkgutil.walk_packages(gnnclr.__path__, "gnnclr.")]
    assert len(names) > 300
    for name in names:
        importlib.import_module(name)
