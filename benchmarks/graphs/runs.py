"""How the benchmark of methods trains: by a run of the package, as ``gnnclr compare`` does."""

import shutil
import time
from pathlib import Path

from jsonargparse import Namespace
from torch import Tensor
from torch_geometric.data import Data

from benchmarks.common.memory import watch_peak
from benchmarks.common.recipes import Settings
from gnnclr.train import Run
from gnnclr.train.channels import Numbers, with_numbers


class GraphRun(Run):
    """A run on a graph that is there already, without its labels.

    Args:
        recipe (Namespace): The settings, see :func:`gnnclr.train.parse_recipe`.
        folder (Path): The folder.
        name (str): What the progress says.
        graph (Data): The graph, with the features that the method sees.
    """

    def __init__(self, recipe: Namespace, folder: Path, name: str, graph: Data):
        super().__init__(recipe, folder, name)
        self.graph = graph

    def build(self) -> Namespace:
        """The parts of the run; its data read nothing."""
        built = super().build()
        built.data.graph, built.data.in_channels = self.graph, self.graph.num_features
        built.data.labels = built.data.split = None
        return built


def train(settings: Settings, data: Data, seed: int, folder: Path) -> tuple[Tensor, dict[str, float | None]]:
    """Trains a recipe on a graph, from the checkpoint in the folder on if there is one, and embeds the nodes.

    Args:
        settings (Settings): The recipe, with overrides.
        data (Data): The graph; a step is all of it, and is done where it is.
        seed (int): The seed of the run.
        folder (Path): The folder of the run, which is removed at the end.

    Returns:
        tuple: The embeddings of the last epoch [n, d] on the CPU, and ``seconds``, ``epoch_seconds`` and ``peak_mb``.
    """
    device = data.edge_index.device
    recipe = with_numbers(settings.parsed, Numbers(data.num_features))
    recipe.seed_everything = seed
    recipe.trainer.accelerator, recipe.trainer.devices = "gpu" if device.type == "cuda" else "cpu", 1
    peak, start = watch_peak(device), time.perf_counter()
    run = GraphRun(recipe, folder, folder.name, data)
    trained = run.train(run.checkpoint if run.checkpoint.is_file() else None)
    z = trained.data.embed(trained.method).detach().float().cpu()
    seconds = max(time.perf_counter() - start, trained.seconds)  # before a stop, too
    shutil.rmtree(folder)
    return z, {"seconds": seconds, "epoch_seconds": trained.seconds / max(1, trained.step), "peak_mb": peak()}
