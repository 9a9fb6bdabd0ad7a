"""Community-aware negatives and neighbors as positives in GRACE, each against plain GRACE of the same seed.

    python -m benchmarks.graphs.communities --root DATA --datasets cora citeseer --seeds 5

A step contrasts 1,024 nodes, drawn anew, with all others of them, and their embeddings see the whole graph. Embeddings
are those of the last epoch. Training settings were chosen by the validation accuracy of plain GRACE, so rules are
judged where the plain method is at its best: by benchmarks.graphs.grace for Cora and CiteSeer, by ``--search`` for
PubMed, and on Photo the temperature, of .3, .5 and .7, by seed 1000. CS and Physics have settings that nothing has
chosen yet, and features by tf-idf and truncated SVD. Rules see features and edges, never labels, but for the last, the
oracle, which leaves out all negatives of the node's own label: what a perfect rule would gain. Arguments of rules were
fixed before they were run on the seeds below. Most rules were made before any result was seen; the composition of the
two that did best on Cora and CiteSeer, and the six rows from ReSC to stratified steps, after that.
Splits are public ones for Planetoid, otherwise 10 % training, 10 % validation and 80 % test nodes, drawn by the seed.
The probe chooses its settings on validation nodes. A finished run is a line of communities_runs.csv and is not
repeated.
"""

import argparse
import copy
import itertools
import json
import statistics
from functools import cache, partial
from pathlib import Path

import torch
from torch_geometric.data import Data
from torch_geometric.transforms import Compose

from benchmarks.common import RESULTS, add_out, add_root
from benchmarks.common.machine import environment, note_origin
from benchmarks.common.records import runs
from benchmarks.graphs import builders
from benchmarks.graphs.community_rules import DEBIASED, LEARNED, RULES, STRATIFIED
from benchmarks.graphs.community_settings import FEATURES, FILE, LARGER, PLAIN, SETTINGS, key
from benchmarks.graphs.grace_settings import of_builder
from benchmarks.graphs.settings import assignment
from benchmarks.graphs.training import fit
from benchmarks.pages import publish
from benchmarks.pages.communities import MEASURES, communities_records
from gnnclr.eval import Split, linear_probe
from gnnclr.graph.communities import (
    ContrastCentroids,
    EdgeCommunities,
    WeighCentroids,
    negative_quality,
    propagated_kmeans,
)
from gnnclr.losses import HardNegativeLoss
from gnnclr.node import StratifiedNodes, SVDFeatures, TfidfFeatures, load_node_data, propagate_features
from gnnclr.node.datasets.load import choose_split

#: Seeds that no setting was chosen by.
FIRST_SEED = 10
#: What ``--search`` tries over its seeds, and after how many epochs; its choices.
GRID = {
    "pubmed": {"act": ["relu", "prelu"], "temperature": [0.7, 0.9]},
    "photo": {"act": ["relu", "prelu"], "temperature": [0.3, 0.5]},
}
EPOCHS, SEARCH_SEEDS = (100, 200, 400), (1000, 1001, 1002)
CHOSEN = FILE
SET = "change a setting by hand, in a folder of its own: --set act=relu --set epochs=100 --out FOLDER"
LSA = Compose([TfidfFeatures(), SVDFeatures(512)])
#: Epochs after which communities of embeddings are found anew, and the share of false negatives that the authors of the
#: debiased loss expect.
EVERY, TAU_PLUS = 20, 0.1


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
    method = builders.grace(graph_of(name, root), of_builder(settings)).to(device)
    method.rewire = copy.copy(rewire)
    if DEBIASED in rule:
        method.loss = HardNegativeLoss(settings["temperature"], beta=0.0, tau_plus=TAU_PLUS)
    data = moved(name, root, device)
    if rule == STRATIFIED:
        method.batch_size = StratifiedNodes(EdgeCommunities(min_size=20), settings["batch_size"])

    def after(epochs: int) -> None:
        if rule == LEARNED and epochs % EVERY == 0:
            method.rewire.refresh(of_embeddings(method.embed(data), rewire.community))

    seconds = statistics.median(fit(method, [data], settings, f"{name}, {rule}, seed {seed}", after))
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
    columns = tuple(f"{epochs} epochs" for epochs in EPOCHS)
    records = runs(out / "communities_search.csv", "dataset", columns)
    for name in names:
        scores = {}
        for values in itertools.product(*GRID[name].values()):
            changed = dict(zip(GRID[name], values)) | {"epochs": max(EPOCHS)}
            settings = key(name, threads, device) | LARGER | changed
            lines = []
            for seed in SEARCH_SEEDS:
                made = partial(validate, name, root, seed, device, LARGER | changed)
                lines.append(records.once(made, columns, dataset=name, seed=seed, settings=settings))
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
    method = builders.grace(data, of_builder(settings)).to(device)

    def after(epochs: int) -> None:
        if epochs in EPOCHS:
            found[f"{epochs} epochs"] = linear_probe(method.embed(moved(name, root, device)).cpu(), data.y, split).val

    fit(method, [moved(name, root, device)], settings, f"{name}, search, seed {seed}", after)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_root(parser)
    parser.add_argument("--datasets", nargs="+", choices=list(SETTINGS), default=["cora", "citeseer"])
    parser.add_argument("--rules", nargs="+", choices=list(RULES), default=list(RULES), metavar="RULE")
    parser.add_argument("--seeds", type=int, default=5, help=f"seeds {FIRST_SEED} to {FIRST_SEED - 1}+N")
    parser.add_argument("--search", action="store_true", help=f"choose settings of {' and '.join(GRID)} instead")
    parser.add_argument("--set", type=assignment, action="append", default=[], metavar="KEY=VALUE", help=SET)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu", help="where encoders are trained (default: cpu)")
    add_out(parser)
    args = parser.parse_args()
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
    records = communities_records(args.out)
    seeds, rules = range(FIRST_SEED, FIRST_SEED + args.seeds), list(dict.fromkeys([PLAIN, *args.rules, FEATURES]))
    for name in args.datasets:
        settings = key(name, args.threads, args.device)
        for seed in seeds:
            for rule in rules:
                train = features if rule == FEATURES else partial(run, rule=rule, device=args.device)
                made = partial(train, name, args.root, seed=seed)
                records.once(made, MEASURES, rule=rule, seed=seed, settings=settings)
    command = ["benchmarks.graphs.communities", "--datasets", *args.datasets, f"--seeds={args.seeds}"]
    command += [] if args.device == "cpu" else ["--device", args.device]
    command += [f"--set={key}={json.dumps(value)}" for key, value in changed.items()]
    command += [] if args.rules == list(RULES) else ["--rules", *args.rules]
    note_origin(args.out, "communities", command, environment(args.threads, args.device))
    print(publish("communities", args.out))


if __name__ == "__main__":
    main()
