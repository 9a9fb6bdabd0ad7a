"""BYOL as two linear layers: how predictor and embeddings align, and when they collapse.

The eigenvalues p of the predictor and s of the correlation of the embeddings move in the plane along parabolas, to zero
or to a rest beside zero; weight decay and the learning rate of the predictor say where the border is. The pictures are
those of "Understanding Self-Supervised Learning Dynamics without Contrastive Pairs".

    python examples/predictor_dynamics.py --out predictor_dynamics.png
"""

import argparse

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gnnclr.dynamics import LinearSiamese, Modes, SiameseModes, SiameseTrajectory

INK, MUTED, GOOD, BAD = "#1f2933", "#616e7c", "#2563a8", "#b4232a"
RATES = {0.1: "#e07b00", 1.0: "#2563a8", 10.0: "#228833"}
TARGETS = {None: ("#1f2933", "SimSiam"), 0.1: ("#2563a8", "β = 0.1"), 0.01: ("#e07b00", "β = 0.01")}


def run(options: argparse.Namespace, target: float | None = None, **settings: float) -> SiameseTrajectory:
    """A simulation from the same start, with other settings."""
    model = LinearSiamese.isotropic(32, options.noise, target_rate=target, **settings)
    start = model.start(options.width, predictor_scale=0.3, seed=options.seed)
    step = 0.2 / max(1.0, model.predictor_rate) ** 0.5
    return model.simulate(start, time=options.time, step=step, record_every=1)


def draw_plane(axis: Axes, options: argparse.Namespace) -> None:
    """Modes from all over the plane, by where they end, and the borders of the theory."""
    modes = SiameseModes(options.noise, weight_decay=options.decay)
    p, s = torch.meshgrid(torch.linspace(-0.3, 1, 14), torch.linspace(0.01, 0.6, 9), indexing="ij")
    start = Modes(p.flatten(), s.flatten(), torch.ones(p.numel()))
    paths = modes.simulate(start, time=options.time, step=0.2, record_every=1).modes
    low, high = modes.fixed_points() or (0.0, 0.0)
    for of_p, of_s in zip(paths.predictor.t(), paths.correlation.t()):
        axis.plot(of_p, of_s, color=GOOD if of_p[-1] > high / 2 else BAD, linewidth=0.8, alpha=0.7)
    line = torch.linspace(-0.3, 0.77, 100)
    axis.plot(line, line**2, color=INK, linestyle="--", linewidth=1.5, label="p² = s")
    axis.plot([low, high], [low**2, high**2], "o", color=INK, markersize=6, label="rest beside zero")
    axis.set(xlabel="p, of the predictor", ylabel="s, of the correlation", ylim=(0, 0.6))
    axis.set_title("Modes that live (blue) and collapse (red)", fontsize=11)
    axis.legend(fontsize=9, loc="upper right", framealpha=1)


def draw_modes(axes: list[Axes], found: SiameseTrajectory, options: argparse.Namespace) -> None:
    """Eigenvalues over time, and where they should rest."""
    fixed = SiameseModes(options.noise, weight_decay=options.decay).fixed_points()
    for axis, values, power in zip(axes, (found.predictor, found.correlation), (1, 2)):
        axis.plot(found.time, values, color=GOOD, linewidth=1)
        if fixed is not None:
            axis.axhline(fixed[1] ** power, color=INK, linestyle="--", linewidth=1)
        axis.set(xlabel="time", xscale="symlog", xlim=(0, options.time))
    axes[0].set_title("Eigenvalues p of the predictor, and their rest", fontsize=11)
    axes[1].set_title("Eigenvalues s of the correlation", fontsize=11)


def draw_alignment(axis: Axes, options: argparse.Namespace) -> None:
    """The eigenspaces, for targets of several speeds."""
    for target, (color, name) in TARGETS.items():
        found = run(options, target, weight_decay=options.decay)
        axis.plot(found.time, found.alignment.mean(dim=1), color=color, label=name)
        print(f"{name:9} alignment {found.alignment[0].mean():.2f} to {found.alignment[-1].mean():.4f}, "
              f"target {found.target[-1]:.2f}, alive {found.alive(1e-3)[-1]:.2f}")  # fmt: skip
    axis.set(xlabel="time", xscale="symlog", xlim=(0, options.time), ylim=(-0.1, 1.05))
    axis.set_title("Cosine of v and W_p v, mean over eigenvectors v", fontsize=11)
    axis.legend(frameon=False, fontsize=9)


def draw_decay(sizes: Axes, alive: Axes, options: argparse.Namespace) -> None:
    """What is left at the end, by weight decay and learning rate of the predictor."""
    decays = torch.linspace(0, 0.15, 6).tolist()
    for rate, color in RATES.items():
        ends = [run(options, predictor_rate=rate, weight_decay=decay) for decay in decays]
        rests = [SiameseModes(options.noise, rate, decay).fixed_points() for decay in decays]
        sizes.plot(decays[1:], [float(end.correlation[-1, 0]) for end in ends[1:]], "o", color=color)
        theory = [(d, rest[1] ** 2 / rate) for d, rest in zip(decays, rests) if rest is not None]
        sizes.plot(*zip(*theory), color=color, label=f"α = {rate:g}")
        alive.plot(decays, [float(end.alive(1e-3)[-1]) for end in ends], "o-", color=color, label=f"α = {rate:g}")
    border = SiameseModes(options.noise).critical_decay()
    for axis in (sizes, alive):
        axis.axvline(border, color=INK, linestyle="--", linewidth=1)
        axis.set(xlabel="weight decay")
    sizes.set(yscale="log", ylim=(1e-3, 10))
    sizes.set_title("Largest s at the end: simulated (dots), in theory", fontsize=11)
    sizes.legend(frameon=False, fontsize=9)
    alive.set_title("Share of directions that do not collapse", fontsize=11)
    alive.legend(frameon=False, fontsize=9)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", default="predictor_dynamics.png", help="the figure")
    parser.add_argument("--time", type=float, default=200.0)
    parser.add_argument("--width", type=int, default=8, help="width of the embeddings")
    parser.add_argument("--noise", type=float, default=1.0, help="variance of views")
    parser.add_argument("--decay", type=float, default=0.05, help="weight decay of all but the last two pictures")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()

    figure = Figure(figsize=(15, 8), layout="constrained")
    (plane, *modes), (alignment, sizes, alive) = figure.subplots(2, 3)
    draw_plane(plane, options)
    draw_modes(modes, run(options, weight_decay=options.decay), options)
    draw_alignment(alignment, options)
    draw_decay(sizes, alive, options)
    for axis in figure.axes:
        axis.spines[["top", "right"]].set_visible(False)
        axis.tick_params(colors=MUTED, labelsize=9)
    figure.suptitle("A linear encoder with a predictor, without negatives", color=INK)
    figure.savefig(options.out, dpi=110)
