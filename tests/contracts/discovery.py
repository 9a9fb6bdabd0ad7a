"""Finds the public classes of the package, and the test class of each.

Tests of all losses, methods, encoders or rewirings take their cases from here, so that a new class stands in no list:
it is in the ``__all__`` of its room, and its test class inherits the contract.
"""

import functools
import importlib
import importlib.util
import re
import sys
from pathlib import Path

TESTS = Path(__file__).parent.parent


def public(room: str, base: type) -> list[type]:
    """The classes that a room exports and that are made of another one.

    Args:
        room (str): The room below ``gnnclr``.
        base (type): Their base, which is not among them.
    """
    module = importlib.import_module(f"gnnclr.{room}")
    values = [getattr(module, name) for name in module.__all__]
    return [x for x in values if isinstance(x, type) and issubclass(x, base) and x is not base]


@functools.cache
def load(path: Path):
    """The module of a test file, under a name of its own."""
    name = "discovered." + ".".join(path.relative_to(TESTS).with_suffix("").parts)
    spec = importlib.util.spec_from_file_location(name, path)
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@functools.cache
def cases(folder: str, contract: type) -> list[type]:
    """The test classes that inherit a contract, in the order of files and lines.

    Args:
        folder (str): Where their files are, below ``tests``.
        contract (type): The contract.
    """
    inherits = re.compile(rf"^class \w+\(.*\b{contract.__name__}\b", re.MULTILINE)
    files = [path for path in sorted((TESTS / folder).rglob("test_*.py")) if inherits.search(path.read_text("utf-8"))]
    return [
        value
        for path in files
        for name, value in vars(load(path)).items()
        if name.startswith("Test") and isinstance(value, type) and issubclass(value, contract)
    ]


def path_of(case: type) -> str:
    """Where a test class is, below ``tests``, for :func:`find` in another process."""
    return f"{Path(sys.modules[case.__module__].__file__).relative_to(TESTS)}::{case.__name__}"


def find(path: str) -> type:
    """The test class of :func:`path_of`."""
    file, name = path.split("::")
    return getattr(load(TESTS / file), name)


@functools.cache
def by_kind(folder: str, contract: type) -> dict[type, list[type]]:
    """The test classes of each class: what ``make()`` of the test class returns is of it.

    Test classes that do not write ``make`` are left out; their own tests fail.

    Args:
        folder (str): As of :func:`cases`.
        contract (type): The contract.
    """
    found: dict[type, list[type]] = {}
    for case in cases(folder, contract):
        if case.make is not contract.make:
            found.setdefault(type(case().make()), []).append(case)
    return found


def check_has_test_class(kind: type, folder: str, contract: type, *methods: str) -> None:
    """Fails where no test class inherits the contract for a class, and says what is missing.

    Args:
        kind (type): The class.
        folder (str): As of :func:`cases`.
        contract (type): The contract.
        methods (str): What the test class writes.
    """
    tests = [
        case
        for case in by_kind(folder, contract).get(kind, ())
        if all(getattr(case, name) is not getattr(contract, name) for name in methods)
    ]
    wanted = " and ".join(f"{name}()" for name in methods)
    where = f"{kind.__name__} has no test class that inherits {contract.__name__} (tests/{folder}/…)"
    assert tests, f"{where}: write {wanted}"
