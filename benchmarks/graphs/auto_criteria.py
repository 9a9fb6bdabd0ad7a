"""What features can be chosen by without labels."""

import sys
from pathlib import Path

import torch
from torch import Tensor
from torch_geometric.data import Data

from benchmarks.pages.auto import criteria_records
from gnnclr.eval import effective_rank, neighborhood_overlap
from gnnclr.graph import edges_of
from gnnclr.node import CompactFeatures, EdgeDrop, propagated_blocks
from gnnclr.node.choice.criteria import ByLinks
from gnnclr.node.choice.propagation import CELLS
from gnnclr.node.sparse.propagation_blocks import CONCATENATION, blocks_text

#: Nodes that rank and neighbors are measured on, always the same ones.
MEASURED = 4096


def measure_criteria(out: Path, dataset: str, data: Data) -> None:
    """Link AUC, RankMe and stability of neighbors of all cells of a graph, each cell once."""
    records, split = criteria_records(out), None
    for blocks in [CONCATENATION, *((cell,) for cell in CELLS)]:
        key = {"dataset": dataset, "blocks": blocks_text(blocks)}
        if tuple(key.values()) in records.read():
            continue
        if split is None:
            x = CompactFeatures()(data.clone()).x.to_dense()
            plain = Data(x=x, edge_index=data.edge_index)
            split = ByLinks(plain)
            # The overlap of neighbors between two graphs that lack a fifth of the edges each.
            torch.manual_seed(0)
            dropped = [EdgeDrop(0.2)(plain.clone()) for _ in range(2)]
        area = split.score(propagated_blocks(x, edges_of(split.graph), blocks))
        rank = float(effective_rank(some(propagated_blocks(x, data.edge_index, blocks))))
        pair = [some(propagated_blocks(x, view.edge_index, blocks)) for view in dropped]
        stability = float(neighborhood_overlap(*pair))
        records.append(**key, link_auc=area, link_error=split.error(area), rankme=rank, stability=stability)
        print(f"{dataset} {blocks_text(blocks)}: link AUC {area:.4f}, RankMe {rank:.0f}", file=sys.stderr, flush=True)


def some(z: Tensor) -> Tensor:
    """At most :data:`MEASURED` evenly spaced rows."""
    return z[:: -(-len(z) // MEASURED)]
