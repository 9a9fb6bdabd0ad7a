"""Batches of high loss: how near mini-batches come to the full batch, and retrieval of the other view.

    python -m benchmarks.mini_batches

*Points* are pairs of free unit vectors, as in "Mini-Batch Optimization of Contrastive Loss": eight pairs in 16
dimensions, where the best full-batch loss is that of a simplex, and in 4, where it is that of a cross-polytope. Batches
of two, temperature 1, SGD with learning rate 0.5, 1,000 updates for all, from the same start.

*Digits* are scikit-learn's, moved by up to one pixel and with noise of deviation 0.1, through a perceptron with one
hidden layer of 128 and embeddings of 64 numbers. Batches of 32, temperature 0.1, Adam, 400 updates for all, which are
twenty passes over the 640 training images for random batches. The learning rate is that of the best retrieval of the
400 validation images at a seed of its own. Retrieval is that of the paper: how often the nearest second view of all 757
test images is that of the image of the first view. A finished run is a line of mini_batches_runs.csv and is not
repeated.
"""

import argparse
import sys
from collections.abc import Callable, Iterator
from functools import lru_cache, partial
from itertools import combinations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks.common import add_out, add_seeds
from benchmarks.common.machine import environment, note_origin, words_of
from benchmarks.pages import publish
from benchmarks.pages.mini_batches import ALL, BATCHES, FIXED, FULL, OSGD, RANDOM, SC, batches_records
from gnnclr.graph.batches import BatchSelection, HighLossBatches, SpectralBatches

POINTS, SIZE, UPDATES = 8, 2, 1000
DIGITS_SIZE, DIGITS_UPDATES, RATES, SEARCH_SEED = 32, 400, (1e-3, 5e-3), 1000
Embed = Callable[[], tuple[Tensor, Tensor]]


class SmallLoss(nn.Module):
    """InfoNCE in both directions, of a batch so small that its matrix of similarities costs nothing."""

    def __init__(self, temperature: float):
        super().__init__()
        self.temperature = temperature

    def forward(self, z0: Tensor, z1: Tensor) -> Tensor:
        """The mean over both directions."""
        scores, own = unit(z0) @ unit(z1).t() / self.temperature, torch.arange(len(z0))
        return (F.cross_entropy(scores, own) + F.cross_entropy(scores.t(), own)) / 2


def unit(x: Tensor) -> Tensor:
    """Rows of unit length."""
    return F.normalize(x, dim=1)


LOSSES = {tau: SmallLoss(tau) for tau in (1.0, 0.1)}


def rule_of(name: str, tau: float, batches: int) -> BatchSelection | None:
    """The rule that chooses batches; random ones have none."""
    if name == SC:
        return SpectralBatches(k=min(batches, 8), temperature=tau)
    return HighLossBatches(LOSSES[tau], k=7 * batches, q=batches) if name == OSGD else None


