"""Systems of papers, each by its paper's own measure: a row a run, a table a system."""

from dataclasses import dataclass
from pathlib import Path

from benchmarks.common.machine import origin
from benchmarks.common.recipes import COLUMNS
from benchmarks.common.records import Records, latest, numbers, runs
from gnnclr.eval import results_table


@dataclass(frozen=True)
class System:
    """A table.

    Args:
        title (str): The heading.
        corner (str): The head of the first column.
        measures (tuple of str): Columns that are shown, shares of one, in percent.
        plain (tuple of str): Columns that are shown as they are.
        kept (tuple of str): Further columns of the CSV file.
        about (str): What was measured.
    """

    title: str
    corner: str
    measures: tuple[str, ...]
    plain: tuple[str, ...]
    kept: tuple[str, ...]
    about: str


SYSTEMS = {
    "false_negatives": System(
        "False negatives, attracted and removed",
        "SimCLR with",
        ("kNN", "linear", "of its class"),
        ("candidates", "seconds"),
        ("kNN, validation", "linear, validation", "first loss", "last loss"),
        "10 epochs of the handwritten digits on canvases of 12×12 pixels: 50 steps of 256 of 1,347 images, with the "
        "encoder of `simclr-digits`, in float32. Probes fit on 1,211 images and choose on 136; accuracy in percent on "
        "450 test images. *Of its class* is the paper's measure of its scores: the share of the candidates above 0.7 "
        "among the ten highest that are of the anchor's class, in one batch of the validation images after the "
        "training, where a tenth would be by chance; *candidates* is their number for an anchor. Four views cost "
        "twice the time of two, so that *four views* is what the rows below it are compared with. Settings are the "
        "authors' (ten, 0.7, max), but for four views in place of ten, and without a memory of negatives; nothing is "
        "tuned. Mean ± "
        "standard deviation over seeds.",
    ),
    "semantics": System(
        "Negatives of diminished semantics, judged out of domain",
        "digits",
        ("clean", "corrupted", "by shape", "by texture", "clean, kNN", "corrupted, kNN"),
        (),
        (
            "seconds",
            "by shape, kNN",
            "by texture, kNN",
            "linear, validation",
            "kNN, validation",
            "first loss",
            "last loss",
        ),
        "10 epochs of the handwritten digits on canvases of 12×12 pixels: 50 steps of 256 of 1,347 images, with the "
        "encoder of `simclr-digits`, in float32. Rows below *moco-v2* are that with one negative a query more, at the "
        "paper's α = 2: shuffled patches of the view, a texture of random phase of it, or the texture that is quilted "
        "of the image; queues hold 1,024 keys. Probes fit on 1,211 clean images and choose on 136 clean ones; accuracy "
        "in percent on 450 test images, of the linear probe where no other is named: *corrupted* is the mean of six "
        "corruptions at five strengths, and *by shape* and *by texture* are the shares of images with the shape of one "
        "digit and the texture of another that are given the class of either, by `gnnclr evaluate --run RUN "
        "--corruptions`. Nothing is tuned. Mean ± standard deviation over seeds.",
    ),
    "few_shot": System(
        "Few-shot episodes on unseen classes",
        "four ways",
        ("1-shot", "5-shot"),
        ("± 1-shot", "± 5-shot"),
        ("seconds",),
        "10 epochs of the digits 0 to 5 (808 images, 30 steps of 256), episodes of the digits 6 to 9 (714 images), by "
        "`gnnclr few-shot`: four ways, as there are four such classes, 15 queries of each, 1,000 episodes. Accuracy in "
        "percent, mean ± standard deviation over seeds of the training; *± 1-shot* is half the width of the 95 % "
        "interval over the episodes of one training. *Messages* are those between the samples of an episode, by the "
        "layer that SAMP-CLR trained; *OpT-Tune* is optimal transport of the support and 15 epochs of training of the "
        "prototypes, with features as they are. The paper has Conv4 on miniImageNet, 2,000 epochs, five ways.",
    ),
    "robust": System(
        "Accuracy under attack",
        "digits",
        ("clean", "robust"),
        ("seconds",),
        ("linear, validation", "last α", "first loss", "last loss"),
        "10 epochs of the handwritten digits on canvases of 12×12 pixels: 50 steps of 256 of 1,347 images, attacked "
        "by two steps in a ball of 8/255. A linear probe on the frozen encoder, chosen on 136 clean validation images, "
        "and accuracy in percent of all 450 test images: *clean*, and *robust* after 20 steps of 2/255 in a ball of "
        "8/255 through encoder and probe (PGD-20), which is an upper bound of robustness. α adapts from the fourth "
        "epoch on; the paper's authors train 400 epochs and more with five or seven steps. Epochs are equal, "
        "time is not. Mean ± standard deviation over seeds.",
    ),
    "captions": System(
        "Images and captions",
        "text encoder",
        ("image-text R@1", "image-text R@5", "text-image R@1", "text-image R@5", "zero-shot"),
        ("seconds",),
        ("first loss", "last loss"),
        "20 epochs of the handwritten digits on canvases of 12×12 pixels with captions in words, five for each image: "
        "80 steps of 256 of 1,211 training images. Recall in percent among the 450 test images and the distinct "
        "captions of all of them: an image finds one of its five captions, a caption one of the images that it "
        "describes, among the nearest or the five nearest. *Zero-shot* is the accuracy by phrases that no training "
        "caption has, of words that it has: the names of all digits were seen. Mean ± standard deviation over seeds.",
    ),
}


def system_records(name: str, folder: Path) -> Records:
    """A row a system's variant and seed."""
    system = SYSTEMS[name]
    return runs(folder / f"{name}_runs.csv", "row", (*system.measures, *system.plain, *system.kept), COLUMNS)


def text(folder: Path, name: str) -> str:
    """The table of a system."""
    rows = latest(system_records(name, folder).rows(), "row")
    if not rows:
        return ""
    system, cells = SYSTEMS[name], {}
    for row, lines in rows.items():
        shown = {measure: numbers(lines, measure) for measure in system.measures if lines[0][measure]}
        for measure in system.plain:
            if lines[0][measure]:
                mean = sum(numbers(lines, measure)) / len(lines)
                shown[measure] = f"{mean:.1f}" if mean < 100 else f"{mean:,.0f}"
        cells[row] = {"seeds": str(len(lines))} | shown
    table = results_table(cells, corner=system.corner)
    return "\n\n".join([f"## {system.title}", system.about, origin(folder, name), table])
