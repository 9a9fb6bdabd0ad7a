"""SimCLR on CIFAR-10 within a time budget on a CPU.

    python -m benchmarks.images.cifar10 --root PATH --minutes 18

PATH is or holds cifar10.zip (JPEG files in train/<class>/ and test/<class>/), such a folder, or torchvision's CIFAR-10.
A few steps are timed first, in float32 and in bfloat16; the faster is taken, and the learning rate's cosine ends when
the budget does. Training sees the 50,000 training images without labels. Probes fit on 45,000 of them, choose their
settings on the other 5,000, and are judged once on the 10,000 test images, beside raw pixels and the untrained encoder.
Writes cifar10.{csv,json}; the budget does not count loading and probes.
"""

import argparse
import copy
import json
import sys
import time
from pathlib import Path

import torch
from torch import Tensor, nn

from benchmarks.common import add_out, add_root
from benchmarks.common.machine import environment, note_origin, words_of
from benchmarks.images.probing import pixel_probe
from benchmarks.pages import publish
from benchmarks.pages.cifar10 import cifar10_records
from gnnclr.eval import Split, effective_rank, evaluate_features, knn_probe
from gnnclr.losses import NTXentLoss
from gnnclr.train.optim import parameter_groups, warmup_cosine
from gnnclr.vision import BatchViews, Images, MLPHead, SimCLR, SlimResNet, TensorLoader, cifar10


def build(args: argparse.Namespace) -> SimCLR:
    torch.manual_seed(args.seed)
    encoder = SlimResNet(tuple(args.widths))
    projector = MLPHead(encoder.out_features, args.hidden, args.embedding)
    views = BatchViews(args.size, scale=(args.scale, 1.0), hue=args.hue)
    return SimCLR(encoder, projector, views, NTXentLoss(args.temperature))


def make_optimizer(method: nn.Module, args: argparse.Namespace) -> torch.optim.Optimizer:
    return torch.optim.AdamW(parameter_groups(method), args.lr, weight_decay=args.weight_decay)


def step(method: SimCLR, optimizer: torch.optim.Optimizer, batch: dict[str, Tensor], bf16: bool) -> dict[str, Tensor]:
    with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
        loss, logs = method.training_step_loss(batch)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return {"loss": loss.detach()} | logs


def seconds_per_step(method: SimCLR, images: Tensor, args: argparse.Namespace, bf16: bool, steps: int = 8) -> float:
    """The median time of a step, on a copy: nothing is learnt from it."""
    method = copy.deepcopy(method)
    optimizer, times = make_optimizer(method, args), []
    for _, batch in zip(range(steps + 2), TensorLoader(images, batch_size=args.batch)):
        start = time.perf_counter()
        step(method, optimizer, batch, bf16)
        times.append(time.perf_counter() - start)
    return torch.tensor(times[2:]).median().item()


def train(method: SimCLR, images: Tensor, args: argparse.Namespace) -> dict:
    start = time.perf_counter()
    costs = {name: seconds_per_step(method, images, args, name == "bfloat16") for name in args.precision}
    precision = min(costs, key=costs.__getitem__)
    left = args.minutes * 60 - (time.perf_counter() - start)
    total = max(int(left / costs[precision]), 10)
    print(f"{precision}, {total} steps of {costs[precision]:.3f} s ({costs})", file=sys.stderr)

    torch.manual_seed(args.seed)
    optimizer = make_optimizer(method, args)
    schedule = warmup_cosine(optimizer, total, min(args.warmup, total // 10))
    loader, done, curve = TensorLoader(images, batch_size=args.batch, seed=args.seed), 0, []
    while done < total:
        for batch in loader:
            logs = step(method, optimizer, batch, precision == "bfloat16")
            schedule.step()
            done += 1
            if done % 50 == 0 or done == total:
                elapsed = time.perf_counter() - start
                curve.append({"step": done, "seconds": round(elapsed, 1)} | {k: float(v) for k, v in logs.items()})
                values = ", ".join(f"{name} {float(value):.3f}" for name, value in logs.items())
                print(f"step {done}/{total}, {elapsed / 60:.1f} min: {values}", file=sys.stderr, flush=True)
            if done == total:
                break
    return {
        "precision": precision,
        "steps": total,
        "epochs": total * args.batch / len(images),
        "minutes": (time.perf_counter() - start) / 60,
        "views_per_second": 2 * args.batch / costs[precision],
        "seconds_per_step": costs,
        "curve": curve,
    }


@torch.no_grad()
def embed(method: SimCLR, data: Images) -> Tensor:
    method.eval()
    parts = (data.train, data.val, data.test)
    return torch.cat([method(chunk).float() for part in parts for chunk in part.images.split(500)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_root(parser)
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--widths", type=int, nargs="+", default=[48, 96, 192])
    parser.add_argument("--size", type=int, default=24, help="height and width of the views")
    parser.add_argument("--hidden", type=int, default=128)
    parser.add_argument("--embedding", type=int, default=64)
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--lr", type=float, default=3e-3)
    parser.add_argument("--weight-decay", type=float, default=0.01)
    parser.add_argument("--warmup", type=int, default=100, help="steps")
    parser.add_argument("--temperature", type=float, default=0.2)
    parser.add_argument("--scale", type=float, default=0.2, help="smallest share of the image in a crop")
    parser.add_argument("--hue", choices=["hsv", "yiq"], default="hsv")
    parser.add_argument("--precision", nargs="+", choices=["float32", "bfloat16"], default=["float32", "bfloat16"])
    add_out(parser)
    args = parser.parse_args()

    torch.set_num_threads(args.threads)
    data = cifar10(args.root)
    labels = torch.cat([part.labels for part in (data.train, data.val, data.test)])
    split = Split(*torch.arange(len(labels)).split([len(part.labels) for part in (data.train, data.val, data.test)]))
    pixels = torch.cat([part.images for part in (data.train, data.val, data.test)])

    method = build(args)
    untrained = copy.deepcopy(method)
    run = train(method, data.unlabeled, args)
    print("probes", file=sys.stderr)
    trained = embed(method, data)
    results = evaluate_features({"SimCLR": trained, "untrained encoder": embed(untrained, data)}, labels, split)
    probes = {"linear": pixel_probe, "kNN": knn_probe}
    results |= evaluate_features({"raw pixels": pixels.float().div_(255)}, labels, split, probes)
    run["effective_rank"] = float(effective_rank(trained[-len(data.test.labels) :]))
    write(results, run, args)


def write(results: dict, run: dict, args: argparse.Namespace) -> None:
    """The rows as CSV, and the run and its settings as JSON."""
    env = environment(args.threads)
    settings = {name: str(value) if isinstance(value, Path) else value for name, value in vars(args).items()}
    settings = {name: value for name, value in settings.items() if name not in ("root", "out")}
    rows = []
    for name, row in results.items():
        accuracy = {f"{probe}, test": result.test for probe, result in row.items()}
        accuracy |= {f"{probe}, validation": result.val for probe, result in row.items()}
        rows.append({"features": name} | accuracy | {"minutes": run["minutes"]} | env)
    cifar10_records(args.out).write(rows)
    probes = {n: {p: {"settings": r.settings, "test": r.test} for p, r in row.items()} for n, row in results.items()}
    report = {"environment": env, "settings": settings, "run": run, "results": probes}
    (args.out / "cifar10.json").write_text(json.dumps(report, indent=1, default=str) + "\n")
    note_origin(args.out, "cifar10", ["benchmarks.images.cifar10", *words_of(sys.argv[1:])], env)
    print(publish("cifar10", args.out))


if __name__ == "__main__":
    main()
