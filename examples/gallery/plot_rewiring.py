"""
A batch before and after its graph is rewired
=============================================

Two views of sixteen handwritten digits make a graph of 32 nodes: views of one digit attract, all others repel, those
the most that look alike. A rewiring takes the graph and returns a changed copy; the loss, the engine and the encoder
stay as they are.
"""

import torch
import torch_geometric.transforms as T
from sklearn.datasets import load_digits

from gnnclr.graph import AddKNNPositives, DropFalseNegatives, augmentation_graph
from gnnclr.losses import NTXentLoss
from gnnclr.report import draw_batch_graph

# %%
# The batch: each digit as it is, and with noise. Embeddings are the centered pixels here.
torch.manual_seed(0)
digits = load_digits()
images = torch.from_numpy(digits.images[:16]).float()[:, None] / 16
labels = torch.from_numpy(digits.target[:16]).repeat(2)
views = torch.cat([images, (images + 0.35 * torch.randn_like(images)).clamp(0, 1)])
z = views.flatten(1)
z = z - z.mean(dim=0)

graph = augmentation_graph([z[:16], z[16:]])
loss = NTXentLoss(temperature=0.2)
print(f"as it is: {graph.positives.size(1)} positive edges, loss {loss(graph.x, graph):.3f}")
draw_batch_graph(graph, labels, views, temperature=0.2)

# %%
# Neighbors as further positives: digits that look alike attract each other too.
rewired = AddKNNPositives(k=2)(graph)
print(f"with neighbors: {rewired.positives.size(1)} positive edges, loss {loss(rewired.x, rewired):.3f}")
draw_batch_graph(rewired, labels, views, temperature=0.2)

# %%
# Rewirings compose: neighbors attract, and of the other pairs those that are most alike, false negatives as it seems,
# no longer repel.
both = T.Compose([AddKNNPositives(k=2), DropFalseNegatives(k=4)])(graph)
print(f"and alike pairs ignored: loss {loss(both.x, both):.3f}")
draw_batch_graph(both, labels, views, temperature=0.2)
