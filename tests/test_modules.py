"""Every module of the package can be imported, on any Python that is supported."""

import importlib
import pkgutil
import subprocess
import sys

import gnnclr


def test_every_module_is_imported():
    names = [module.name for module in pkgutil.walk_packages(gnnclr.__path__, "gnnclr.")]
    assert len(names) > 300
    for name in names:
        importlib.import_module(name)


def test_importing_prints_nothing():
    code = "import gnnclr.report, gnnclr.train, gnnclr.dynamics"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout + done.stderr == ""
