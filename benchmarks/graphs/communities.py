"""Community-aware negatives and neighbours as positives in GRACE, each against plain GRACE of the same seed.

    python benchmarks/communities.py --root DATA --datasets cora citeseer --seeds 5

A step contrasts 1,024 nodes, drawn anew, with all others of them, and their embeddings see the whole graph. Embeddings
are those of the last epoch. Training settings were chosen by the validation accuracy of plain GRACE, so rules are
judged where the plain method is at its best: by benchmarks/grace.py for Cora and CiteSeer, by ``--search`` for PubMed,
and on Photo the temperature, of .3, .5 and .7, by seed 1000. CS and Physics have settings that nothing has chosen yet,
and features by tf-idf and truncated SVD. Rules see features and edges, never labels, but for the last, the oracle,
which leaves out all negatives of the node's own label: what a perfect rule would gain. Arguments of rules were fixed
before they were run on the seeds below. Most rules were made before any result was seen; the composition of the two
that did best on Cora and CiteSeer, and the six rows from ReSC to stratified steps, after that.
Splits are public ones for Planetoid, otherwise 10 % training, 10 % validation and 80 % test nodes, drawn by the seed.
The probe chooses its settings on validation nodes. Writes communities.{csv,md,png}, with all that is in
communities_runs.csv: a finished run is a line there and is not repeated.
"""

import argparse
import copy
import itertools
import json
import os
import shlex
import statistics
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path

import grace
import torch
from cifar10 import environment
from communities_report import DETAILS, FEATURES, MEASURES, ORACLE, PLAIN, Rows, write
from node.machine import machine
from node.settings import assignment
from runs import Runs
from torch_geometric.data import Data
from torch_geometric.transforms import Compose
from torch_geometric.utils import to_undirected

from gnnclr.eval import Split, linear_probe
from gnnclr.graph import AddNeighbourPositives
from gnnclr.graph.communities import (
    ContrastCentroids,
    EdgeCommunities,
    ExcludeCommunity,
    SoftCommunity,
    WeighCentroids,
    WeighCommunity,
    co_association,
    negative_quality,
    propagated_kmeans,
)
from gnnclr.losses import HardNegativeLoss
from gnnclr.node import (
    PropagatedNeighbours,
    StratifiedNodes,
    SVDFeatures,
    TfidfFeatures,
    load_node_data,
    propagate_features,
)
from gnnclr.node.datasets import choose_split
from gnnclr.ops.memo import TensorMemo

#: Seeds that no setting was chosen by.
FIRST_SEED = 10
#: Settings of larger graphs before a search; the batch size counts the nodes that a step contrasts.
LARGER = {"lr": 1e-3, "layers": 2, "hidden": 256, "width": 256, "act": "relu", "projection": 128}
LARGER |= {"edge": [0.3, 0.4], "feature": [0.1, 0.1], "weight_decay": 1e-5, "batch_size": 1024}
LARGER |= {"temperature": 0.5, "epochs": 100}
#: What ``--search`` tries over its seeds, and after how many epochs; its choices.
GRID = {
    "pubmed": {"act": ["relu", "prelu"], "temperature": [0.7, 0.9]},
    "photo": {"act": ["relu", "prelu"], "temperature": [0.3, 0.5]},
}
EPOCHS, SEARCH_SEEDS = (100, 200, 400), (1000, 1001, 1002)
CHOSEN, RESULTS = Path(__file__).with_suffix(".json"), Path(__file__).parent / "results"
SET = "change a setting by hand, in a folder of its own: --set act=relu --set epochs=100 --out FOLDER"
SETTINGS = {name: grace.chosen()[name] | {"batch_size": 1024} for name in ("cora", "citeseer")}
SETTINGS |= {name: dict(LARGER) for name in ("pubmed", "photo", "cs", "physics")}
for chosen_for, choice in json.loads(CHOSEN.read_text()).items():
    SETTINGS[chosen_for] |= choice
#: Thousands of words of few nodes each: encoders and rules see their latent semantic analysis.
SETTINGS["cs"] |= {"features": "lsa"}
SETTINGS["physics"] |= {"features": "lsa", "epochs": 50}  # an epoch takes three times that of CS
LSA = Compose([TfidfFeatures(), SVDFeatures(512)])


