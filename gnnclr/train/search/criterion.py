"""What a search chooses settings by. None of it looks at test rows."""

from collections.abc import Mapping

from torch import Tensor, nn

from gnnclr.configs import RecipeError
from gnnclr.eval import LinkSplit
from gnnclr.eval.link_prediction import centered_auc
from gnnclr.eval.validation_accuracy import validation_accuracy
from gnnclr.node import MultiplexData
from gnnclr.ops.check import check_choice
from gnnclr.train.contrastive_data import ContrastiveData, check_embedding
from gnnclr.train.graph_data import GraphData

CRITERIA = ("validation", "link_auc")


class Criterion:
    """Base class of what trials are compared by; larger is better."""

    #: The name in tables.
    title: str

    def prepare(self, data: ContrastiveData) -> None:
        """Takes what the training must not see out of data that nothing was read of yet."""

    def score(self, data: ContrastiveData, method: nn.Module) -> float:
        """The value of a trained method on the data that :meth:`prepare` saw."""
        raise NotImplementedError


class ValidationAccuracy(Criterion):
    """Accuracy of the linear probe on the validation rows, or Micro-F1 where a row may have several labels."""

    title = "validation"

    def score(self, data: ContrastiveData, method: nn.Module) -> float:
        """The accuracy in [0, 1]."""
        return validation_accuracy(check_embedding(data.embed(method)).flatten(1), data.labels, data.split)


class LinkAUC(Criterion):
    r"""How well similar embeddings tell edges that the training did not see from pairs without an edge: the area under
    the ROC curve of

    .. math:: s_{ij} = \cos(\mathbf{z}_i - \bar{\mathbf{z}}, \mathbf{z}_j - \bar{\mathbf{z}})

    Without the mean :math:`\bar{\mathbf{z}}` of all rows taken off, a direction that all embeddings share hides the
    others. Trials are compared by 5 % of the edges; another 10 % are for the winner alone. All trials have the same.
    """

    title = "link AUC"

    def __init__(self) -> None:
        self.split: LinkSplit | None = None

    def prepare(self, data: ContrastiveData) -> None:
        """Takes the edges out of the graph."""
        if not isinstance(data, GraphData):
            raise TypeError(f"'data' must be a GraphData (got {type(data).__name__})")
        data.prepare_data()
        data.setup("fit")
        self.split = LinkSplit.random(data.graph)
        data.graph = self.split.train

    def score(self, data: ContrastiveData, method: nn.Module) -> float:
        """The area on the validation pairs, in [0, 1]."""
        return self._area(data, method, self.split.val_positive, self.split.val_negative)

    def test(self, data: ContrastiveData, methods: Mapping[str, nn.Module]) -> dict[str, float]:
        """The area of each method on the test pairs, for the winner."""
        pairs = self.split.test_positive, self.split.test_negative
        return {name: self._area(data, method, *pairs) for name, method in methods.items()}

    def _area(self, data: ContrastiveData, method: nn.Module, positive: Tensor, negative: Tensor) -> float:
        return centered_auc(check_embedding(data.embed(method)), positive, negative)


def choose_criterion(name: str | None, data: ContrastiveData) -> Criterion:
    """The criterion of a name that data have what is needed for.

    Args:
        name (str, optional): ``"validation"`` or ``"link_auc"``. (``None``: the first that the data allow)
        data (ContrastiveData): The data, loaded.

    Raises:
        RecipeError: If the data lack what is needed.
    """
    if name is not None:
        try:
            check_choice("criterion", name, CRITERIA)
        except ValueError as error:
            raise RecipeError(str(error)) from None
    labeled = data.split is not None and data.split.val.numel() > 0
    linked = isinstance(data, GraphData) and not isinstance(data.graph, MultiplexData)
    if name == "validation" and not labeled:
        hint = "; --criterion=link_auc needs none" if linked else ""
        raise RecipeError(
            f"'criterion' must be one that the data allow (got 'validation', without labels to probe){hint}"
        )
    if name == "link_auc" and not linked:
        kind = "several relations" if isinstance(data, GraphData) else "images, which have no edges"
        raise RecipeError(f"'criterion' must be one that the data allow (got 'link_auc' for {kind})")
    if name == "validation" or (name is None and labeled):
        return ValidationAccuracy()
    if not linked:
        raise RecipeError(
            "'criterion' has nothing to compare trials by: the data have no labels to probe, and no edges"
        )
    return LinkAUC()
