"""A contrastive batch is a graph, and a contrastive update is a message-passing layer.

python examples/batch_as_graph.py
"""

import torch
from torch.nn.functional import normalize

from gnnclr.graph import AddKNNPositives, Negatives, augmentation_graph
from gnnclr.nn import AlignmentConv, ContrastiveConv, UniformityConv

torch.manual_seed(0)
z0 = normalize(torch.randn(64, 8), dim=1)
z1 = normalize(z0 + 0.5 * torch.randn(64, 8), dim=1)

graph = augmentation_graph([z0, z1])
print(graph)

# The message of the layer is minus the gradient of its energy; NT-Xent is the energy of ContrastiveConv.
conv = ContrastiveConv(temperature=0.2)
z = graph.x.clone().requires_grad_()
conv.energy(z, graph).backward()
print("largest difference of message and -gradient:", float((conv(graph.x, graph) + z.grad).abs().max()))

# So training embeddings is running the layer. Alignment contracts, uniformity spreads, both together balance.
for layer in (AlignmentConv(0.2), UniformityConv(0.2), conv):
    z = graph.x
    for _ in range(200):
        z = normalize(z + 2.0 * layer(z, graph), dim=1)
    positive = (z[:64] * z[64:]).sum(1).mean()
    negative = (z @ z.t()).mean()
    print(f"{type(layer).__name__:15} after 200 rounds: positives {positive:.2f}, all pairs {negative:.2f}")

# A new variant is a new graph or a new part: neighbors as positives, negatives from the other view only.
graph = AddKNNPositives(k=3)(augmentation_graph([z0, z1], negatives=Negatives(scope="other")))
print(f"rewired: {graph.edge_index.size(1)} positive edges, energy {conv.energy(graph.x, graph):.3f}")
