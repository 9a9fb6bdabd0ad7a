"""Parameters that several layers share are saved once."""

from typing import Any

from torch import nn


def save_shared_once(module: nn.Module) -> None:
    """Keeps only the first name of each parameter in ``state_dict`` of a module, where its layers share it. States with
    all names, or with the first alone, can be loaded.

    Args:
        module (nn.Module): The module.
    """
    module.register_state_dict_post_hook(_drop_further_names)
    module.register_load_state_dict_pre_hook(_add_further_names)


def _further_names(module: nn.Module) -> dict[str, str]:
    """The further names of shared parameters, and the first name of each."""
    first, further = {}, {}
    for name, parameter in module.named_parameters(remove_duplicate=False):
        known = first.setdefault(id(parameter), name)
        if known != name:
            further[name] = known
    return further


def _drop_further_names(module: nn.Module, state: dict[str, Any], prefix: str, *_: Any) -> None:
    for name in _further_names(module):
        state.pop(prefix + name, None)


def _add_further_names(module: nn.Module, state: dict[str, Any], prefix: str, *_: Any) -> None:
    for name, first in _further_names(module).items():
        if prefix + first in state:
            state.setdefault(prefix + name, state[prefix + first])
