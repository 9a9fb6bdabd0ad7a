"""gnnclr.load: the trained encoder of a run on images, as a Backbone."""

from pathlib import Path

from torch import nn

from gnnclr.configs import RecipeError
from gnnclr.train.contrastive_data import ContrastiveData
from gnnclr.train.run import Run
from gnnclr.vision import Backbone


def load(run: str | Path) -> Backbone:
    """Loads the encoder that a run on images has trained, in evaluation mode on the CPU, with the preprocessing that it
    was evaluated with. The data of the run are not needed.

    Args:
        run (str or Path): The folder of the run, such as ``"runs/simclr-folder/1"``.

    Returns:
        Backbone: Maps paths, images of Pillow, or tensors to features :math:`(B, D)`.

    Raises:
        RecipeError: If the folder holds no run, its checkpoint is damaged, or the run is of a graph.

    Example:
        >>> backbone = gnnclr.load("runs/simclr-folder/1")
        >>> with torch.no_grad():
        ...     features = backbone("photo.jpg")
    """
    return backbone_of(Run.open(run))


def backbone_of(run: Run) -> Backbone:
    """The trained encoder of an open run, see :func:`load`.

    Args:
        run (Run): The run.
    """
    return backbone_of_method(run, *run.load_method())


def backbone_of_method(run: Run, method: nn.Module, data: ContrastiveData) -> Backbone:
    """The encoder of a method of an open run, in evaluation mode.

    Args:
        run (Run): The run.
        method (torch.nn.Module): Its method, trained or not.
        data (ContrastiveData): Its data, of which nothing is read.
    """
    features = getattr(method, "features", None)
    if not callable(features):
        raise RecipeError(
            f"'{run.folder}' must be a run on images (got one of {type(method).__name__}, on a graph); `gnnclr embed "
            f"--run {run.folder}` writes the embeddings of its nodes"
        )
    return Backbone(features(), data.square).eval()
