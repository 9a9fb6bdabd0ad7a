"""Batches of whole communities, or of a share of each."""

import torch
from torch import Tensor

from gnnclr.graph.partition import check_community
from gnnclr.ops.check import check_count, check_seed


def stratified_batches(community: Tensor, batch_size: int, seed: int = 0) -> list[Tensor]:
    r"""Batches in which every community appears in its share: each node once, at random within its community.

    Nodes are spread evenly, with a random start for each community: of a batch of :math:`B` nodes, a community of
    :math:`m` of the :math:`n` nodes gets :math:`m B / n`, up to :math:`1 + K m / n`, and mostly up to one.

    Args:
        community (Tensor): The community of each node [n].
        batch_size (int): Nodes of a batch; the last one may have fewer.
        seed (int, optional): Seed: give another for each epoch. (default: ``0``)

    Returns:
        list: The nodes of each batch, int64.
    """
    community = check_community("community", community)
    check_count("batch_size", batch_size)
    check_seed("seed", seed)
    label, size = torch.unique(community, return_inverse=True, return_counts=True)[1:]
    generator = torch.Generator().manual_seed(seed)
    shuffled = torch.randperm(community.numel(), generator=generator).to(community.device)
    start = torch.rand(size.numel(), generator=generator).to(community.device, torch.float64)
    # Sorted by community, the nodes of each are numbered at random.
    order = shuffled[torch.argsort(label[shuffled], stable=True)]
    label = label[order]
    rank = torch.arange(order.numel(), device=order.device) - (size.cumsum(0) - size)[label]
    order = order[torch.argsort((rank + start[label]) / size[label], stable=True)]
    return [batch for batch in order.split(batch_size) if batch.numel()]


def community_batches(community: Tensor, batch_size: int, seed: int = 0) -> list[Tensor]:
    """Batches of whole communities, as `"Cluster-GCN" <https://arxiv.org/abs/1905.07953>`_ draws them: communities in
    random order, each batch as many as fit. Negatives are then hard, and most edges stay within a batch.

    Args:
        community (Tensor): The community of each node [n].
        batch_size (int): The most nodes of a batch. A larger community is split at random into parts of equal size up
            to one.
        seed (int, optional): Seed: give another for each epoch. (default: ``0``)

    Returns:
        list: The nodes of each batch, int64, community after community.
    """
    community = check_community("community", community)
    check_count("batch_size", batch_size)
    check_seed("seed", seed)
    label, size = torch.unique(community, return_inverse=True, return_counts=True)[1:]
    generator = torch.Generator().manual_seed(seed)
    shuffled = torch.randperm(community.numel(), generator=generator).to(community.device)
    order = shuffled[torch.argsort(label[shuffled], stable=True)]
    parts = [
        part
        for nodes in order.split(size.tolist())
        for part in nodes.tensor_split(max(1, -(-nodes.numel() // batch_size)))
    ]
    batches, room = [], 0
    for i in torch.randperm(len(parts), generator=generator).tolist():
        if parts[i].numel() > room:
            batches.append([])
            room = batch_size
        batches[-1].append(parts[i])
        room -= parts[i].numel()
    return [torch.cat(batch) for batch in batches]
