"""Trains a recipe on a graph at hand."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch_geometric.data import Data, HeteroData

from gnnclr.configs import RecipeError
from gnnclr.node.datasets.own_graph import in_tensors, one_graph
from gnnclr.ops.atomic import atomic_write
from gnnclr.ops.check import describe
from gnnclr.train.embedding import embed_run
from gnnclr.train.recipe import parse_recipe
from gnnclr.train.run import Run
from gnnclr.train.run_folder import claim_folder, claim_number

#: The file of the graph in the folder of its run.
GRAPH = "graph.pt"


class Fit:
    """A run that is finished.

    Args:
        run (Run): The run.
    """

    def __init__(self, run: Run) -> None:
        self.run: Run = run
        self.folder: Path = run.folder

    @property
    def test(self) -> dict[str, dict[str, float]]:
        """The scores of each row of features by each probe on the test nodes; empty where nothing can be probed."""
        return (self.run.result or {}).get("test", {})

    @cached_property
    def z(self) -> Tensor:
        """The embeddings of the nodes [n, d]."""
        return torch.from_numpy(embed_run(self.folder)["z"])

    def embed(self, graph: Any) -> Tensor:
        """The embeddings of the nodes of another graph, see :func:`gnnclr.train.embedding.embed_run`.

        Args:
            graph (Data, HeteroData, str or Path): The graph, or a file that holds it.
        """
        return torch.from_numpy(embed_run(self.folder, graph=graph)["z"])

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self.folder)!r})"


def fit(data: Any, config: str, overrides: Sequence[str] = (), out: str | Path | None = None) -> Fit:
    """Trains a recipe on a graph of one's own, as ``gnnclr fit --config NAME --data.dataset=FILE`` does.

    The graph is kept in the folder of the run, so that the run can be evaluated, embedded and repeated later.

    Args:
        data (Data or HeteroData): The graph: features ``x``, edges, and where there are some weights of edges, labels
            ``y`` and masks; see :func:`~gnnclr.node.datasets.own_graph.own_graph`. It stays as it is.
        config (str): The name of a recipe without data, such as ``"grace"``, or the path of a YAML file.
        overrides (sequence, optional): Command line arguments, such as ``["--trainer.max_epochs=20",
            "--data.undirected=true"]``. (default: ``()``)
        out (str or Path, optional): The folder of the run, which must not hold one. (default: ``runs/NAME/1``, ``2``,
            ...)

    Raises:
        RecipeError: If there is no such recipe, a setting is wrong, or the folder holds a run.
        ValueError: If the graph cannot be used.

    Example:
        >>> fitted = gnnclr.fit(data, "ccassg")
        >>> fitted.z, fitted.test["trained"]["linear"]
    """
    if not isinstance(data, (Data, HeteroData)):
        raise ValueError(f"'data' must be a Data or a HeteroData (got {describe(data)})")
    one_graph(data)
    if given := [word for word in overrides if word.partition("=")[0] == "--data.dataset"]:
        raise RecipeError(f"'data.dataset' must not be given with a graph at hand (got {given[0]})")
    name = Path(config).stem
    parse_recipe(config, [f"--data.dataset={GRAPH}", *overrides])  # before anything is written
    with _folder(name, out) as folder, atomic_write(folder / GRAPH, "wb") as file:
        torch.save(in_tensors(data), file)
    run = Run(parse_recipe(config, [f"--data.dataset={folder.resolve() / GRAPH}", *overrides]), folder, name)
    try:
        run.fit(new=True)
    except Exception:
        if not run.checkpoint.exists():  # nothing was trained
            with suppress(OSError):
                (folder / GRAPH).unlink()
                folder.rmdir()
        raise
    return Fit(run)


@contextmanager
def _folder(name: str, out: str | Path | None) -> Iterator[Path]:
    with claim_number(Path("runs", name)) if out is None else claim_folder(out, new=True) as folder:
        yield folder
