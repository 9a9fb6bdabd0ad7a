"""One batch of each recipe as a graph."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from gnnclr.graph import ContrastGraph
from gnnclr.graph.part_of_graph import part_of_graph
from gnnclr.report.batch_graph import draw_batch_graph
from gnnclr.report.page import Section
from gnnclr.report.recorded_batch import record_batch
from gnnclr.report.run_group import RunGroup, where_possible

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: The most samples and nodes of a picture.
SAMPLES, NODES = 20, 160


def batch_section(groups: Sequence[RunGroup]) -> Section:
    """A batch of each recipe as its loss sees it at the end of the training.

    Args:
        groups (sequence): The runs of each recipe.
    """
    figures, missing = where_possible(groups, _picture)
    text = (
        "A batch as the loss sees it after the training, with the rewiring of the recipe. Nodes are views, placed by "
        "their embeddings and colored by class. Solid edges join views of a sample, dashed ones positives of different "
        "samples; hollow nodes are rows of a bank that attract. Red are the pairs that repel most strongly among those "
        "shown."
    )
    return Section("One batch is a graph", text if figures else "", figures=list(figures.values()), notes=missing)


def _picture(group: RunGroup) -> "tuple[Figure, str]":
    batch = record_batch(group.loaded, group.first.recipe.seed_everything)
    shown = shown_nodes(batch.graph)
    repels = batch.loss.card is None or not batch.loss.card.pairs.startswith("none")
    figure = draw_batch_graph(
        part_of_graph(batch.graph, shown),
        None if batch.labels is None else batch.labels[shown],
        None if batch.images is None else batch.images[shown],
        _temperature(batch.loss),
        strongest=60 if repels else 0,
    )
    samples, total = (x.unique().numel() for x in (batch.graph.sample[shown], batch.graph.sample))
    rows = 0 if batch.graph.bank is None else len(batch.graph.bank)
    bank = f", beside {rows} rows of a bank" if rows else ""
    apart = "" if repels else f"; no pair repels in {type(batch.loss).__name__}"
    return figure, f"{group.name}: {samples} of {total} samples{bank}{apart}."


def _temperature(loss: torch.nn.Module) -> float:
    """The temperature of a loss, or one where it has none."""
    return float(getattr(loss, "temperature", 1.0))


def shown_nodes(graph: ContrastGraph) -> Tensor:
    """The nodes of some samples of a batch: samples at random, each followed by up to two of which it has a positive,
    so that edges between samples are seen as they are.

    Args:
        graph (ContrastGraph): The batch.
    """
    samples = graph.sample.unique()
    views = int(torch.bincount(graph.sample).max())
    most = max(1, min(SAMPLES, NODES // views))
    source, target = graph.positives
    source, target = (graph.sample[x[source < graph.num_nodes]] for x in (source, target))
    order = samples[torch.randperm(samples.numel(), generator=torch.Generator().manual_seed(0))].tolist()
    chosen: dict[int, None] = {}
    for sample in order:
        if len(chosen) >= most:
            break
        partners = source[(target == sample) & (source != sample)].unique()[:2].tolist()
        chosen |= dict.fromkeys([sample, *partners])
    return torch.isin(graph.sample, torch.tensor(list(chosen)[:most])).nonzero().squeeze(1)
