"""What the features are worth: probes beside baselines."""

from collections.abc import Sequence
from typing import Any

from gnnclr.eval import results_table
from gnnclr.eval.table import result_text
from gnnclr.report.page import Rows, Section
from gnnclr.report.run_group import RunGroup
from gnnclr.train.compare import TRAINED, UNTRAINED, baseline_scores, scores_of, varying


def probes_section(groups: Sequence[RunGroup]) -> Section:
    """The test scores of recipes on the same data, side by side with features that need no training. Where nothing was
    probed, how the features lie.

    Args:
        groups (sequence): The runs of each recipe.
    """
    done = {group.name: group.finished for group in groups if group.finished}
    notes = [f"Missing of {group.name}: no run of it is finished" for group in groups if not group.finished]
    probed = {name: results for name, results in done.items() if results[0]["test"]}
    if not probed:
        return _geometry(done, notes)
    rows: dict[str, Any] = {
        name: {probe: varying(scores) for probe, scores in probes.items()}
        for name, probes in baseline_scores(probed).items()
    }
    untrained = {name: _scores(results, UNTRAINED) for name, results in probed.items()}
    first, *others = untrained.values()
    same = all(scores == first for scores in others)  # an encoder that they share has one row
    rows |= {UNTRAINED: first} if same else {f"{name}, {UNTRAINED}": scores for name, scores in untrained.items()}
    rows |= {name: _scores(results, TRAINED) for name, results in probed.items()}
    text = (
        "Test scores in percent of probes on frozen features. Probes choose their settings on validation data and look "
        "at the test data once; features without training are what a recipe has to beat."
    )
    several = {name: results for name, results in probed.items() if len(results) > 1}
    if several:
        counts = ", ".join(f"{len(results)} of {name}" for name, results in several.items())
        text += f" Mean ± standard deviation over seeds ({counts})."
    listed = {f"Each seed of {name}": _listed(results) for name, results in several.items()}
    return Section("Probes", text, table=_texts(rows), details=listed, notes=notes)


def _scores(results: list[dict[str, Any]], row: str) -> dict[str, list[float]]:
    return {probe: scores_of(results, row, probe) for probe in results[0]["test"].get(row, {})}


def _texts(rows: dict[str, dict[str, Any]], scale: float = 100.0, digits: int = 1) -> Rows:
    return {name: {key: result_text(x, scale, digits) for key, x in row.items()} for name, row in rows.items()}


def _listed(results: Sequence[dict[str, Any]]) -> str:
    return results_table({str(x["seed"]): x["test"][TRAINED] for x in results}, style="plain", corner="seed")


def _geometry(done: dict[str, list[dict[str, Any]]], notes: list[str]) -> Section:
    text = (
        "Nothing was probed: the data have no labels, labels of one class, or too few. How the features lie: their "
        "uniformity (lower is more even), the number of directions that they fill, and the mean cosine of two of them "
        "(1 where they collapsed to a point)."
    )
    rows: dict[str, dict[str, Any]] = {}
    for name, results in done.items():
        for row in results[0].get("geometry", {}):
            measures = results[0]["geometry"][row]
            label = name if row == TRAINED else f"{name}, {row}"
            rows[label] = {key: [result["geometry"][row][key] for result in results] for key in measures}
    return Section("Features", text if rows else "", table=_texts(rows, 1, 2), notes=notes, best=False)
