"""Makes a graph of a batch of views: views of one sample, or of one class, attract each other."""

from collections.abc import Sequence

import torch
from torch import Tensor

from gnnclr.graph.contrast_graph import ContrastGraph
from gnnclr.graph.negatives import Negatives
from gnnclr.graph.pairs import group_pairs
from gnnclr.graph.shared_structure import shared_structure
from gnnclr.ops.check import check_constant, check_matrix, check_weights, describe, looks_at
from gnnclr.ops.labels import UNLABELED, as_tensor, class_labels


def view_pairs(n: int, num_views: int, device: torch.device) -> Tensor:
    r"""All ordered pairs of different views of one sample [2, n·V·(V−1)], sorted by target; view :math:`v` of sample
    :math:`i` is node :math:`v n + i`."""
    target = torch.arange(n * num_views, device=device)
    shift = n * torch.arange(1, num_views, device=device)
    source = (target.unsqueeze(1) + shift) % max(n * num_views, 1)
    return torch.stack([source, target.unsqueeze(1).expand_as(source)]).flatten(1)


@shared_structure
def _structure(n: int, num_views: int, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """Positives, samples and views of a batch."""
    sample = torch.arange(n, device=device).repeat(num_views)
    view = torch.arange(num_views, device=device).repeat_interleave(n)
    return view_pairs(n, num_views, device), sample, view


def sample_weights(weight: Tensor, n: int, device: torch.device) -> Tensor:
    """Weights of samples [n] where the embeddings are; a list of numbers or an array becomes a tensor."""
    weight = check_constant("weight", as_tensor(weight))
    return check_weights("weight", weight, n, look=isinstance(weight, Tensor) and looks_at(weight)).to(device)


def augmentation_graph(
    views: Sequence[Tensor],
    labels: Tensor | None = None,
    *,
    weight: Tensor | None = None,
    negatives: Negatives | None = None,
    bank: Tensor | None = None,
    edges: bool = True,
) -> ContrastGraph:
    r"""A batch of views as a graph: each view of a sample is a positive of its other views.

    Views are stacked into ``graph.x``, view after view: node :math:`v n + i` is view :math:`v` of sample :math:`i`.

    Args:
        views (list): Embeddings of one or more views, row :math:`i` of each from sample :math:`i`.
        labels (Tensor, optional): Labels: samples of one label are positives of each other, in every view. A sample
            whose label is missing (``-1``, or NaN) is of no class: its own views are its positives, as without labels.
            (default: ``None``)
        weight (Tensor, optional): The weight of each sample's views as anchors, not negative. (default: ``None``, equal
            weights)
        negatives (Negatives, optional): The rule for the pairs that repel. (default: ``Negatives()``, everything but
            positives)
        bank (Tensor, optional): Constant nodes that every anchor has as candidates. (default: ``None``)
        edges (bool, optional): If ``False``, positives stay implicit in ``graph.group``, in linear memory: labels of
            few classes
            have quadratically many edges. Layers read both forms alike. (default: ``True``)

    Shapes:
        - **input:** views :math:`(n, d)` each, labels and weight :math:`(n)`
        - **output:** a graph of :math:`V n` nodes
    """
    if isinstance(views, Tensor) or len(views) == 0:
        raise ValueError(f"'views' must be a non-empty list of matrices [n, d] (got {describe(views)})")
    n, d = check_matrix("views[0]", views[0]).shape
    for i, view in enumerate(views):
        check_matrix(f"views[{i}]", view, rows=n, cols=d)
    device = views[0].device
    edge_index, sample, view = _structure(n, len(views), device)
    group = sample
    if labels is None:
        edge_index = edge_index if edges else None
    else:
        labels = class_labels("labels", labels, n)
        group = torch.unique(labels, return_inverse=True)[1]
        # A number that no other sample has, nor any class.
        group = torch.where(labels == UNLABELED, n + torch.arange(n, device=group.device), group)
        group = group.to(device).repeat(len(views))
        edge_index = group_pairs(group) if edges else None
    return ContrastGraph(
        x=views[0] if len(views) == 1 else torch.cat(list(views)),
        edge_index=edge_index,
        sample=sample,
        view=view,
        group=group,
        anchor_weight=None if weight is None else sample_weights(weight, n, device).repeat(len(views)),
        negatives=negatives,
        bank=bank,
        check=negatives is not None or bank is not None,  # the rest is right by construction
    )