def choose(name: str, n: int, size: int, tau: float, embed: Embed, generator: torch.Generator) -> Iterator[Tensor]:
    """The batches of one epoch after another; of OSGD the best seventh of those of seven random orders."""
    rule = rule_of(name, tau, n // size)
    fixed = torch.randperm(n, generator=generator)
    while True:
        if name in (FULL, ALL):
            yield torch.arange(n)
            continue
        orders = [torch.randperm(n, generator=generator)[: n // size * size] for _ in range(7 if name == OSGD else 1)]
        order = fixed if name == FIXED else torch.cat(orders)
        if rule is None:
            yield from (batch for batch in order.split(size) if len(batch) == size)
            continue
        with torch.no_grad():
            rule.set_embeddings(*embed())
        yield from (batch for batch in rule.batches(order, size) if len(batch) == size)


def all_batches(u: Tensor, v: Tensor) -> Tensor:
    """The mean loss of all batches."""
    pairs = torch.tensor(list(combinations(range(len(u)), SIZE)))
    own = (u * v).sum(dim=1)
    one, two = pairs.t()
    scores = [(u[a] * v[b]).sum(dim=1) - own[c] for a, b in ((one, two), (two, one)) for c in (one, two)]
    return torch.stack([F.softplus(score) for score in scores]).mean()


def best(d: int) -> tuple[Tensor, float]:
    """A sorted row of the similarities of the best points, and their full-batch loss."""
    n = POINTS
    row = torch.full((n,), -1 / (n - 1)) if d >= n else torch.tensor([-1.0] + [0.0] * (n - 1))
    row[-1] = 1.0
    return row, float(row.exp().sum().log() - 1)


def points(d: int, name: str, seed: int) -> dict[str, float]:
    """Free points after all updates: full-batch loss over the best one, distance from the best similarities."""
    generator = torch.Generator().manual_seed(seed)
    u, v = (torch.randn(POINTS, d, generator=generator).requires_grad_() for _ in range(2))
    optimizer = torch.optim.SGD([u, v], lr=0.5)
    batches = choose(name, POINTS, SIZE, 1.0, lambda: (unit(u), unit(v)), generator)
    for _ in range(UPDATES):
        batch = next(batches)
        optimizer.zero_grad()
        loss = all_batches if name == ALL else LOSSES[1.0]
        loss(unit(u[batch]), unit(v[batch])).backward()
        optimizer.step()
    with torch.no_grad():
        row, least = best(d)
        found = (unit(u) @ unit(v).t()).sort(dim=1).values
        return {"loss": float(LOSSES[1.0](unit(u), unit(v))) - least, "distance": float((found - row).norm())}


@lru_cache(maxsize=1)
def digits() -> tuple[Tensor, Tensor, Tensor]:
    """Training, validation and test images [n, 8, 8]."""
    from sklearn.datasets import load_digits

    images = torch.as_tensor(load_digits().images, dtype=torch.float32) / 16
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))
    return tuple(images[order].split([640, 400, 757]))


def view(images: Tensor, generator: torch.Generator) -> Tensor:
    """Images [n, 64], each moved by up to one pixel, and noise."""
    n = len(images)
    moved = F.pad(images, (1, 1, 1, 1)).unfold(1, 8, 1).unfold(2, 8, 1)
    at = torch.randint(3, (2, n), generator=generator)
    found = moved[torch.arange(n), at[0], at[1]].flatten(1)
    return found + 0.1 * torch.randn(n, 64, generator=generator)


def retrieval(z0: Tensor, z1: Tensor) -> float:
    """In percent, how often the nearest second view is that of the same image."""
    hit = (unit(z0) @ unit(z1).t()).argmax(dim=1) == torch.arange(len(z0))
    return 100 * float(hit.double().mean())


def perceptron(name: str, seed: int, rate: float, part: int) -> dict[str, float]:
    """A perceptron on digits after all updates: full-batch loss of training images, retrieval of those of a part."""
    torch.manual_seed(seed)
    train, generator = digits()[0], torch.Generator().manual_seed(seed)
    model = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 64))
    optimizer = torch.optim.Adam(model.parameters(), rate)

    def embed() -> tuple[Tensor, Tensor]:
        return model(view(train, generator)), model(view(train, generator))

    batches = choose(name, len(train), DIGITS_SIZE, 0.1, embed, generator)
    for _ in range(DIGITS_UPDATES):
        images = train[next(batches)]
        optimizer.zero_grad()
        LOSSES[0.1](model(view(images, generator)), model(view(images, generator))).backward()
        optimizer.step()
    fixed = torch.Generator().manual_seed(7)
    with torch.no_grad():
        whole = LOSSES[0.1](model(view(train, fixed)), model(view(train, fixed)))
        images = digits()[part]
        return {
            "loss": float(whole),
            "retrieval": retrieval(model(view(images, fixed)), model(view(images, fixed))),
        }


def pixels() -> dict[str, float]:
    """Retrieval by pixels."""
    fixed, (train, _, test) = torch.Generator().manual_seed(7), digits()
    loss = LOSSES[0.1](view(train, fixed), view(train, fixed))
    return {"loss": float(loss), "retrieval": retrieval(view(test, fixed), view(test, fixed))}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_seeds(parser, 3)
    add_out(parser)
    args = parser.parse_args()
    if args.seeds < 2:
        parser.error("--seeds must be at least 2")

    torch.set_num_threads(1)
    records = batches_records(args.out)
    for d in (16, 4):
        for name in BATCHES:
            for seed in range(args.seeds):
                records.once(partial(points, d, name, seed), ["loss"], data=f"points, {d}", batches=name, seed=seed)
    records.once(pixels, ["retrieval"], data="digits", batches="pixels", seed=0)
    for name in (RANDOM, OSGD, SC, FULL):
        found = {}
        for rate in RATES:
            run = partial(perceptron, name, SEARCH_SEED, rate, 1)
            key = {"data": "digits, search", "batches": f"{name}, {rate:g}", "seed": SEARCH_SEED}
            found[rate] = float(records.once(run, ["retrieval"], **key)["retrieval"])
        rate = max(found, key=found.__getitem__)
        for seed in range(args.seeds):
            run = partial(perceptron, name, seed, rate, 2)
            records.once(run, ["retrieval"], data="digits", batches=name, seed=seed)
    where = environment(1, packages=("torch", "scikit-learn"))
    note_origin(args.out, "mini_batches", ["benchmarks.mini_batches", *words_of(sys.argv[1:])], where)
    print(publish("mini_batches", args.out))


if __name__ == "__main__":
    main()
