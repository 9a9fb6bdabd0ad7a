"""Negatives beside those of a rule, pair by pair."""

from dataclasses import dataclass

import torch
from torch import Tensor

from gnnclr.ops.check import as_int64
from gnnclr.ops.tensor_group import TensorGroup


@dataclass(frozen=True, eq=False, repr=False)
class ExtraNegatives(TensorGroup):
    r"""Explicit negatives beside those of a rule, or of ``graph.negative_index``. In a partition function a pair of
    score :math:`s_{ij}` counts :math:`w_{ij} e^{a_{ij} s_{ij}}`.

    Args:
        index (Tensor): Candidates and anchors; candidates from ``graph.num_nodes`` on are rows of the bank.
        scale (Tensor, optional): The factor :math:`a` on the score of each pair. (default: ``None``, ones)
        log_weight (Tensor, optional): The logarithm of the weight :math:`w` of each pair; log-weights of the rule do
            not apply to it. (default: ``None``, zeros)

    Shapes:
        - ``index`` :math:`(2, e)`, ``scale``, ``log_weight`` :math:`(e)`
    """

    index: Tensor
    scale: Tensor | None = None
    log_weight: Tensor | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "index", as_int64(self.index))

    def __len__(self) -> int:
        return self.index.size(1)

    def keep(self, mask: Tensor) -> "ExtraNegatives":
        """Takes the pairs of a mask [e], and returns the group of them."""
        return self.map(lambda x: x[..., mask])

    def append(self, other: "ExtraNegatives") -> "ExtraNegatives":
        """Puts other pairs behind these, and returns the group of all."""
        scale = _joined(self, other, "scale", 1.0)
        log_weight = _joined(self, other, "log_weight", 0.0)
        return ExtraNegatives(torch.cat([self.index, other.index], dim=1), scale, log_weight)


def _joined(first: ExtraNegatives, second: ExtraNegatives, name: str, default: float) -> Tensor | None:
    """The scales or log-weights of the pairs of two groups, where one of them has some."""
    old, new = getattr(first, name), getattr(second, name)
    if old is None and new is None:
        return None
    like = new if old is None else old
    old = like.new_full((len(first),), default) if old is None else old
    return torch.cat([old, like.new_full((len(second),), default) if new is None else new.to(like)])
