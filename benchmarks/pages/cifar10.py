"""SimCLR and what changes it on CIFAR-10, where learning has happened."""

import json
import math
import statistics
from pathlib import Path

from benchmarks.common.machine import origin
from benchmarks.common.paired import gain
from benchmarks.common.recipes import Settings
from benchmarks.common.records import Line, Records, latest, numbers, runs
from gnnclr.eval import results_table
from gnnclr.eval.paired import Difference

MEASURES = ("linear", "kNN")
DETAILS = ("linear, validation", "kNN, validation", "steps", "seconds")
#: What is trained, in the order in which it is of interest, and what suits a recipe to short training: neighbors of the
#: second epoch on, in an eighth of a batch as at 256 images; SimCLR's temperature; two views where there can be two.
ROWS = {
    "simclr": Settings("simclr-cifar10-cpu"),
    "simclr-muon": Settings("simclr-muon-cifar10-cpu"),
    "simclr-attn": Settings("simclr-attn-cifar10-cpu"),
    "supcon": Settings("supcon-cifar10-cpu"),
    "simclr-knn-global": Settings(
        "simclr-knn-global-cifar10-cpu",
        ("--data.neighbors.every=1", "--data.neighbors.start=1", "--data.selection.size=16"),
    ),
    "dhel": Settings("dhel-cifar10-cpu"),
    "kernel-info-nce": Settings(
        "simclr-cifar10-cpu",
        ("--model.method.loss=gnnclr.losses.KernelInfoNCELoss", "--model.method.loss.gamma=1"),
    ),
    "simclr-fn-drop": Settings("simclr-fn-drop-cifar10-cpu"),
    "simclr-fn-attract": Settings("simclr-fn-attract-cifar10-cpu", ("--model.method.loss.temperature=0.2",)),
    "simclr-attn-alignment": Settings("simclr-attn-alignment-cifar10-cpu"),
    "simsiam": Settings("simsiam-cifar10-cpu"),
    "simsiam-multi": Settings("simsiam-multi-cifar10-cpu"),
    "byol": Settings("byol-cifar10-cpu"),
    "directpred": Settings("directpred-cifar10-cpu"),
    "moco-v2": Settings("moco-v2-cifar10-cpu", ("--model.method.views.views=2",)),
    "moco-patch": Settings("moco-patch-cifar10-cpu", ("--model.method.views.views=2",)),
    "moco-quilt": Settings("moco-quilt-cifar10-cpu", ("--model.method.views.views=2",)),
}
#: What is trained as its recipe says.
WHOLE = ("simclr-muon",)
#: What has features that are mirrored and made white after the training, and the row of those of its network alone.
ALONE = {"simclr-muon": "simclr-muon, the network alone"}
BASE, ORACLE = "simclr", "supcon"
#: What a row is compared with, where it is not SimCLR.
BASES = {"simsiam-multi": "simsiam", "directpred": "byol", "moco-patch": "moco-v2", "moco-quilt": "moco-v2"}


def settings_of(row: str, epochs: int) -> Settings:
    """The settings of a row: the recipe as it stands, or trained for some epochs as ``simclr-muon`` is, which learns in
    minutes what takes steps of AdamW from two views of 24 pixels an hour.

    Args:
        row (str): The row.
        epochs (int): Its epochs; the last one is that of larger views.
    """
    settings = ROWS[row]
    if row in WHOLE:
        return settings
    training = (
        f"--trainer.max_epochs={epochs}",
        "--data.batch_size=128",
        "--model.method.views=gnnclr.vision.GrowingViews",
        "--model.method.views.views=4",
        f"--model.method.views.grow_at=[{max(1, epochs - 1)}]",
        "--model.optimizer=gnnclr.train.Muon",
        "--model.optimizer.lr=0.03",
        "--model.optimizer.momentum=0.8",
        "--model.optimizer.weight_decay=0.01",
    )
    return Settings(settings.recipe, (*training, *settings.overrides))