def communities(data: Data, seed: int = 0, resolution: float = 1.0) -> torch.Tensor:
    """Louvain communities, tiny ones merged."""
    return EdgeCommunities("louvain", resolution, min_size=20)(data.x, data.edge_index, seed)


@cache
def finder(k: int) -> TensorMemo:
    """Finds the nearest neighbours in propagated features [2, nk], of one graph once."""
    return TensorMemo(PropagatedNeighbours(k))


def neighbours(data: Data, k: int, **kwargs) -> AddNeighbourPositives:
    """The nearest neighbours as positives."""
    return AddNeighbourPositives(finder(k)(data.x, data.edge_index), **kwargs)


def of_both(data: Data, k: int = 10) -> torch.Tensor:
    """Louvain communities of the graph that has the edges, and edges to the nearest neighbours."""
    near = finder(k)(data.x, data.edge_index)
    edges = to_undirected(torch.cat([data.edge_index, near], dim=1), num_nodes=data.num_nodes)
    return communities(Data(x=data.x, edge_index=edges))


@TensorMemo
def co_associated(x: torch.Tensor, edge_index: torch.Tensor) -> torch.Tensor:
    """How often twelve partitions, of edges and of features, put two nodes together, as columns."""
    data = Data(x=x, edge_index=edge_index)
    by_edges = [communities(data, seed, resolution) for seed, resolution in enumerate((0.5, 1.0, 2.0) * 2)]
    count = int(torch.stack([part.max() for part in by_edges]).float().median()) + 1
    by_features = [
        propagated_kmeans(data.x, data.edge_index, num_communities=max(2, int(count * factor)), seed=seed)
        for seed, factor in enumerate((0.5, 1.0, 2.0) * 2)
    ]
    return co_association(by_edges + by_features, rank=64)


def together(data: Data) -> SoftCommunity:
    """Weights by co-association."""
    return SoftCommunity(co_associated(data.x, data.edge_index), rho=0.1)


#: What is more than a rewiring: communities that are found in the embeddings as they become, every so many epochs; a
#: loss that expects a tenth of the negatives to be false, as its authors do; and steps with all communities in them.
LEARNED, EVERY = "k-means of embeddings left out", 20
DEBIASED, TAU_PLUS = "debiased", 0.1
STRATIFIED = "stratified steps"
#: Rules, each made of the graph.
RULES: dict[str, Callable[[Data], object]] = {
    PLAIN: lambda data: None,
    "Louvain left out": lambda data: ExcludeCommunity(communities(data)),
    "Louvain of edges and neighbours left out": lambda data: ExcludeCommunity(of_both(data)),
    "Louvain weighs 0.2": lambda data: WeighCommunity(communities(data), rho=0.2),
    "co-association weighs": together,
    "30 neighbours attract": lambda data: neighbours(data, 30),
    "100 neighbours attract": lambda data: neighbours(data, 100),
    "30 attract, and repel": lambda data: neighbours(data, 30, in_denominator=True),
    "Louvain out, 30 attract": lambda data: Compose([ExcludeCommunity(communities(data)), neighbours(data, 30)]),
    "co-association weighs, 100 attract": lambda data: Compose([together(data), neighbours(data, 100)]),
    "Louvain out, centroids weigh (ReSC)": lambda data: Compose(
        [ExcludeCommunity(communities(data)), WeighCentroids(communities(data))]
    ),
    "centroids of Louvain alone repel": lambda data: ContrastCentroids(communities(data)),
    LEARNED: lambda data: ExcludeCommunity(communities(data)),  # until they are found in embeddings
    DEBIASED: lambda data: None,
    "Louvain left out, debiased": lambda data: ExcludeCommunity(communities(data)),
    STRATIFIED: lambda data: None,
    ORACLE: lambda data: ExcludeCommunity(data.y),
}


def quality(rule: object, data: Data) -> dict[str, float]:
    """Precision and recall of what a rule takes from the negatives, judged by labels; none where embeddings decide."""
    parts = rule.transforms if isinstance(rule, Compose) else [rule]
    if rule is None or any(isinstance(part, (WeighCentroids, ContrastCentroids)) for part in parts):
        return {}
    found = negative_quality(rule, data.y)
    return {"precision": found.precision, "recall": found.recall, "false negatives left": found.false_negative_rate}


