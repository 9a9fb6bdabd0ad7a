"""Graphs of pairs that are listed, and of a mask of pairs."""

from collections.abc import Sequence

import torch
from torch import Tensor

from gnnclr.graph.augmentation_graph import augmentation_graph
from gnnclr.graph.contrast_graph import ContrastGraph
from gnnclr.graph.negatives import Negatives
from gnnclr.ops.check import check_matrix, check_nodes, describe


def pair_graph(
    x: Tensor, anchor: Tensor, positive: Tensor, negative_anchor: Tensor, negative: Tensor, ref: Tensor | None = None
) -> ContrastGraph:
    r"""Makes a graph of listed pairs, such as those that miners of pytorch-metric-learning return:
    ``pair_graph(x, *indices_tuple)``.

    A loss is called with the embeddings of the graph, ``loss(graph.x, graph)``. The loss of that library is the mean
    over positive pairs, here ``NTXentLoss(mean="pairs")``.

    Args:
        x (Tensor): Embeddings of the anchors.
        anchor (Tensor): The anchor of each positive pair, a row of ``x``.
        positive (Tensor): What it is paired with, a row of ``ref`` if that is given, otherwise of ``x``.
        negative_anchor (Tensor): The anchor of each negative pair.
        negative (Tensor): What it repels, a row of ``ref`` if that is given, otherwise of ``x``.
        ref (Tensor, optional): Further embeddings, which have no loss of their own. They become nodes behind those of
            ``x``, and get a gradient if they require one. (default: ``None``)

    Shapes:
        - **input:** embeddings :math:`(n, d)` and :math:`(m, d)`; positive pairs :math:`(e)`, :math:`(e)`; negative
          pairs :math:`(f)`, :math:`(f)`
        - **output:** a graph of :math:`n + m` nodes
    """
    n, d = check_matrix("x", x).shape
    rows, start = (n, 0) if ref is None else (check_matrix("ref", ref, cols=d).size(0), n)
    pairs = []
    for name, end, source in (("positive", anchor, positive), ("negative", negative_anchor, negative)):
        of_anchor = "anchor" if name == "positive" else "negative_anchor"
        end, source = check_nodes(of_anchor, end, n), check_nodes(name, source, rows)
        if end.shape != source.shape:
            raise ValueError(f"'{name}' must have shape {list(end.shape)} (got {describe(source)})")
        pairs.append(torch.stack([source + start, end]))
    x = x if ref is None else torch.cat([x, ref.to(x.dtype)])
    mask = None if ref is None else torch.arange(x.size(0), device=x.device) < n
    return ContrastGraph(x=x, edge_index=pairs[0], negative_index=pairs[1], anchor=mask)


def mask_graph(views: Sequence[Tensor], mask: Tensor) -> ContrastGraph:
    r"""Makes a graph of views and a mask that says which samples are positives of which, as SupCon's authors have it.

    Every view of sample :math:`i` attracts all views of the samples :math:`j` with :math:`m_{ij} > 0` but itself, and
    repels all other views. The mask need not be symmetric: row :math:`i` says what sample :math:`i` sees as an anchor.
    A loss is called with the embeddings of the graph, ``SupConLoss(0.07)(graph.x, graph)``.

    Args:
        views (list): Embeddings of one or more views, row :math:`i` of each from sample :math:`i`.
        mask (Tensor): Which samples are positives of each sample; numbers are weights, not negative. The diagonal says
            whether the other views of a sample are its positives.

    Shapes:
        - **input:** views :math:`(n, d)` each, mask :math:`(n, n)`
        - **output:** a graph of :math:`V n` nodes
    """
    graph = augmentation_graph(views, negatives=Negatives(exclude="self"))
    n = views[0].size(0)
    if not isinstance(mask, Tensor) or mask.shape != (n, n) or mask.is_complex():
        raise ValueError(f"'mask' must be a tensor of shape [{n}, {n}], boolean or of weights (got {describe(mask)})")
    if mask.dtype != torch.bool and not bool((mask.isfinite() & (mask >= 0)).all()):
        span = f"{float(mask.min())} to {float(mask.max())}"
        raise ValueError(f"'mask' must not be negative or NaN or infinite (got values from {span})")
    mask = mask.detach().to(graph.x.device)
    sides = torch.arange(len(views), device=mask.device) * n
    first, second = (mask > 0).nonzero().t()
    # Views of both samples of each pair, each with each.
    target = (first.view(-1, 1, 1) + sides.view(1, -1, 1)).expand(-1, len(views), len(views)).flatten()
    source = (second.view(-1, 1, 1) + sides.view(1, 1, -1)).expand(-1, len(views), len(views)).flatten()
    edge_index = torch.stack([source, target])[:, source != target]
    graph.edge_index = edge_index[:, torch.argsort(edge_index[1], stable=True)]
    # What attracts an anchor does not repel it; the other way round each mask speaks for itself.
    graph.ignore_index = graph.edge_index
    if mask.dtype != torch.bool:
        weight = mask[graph.sample[graph.edge_index[1]], graph.sample[graph.edge_index[0]]]
        graph.edge_weight = weight.to(torch.promote_types(weight.dtype, torch.float32))
    graph.validate()
    return graph
