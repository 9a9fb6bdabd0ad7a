"""Contrastive representation learning as message passing: a batch is a graph, an update is a layer."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gnnclr.train.fit import fit
    from gnnclr.train.load import load

__all__ = ["fit", "load"]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    # What `import gnnclr` alone must not load.
    if name in __all__:
        from importlib import import_module

        return getattr(import_module(f"gnnclr.train.{name}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
