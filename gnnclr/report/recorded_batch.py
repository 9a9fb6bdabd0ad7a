"""A batch of a run as its loss saw it."""

import copy
from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from gnnclr.graph import ContrastGraph
from gnnclr.losses import GraphLoss
from gnnclr.losses.loss_call import one_by_one
from gnnclr.report.example_classes import example_classes
from gnnclr.report.run_group import Loaded

#: The most images of a recorded batch.
MOST = 256


class RecordedBatch(NamedTuple):
    """A batch as its loss saw it.

    Args:
        graph (ContrastGraph): The batch, with embeddings, positives and the rule for negatives, rewired as in training.
        loss (GraphLoss): The loss.
        labels (Tensor, optional): The class of each node [n], where it is known.
        images (Tensor, optional): The view of each node [n, c, h, w], where views are images.
    """

    graph: ContrastGraph
    loss: GraphLoss
    labels: Tensor | None
    images: Tensor | None


class _Seen(Exception):
    """Ends a step whose graph is known."""

    def __init__(self, graph: ContrastGraph, loss: GraphLoss) -> None:
        super().__init__()
        self.graph, self.loss = graph, loss


def record_batch(loaded: Loaded, seed: int = 0) -> RecordedBatch:
    """Takes one training step with the trained method, up to the first call of its loss, and returns what that was
    called with. So the batch comes from the loader of the training, its views and rewirings are those of the method,
    and nothing is said twice. The method stays as it is.

    Args:
        loaded (Loaded): A run with its data.
        seed (int, optional): The seed of views. (default: ``0``)

    Raises:
        ValueError: If the loss of the method makes no graph of a batch.
    """
    method, data = copy.deepcopy(loaded.trained).train(), loaded.data
    data.check(method)
    seen: list[Any] = []
    views = getattr(method, "views", None)
    handles = [part.register_forward_pre_hook(_stop, with_kwargs=True) for part in _losses(method)]
    if isinstance(views, nn.Module):
        handles.append(views.register_forward_hook(lambda module, args, made: seen.append(made)))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        data.start_epoch(method, 0)
        if callable(start := getattr(method, "start_epoch", None)):
            start(0)
        seen.clear()
        try:
            batch = next(iter(data.train_dataloader()))
            if isinstance(batch, Mapping):
                batch = {name: value[:MOST] for name, value in batch.items()}
            method.training_step_loss(batch)
        except _Seen as found:
            made = seen[0] if seen else None
            return RecordedBatch(
                found.graph, found.loss, _labels(found.graph, batch, loaded), _images(found.graph, made)
            )
        finally:
            data.teardown("fit")
            for handle in handles:
                handle.remove()
    raise ValueError(f"the loss of {type(method).__name__} makes no graph of its batch")


def _losses(method: nn.Module) -> list[GraphLoss]:
    return [part for part in method.modules() if isinstance(part, GraphLoss)]


def _stop(loss: GraphLoss, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Makes the graph that the loss is about to take the energy of."""
    if len(args) == 2 and isinstance(args[1], ContrastGraph):
        graph = copy.copy(args[1])
        graph.x = args[0]
    else:
        graph = loss.graph(*one_by_one(args), **{name: value for name, value in kwargs.items() if value is not None})
        graph = graph if loss.memory is None else loss.memory.add_to(graph)
    raise _Seen(graph, loss)


def _labels(graph: ContrastGraph, batch: Any, loaded: Loaded) -> Tensor | None:
    """The class of each node: of its image, or of its node of the graph that the run was trained on."""
    if isinstance(batch, Mapping):
        known = loaded.data.training_labels()
        rows = batch.get("index")
        inside = rows is not None and int(graph.sample.max()) < len(rows)
        return known[rows[graph.sample]] if inside and known is not None else None
    known = example_classes(loaded.data)
    rows = graph.sample_id if "sample_id" in graph else graph.sample
    whole = known is not None and ("sample_id" in graph or int(graph.sample.max()) + 1 == len(known))
    return known[rows] if whole else None


def _images(graph: ContrastGraph, views: Any) -> Tensor | None:
    """The image of each node, in [0, 1]; ``None`` where some node is none of the views."""
    alike = isinstance(views, (list, tuple)) and len({getattr(view, "shape", None) for view in views}) == 1
    if not alike or views[0].dim() != 4:
        return None
    images = torch.stack(list(views))
    if int(graph.view.max()) >= images.size(0) or int(graph.sample.max()) >= images.size(1):
        return None
    low, high = images.amin(), images.amax()
    return (images[graph.view, graph.sample] - low) / (high - low).clamp_min(1e-12)
