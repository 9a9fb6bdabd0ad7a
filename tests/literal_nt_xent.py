"""NT-Xent pair by pair, over positives and negatives that are written down."""

import torch
from contracts.loss import unit


def literal_nt_xent(x, edges, repels, temperature, bank=None):
    """The loss of positives {(source, anchor): weight} against the candidates that repel [anchor, candidate], in loops.

    Gradients flow through the rows of ``x``, not through those of ``bank``, which follow them as candidates.
    """
    z = unit(x)
    nodes = z if bank is None else torch.cat([z, unit(bank)])
    total = torch.zeros(len(z), dtype=torch.float64)
    for (_, i), weight in edges.items():
        total[i] += weight
    terms = []
    for (p, i), weight in edges.items():
        ratios = ((nodes @ z[i] - nodes[p] @ z[i]) / temperature).exp()
        terms.append(torch.log1p(ratios[repels[i]].sum()) * weight / total[i])
    return sum(terms) / (total > 0).sum()


def edges_of(graph):
    """The positives of a graph with their weights, as a dictionary; no edge twice."""
    weight = torch.ones(graph.edge_index.size(1)) if graph.edge_weight is None else graph.edge_weight
    edges = dict(zip(zip(*graph.edge_index.tolist()), weight.tolist()))
    assert len(edges) == graph.edge_index.size(1)
    return edges


def others(graph, edges=(), columns=0):
    """Who repels whom under the default rule [anchor, candidate]: nodes of other samples but the ends of ``edges``, and
    none of ``columns`` rows of a bank."""
    n = graph.num_nodes
    repels = graph.sample[:, None] != graph.sample
    for p, i in edges:
        if p < n:
            repels[p, i] = repels[i, p] = False
    return torch.nn.functional.pad(repels, (0, columns))
