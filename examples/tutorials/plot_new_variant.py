"""
A new variant: positives are trusted by how similar they are
============================================================

A batch is a graph, so a new idea about pairs is a new rewiring: a class with one method, outside the package. This one
gives neighbors in the batch as further positives, and weighs every positive edge by the similarity of its ends.
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
class TrustSimilarPositives(BaseTransform):
    """Positive edges weigh e to the power of twice the cosine of their ends."""

    def forward(self, graph):
        z = normalize(graph.x.detach(), dim=1)
        source, target = graph.edge_index
        graph.edge_weight = torch.exp(2 * (z[source] * z[target]).sum(dim=1))
        return graph


rewire = Compose([AddKNNPositives(k=5), TrustSimilarPositives()])

# %%
# What it makes of a batch, before any training: two views of sixteen digits.
torch.manual_seed(0)
data = ImageData("digits", batch_size=256)
data.setup("fit")
views = BatchViews(8, scale=(0.5, 1.0), flip=0.0, mean=0.3, std=0.4)
batches = data.batches()
batch = next(iter(batches))
both = torch.cat(views(batch["image"][:16]))
pixels = both.flatten(1) - both.flatten(1).mean(dim=0)
graph = augmentation_graph([pixels[:16], pixels[16:]])
weights = rewire(graph).edge_weight
low, high = weights.aminmax()
print(f"{graph.positives.size(1)} positive edges become {weights.numel()}, which weigh {low:.2f} to {high:.2f}")
draw_batch_graph(rewire(graph), images=both * 0.4 + 0.3, temperature=0.2)

# %%
# A method takes any loss and any rewiring; the rest of the training is as always.
method = SimCLR(SlimResNet((16, 32), in_channels=1, stem_stride=1), MLPHead(32, 64, 32), views, NTXentLoss(0.2), rewire)
optimizer = torch.optim.AdamW(method.parameters(), lr=3e-3)


def accuracy():
    """The share of test digits that their nearest training digits name rightly."""
    return knn_probe(data.embed(method), data.labels, data.split).test


print(f"untrained: kNN {accuracy():.1%}")
for _ in range(20):
    for batch in batches:
        loss, _ = method.training_step_loss(batch)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
print(f"trained:   kNN {accuracy():.1%}")

# %%
# In a recipe it is a setting, ``--model.method.rewire=my_module.TrustSimilarPositives``. :doc:`/techniques` lists what
# is there already; whether a technique helps is measured over seeds by ``gnnclr compare``.
