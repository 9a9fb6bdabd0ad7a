"""SimCLR in a time budget."""

import json
from pathlib import Path

from benchmarks.common.machine import origin
from benchmarks.common.records import Records
from gnnclr.eval import results_table

FIELDS = ("features", "linear, test", "kNN, test", "linear, validation", "kNN, validation", "minutes")
FIELDS += ("cpu", "threads", "python", "torch", "torchvision", "date")


def cifar10_records(folder: Path) -> Records:
    """A row a kind of features."""
    return Records(folder / "cifar10.csv", FIELDS, ("features",))


def text(folder: Path, name: str) -> str:
    """Accuracy, and what the training took."""
    rows = cifar10_records(folder).rows()
    if not rows:
        return ""
    report = json.loads((folder / "cifar10.json").read_text(encoding="utf-8"))
    run, settings = report["run"], report["settings"]
    about = (
        f"{run['minutes']:.1f} minutes of training: {run['steps']} steps of {settings['batch']} images, "
        f"{run['epochs']:.1f} epochs, {run['views_per_second']:,.0f} views/s in {run['precision']}, one seed. Probes "
        "fit on 45,000 training images and are chosen on 5,000 others (for raw pixels from a smaller grid); accuracy "
        "in percent on 10,000 test images."
    )
    return "\n\n".join(
        [
            "## SimCLR on a CPU",
            about,
            origin(folder, name),
            results_table({row["features"]: {key: float(row[key]) for key in FIELDS[1:5]} for row in rows}),
            f"Settings: {', '.join(f'{key} {value}' for key, value in settings.items())}.",
        ]
    )
