"""Nodes against the centres of communities."""

import torch
import torch.nn.functional as F
from torch import Tensor
from torch_geometric.utils import scatter

from gnnclr.ops.check import check_choice, check_matrix

SIMILARITIES = ("cosine", "rbf")


def community_similarity(h: Tensor, centers: Tensor, temperature: float, similarity: str = "cosine") -> Tensor:
    r"""The logarithm of the similarity of nodes and centres: :math:`\mathbf{h}^{\top} \mathbf{c} / \tau`, or
    :math:`-\|\mathbf{h} - \mathbf{c}\|^2 / \tau^2` for ``"rbf"``.

    Args:
        h (Tensor): Unit rows [n, d].
        centers (Tensor): Centres [K, d].
        temperature (float): The temperature :math:`\tau`.
        similarity (str, optional): ``"cosine"`` or ``"rbf"``. (default: ``"cosine"``)

    Shapes:
        - **output:** :math:`(n, K)`
    """
    check_choice("similarity", similarity, SIMILARITIES)
    products = h @ centers.t()
    if similarity == "cosine":
        return products / temperature
    squares = h.square().sum(dim=1, keepdim=True) + centers.square().sum(dim=1)
    return (2 * products - squares) / temperature**2


def communal_contrast(
    z0: Tensor,
    z1: Tensor,
    community0: Tensor,
    community1: Tensor,
    num_communities: int,
    temperature: float = 0.4,
    gamma: float = 8e-5,
    similarity: str = "cosine",
) -> Tensor:
    r"""The community part of the reweighted self-supervised cross-contrast of `"Graph Communal Contrastive Learning"
    <https://arxiv.org/abs/2110.14863>`_: a node finds the centre of its community in the other view.

    .. math::
        \ell^{01}_i = -\log \frac{T_{i k^*}}{T_{i k^*} + \sum_{k \ne k^*} w_{k^* k} T_{i k}}, \qquad
        T_{ik} = \operatorname{sim}(\mathbf{z}^0_i, \mathbf{C}^1_k), \quad k^* = c^1_i

    with centres :math:`\mathbf{C}^1_k` the means of their nodes, and no gradient through them. For ``"rbf"``
    :math:`w_{ab} = e^{-\gamma \|\mathbf{C}_a - \mathbf{C}_b\|^2}`: communities near a node's own weigh more. For
    ``"cosine"`` :math:`w = 1`. Empty communities take no part.

    Args:
        z0 (Tensor): Embeddings of the first view; rows are normalised.
        z1 (Tensor): Embeddings of the second view.
        community0 (Tensor): The community of each node in the first view.
        community1 (Tensor): The community of each node in the second view.
        num_communities (int): The number :math:`K` of communities.
        temperature (float, optional): The temperature :math:`\tau`. (default: ``0.4``)
        gamma (float, optional): The factor :math:`\gamma`. (default: ``8e-5``)
        similarity (str, optional): ``"cosine"`` or ``"rbf"``. (default: ``"cosine"``)

    Shapes:
        - **input:** embeddings :math:`(n, d)`, communities :math:`(n)`
        - **output:** scalar
    """
    check_matrix("z0", z0)
    check_matrix("z1", z1, rows=z0.size(0), cols=z0.size(1))
    z0, z1 = F.normalize(z0, dim=1), F.normalize(z1, dim=1)
    directions = ((z0, z1, community1), (z1, z0, community0))
    losses = []
    for anchor, other, community in directions:
        centers = scatter(other.detach(), community, dim_size=num_communities, reduce="mean")
        logits = community_similarity(anchor, centers, temperature, similarity)
        if similarity == "rbf":
            # Distances of a centre to itself are exactly zero: the own community has weight one.
            logits = logits - gamma * torch.cdist(centers, centers).square().fill_diagonal_(0)[community]
        empty = torch.bincount(community, minlength=num_communities) == 0
        losses.append(F.cross_entropy(logits.masked_fill(empty, float("-inf")), community))
    return 0.5 * (losses[0] + losses[1])
