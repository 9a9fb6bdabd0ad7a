"""Graph diffusion: edges to all nodes that a random walk reaches, weighted by how likely."""

import torch
from torch import Tensor
from torch_geometric.data import Data
from torch_geometric.nn.conv.gcn_conv import gcn_norm
from torch_geometric.transforms import GDC, BaseTransform
from torch_geometric.utils import coalesce, scatter

from gnnclr.graph.weighted_edges import Edges, check_weighted_edges, edges_of
from gnnclr.node.datasets.data import check_parts
from gnnclr.node.sparse.adjacency import normalized_adjacency
from gnnclr.node.sparse.csr import csr_tensor
from gnnclr.ops.check import check_count, check_number
from gnnclr.ops.memo import TensorMemo, copy_of

#: As many entries of the diffusion are made at once at most.
CHUNK_ENTRIES = 1 << 24


def ppr_matrix(
    edge_index: Edges,
    num_nodes: int,
    alpha: float = 0.2,
    k: int = 64,
    steps: int = 20,
    eps: float = 1e-4,
    exact_nodes: int = 3000,
) -> Tensor:
    r"""Personalized PageRank, the diffusion of `"Diffusion Improves Graph Learning"
    <https://arxiv.org/abs/1911.05485>`_ and of `MVGRL <https://arxiv.org/abs/2006.05582>`_, of which each node keeps
    its :math:`k` largest entries.

    .. math:: \mathbf{S} = \alpha \big(\mathbf{I} - (1 - \alpha) \hat{\mathbf{A}}\big)^{-1}
        = \sum_{t \ge 0} \alpha (1 - \alpha)^t \hat{\mathbf{A}}^t

    Small graphs are diffused exactly by :class:`torch_geometric.transforms.GDC`, which inverts a dense matrix. On
    larger ones terms of the series are products of sparse matrices, whose entries below :math:`\epsilon` go no further;
    so no row has more than about :math:`\alpha / \epsilon` entries, and memory is linear in nodes.

    Args:
        edge_index (Tensor or WeightedEdges): Edges [2, e], source to target.
        num_nodes (int): Number of nodes.
        alpha (float, optional): The probability :math:`\alpha` that the walk returns to its start. (default: ``0.2``)
        k (int, optional): Entries that each row keeps. (default: ``64``)
        steps (int, optional): Terms of the series. (default: ``20``; :math:`.8^{20} = .01`)
        eps (float, optional): Entries of a term below :math:`\epsilon` are dropped. (default: ``1e-4``)
        exact_nodes (int, optional): The largest number of nodes that is diffused exactly. (default: ``3000``)

    Shapes:
        - **output:** sparse CSR :math:`(n, n)`, the entries of row :math:`i` belong to edges that end in node :math:`i`

    Raises:
        ValueError: If an argument is out of range.
    """
    edges, weight = check_weighted_edges(edge_index, num_nodes)
    check_number("alpha", alpha, above=0, below=1)
    check_count("k", k)
    check_count("steps", steps)
    check_number("eps", eps, least=0)
    check_count("exact_nodes", exact_nodes, least=0)
    if num_nodes <= 1:  # GDC cannot invert a single number
        own = torch.arange(num_nodes, device=edges.device)
        return csr_tensor(own, own, torch.ones(num_nodes, device=own.device), (num_nodes, num_nodes))
    if num_nodes <= exact_nodes:
        row, col, value = _exact(edges, weight, num_nodes, alpha, min(k, num_nodes))
    else:
        row, col, value = _series(normalized_adjacency(edge_index, num_nodes), alpha, k, steps, eps)
    return csr_tensor(row, col, value, (num_nodes, num_nodes))


def _exact(
    edge_index: Tensor, weight: Tensor | None, num_nodes: int, alpha: float, k: int
) -> tuple[Tensor, Tensor, Tensor]:
    index, value = gcn_norm(edge_index, weight, num_nodes)
    gdc = GDC(
        self_loop_weight=0,  # they are among the edges, and normalized, already
        normalization_in=None,
        normalization_out=None,
        diffusion_kwargs={"method": "ppr", "alpha": alpha},
        sparsification_kwargs={"method": "topk", "k": k, "dim": 0},
    )
    data = gdc(Data(edge_index=index, edge_attr=value, num_nodes=num_nodes))
    # Column i of GDC's matrix holds the walks that reach node i.
    col, row = data.edge_index
    kept = data.edge_attr > 0
    order = torch.argsort(row[kept], stable=True)
    return row[kept][order], col[kept][order], data.edge_attr[kept][order]