def cifar10_records(folder: Path) -> Records:
    """A row a recipe, or kind of features without training, seed and settings."""
    return runs(folder / "cifar10_runs.csv", "row", MEASURES + DETAILS, ("recipe", "overrides"))


def text(folder: Path, name: str) -> str:
    """Accuracy, paired differences, and what labels could gain."""
    rows = latest(cifar10_records(folder).rows(), "row")
    if BASE not in rows:
        return ""
    epochs = json.loads(rows[BASE][0]["settings"])["epochs"]
    about = (
        f"{epochs} epochs of the 50,000 training images of CIFAR-10 (copies in JPEG), in float32. All recipes are "
        "trained as `simclr-muon` is, but for fewer epochs, with their own smaller network and temperature: batches of "
        "128 images, four views (MoCo: two) of 16 pixels, of 24 in the last epoch, orthogonal steps. Probes fit on "
        "45,000 training images and are chosen on 5,000 others, of pixels by stochastic gradients; accuracy in percent "
        "on 10,000 test images, mean ± standard deviation over seeds. A gain is the mean over seeds of the difference "
        "to SimCLR, or to what is in parentheses, of the same seed. `supcon` attracts images of one label, of the "
        "45,000 alone: what the best choice of positives could gain."
    )
    for row in rows.keys() & set(WHOLE):
        own = json.loads(rows[row][0]["settings"])["epochs"]
        minutes = statistics.mean(float(line["seconds"]) for line in rows[row]) / 60
        about += f" `{row}` is its recipe as it stands, of {own} epochs: {minutes:.1f} minutes on two cores."
    for row, alone in ALONE.items():
        if alone in rows:
            about += f" Features of `{row}` are mirrored and made white once it is trained, but for `{alone}`."
    if rows.keys() & ROWS.keys() != ROWS.keys():
        about += " Recipes that are not there were not trained yet: the command goes on with them."
    parts = [
        "## Where learning has happened",
        about,
        *smallest(rows),
        f"Last command: {origin(folder, name)}",
        table(rows),
    ]
    return "\n\n".join(parts)


def table(rows: dict[str, list[Line]]) -> str:
    """Rows by measures."""
    cells: dict[str, dict[str, object]] = {}
    oracle = gain(rows[ORACLE], rows[BASE], "linear") if ORACLE in rows else None
    for row in (*(each for each in ROWS if each in rows), *(each for each in rows if each not in ROWS)):
        lines = rows[row]
        cell: dict[str, object] = {measure: numbers(lines, measure) for measure in MEASURES}
        cell["seeds"] = str(len(lines))
        found = None if row not in ROWS or row == BASE else paired(rows, row)
        if found is not None:
            interval = "" if math.isnan(found.half) else f", {found.verdict}"
            cell["gain, linear"] = f"{found}{interval}"
            if oracle is not None and row not in BASES and oracle.mean > 0:
                cell["of the oracle's"] = f"{found.mean / oracle.mean:.2f}"
        name = f"{row} ({BASES[row]})" if row in BASES else row
        cells[name] = cell
    return results_table(cells, corner="recipe")  # pyright: ignore[reportArgumentType]


def paired(rows: dict[str, list[Line]], row: str) -> Difference | None:
    """The gain of a row in accuracy of the linear probe."""
    base = BASES.get(row, BASE)
    shared = {line["seed"] for line in rows[row]} & {line["seed"] for line in rows.get(base, [])}
    return gain(rows[row], rows[base], "linear") if shared else None


def smallest(rows: dict[str, list[Line]]) -> list[str]:
    """The smallest effect that so many seeds can show, of the deviations that were met."""
    found = [each for row in ROWS if row in rows and row != BASE and (each := paired(rows, row)) is not None]
    halves = [each.half for each in found if not math.isnan(each.half)]
    if not halves:
        return []
    reach = statistics.median(halves)
    return [f"An interval of 95 % reaches {reach:.1f} points to either side in the median row: less is not seen."]
