"""A learned update of a contrastive batch, beside gradient descent with and without momentum.

    python -m benchmarks.learned_update

Batches are pairs of points in four clusters on a sphere, and the energy is NT-Xent at temperature 0.5. For each seed a
`LearnedUpdate` is trained through ten unrolled rounds on 200 batches of 12 to 32 nodes in 4 to 16 dimensions, and then
runs on batches that it never saw, also larger ones and in other dimensions, and for more rounds than it was trained
for. Gradient descent takes steps on the sphere along the message of the layer; its step size, and with momentum the
momentum too, is that of the lowest energy after ten rounds on other batches: on batches as the update was trained on,
or, with momentum, also on batches of the very size that it is judged on. The least energy is that after 100 rounds of
the latter. A finished row of learned_update_runs.csv is not repeated.
"""

import argparse
import sys
from collections.abc import Callable
from functools import lru_cache, partial

import torch
from torch import Tensor

from benchmarks.common import add_out, add_seeds
from benchmarks.common.machine import environment, note_origin, words_of
from benchmarks.pages import publish
from benchmarks.pages.learned_update import LEARNED, METHODS, MOMENTUM, ROUNDS, SHAPES, learned_records
from gnnclr.dynamics import meta_train
from gnnclr.graph import ContrastGraph, augmentation_graph
from gnnclr.losses import NTXentLoss
from gnnclr.nn import ContrastiveConv, LearnedUpdate
from gnnclr.ops.unit_rows import unit_rows

TAU, CLUSTERS, STEPS, UNROLLED, LEAST = 0.5, 4, 200, 10, 100
ENERGY, CONV = NTXentLoss(TAU), ContrastiveConv(TAU)
#: Step sizes, in units of the step that an untrained update takes, and momenta.
SIZES, MOMENTA = (0.25, 0.5, 1.0, 1.5, 2.0), (0.5, 0.8)
Path = Callable[[ContrastGraph, int], list[Tensor]]


def batch(nodes: int, d: int, generator: torch.Generator) -> ContrastGraph:
    """Pairs of points near the centers of clusters."""
    center = torch.randn(CLUSTERS, d, generator=generator)
    of = center[torch.randint(CLUSTERS, (nodes // 2,), generator=generator)]
    return augmentation_graph([unit_rows(of + torch.randn(of.shape, generator=generator)) for _ in range(2)])


def small_batch(generator: torch.Generator) -> ContrastGraph:
    """A batch as the update is trained on."""
    pairs, d = (int(torch.randint(low, high, (), generator=generator)) for low, high in ((6, 17), (4, 17)))
    return batch(2 * pairs, d, generator)


@lru_cache
def learned(seed: int) -> LearnedUpdate:
    """A trained update."""
    torch.manual_seed(seed)
    update, generator = LearnedUpdate(TAU), torch.Generator().manual_seed(seed)
    meta_train(update, lambda step: small_batch(generator), ENERGY, steps=STEPS, rounds=UNROLLED, learning_rate=0.01)
    return update


@torch.no_grad()
def descend(graph: ContrastGraph, rounds: int, size: float, momentum: float = 0.0) -> list[Tensor]:
    """The points after each round of gradient descent on the sphere; the velocity stays tangent to it."""
    z = unit_rows(graph.x)
    found, speed, scale = [z], torch.zeros_like(z), size * len(z) * TAU / 2
    for _ in range(rounds):
        speed = momentum * speed + scale * CONV(z, graph)
        speed = speed - (speed * z).sum(dim=1, keepdim=True) * z
        z = unit_rows(z + speed)
        found.append(z)
    return found


@torch.no_grad()
def mean_energy(path: Path, graphs: list[ContrastGraph], rounds: tuple[int, ...]) -> list[float]:
    """The mean energy over batches after some numbers of rounds."""
    energies = [[float(ENERGY(zs[r], graph)) for r in rounds] for graph in graphs for zs in [path(graph, max(rounds))]]
    return torch.tensor(energies, dtype=torch.float64).mean(dim=0).tolist()


def tuned(graphs: list[ContrastGraph], momenta: tuple[float, ...]) -> dict[str, float]:
    """Step size and momentum of the lowest energy after the rounds of the training."""
    settings = [{"size": size, "momentum": momentum} for size in SIZES for momentum in momenta]
    energies = [mean_energy(partial(descend, **each), graphs, (UNROLLED,))[0] for each in settings]
    return settings[energies.index(min(energies))]


@lru_cache
def tuned_on_small(momenta: tuple[float, ...]) -> dict[str, float]:
    """The same on batches as the update is trained on."""
    generator = torch.Generator().manual_seed(2000)
    return tuned([small_batch(generator) for _ in range(8)], momenta)


@lru_cache
def tuned_on_size(nodes: int, d: int, momenta: tuple[float, ...]) -> dict[str, float]:
    """The same on batches of one size."""
    generator = torch.Generator().manual_seed(2001)
    return tuned([batch(nodes, d, generator) for _ in range(2)], momenta)


def row(nodes: int, d: int, method: str, seed: int) -> dict[str, float]:
    """The energy of a method after some numbers of rounds, on batches that are the same for all methods."""
    generator = torch.Generator().manual_seed(3000 + seed)
    graphs = [batch(nodes, d, generator) for _ in range(8 if nodes < 512 else 2)]
    momenta = MOMENTA if MOMENTUM in method else (0.0,)
    if method == LEARNED:
        update = learned(seed)

        def path(graph: ContrastGraph, rounds: int) -> list[Tensor]:
            return update.unroll(graph.x, graph, rounds)

    elif method == "start":
        return dict.fromkeys(ROUNDS, mean_energy(partial(descend, size=1.0), graphs, (0,))[0])
    elif method == "least":
        settings = tuned_on_size(nodes, d, MOMENTA)
        return dict.fromkeys(ROUNDS, mean_energy(partial(descend, **settings), graphs, (LEAST,))[0])
    else:
        settings = tuned_on_size(nodes, d, momenta) if "same size" in method else tuned_on_small(momenta)
        path = partial(descend, **settings)
    return dict(zip(ROUNDS, mean_energy(path, graphs, tuple(map(int, ROUNDS)))))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_seeds(parser, 3)
    add_out(parser)
    args = parser.parse_args()
    if args.seeds < 2:
        parser.error("--seeds must be at least 2")

    torch.set_num_threads(1)
    records = learned_records(args.out)
    for nodes, d in SHAPES:
        for method in METHODS:
            for seed in range(args.seeds):
                key = {"nodes": nodes, "dimensions": d, "method": method, "seed": seed}
                records.once(partial(row, nodes, d, method, seed), ROUNDS, **key)
    command = ["benchmarks.learned_update", *words_of(sys.argv[1:])]
    note_origin(args.out, "learned_update", command, environment(1, packages=("torch", "torch_geometric")))
    print(publish("learned_update", args.out))


if __name__ == "__main__":
    main()