def _series(adjacency: Tensor, alpha: float, k: int, steps: int, eps: float) -> tuple[Tensor, Tensor, Tensor]:
    n, device = adjacency.size(0), adjacency.device
    rows = max(1, CHUNK_ENTRIES // n)
    parts = []
    for start in range(0, n, rows):
        own = torch.arange(min(rows, n - start), device=device)
        row, col, value = own, own + start, torch.full_like(own, alpha, dtype=adjacency.dtype)
        terms = [(row, col, value)]
        for _ in range(steps):
            term = csr_tensor(row, col, (1 - alpha) * value, (own.numel(), n)) @ adjacency
            row = torch.repeat_interleave(term.crow_indices().diff().long())
            kept = term.values() >= eps
            row, col, value = row[kept], term.col_indices()[kept].long(), term.values()[kept]
            if row.numel() == 0:
                break
            terms.append((row, col, value))
        row, col, value = (torch.cat(part) for part in zip(*terms))
        (row, col), value = coalesce(torch.stack([row, col]), value, num_nodes=n)
        row, col, value = _largest(row, col, value, k)
        parts.append((row + start, col, value))
    row, col, value = (torch.cat(part) for part in zip(*parts))
    return row, col, value


def _largest(row: Tensor, col: Tensor, value: Tensor, k: int) -> tuple[Tensor, Tensor, Tensor]:
    """The ``k`` largest entries of each row, rows in order."""
    if row.numel() == 0 or int(torch.bincount(row).max()) <= k:
        return row, col, value
    order = torch.argsort(value, descending=True)
    order = order[torch.argsort(row[order], stable=True)]
    count = torch.bincount(row)
    rank = torch.arange(row.numel(), device=row.device) - (count.cumsum(0) - count)[row[order]]
    order = order[rank < k]
    return row[order], col[order], value[order]


class PPRDiffusion(BaseTransform):
    r"""Replaces the edges of a graph by those of its personalized PageRank, see :func:`ppr_matrix`.

    ``edge_weight`` holds the entries, scaled so that those of edges that end in one node sum to one, and encoders use
    them. A graph is diffused once, by its weights where it has some, and again only if its edges change.

    Args:
        alpha (float, optional): The probability that the walk returns to its start. (default: ``0.2``)
        k (int, optional): Edges that each node receives. (default: ``64``)
        steps (int, optional): Terms of the series on large graphs. (default: ``20``)
    """

    def __init__(self, alpha: float = 0.2, k: int = 64, steps: int = 20):
        self.alpha: float = check_number("alpha", alpha, least=1e-6, most=1 - 1e-6)
        self.k: int = check_count("k", k)
        self.steps: int = check_count("steps", steps)
        self._edges = TensorMemo(self._compute)

    def forward(self, data: Data) -> Data:
        """The graph with the edges of the diffusion; other attributes of edges are left out."""
        check_parts(data, "edge_index")
        edges = edges_of(data)
        for key in list(data.to_dict()):
            if key.startswith("edge_") and key != "edge_index":
                del data[key]
        data.edge_index, data.edge_weight = map(copy_of, self._edges(edges, data.num_nodes))
        return data

    def _compute(self, edges: Edges, num_nodes: int) -> tuple[Tensor, Tensor]:
        matrix = ppr_matrix(edges, num_nodes, self.alpha, self.k, self.steps)
        row = torch.repeat_interleave(matrix.crow_indices().diff().long())
        value = matrix.values()
        total = scatter(value, row, dim_size=num_nodes, reduce="sum")
        return torch.stack([matrix.col_indices().long(), row]), value / total[row]

    def __repr__(self) -> str:
        return f"{type(self).__name__}(alpha={self.alpha}, k={self.k})"
