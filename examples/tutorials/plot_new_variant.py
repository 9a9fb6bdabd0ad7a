"""
A new variant: neighbors are trusted by how similar they are
============================================================

A batch is a graph, so a new idea about pairs is a new rewiring: a class with one method, outside the package. This one
weighs positives of other samples, the nearest neighbors in the batch, by the cosine to their anchor.
"""

import torch
from torch.nn.functional import normalize
from torch_geometric.transforms import BaseTransform, Compose

from gnnclr.eval import knn_probe
from gnnclr.graph import AddKNNPositives, augmentation_graph
from gnnclr.losses import NTXentLoss
from gnnclr.report import draw_batch_graph
from gnnclr.train import ImageData
from gnnclr.vision import BatchViews, MLPHead, SimCLR, SlimResNet


# %%
# The rewiring. ``edge_weight`` says how much an edge attracts; it is a part of every
# :class:`~gnnclr.graph.ContrastGraph`, so losses, layers and other rewirings know what to do with it.
class TrustNeighbors(BaseTransform):
    """Views of a sample attract as always; positives of other samples weigh the cosine of their ends, zero at least."""

    def forward(self, graph):
        z = normalize(graph.x.detach(), dim=1)
        source, target = graph.edge_index
        cosine = (z[source] * z[target]).sum(dim=1).clamp(min=0)
        own = graph.sample[source] == graph.sample[target]
        graph.edge_weight = torch.where(own, 1.0, cosine)
        return graph


rewire = Compose([AddKNNPositives(k=1), TrustNeighbors()])

# %%
# What it makes of a batch, before any training: two views of sixteen digits, which lie anywhere on a canvas.
torch.manual_seed(0)
data = ImageData("digits", size=12, batch_size=256)
data.setup("fit")
views = BatchViews(12, scale=(0.3, 1.0), flip=0.0, mean=0.15, std=0.3)
both = torch.cat(views(next(iter(data.batches()))["image"][:16]))
pixels = both.flatten(1) - both.flatten(1).mean(dim=0)
graph = augmentation_graph([pixels[:16], pixels[16:]])
low, high = rewire(graph).edge_weight.aminmax()
print(f"{graph.positives.size(1)} positive edges become {rewire(graph).num_edges}, which weigh {low:.2f} to {high:.2f}")
draw_batch_graph(rewire(graph), images=both * 0.3 + 0.15, temperature=0.2)

# %%
# A method takes any loss and any rewiring; the rest of the training is as always. Neighbors are found by the
# projections of the method as it is. Beside it the same training without the rewiring, from the same weights on.


def train(rewire):
    """The share of test digits that their nearest training digits name rightly, before and after some epochs."""
    torch.manual_seed(0)
    encoder, projector = SlimResNet((16, 32), in_channels=1, stem_stride=1), MLPHead(32, 64, 32)
    method = SimCLR(encoder, projector, views, NTXentLoss(0.2), rewire)
    optimizer, batches = torch.optim.AdamW(method.parameters(), lr=5e-3), data.batches()
    before = knn_probe(data.embed(method), data.labels, data.split).test
    for _ in range(8):
        for batch in batches:
            loss, _ = method.training_step_loss(batch)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return before, knn_probe(data.embed(method), data.labels, data.split).test


for name, rewiring in (("SimCLR", None), ("with trusted neighbors", rewire)):
    before, after = train(rewiring)
    print(f"{name:23}: kNN {before:.1%} before the training, {after:.1%} after it")

# %%
# In a recipe it is a setting, ``--model.method.rewire=my_module.TrustNeighbors``. :doc:`/techniques` lists what
# is there already. One seed says little: whether a technique helps is measured over several, by ``gnnclr compare``.
