"""Images and their captions by retrieval and by zero-shot classification: handwritten digits in words.

    python -m benchmarks.images.captions

A finished run is a line of captions_runs.csv, and is not repeated.
"""

import argparse
from functools import partial

import torch

from benchmarks.common import add_out
from benchmarks.common.machine import environment, note_origin
from benchmarks.common.recipes import Settings, override, part
from benchmarks.images.training import train
from benchmarks.pages import publish
from benchmarks.pages.systems import SYSTEMS, system_records
from gnnclr.train import Run, parse_recipe

RECIPE = "clip-captions-digits"
BAG = [
    part("gnnclr.vision.SlimResNet", widths=[16, 32, 64], stem_stride=1, in_channels=1),
    part("gnnclr.vision.TextEncoder", layers=0),
]
ROWS = {
    "untrained": Settings(RECIPE),
    "bag of words": Settings(RECIPE, (override("model.method.encoders", BAG),)),
    "transformer (clip-captions)": Settings(RECIPE),
}


def run(name: str, chosen: Settings, seed: int, args: argparse.Namespace) -> dict[str, float]:
    """Trains a recipe, and judges it by test images and their captions."""
    built = Run(parse_recipe(chosen.recipe, [*chosen.overrides, f"--seed_everything={seed}"]), args.out).build()
    method, data = built.model.method, built.data
    data.setup("fit")
    trained = {} if name == "untrained" else train(built.model, data, seed, args.epochs, bf16=False)
    found = data.with_own_probes({"own": method}, {"own": {}})["own"]
    return trained | {measure: found[measure].test for measure in SYSTEMS["captions"].measures}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3, help="seeds 0 to N-1")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--threads", type=int, default=1)
    add_out(parser)
    args = parser.parse_args()

    torch.set_num_threads(args.threads)
    records = system_records("captions", args.out)
    for seed in range(args.seeds):
        for name, chosen in ROWS.items():
            settings = {"hash": chosen.hash, "epochs": args.epochs, "threads": args.threads}
            made = partial(run, name, chosen, seed, args)
            records.once(made, ("zero-shot",), row=name, seed=seed, settings=settings, **chosen.columns)
    options = [f"--{key}={getattr(args, key)}" for key in ("seeds", "epochs", "threads")]
    note_origin(args.out, "captions", ["benchmarks.images.captions", *options], environment(args.threads))
    print(publish("captions", args.out))


if __name__ == "__main__":
    main()
