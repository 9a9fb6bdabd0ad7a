"""BYOL as two linear layers: collapse and alignment by target, weight decay and learning rate of the predictor.

    python -m benchmarks.predictor_dynamics

Views are isotropic, as the theory wants them (32 dimensions, variance 1), or those of scikit-learn's digits, which are
moved by up to one pixel in both directions (nine views of each of 1,797 images, the largest eigenvalue of their second
moment scaled to one). Embeddings have 16 dimensions on digits and 8 otherwise; all copies begin with the same weights
whatever the settings. The probe on digits is a logistic regression on the embeddings of the images as they are, with a
tenth of them to train, a tenth to choose its settings, and the rest to test. A finished row of predictor_dynamics.csv
is not repeated.
"""

import argparse
import sys
from functools import lru_cache, partial

import torch
from torch import Tensor
from torch.nn.functional import pad

from benchmarks.common import add_out
from benchmarks.common.machine import environment, note_origin, words_of
from benchmarks.pages import publish
from benchmarks.pages.predictor_dynamics import ALIVE, FEATURES, SIMSIAM, dynamics_records
from gnnclr.dynamics import LinearSiamese
from gnnclr.eval import Split, linear_probe

TARGETS = {"isotropic": (SIMSIAM, 1.0, 0.1, 0.01), "digits": (SIMSIAM, 0.01)}
RATES = (0.1, 1.0, 10.0)
DECAYS = {"isotropic": (0.0, 0.01, 0.05, 0.1, 0.15), "digits": (0.001, 0.01, 0.05)}
WIDTH = {"isotropic": 8, "digits": 16}
MEASURES = ("alive", "largest", "alignment", "target", "probe")


@lru_cache(maxsize=1)
def digits() -> tuple[Tensor, Tensor]:
    """Nine views of each digit [n, 9, 64], of which the fifth is the image itself, and labels."""
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    padded = pad(torch.as_tensor(images).view(-1, 8, 8) / 16, (1, 1, 1, 1))
    moved = [padded[:, i : i + 8, j : j + 8].flatten(1) for i in range(3) for j in range(3)]
    views = torch.stack(moved, dim=1)
    views = views - views.mean(dim=(0, 1))
    mean = views.mean(dim=1)
    scale = torch.linalg.eigvalsh(mean.t() @ mean / len(mean))[-1].sqrt()
    return views / scale, torch.as_tensor(labels)


def probe(x: Tensor, seed: int) -> float:
    """The accuracy of a linear probe, in percent; of nothing where features have collapsed."""
    labels = digits()[1]
    return 100 * linear_probe(x, labels, Split.stratified(labels, 0.1, 0.1, seed=seed)).test


def row(data: str, target: str | float, decay: float, rate: float, copies: int, time: float) -> dict[str, float]:
    """One row: the means over copies."""
    settings = {"predictor_rate": rate, "weight_decay": decay, "target_rate": None if target == SIMSIAM else target}
    if data == "digits":
        model = LinearSiamese.of_views(digits()[0], **settings)
    else:
        model = LinearSiamese.isotropic(32, 1.0, **settings)
    start = model.start(WIDTH[data], predictor_scale=0.3, copies=copies)
    run = model.simulate(start, time=time, step=0.1, record_every=round(time / 0.1))
    alive = run.correlation[-1] >= ALIVE
    found = {"alive": 100 * float(alive.double().mean()), "largest": float(run.correlation[-1, :, 0].mean())}
    if bool(alive.any()):
        found["alignment"] = float(run.alignment[-1][alive].mean())
    found["target"] = float(run.target[-1].mean())
    if data == "digits":
        images = digits()[0][:, 4]
        found["probe"] = sum(probe(images @ w.t(), seed) for seed, w in enumerate(run.weights.encoder[-1])) / copies
    return found


def features(name: str, copies: int) -> dict[str, float]:
    """The probe on features that need no training."""
    images = digits()[0][:, 4]
    if name == "PCA":
        images = images @ torch.linalg.eigh(images.t() @ images).eigenvectors[:, -WIDTH["digits"] :]
    elif name == "before training":
        start = LinearSiamese.of_views(digits()[0]).start(WIDTH["digits"], predictor_scale=0.3, copies=copies)
        return {"probe": sum(probe(images @ w.t(), seed) for seed, w in enumerate(start.encoder)) / copies}
    return {"probe": sum(probe(images, seed) for seed in range(copies)) / copies}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--copies", type=int, default=5, help="starts of each row")
    parser.add_argument("--time", type=float, default=300.0)
    add_out(parser)
    args = parser.parse_args()
    if args.copies < 2 or not args.time >= 1:
        parser.error("--copies must be at least 2 and --time at least 1")

    torch.set_num_threads(1)
    records, how = dynamics_records(args.out), {"copies": args.copies, "time": args.time}
    for data, decays in DECAYS.items():
        for target in TARGETS[data]:
            for decay in decays:
                for rate in RATES:
                    key = {"data": data, "target rate": target, "weight decay": decay, "predictor rate": rate}
                    made = partial(row, data, target, decay, rate, args.copies, args.time)
                    records.once(made, MEASURES, **key, settings=how)
    for name in FEATURES:
        key = {"data": name, "target rate": "", "weight decay": "", "predictor rate": ""}
        records.once(partial(features, name, args.copies), ["probe"], **key, settings=how)
    command = ["benchmarks.predictor_dynamics", *words_of(sys.argv[1:])]
    note_origin(args.out, "predictor_dynamics", command, environment(1, packages=("torch", "scikit-learn")))
    print(publish("predictor_dynamics", args.out))


if __name__ == "__main__":
    main()
