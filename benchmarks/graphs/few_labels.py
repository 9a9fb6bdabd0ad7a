"""Classification of nodes from one, five or twenty labels a class: positive and negative edges beside positive alone.

    python -m benchmarks.graphs.few_labels --root DATA

Each split draws so many training nodes of every class, 200 other nodes to choose settings by, and tests on the rest.
The dropout, 0 or 0.5, is that of the best mean validation accuracy over two splits of their own, of which no test node
is looked at; then ten splits are trained with it and tested after the last of 60 epochs (Adam, learning rate 0.02,
weight decay 5e-4, 16 hidden channels; two layers, of signed message passing one after two hops of the features). All
rows see the first 64 singular directions of the features, at unit length. The logistic regression on A²X chooses its
regularization by the validation nodes of each split. A finished training is a line of few_labels_runs.csv or
few_labels_search.csv and is not repeated.

Of the rows with negative edges, "absent" takes all absent edges, in closed form, or for SignedConv as many random ones
as there are edges; "labels" takes the pairs of labeled nodes, positive within a class and negative across classes. In
training each labeled node shows its pairs with probability one half, and the loss is of those that do not.
"""

import argparse
import sys
from functools import lru_cache, partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch_geometric.data import Data
from torch_geometric.nn import SignedConv
from torch_geometric.transforms import Compose
from torch_geometric.utils import negative_sampling

from benchmarks.common import add_out, add_root
from benchmarks.common.machine import environment, note_origin, words_of
from benchmarks.pages import publish
from benchmarks.pages.few_labels import LOGISTIC, ROWS, few_labels_records, search_records
from gnnclr.eval import Split, linear_probe
from gnnclr.node import (
    GCNEncoder,
    SignedEncoder,
    SVDFeatures,
    UnitFeatures,
    label_edges,
    load_node_data,
    propagate_features,
)
from gnnclr.node.encoders.mlp import FeatureLinear, drop_features

HIDDEN, VALIDATION, SEARCH_SPLITS = 16, 200, (1000, 1001)
GRID = [{"decay": 5e-4, "dropout": dropout} for dropout in (0.0, 0.5)]


class SignedConvs(nn.Module):
    """PyG's two layers of SignedConv, and a linear map."""

    def __init__(self, in_channels: int, out_channels: int, dropout: float):
        super().__init__()
        self.first, self.last = FeatureLinear(in_channels, HIDDEN), nn.Linear(2 * HIDDEN, out_channels)
        self.convs = nn.ModuleList([SignedConv(HIDDEN, HIDDEN, True), SignedConv(HIDDEN, HIDDEN, False)])
        self.dropout = dropout

    def forward(self, x: Tensor, edge_index: Tensor, neg_edge_index: Tensor) -> Tensor:
        """The logits of all nodes."""
        x = self.first(drop_features(x, self.dropout, self.training)).relu()
        for conv in self.convs:
            x = conv(F.dropout(x, self.dropout, self.training), edge_index, neg_edge_index).relu()
        return self.last(F.dropout(x, self.dropout, self.training))


class GCN(nn.Module):
    """Two graph convolutions."""

    def __init__(self, in_channels: int, out_channels: int, dropout: float):
        super().__init__()
        self.encoder, self.dropout = GCNEncoder(in_channels, HIDDEN, out_channels, act_last=False), dropout
        self.encoder.activations[0] = nn.Sequential(nn.ReLU(), nn.Dropout(dropout))

    def forward(self, x: Tensor, edge_index: Tensor, neg_edge_index: None) -> Tensor:
        """The logits of all nodes."""
        return self.encoder(drop_features(x, self.dropout, self.training), edge_index)


@lru_cache(maxsize=1)
def graph(name: str, root: str) -> Data:
    """The graph, with features of unit rows."""
    return load_node_data(name, root, transform=Compose([SVDFeatures(64), UnitFeatures()]), split_seed=None)


def few_labels(y: Tensor, count: int, seed: int) -> Split:
    """So many training nodes of each class, validation nodes, and the rest."""
    order = torch.randperm(y.numel(), generator=torch.Generator().manual_seed(seed))
    train = torch.cat([order[y[order] == c][:count] for c in range(int(y.max()) + 1)])
    rest = order[~torch.isin(order, train)]
    return Split(train, rest[:VALIDATION], rest[VALIDATION:])


def model_of(row: str, data: Data, dropout: float) -> nn.Module:
    """An untrained model."""
    sizes = data.num_features, int(data.y.max()) + 1
    if row.startswith("signed"):
        return SignedEncoder(sizes[0], HIDDEN, sizes[1], dropout=dropout)
    return (GCN if row == "GCN" else SignedConvs)(*sizes, dropout)