@cache
def graph_of(name: str, root: str) -> Data:
    """The graph, whose splits are drawn later."""
    transform = LSA if SETTINGS[name].get("features") == "lsa" else None
    return load_node_data(name, root, transform=transform, split_seed=None)


@cache
def moved(name: str, root: str, device: str) -> Data:
    """The graph where encoders are trained."""
    return graph_of(name, root).clone().to(device)


@cache
def rewiring(name: str, root: str, rule: str) -> tuple[object, dict[str, float]]:
    """A rule for a graph, the same for all seeds, and its quality."""
    data = graph_of(name, root)
    rewire = RULES[rule](data)
    return rewire, {} if rule == LEARNED else quality(rewire, data)


def of_embeddings(z: torch.Tensor, community: torch.Tensor) -> torch.Tensor:
    """Communities by k-means of embeddings, as many as there were."""
    edges = z.new_empty(2, 0, dtype=torch.long)
    return propagated_kmeans(z, edges, int(community.unique().numel()), hops=0)


def run(name: str, root: str, rule: str, seed: int, device: str = "cpu") -> dict[str, float]:
    """Trains GRACE with a rule, and probes it."""
    settings = SETTINGS[name]
    rewire, judged = rewiring(name, root, rule)
    torch.manual_seed(seed)
    method = grace.build(settings, graph_of(name, root).num_features).to(device)
    method.rewire, method.batch_size = copy.copy(rewire), settings["batch_size"]
    if DEBIASED in rule:
        method.loss = HardNegativeLoss(settings["temperature"], beta=0.0, tau_plus=TAU_PLUS)
    data = moved(name, root, device)
    if rule == STRATIFIED:
        method.batch_size = StratifiedNodes(EdgeCommunities(min_size=20), settings["batch_size"])

    def after(epochs: int) -> None:
        if rule == LEARNED and epochs % EVERY == 0:
            method.rewire.refresh(of_embeddings(method.embed(data), rewire.community))

    seconds = grace.train(method, data, settings, f"{name}, {rule}, seed {seed}", after)
    z, data = method.embed(data).cpu(), graph_of(name, root)
    result = linear_probe(z, data.y, Split.from_masks(choose_split(data, seed)))
    return {"linear": result.test, "seconds an epoch": seconds, "validation": result.val} | judged


def features(name: str, root: str, seed: int) -> dict[str, float]:
    """The accuracy of propagated features, which need no training, on the split of a seed."""
    data = graph_of(name, root)
    split = Split.from_masks(choose_split(data, seed))
    result = linear_probe(propagate_features(data.x, data.edge_index), data.y, split)
    return {"linear": result.test, "validation": result.val}


def search(names: list[str], root: str, device: str, threads: int, out: Path) -> None:
    """Chooses the settings of plain GRACE, and its epochs, with the best mean validation accuracy over its seeds."""
    runs = Runs(out / "communities_search.csv", "dataset", tuple(f"{epochs} epochs" for epochs in EPOCHS), len(EPOCHS))
    for name in names:
        scores = {}
        for values in itertools.product(*GRID[name].values()):
            changed = dict(zip(GRID[name], values)) | {"epochs": max(EPOCHS)}
            settings = key(name, threads, device) | LARGER | changed
            lines = [
                runs.get(name, seed, settings, partial(validate, name, root, seed, device, LARGER | changed))
                for seed in SEARCH_SEEDS
            ]
            for epochs in EPOCHS:
                found = statistics.fmean(float(line[f"{epochs} epochs"]) for line in lines)
                scores[json.dumps(changed | {"epochs": epochs})] = found
                print(f"{name}, {changed | {'epochs': epochs}}: validation {100 * found:.2f}", flush=True)
        choices = json.loads(CHOSEN.read_text()) | {name: json.loads(max(scores, key=scores.get))}
        CHOSEN.write_text(json.dumps(choices, indent=2) + "\n")


