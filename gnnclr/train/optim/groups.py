"""Which parameters decay."""

from typing import Any

from torch import nn


def parameter_groups(module: nn.Module) -> list[dict[str, Any]]:
    """Splits the parameters of ``module`` into those that weight decay applies to, and biases, norm scales and other
    vectors and scalars (such as the slope of a PReLU), which it does not. A module whose ``decays_vectors`` is true, as
    methods for graphs are, has one group of all.

    Args:
        module (torch.nn.Module): The module to optimize. Parameters that need no gradient are left out.

    Returns:
        list[dict]: Parameter groups for a :class:`torch.optim.Optimizer`; empty groups are left out.
    """
    parameters = [parameter for parameter in module.parameters() if parameter.requires_grad]
    if getattr(module, "decays_vectors", False):
        return [{"params": parameters}]
    decayed = [parameter for parameter in parameters if parameter.dim() > 1]
    kept = [parameter for parameter in parameters if parameter.dim() <= 1]
    groups = [{"params": decayed}, {"params": kept, "weight_decay": 0.0}]
    return [group for group in groups if group["params"]]
