"""A message that is learned, in the place of the gradient of a contrastive loss.

One network for all edges and one for all nodes are trained through ten rounds on small batches, and then take steps on
batches of other sizes and dimensions, beside gradient descent. The picture has the energy over the rounds, and how
strongly an edge pulls or pushes by the similarity of its ends.

    python examples/learned_update.py --out learned_update.png
"""

import argparse

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gnnclr.dynamics import meta_train, simulate
from gnnclr.graph import ContrastGraph, augmentation_graph
from gnnclr.losses import NTXentLoss
from gnnclr.nn import ContrastiveConv, LearnedUpdate

LEARNED, GRADIENT, INK, MUTED = "#e07b00", "#2563a8", "#1f2933", "#616e7c"
TAU = 0.5
ENERGY = NTXentLoss(TAU)


def clusters(pairs: int, d: int, generator: torch.Generator) -> ContrastGraph:
    """Two views of points in four clusters."""
    of = torch.randn(4, d, generator=generator)[torch.randint(4, (pairs,), generator=generator)]
    return augmentation_graph([of + torch.randn(pairs, d, generator=generator) for _ in range(2)])


def small(generator: torch.Generator) -> ContrastGraph:
    """A batch to learn from: 12 to 32 nodes in 4 to 16 dimensions."""
    pairs, d = (int(torch.randint(low, high, (), generator=generator)) for low, high in ((6, 17), (4, 17)))
    return clusters(pairs, d, generator)


def gradient(graph: ContrastGraph, rounds: int, factor: float) -> torch.Tensor:
    """The energy of gradient descent; a factor of one is the step of an update that has not learned yet."""
    return simulate(ContrastiveConv(TAU), graph, rounds=rounds, step_size=factor * TAU / 2, measures={}).energy


@torch.no_grad()
def draw_energy(axis: Axes, update: LearnedUpdate, graph: ContrastGraph, rounds: int, factor: float) -> None:
    """The energy over the rounds."""
    learned = [float(ENERGY(z, graph)) for z in update.unroll(graph.x, graph, rounds)]
    plain = gradient(graph, rounds, factor).tolist()
    least = min(*learned, *gradient(graph, 10 * rounds, factor).tolist())
    axis.semilogy([energy - least for energy in learned], color=LEARNED, linewidth=2, label="learned")
    axis.semilogy(
        [energy - least for energy in plain], color=GRADIENT, linewidth=2, label=f"gradient, {factor:g} times the step"
    )
    axis.set(xlabel="round", ylabel="NT-Xent over the least found")
    axis.set_title(f"{graph.num_nodes} nodes in {graph.x.size(1)} dimensions", fontsize=11)
    axis.legend(frameon=False, fontsize=9)
    size = f"{graph.num_nodes} x {graph.x.size(1)}"
    print(f"{size}: learned {learned[-1]:.4f}, gradient {plain[-1]:.4f}, start {learned[0]:.4f}")


@torch.no_grad()
def draw_weights(axis: Axes, update: LearnedUpdate, graph: ContrastGraph) -> None:
    """The weight of each edge in the first round, by the similarity of its ends."""
    seen = {}
    hook = update.register_propagate_forward_pre_hook(lambda _, given: seen.update(edges=given[0], of=given[-1]))
    update(graph.x, graph)
    hook.remove()
    z = torch.nn.functional.normalize(graph.x, dim=1)
    source, target = seen["edges"]
    score = (z[source] * z[target]).sum(dim=1)
    own = graph.group[source] == graph.group[target]
    for chosen, color, name in ((~own, MUTED, "negatives"), (own, LEARNED, "positives")):
        axis.plot(score[chosen], seen["of"]["weight"][chosen], ".", color=color, markersize=4, label=name)
    axis.axhline(0, color=INK, linewidth=0.8)
    axis.set(xlabel="similarity", ylabel="weight of the edge")
    axis.set_title("Positives pull, negatives push: the first round", fontsize=11)
    axis.legend(frameon=False, fontsize=9)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", default="learned_update.png", help="the figure")
    parser.add_argument("--steps", type=int, default=200, help="batches to learn from")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--largest", type=int, default=512, help="nodes of the largest batch")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()

    torch.manual_seed(options.seed)
    generator, update = torch.Generator().manual_seed(options.seed), LearnedUpdate(TAU)
    history = meta_train(update, lambda step: small(generator), ENERGY, steps=options.steps, learning_rate=0.01)
    print(f"mean energy of ten rounds: {sum(history[:10]) / 10:.3f} in the first ten batches, "
          f"{sum(history[-10:]) / 10:.3f} in the last ten")  # fmt: skip
    # The best step of gradient descent, on batches of the same kind.
    tuning = [small(generator) for _ in range(8)]
    factors = (0.5, 1.0, 1.5, 2.0, 3.0)
    factor = min(factors, key=lambda each: sum(float(gradient(graph, 10, each)[-1]) for graph in tuning))

    figure = Figure(figsize=(13, 7), layout="constrained")
    axes = figure.subplots(2, 2).flatten()
    for axis, (nodes, d) in zip(axes, ((24, 8), (64, 64), (options.largest, 32))):
        draw_energy(axis, update, clusters(nodes // 2, d, generator), options.rounds, factor)
    draw_weights(axes[3], update, clusters(32, 8, generator))
    for axis in axes:
        axis.spines[["top", "right"]].set_visible(False)
        axis.tick_params(colors=MUTED, labelsize=9)
    figure.suptitle("A learned update of a contrastive batch, on batches that it never saw", color=INK)
    figure.savefig(options.out, dpi=110)