def edges_of_labels(data: Data, shown: Tensor) -> tuple[Tensor, Tensor]:
    """The graph's edges with the pairs of one class, and the pairs across classes."""
    positive, negative = label_edges(data.y, shown)
    return torch.cat([data.edge_index, positive], dim=1), negative


def train(row: str, data: Data, split: Split, settings: dict[str, float], seed: int, epochs: int) -> Tensor:
    """The classes of all nodes after the last epoch."""
    torch.manual_seed(seed)
    model = model_of(row, data, settings["dropout"])
    optimizer = torch.optim.Adam(model.parameters(), 0.02, weight_decay=settings["decay"])
    by_labels = row.endswith("labels")
    edges = data.edge_index, negative_sampling(data.edge_index, data.num_nodes) if row == "SignedConv, absent" else None
    for _ in range(epochs):
        asked = split.train
        if by_labels:
            shows = torch.rand(asked.numel()) < 0.5
            edges, asked = edges_of_labels(data, asked[shows]), asked[~shows]
            if asked.numel() == 0:
                continue
        optimizer.zero_grad()
        F.cross_entropy(model(data.x, *edges)[asked], data.y[asked]).backward()
        optimizer.step()
    if by_labels:
        edges = edges_of_labels(data, split.train)
    with torch.no_grad():
        return model.eval()(data.x, *edges).argmax(dim=1)


def accuracies(predicted: Tensor, data: Data, split: Split) -> dict[str, float]:
    """In percent, on validation and test nodes."""
    hit = 100 * (predicted == data.y).double()
    return {"validation": float(hit[split.val].mean()), "test": float(hit[split.test].mean())}


def logistic(data: Data, split: Split) -> dict[str, float]:
    """A logistic regression on A²X."""
    found = linear_probe(propagate_features(data.x, data.edge_index), data.y, split)
    return {"validation": 100 * found.val, "test": 100 * found.test}


def best_of(args: argparse.Namespace, name: str, row: str, count: int) -> dict[str, float]:
    """The settings of best mean validation accuracy over the splits of the search."""
    data, records, means = graph(name, args.root), search_records(args.out), []
    for settings in GRID:
        found = []
        for seed in SEARCH_SPLITS:
            split = few_labels(data.y, count, seed)

            def run(split: Split = split, seed: int = seed, settings: dict[str, float] = settings) -> dict[str, float]:
                predicted = train(row, data, split, settings, seed, args.epochs)
                return {"validation": accuracies(predicted, data, split)["validation"]}

            key = {"data": name, "labels": count, "row": row, "seed": seed}
            line = records.once(run, ["validation"], **key, settings=settings | {"epochs": args.epochs})
            found.append(float(line["validation"]))
        means.append(sum(found))
    return GRID[means.index(max(means))]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_root(parser)
    parser.add_argument("--data", nargs="+", default=["cora", "citeseer", "photo"])
    parser.add_argument("--labels", type=int, nargs="+", default=[1, 5, 20], help="labels a class")
    parser.add_argument("--rows", nargs="+", choices=ROWS, default=list(ROWS))
    parser.add_argument("--splits", type=int, default=10)
    parser.add_argument("--epochs", type=int, default=60)
    add_out(parser)
    args = parser.parse_args()
    if min(args.splits, args.epochs, *args.labels) < 1:
        parser.error("--splits, --epochs and --labels must be at least 1")

    torch.set_num_threads(1)
    records = few_labels_records(args.out)
    for name in args.data:
        data = graph(name, args.root)
        for count in args.labels:
            for row in args.rows:
                chosen = {} if row == LOGISTIC else best_of(args, name, row, count) | {"epochs": args.epochs}
                for seed in range(args.splits):
                    split = few_labels(data.y, count, seed)
                    if row == LOGISTIC:
                        run = partial(logistic, data, split)
                    else:
                        run = partial(_tested, row, data, split, chosen, seed)
                    key = {"data": name, "labels": count, "row": row, "seed": seed}
                    records.once(run, ["test"], **key, settings=chosen)
    where = environment(1, packages=("torch", "torch_geometric"))
    note_origin(args.out, "few_labels", ["benchmarks.graphs.few_labels", *words_of(sys.argv[1:])], where)
    print(publish("few_labels", args.out))


def _tested(row: str, data: Data, split: Split, settings: dict[str, float], seed: int) -> dict[str, float]:
    return accuracies(train(row, data, split, settings, seed, int(settings["epochs"])), data, split)


if __name__ == "__main__":
    main()
