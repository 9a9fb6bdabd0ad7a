"""Packages that only a few uses need."""

from importlib import import_module
from types import ModuleType


def optional_package(module: str, package: str, purpose: str, install: str | None = None) -> ModuleType:
    """Imports a module of a package that may be missing.

    Args:
        module (str): The module, such as ``"safetensors.torch"``.
        package (str): The package that has it, for the message.
        purpose (str): What needs it, for the message.
        install (str, optional): What brings it, for the message. (default: the package)

    Raises:
        ImportError: If the package is missing; the message says how to get it.
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        how = f"pip install {package if install is None else repr(install)}"
        raise ImportError(f"{purpose} needs the package {package}; install it with: {how}") from error
