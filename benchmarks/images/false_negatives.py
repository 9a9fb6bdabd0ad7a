"""False negatives attracted or removed, against as many views without either, on handwritten digits.

    python -m benchmarks.images.false_negatives

Beside both probes it measures what the paper measures of its scores: of the candidates that are taken for false
negatives, the share that is of the anchor's class, among validation images after the training. A finished run
is a line of false_negatives_runs.csv, and is not repeated.
"""

import argparse
from functools import partial

import torch
from torch import nn

from benchmarks.common import add_out
from benchmarks.common.machine import environment, note_origin
from benchmarks.common.recipes import Settings, override, part
from benchmarks.images.probing import Probing
from benchmarks.images.training import train
from benchmarks.pages import publish
from benchmarks.pages.systems import system_records
from gnnclr.graph import AttractFalseNegatives, augmentation_graph
from gnnclr.train import Run, parse_recipe
from gnnclr.vision import Images

REWIRE = "model.method.rewire"


def rows() -> dict[str, Settings]:
    """The rows of the table."""
    attract = Settings("simclr-fn-attract-digits")
    options = {"k": 10, "threshold": 0.7, "support": "max"}
    return {
        "two views (simclr)": Settings("simclr-digits"),
        "four views": attract.with_overrides(override(REWIRE, "null")),
        "removed, max of four views": attract.with_overrides(
            override(REWIRE, part("gnnclr.graph.DropFalseNegatives", **options))
        ),
        "attracted, the view alone": attract.with_overrides(
            override(REWIRE, part("gnnclr.graph.AttractFalseNegatives", **options | {"support": None}))
        ),
        "attracted, mean of four views": attract.with_overrides(override(f"{REWIRE}.support", "mean")),
        "attracted, max of four views (simclr-fn-attract)": attract,
    }


def run(chosen: Settings, seed: int, args: argparse.Namespace) -> dict[str, float]:
    """Trains a recipe, and measures its features and the candidates that it would take."""
    built = Run(parse_recipe(chosen.recipe, [*chosen.overrides, f"--seed_everything={seed}"]), args.out).build()
    method, data = built.model.method, built.data
    data.setup("fit")
    trained = train(built.model, data, seed, args.epochs, bf16=False)
    return trained | measure(method.eval(), data.images)


@torch.no_grad()
def measure(method: nn.Module, images: Images) -> dict[str, float]:
    """Probes, and the share of candidates of the anchor's class in a batch of validation images."""
    probing = Probing(images)
    scores = probing.scores(torch.cat([method(chunk).float() for chunk in probing.images.split(500)]))
    rewire = method.rewire if method.rewire is not None else AttractFalseNegatives(10, 0.7)
    torch.manual_seed(0)
    views = method.views(images.val.images)
    graph = augmentation_graph(method.projector(method.encode(torch.cat(views))).split(len(views[0])))
    source, target = rewire.find(graph)
    label = images.val.labels.repeat(len(views))
    right = float((label[source] == label[target]).double().mean())
    return scores | {"of its class": right, "candidates": source.numel() / graph.num_nodes}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3, help="seeds 0 to N-1")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--threads", type=int, default=1)
    add_out(parser)
    args = parser.parse_args()

    torch.set_num_threads(args.threads)
    records = system_records("false_negatives", args.out)
    for seed in range(args.seeds):
        for name, chosen in rows().items():
            settings = {"hash": chosen.hash, "epochs": args.epochs, "threads": args.threads}
            made = partial(run, chosen, seed, args)
            records.once(made, ("kNN", "linear"), row=name, seed=seed, settings=settings, **chosen.columns)
    options = [f"--{key}={getattr(args, key)}" for key in ("seeds", "epochs", "threads")]
    note_origin(args.out, "false_negatives", ["benchmarks.images.false_negatives", *options], environment(args.threads))
    print(publish("false_negatives", args.out))


if __name__ == "__main__":
    main()
