"""Community-aware negatives: find communities, judge them, and let their nodes repel each other less or not at all.

python examples/community_negatives.py
"""

import torch
import torch_geometric.transforms as T
from torch_geometric.nn import MLP

from gnnclr.eval import Split, linear_probe
from gnnclr.graph import augmentation_graph, knn_graph
from gnnclr.graph.communities import (
    ExcludeCommunity,
    WeighCommunity,
    louvain,
    merge_small,
    negative_quality,
    propagated_kmeans,
)
from gnnclr.graph.rewiring.neighbors import AddNeighborPositives
from gnnclr.losses import NTXentLoss
from gnnclr.node import GRACE, GCNEncoder, grace_view, propagate_features, sbm

data = sbm()
community = merge_small(louvain(data.edge_index, data.num_nodes), data.edge_index, min_size=20)
clusters = propagated_kmeans(data.x, data.edge_index, num_communities=6)

# Labels only judge: how many of the pairs that a rule takes from the negatives were false negatives?
for name, found in (("Louvain", community), ("k-means of A²X", clusters)):
    print(f"{name}, {int(found.max()) + 1} communities")
    print(negative_quality(ExcludeCommunity(found), data.y, edge_index=data.edge_index), "\n")

# A weight is two small matrices, log w_ij = <a_i, b_j>, that ride along as columns: exact, in linear memory.
torch.manual_seed(0)
views = [torch.randn(data.num_nodes, 64) for _ in range(2)]
graph = augmentation_graph(views)
weighted = WeighCommunity(community, rho=0.2)(graph)
loss = NTXentLoss(temperature=0.5)
print(f"plain {loss(graph.x, graph):.4f}, same community weighs 0.2: {loss(graph.x, weighted):.4f}")

# Rules are transforms of the batch graph, and compose.
neighbors = knn_graph(propagate_features(data.x, data.edge_index), k=10, cosine=True)
rules = {
    "plain": None,
    "Louvain excluded": ExcludeCommunity(community),
    "clusters weigh 0.2": WeighCommunity(clusters, rho=0.2),
    "neighbors of A²X": AddNeighborPositives(neighbors),
    "both": T.Compose([ExcludeCommunity(community), AddNeighborPositives(neighbors)]),
}
for name, rule in rules.items():
    torch.manual_seed(0)
    encoder, projector = GCNEncoder(data.num_features, 128, 64), MLP([64, 64, 64], act="elu", norm=None)
    views = (grace_view(0.3, 0.3), grace_view(0.3, 0.3))
    grace = GRACE(encoder, projector, views, NTXentLoss(0.5), rewire=rule)
    optimizer = torch.optim.AdamW(grace.parameters(), lr=2e-3)
    for _ in range(30):
        optimizer.zero_grad()
        grace.training_step_loss(data)[0].backward()
        optimizer.step()
    accuracy = linear_probe(grace.embed(data), data.y, Split.from_masks(data)).test
    print(f"{name:20} {accuracy:.1%} of the test nodes after 30 epochs of GRACE")
