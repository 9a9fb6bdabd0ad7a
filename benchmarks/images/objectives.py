"""Every objective of gnnclr on CIFAR-10 with the same encoder, views, steps and optimizer, over several seeds.

    python -m benchmarks.images.objectives --root PATH
    python -m benchmarks.images.objectives --objectives NTXentLoss VICRegLoss --seeds 5

PATH is what ``gnnclr.vision.cifar10`` reads. All objectives of a seed start from the same encoder and see the same
views of the same batches, those of the recipe simclr-cifar10-cpu with a smaller encoder; objectives_settings.py says
what differs between them, and why. Training sees 45,000 training
images. Probes fit on 10,000 of them, choose their settings on 2,000 others, and are judged once on the 10,000 test
images. A finished run is a line of objectives_runs.csv and is not repeated.
"""

import argparse
import math
import statistics
import sys
import time
from collections.abc import Callable

import torch

from benchmarks.common import add_out, add_root, add_seeds, add_threads
from benchmarks.common.machine import environment, note_origin
from benchmarks.common.recipes import Settings
from benchmarks.common.records import Records
from benchmarks.images.objectives_settings import LR, RECIPE, SMALL, Method, objectives, setting, with_predictor
from benchmarks.images.probing import Probing, pixel_probe
from benchmarks.pages import publish
from benchmarks.pages.objectives import MEASURES, objectives_records
from gnnclr.eval import effective_rank, uniformity
from gnnclr.train import ContrastiveModule, parameter_groups, warmup_cosine
from gnnclr.vision import Images, TensorLoader, cifar10

#: Settings and overrides of a run, and the run.
Made = tuple[dict, dict[str, str], Callable[[], dict[str, float]]]


class Benchmark:
    """Trains and measures. The first three methods return the settings of a run, and the run."""

    def __init__(self, data: Images, args: argparse.Namespace):
        self.args, self.train, self.probing = args, data.train, Probing(data)

    def objective(self, name: str, lr: float, seed: int) -> Made:
        chosen = setting(name).settings(name, lr)
        settings = {key: getattr(self.args, key) for key in ("steps", "batch", "threads", "precision")} | {"lr": lr}

        def run() -> dict[str, float]:
            torch.manual_seed(seed)
            module = chosen.build(channels=3)
            method = Method(module.method, predictor=setting(name).views is with_predictor)
            try:
                trained = self.fit(module, method, setting(name).views, seed)
            except ValueError as error:  # embeddings that are not finite
                print(f"{name}, seed {seed}, learning rate {lr:g}: {error}", file=sys.stderr)
                return {}
            return trained | self.measure(method)

        return settings | {"hash": chosen.hash} | self.probing.settings, chosen.columns, run

    def untrained(self, seed: int) -> Made:
        chosen = Settings(RECIPE, SMALL)

        def run() -> dict[str, float]:
            torch.manual_seed(seed)
            return self.measure(Method(chosen.build(channels=3).method))

        return {"hash": chosen.hash} | self.probing.settings, chosen.columns, run

    def pixels(self) -> Made:
        x = self.probing.images
        return self.probing.settings, {}, lambda: self.probing.scores(x.float().div_(255).flatten(1), pixel_probe)

    def fit(self, module: ContrastiveModule, method: Method, loss_of: Callable, seed: int) -> dict[str, float]:
        """Trains ``method``; its time, and the loss of the first and the last tenth of the steps."""
        steps, method.bf16 = self.args.steps, self.args.precision == "bfloat16"
        optimizer = module.optimizer(parameter_groups(method))
        schedule = warmup_cosine(optimizer, steps, steps // 10)
        loader = TensorLoader(self.train.images, self.train.labels, batch_size=self.args.batch, seed=seed)
        # A generator for the views alone: none of them depends on the random numbers of an objective.
        generator, values = torch.Generator().manual_seed(seed), []
        start = time.perf_counter()
        while len(values) < steps:
            for _, batch in zip(range(steps - len(values)), loader):
                loss = loss_of(method, *method.views(batch["image"], generator), batch["label"])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                schedule.step()
                values.append(float(loss.detach()))
        seconds, tenth = time.perf_counter() - start, max(1, steps // 10)
        first, last = statistics.fmean(values[:tenth]), statistics.fmean(values[-tenth:])
        return {"seconds": seconds, "first loss": first, "last loss": last}

    @torch.no_grad()
    def measure(self, method: Method) -> dict[str, float]:
        """Probes and geometry of the encoder's features, in float32."""
        method.eval().bf16 = False
        x = torch.cat([method(chunk.float().div_(255)) for chunk in self.probing.images.split(500)])
        test = x[self.probing.split.test]
        geometry = {"effective rank": float(effective_rank(test)), "uniformity": float(uniformity(test))}
        return self.probing.scores(x) | geometry


def run(benchmark: Benchmark, records: Records, names: list[str], seeds: int) -> None:
    def line(name: str, seed: int, made: Made) -> dict[str, str]:
        settings, columns, measured = made
        return records.once(measured, MEASURES, objective=name, seed=seed, settings=settings, **columns)

    line("raw pixels", 0, benchmark.pixels())
    for seed in range(seeds):
        line("untrained encoder", seed, benchmark.untrained(seed))
    for name in names:
        lr = LR
        if len(setting(name).rates) > 1:
            tried = {rate: line(name, 0, benchmark.objective(name, rate, 0)) for rate in setting(name).rates}
            validation = {rate: float(found["linear, validation"] or "nan") for rate, found in tried.items()}
            lr = max(validation, key=lambda rate: -1 if math.isnan(validation[rate]) else validation[rate])
        for seed in range(seeds):
            line(name, seed, benchmark.objective(name, lr, seed))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_root(parser)
    parser.add_argument("--objectives", nargs="+", choices=objectives(), default=objectives(), metavar="NAME")
    add_seeds(parser, 3)
    parser.add_argument("--steps", type=int, default=150)
    parser.add_argument("--batch", type=int, default=256)
    add_threads(parser)
    parser.add_argument("--precision", choices=["float32", "bfloat16"], default="bfloat16", help="of the encoder")
    add_out(parser)
    args = parser.parse_args()

    torch.set_num_threads(args.threads)
    records = objectives_records(args.out)
    run(Benchmark(cifar10(args.root), args), records, args.objectives, args.seeds)
    options = [f"--{key}={getattr(args, key)}" for key in ("seeds", "steps", "batch", "threads", "precision")]
    some = [] if args.objectives == objectives() else ["--objectives", *args.objectives]
    command = ["benchmarks.images.objectives", *options, *some]
    note_origin(args.out, "objectives", command, environment(args.threads))
    print(publish("objectives", args.out))


if __name__ == "__main__":
    main()
