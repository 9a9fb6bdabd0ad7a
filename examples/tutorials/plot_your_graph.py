"""
Your graph: from edges to embeddings of another graph
=====================================================

A weighted, directed graph: its features are propagated, a method is trained on it, and a graph that was never seen is
embedded. The same by commands is in the guide :doc:`/your_graph`.
"""

import contextlib
import io
from tempfile import mkdtemp

import torch
from torch_geometric.data import Data

import gnnclr
from gnnclr.graph import edges_of
from gnnclr.node import choose_propagation, propagated_blocks, sbm
from gnnclr.report import scatter_embedding

# %%
# The graph: 400 nodes of six classes, with features that say little. Its edges get weights, higher within a class, and
# a fifth of them are dropped, most of these in one direction alone. Yours is made of four tensors like this one.


def make_graph(seed):
    """A weighted, directed graph with classes."""
    torch.manual_seed(seed)
    data = sbm(num_nodes=400, homophily=0.6, seed=seed)
    source, target = data.edge_index[:, torch.rand(data.num_edges) < 0.8]
    weight = torch.rand(source.numel()) + (data.y[source] == data.y[target])
    return Data(x=data.x, edge_index=torch.stack([source, target]), edge_weight=weight, y=data.y)


data, other = make_graph(0), make_graph(1)
print(data)

# %%
# What decides most is how far features are propagated. It is chosen without labels here: by how well the cosine of two
# nodes tells edges that were held out from pairs without an edge.
choice = choose_propagation(data)
print("chosen:", *choice.blocks)
propagated = propagated_blocks(data.x, edges_of(data), choice.blocks)

# %%
# A method on top. ``fit`` takes the graph, the name of a recipe and its settings; what it prints is a paragraph on what
# it read, and its progress.
said = io.StringIO()
with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
    fitted = gnnclr.fit(data, "ccassg", ["--trainer.max_epochs=30", "--seed_everything=0"], out=mkdtemp())
print(said.getvalue().splitlines()[0])
for row, scores in fitted.test.items():
    print(f"{row:10}", ", ".join(f"{probe} {score:.1%}" for probe, score in scores.items()))

# %%
# Nodes as t-SNE lays them out, in the color of their class: features as they are, propagated, and what was learned.
scatter_embedding({"features": data.x, "propagated": propagated, "CCA-SSG": fitted.z}, data.y)

# %%
# Another graph, embedded by the encoder of this one: nothing is fitted again.
z = fitted.embed(other)
print(f"{other.num_nodes} other nodes, embeddings {tuple(z.shape)}")
