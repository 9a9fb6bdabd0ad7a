"""The base of community-aware rewirings."""

from typing import Any

import torch
from torch import Tensor
from torch_geometric.transforms import BaseTransform

from gnnclr.graph.contrast_graph import ContrastGraph
from gnnclr.graph.partition import check_community, of_nodes


class CommunityRule(BaseTransform):
    """Base class of transforms of a :class:`~gnnclr.graph.ContrastGraph` by the communities of its samples.

    Samples are numbered by ``graph.sample_id`` in a mini-batch, and by ``graph.sample`` where the batch holds all of
    them.

    Args:
        community (Tensor): The community of each sample of the data [N].
    """

    def __init__(self, community: Tensor):
        self.refresh(community)

    def refresh(self, community: Tensor) -> "CommunityRule":
        """Takes new communities [N], as found in embeddings during training, and returns the rule."""
        self.community: Tensor = check_community("community", community)
        return self

    def labels(self, graph: ContrastGraph) -> Tensor:
        """The community of each node of a batch [n]."""
        return of_nodes("community", self.community, graph)

    def __repr__(self) -> str:
        options = "".join(f", {name}={value}" for name, value in self._options().items())
        return f"{type(self).__name__}(communities={torch.unique(self.community).numel()}{options})"

    def _options(self) -> dict[str, Any]:
        return {}
