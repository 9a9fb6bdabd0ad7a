"""A batch larger than the encoder's memory: time, memory and gradients of its two forms, beside plain small steps.

    python -m benchmarks.chunks
    python -m benchmarks.chunks --images 2048 --checked 256

SimCLR's views of CIFAR-10, or of random images where neither --root nor GNNCLR_DATA says where that is, go through the
slim ResNet and a projector of width 64. Each row of costs is measured in a process of its own; of its turns the fastest
counts, and the largest peak. Seconds are those of the processor, on one thread, and do not see what else a machine
does. Peak memory is over that at the start, with the images loaded and the first call of everything done. Gradients are
compared at --checked images.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn

from benchmarks.common import add_out
from benchmarks.common.cells import measure_alone
from benchmarks.common.machine import environment, note_origin, words_of
from benchmarks.common.memory import watch_peak
from benchmarks.pages import publish
from benchmarks.pages.chunks import PLAIN, WHOLE, chunks_records
from gnnclr.losses import NTXentLoss, cached_backward
from gnnclr.nn import in_chunks
from gnnclr.vision import BatchViews, MLPHead, SlimResNet, cifar10

LOSS = NTXentLoss(temperature=0.2)


def batch(count: int, root: str | None) -> Tensor:
    """Images as bytes."""
    if root is not None:
        return cifar10(root).unlabeled[:count]
    return torch.randint(0, 256, (count, 3, 32, 32), dtype=torch.uint8)


def network(norm: str) -> nn.Sequential:
    """An encoder and its projector, with batch or group normalization."""
    torch.manual_seed(0)
    encoder, projector = SlimResNet(), MLPHead(128, 128, 64, norm=norm == "batch")
    if norm == "group":
        for part in list(encoder.modules()):
            for name, child in part.named_children():
                if isinstance(child, nn.BatchNorm2d):
                    setattr(part, name, nn.GroupNorm(8, child.num_features))
    return nn.Sequential(encoder, projector)


def small_steps(model: nn.Module, views: list[Tensor], chunk: int) -> None:
    """The same images, contrasted within chunks alone."""
    for parts in zip(*(view.split(chunk) for view in views)):
        LOSS(*map(model, parts)).backward()


def checkpointed(model: nn.Module, views: list[Tensor], chunk: int) -> None:
    """What methods do where they have a ``chunk_size``."""
    LOSS(*(in_chunks(model, view, chunk) for view in views)).backward()


def cached(model: nn.Module, views: list[Tensor], chunk: int) -> None:
    cached_backward(model, views, LOSS, chunk)


def one_graph(model: nn.Module, views: list[Tensor], chunk: int) -> None:
    """One pass over the same chunks, whose activations are all kept."""
    LOSS(*(torch.cat([model(part) for part in view.split(chunk)]) for view in views)).backward()


def at_once(model: nn.Module, views: list[Tensor], chunk: int) -> None:
    """One pass over all."""
    LOSS(*map(model, views)).backward()


FORMS: dict[str, Callable[[nn.Module, list[Tensor], int], None]] = {
    PLAIN: small_steps,
    "`chunk_size`": checkpointed,
    "`cached_backward`": cached,
    WHOLE: at_once,
}


def count(form: str, args: argparse.Namespace) -> int:
    """The images of a row of costs: what keeps the activations of all has fewer."""
    return args.checked if form == WHOLE else args.images


def cell(form: str, args: argparse.Namespace) -> dict[str, float]:
    """Time and memory of one form, in a process of its own."""
    images, model, augment = batch(count(form, args), args.root), network("batch"), BatchViews(32)
    torch.manual_seed(0)
    FORMS[form](model, augment(images[: 2 * args.chunk]), args.chunk)
    peak = watch_peak(torch.device("cpu"))
    views = augment(images)
    start = time.process_time()
    FORMS[form](model, views, args.chunk)
    return {"seconds": time.process_time() - start, "peak MB": peak()}


def gradient(form: Callable, norm: str, views: list[Tensor], chunk: int) -> Tensor:
    model = network(norm)
    form(model, views, chunk)
    return torch.cat([parameter.grad.flatten() for parameter in model.parameters()])


def compare(form: str, norm: str, args: argparse.Namespace) -> dict[str, float]:
    """How far a gradient is from those of one pass over the same chunks and over all, relative to its length."""
    torch.manual_seed(0)
    views = BatchViews(32)(batch(args.checked, args.root))
    found = gradient(FORMS[form], norm, views, args.chunk)
    others = {"from same chunks": one_graph, "from all at once": at_once}
    wanted = {name: gradient(other, norm, views, args.chunk) for name, other in others.items()}
    return {name: float((found - other).norm() / other.norm()) for name, other in wanted.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    root = os.environ.get("GNNCLR_DATA")
    parser.add_argument("--root", default=root, help="folder of data sets (default: $GNNCLR_DATA, or random images)")
    parser.add_argument("--images", type=int, default=16_384, help="images of the batch, with two views each")
    parser.add_argument("--checked", type=int, default=1024, help="images whose gradients are compared")
    parser.add_argument("--chunk", type=int, default=256, help="views that the encoder takes at once")
    parser.add_argument("--turns", type=int, default=2, help="runs of each row of costs")
    add_out(parser)
    parser.add_argument("--cell", help=argparse.SUPPRESS)
    args = parser.parse_args()
    torch.set_num_threads(1)
    if args.cell is not None:
        print(json.dumps(cell(args.cell, args)))
        return

    records, env, best = chunks_records(args.out), environment(1), {}
    for turn in range(args.turns):
        for form in FORMS:
            row = measure_alone("benchmarks.chunks", [*sys.argv[1:], "--cell", form])
            before = best.get(form, row)
            best[form] = {"seconds": min(before["seconds"], row["seconds"])}
            best[form]["peak MB"] = max(before["peak MB"], row["peak MB"])
            print(f"{turn}, {form}: {row['seconds']:.1f} s, {row['peak MB']:,.0f} MB", file=sys.stderr, flush=True)
    rows = [{"form": form, "norm": "batch", "images": count(form, args)} | row for form, row in best.items()]
    for norm in ("batch", "group"):
        for form in ("`chunk_size`", "`cached_backward`"):
            rows.append({"form": form, "norm": norm, "images": args.checked} | compare(form, norm, args))
    shared = {"chunk": args.chunk, "data": "random" if args.root is None else "CIFAR-10"} | env
    records.write(row | shared for row in rows)
    note_origin(args.out, "chunks", ["benchmarks.chunks", *words_of(sys.argv[1:])], env)
    print(publish("chunks", args.out))


if __name__ == "__main__":
    main()
