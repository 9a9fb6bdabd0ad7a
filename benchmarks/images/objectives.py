"""Every objective of gnnclr on CIFAR-10 with the same encoder, views, steps and optimiser, over several seeds.

    python benchmarks/objectives.py --root PATH
    python benchmarks/objectives.py --objectives NTXentLoss VICRegLoss --seeds 5

PATH is what benchmarks/cifar10.py reads. All objectives of a seed start from the same encoder and see the same views of
the same batches; objectives_settings.py says what differs between them, and why. Training sees 45,000 training images.
Probes fit on 10,000 of them, choose their settings on 2,000 others, and are judged once on the 10,000 test images.
Writes objectives.{csv,md,png}. A finished run is a line of objectives_runs.csv and is not repeated.
"""

import argparse
import inspect
import math
import os
import shlex
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from cifar10 import environment
from objectives_report import MEASURES, Rows, write
from objectives_settings import EMBEDDING, LR, SIZE, WEIGHT_DECAY, WIDTHS, Method, objectives, setting, with_predictor
from runs import Runs
from torch import Tensor

from gnnclr import losses
from gnnclr.eval import Split, effective_rank, knn_probe, linear_probe, uniformity
from gnnclr.train.parameter_groups import parameter_groups
from gnnclr.train.schedule import warmup_cosine
from gnnclr.vision import BatchViews, Images, Labelled, TensorLoader, cifar10

RESULTS = Path(__file__).parent / "results"
#: Images that probes fit on, and choose by.
FIT, CHOOSE = 10_000, 2_000
DETAILS = ("kNN, validation", "linear, validation", "first loss", "last loss")