def validate(name: str, root: str, seed: int, device: str, settings: dict) -> dict[str, float]:
    """The validation accuracy of plain GRACE on the way; test nodes are not looked at."""
    data, found = graph_of(name, root), {}
    split = Split.from_masks(choose_split(data, seed))
    torch.manual_seed(seed)
    method = grace.build(settings, data.num_features).to(device)
    method.batch_size = settings["batch_size"]

    def after(epochs: int) -> None:
        if epochs in EPOCHS:
            found[f"{epochs} epochs"] = linear_probe(method.embed(moved(name, root, device)).cpu(), data.y, split).val

    grace.train(method, moved(name, root, device), settings, f"{name}, search, seed {seed}", after)
    return found


def key(name: str, threads: int, device: str) -> dict[str, object]:
    """What a line of finished runs says of its settings."""
    return {"dataset": name, "threads": threads, "device": device} | SETTINGS[name]


def arranged(lines: list[dict[str, str]], threads: int, device: str) -> Rows:
    """Finished runs with the settings above, by data set and rule, in the order of seeds."""
    rows: Rows = {}
    for name in SETTINGS:
        mine = [line for line in lines if line["settings"] == json.dumps(key(name, threads, device), sort_keys=True)]
        by_rule = {rule: [line for line in mine if line["rule"] == rule] for rule in [*RULES, FEATURES]}
        found = {rule: sorted(lines, key=lambda line: int(line["seed"])) for rule, lines in by_rule.items() if lines}
        if PLAIN in found:
            rows[name] = found
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", default=os.environ.get("GNNCLR_DATA"), help="default: $GNNCLR_DATA")
    parser.add_argument("--datasets", nargs="+", choices=list(SETTINGS), default=["cora", "citeseer"])
    parser.add_argument("--rules", nargs="+", choices=list(RULES), default=list(RULES), metavar="RULE")
    parser.add_argument("--seeds", type=int, default=5, help=f"seeds {FIRST_SEED} to {FIRST_SEED - 1}+N")
    parser.add_argument("--search", action="store_true", help=f"choose settings of {' and '.join(GRID)} instead")
    parser.add_argument("--set", type=assignment, action="append", default=[], metavar="KEY=VALUE", help=SET)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu", help="where encoders are trained (default: cpu)")
    parser.add_argument("--out", type=Path, default=RESULTS)
    args = parser.parse_args()
    if args.root is None:
        parser.error("--root must be given, or GNNCLR_DATA be set")
    if args.search and not GRID.keys() >= set(args.datasets):
        parser.error(f"--datasets must be of {', '.join(GRID)} with --search (got {', '.join(args.datasets)})")

    changed = dict(args.set)
    for setting in changed.keys() - LARGER.keys():
        parser.error(f"--set must name one of {', '.join(LARGER)} (got {setting!r})")
    if changed and (args.search or args.out == RESULTS):
        parser.error("--set needs an --out of its own, and goes without --search")
    for name in args.datasets:
        SETTINGS[name] |= changed

    torch.set_num_threads(args.threads)
    if args.search:
        return search(args.datasets, args.root, args.device, args.threads, args.out)
    runs = Runs(args.out / "communities_runs.csv", "rule", MEASURES + DETAILS, len(MEASURES))
    seeds, rules = range(FIRST_SEED, FIRST_SEED + args.seeds), list(dict.fromkeys([PLAIN, *args.rules, FEATURES]))
    for name in args.datasets:
        settings = key(name, args.threads, args.device)
        for seed in seeds:
            for rule in rules:
                train = features if rule == FEATURES else partial(run, rule=rule, device=args.device)
                runs.get(rule, seed, settings, partial(train, name, args.root, seed=seed))
    command = shlex.join(
        ["python", "benchmarks/communities.py", "--datasets", *args.datasets, f"--seeds={args.seeds}"]
        + ([] if args.device == "cpu" else ["--device", args.device])
        + [f"--set={key}={json.dumps(value)}" for key, value in changed.items()]
        + ([] if args.rules == list(RULES) else ["--rules", *args.rules])
    )
    where = environment(args) | {"trained on": machine(torch.device(args.device))}
    print(write(arranged(runs.rows(), args.threads, args.device), args.out, command, where))


if __name__ == "__main__":
    main()