class Benchmark:
    """Trains and measures. Each method but the last three returns the settings of a run, and the run."""

    def __init__(self, data: Images, args: argparse.Namespace):
        self.args, self.train = args, data.train
        generator = torch.Generator().manual_seed(0)
        parts = ((data.train, FIT), (data.val, CHOOSE), (data.test, len(data.test.labels)))
        subsets = [_subset(part, n, generator) for part, n in parts]
        self.images = torch.cat([subset.images for subset in subsets])
        self.labels = torch.cat([subset.labels for subset in subsets])
        self.split = Split(*torch.arange(len(self.labels)).split([len(subset.labels) for subset in subsets]))
        self.probes = {"fit": FIT, "choose": CHOOSE}

    def objective(self, name: str, lr: float, seed: int) -> tuple[dict, Callable[[], dict[str, float]]]:
        kind, arguments = getattr(losses, name), setting(name).arguments
        every = {p.name: p.default for p in inspect.signature(kind).parameters.values()} | arguments
        settings = {"loss": {key: v for key, v in every.items() if key not in ("gather_distributed", "impl")}, "lr": lr}
        settings |= {key: getattr(self.args, key) for key in ("steps", "batch", "threads", "precision")}
        settings |= {"views": setting(name).views.__name__, "widths": WIDTHS, "size": SIZE, "decay": WEIGHT_DECAY}
        settings["embedding"] = EMBEDDING

        def run() -> dict[str, float]:
            torch.manual_seed(seed)
            method = Method(kind(**arguments), predictor=setting(name).views is with_predictor)
            try:
                trained = self.fit(method, setting(name).views, lr, seed)
            except ValueError as error:  # embeddings that are not finite
                print(f"{name}, seed {seed}, learning rate {lr:g}: {error}", file=sys.stderr)
                return {}
            return trained | self.measure(method)

        return settings | self.probes, run

    def untrained(self, seed: int) -> tuple[dict, Callable[[], dict[str, float]]]:
        def run() -> dict[str, float]:
            torch.manual_seed(seed)
            return self.measure(Method())

        return {"widths": WIDTHS} | self.probes, run

    def pixels(self) -> tuple[dict, Callable[[], dict[str, float]]]:
        # A smaller grid: a fit in 3,072 dimensions costs as much as twenty in 128.
        linear = partial(linear_probe, scalings=["standardize"], C=[0.01, 0.1, 1.0], max_iter=300, tol=1e-4)
        return self.probes, lambda: self.probe(self.images.float().div_(255).flatten(1), linear)

    def fit(self, method: Method, loss_of: Callable, lr: float, seed: int) -> dict[str, float]:
        """Trains ``method``; its time, and the loss of the first and the last tenth of the steps."""
        steps, method.bf16 = self.args.steps, self.args.precision == "bfloat16"
        optimizer = torch.optim.AdamW(parameter_groups(method), lr, weight_decay=WEIGHT_DECAY)
        schedule = warmup_cosine(optimizer, steps, steps // 10)
        loader = TensorLoader(self.train.images, self.train.labels, batch_size=self.args.batch, seed=seed)
        # A generator for the views alone: none of them depends on the random numbers of an objective.
        views, generator, values = BatchViews(SIZE, mean=0.0, std=1.0), torch.Generator().manual_seed(seed), []
        start = time.perf_counter()
        while len(values) < steps:
            for _, batch in zip(range(steps - len(values)), loader):
                loss = loss_of(method, *views(batch["image"], generator), batch["label"])
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
        x = torch.cat([method(chunk.float().div_(255)) for chunk in self.images.split(500)])
        test = x[self.split.test]
        geometry = {"effective rank": float(effective_rank(test)), "uniformity": float(uniformity(test))}
        return self.probe(x, linear_probe) | geometry

    def probe(self, x: Tensor, linear: Callable) -> dict[str, float]:
        results = {"kNN": knn_probe(x, self.labels, self.split), "linear": linear(x, self.labels, self.split)}
        validation = {f"{name}, validation": result.val for name, result in results.items()}
        return {name: result.test for name, result in results.items()} | validation


def _subset(part: Labelled, n: int, generator: torch.Generator) -> Labelled:
    index = torch.randperm(len(part.labels), generator=generator)[:n]
    return Labelled(part.images[index], part.labels[index])


def run(benchmark: Benchmark, runs: Runs, names: list[str], seeds: int) -> Rows:
    rows = {"raw pixels": [runs.get("raw pixels", 0, *benchmark.pixels())]}
    rows["untrained encoder"] = [runs.get("untrained encoder", s, *benchmark.untrained(s)) for s in range(seeds)]
    for name in names:
        lr = LR
        if len(setting(name).rates) > 1:
            tried = {rate: runs.get(name, 0, *benchmark.objective(name, rate, 0)) for rate in setting(name).rates}
            validation = {rate: float(line["linear, validation"]) for rate, line in tried.items()}
            lr = max(validation, key=lambda rate: -1 if math.isnan(validation[rate]) else validation[rate])
        rows[name] = [runs.get(name, seed, *benchmark.objective(name, lr, seed)) for seed in range(seeds)]
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", default=os.environ.get("GNNCLR_DATA"), help="default: $GNNCLR_DATA")
    parser.add_argument("--objectives", nargs="+", choices=objectives(), default=objectives(), metavar="NAME")
    parser.add_argument("--seeds", type=int, default=3, help="seeds 0 to N-1")
    parser.add_argument("--steps", type=int, default=150)
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--precision", choices=["float32", "bfloat16"], default="bfloat16", help="of the encoder")
    parser.add_argument("--out", type=Path, default=RESULTS)
    args = parser.parse_args()
    if args.root is None:
        parser.error("--root must be given, or GNNCLR_DATA be set")

    torch.set_num_threads(args.threads)
    data = cifar10(args.root)
    rows = run(
        Benchmark(data, args),
        Runs(args.out / "objectives_runs.csv", "objective", MEASURES + DETAILS, len(MEASURES)),
        args.objectives,
        args.seeds,
    )

    options = [f"--{key}={getattr(args, key)}" for key in ("seeds", "steps", "batch", "threads", "precision")]
    some = [] if args.objectives == objectives() else ["--objectives", *args.objectives]
    command = shlex.join(["python", "benchmarks/objectives.py", *options, *some])
    train, epochs = len(data.train.labels), args.steps * args.batch / len(data.train.labels)
    protocol = (
        f"{args.steps} steps of {args.batch} images for every objective, {epochs:.2f} epochs of {train:,} images; "
        f"encoder in {args.precision}, losses in float32. Probes fit on {FIT:,} of these images and choose their "
        f"settings on {CHOOSE:,} others (for raw pixels from a smaller grid); accuracy in percent on "
        f"{len(data.test.labels):,} test images."
    )
    print(write(rows, args.out, command, protocol, environment(args)))


if __name__ == "__main__":
    main()
