"""SimCLR, on the graph of a batch."""

from collections.abc import Callable
from typing import Any, ClassVar

from torch import Tensor, nn

from gnnclr.eval.geometry import view_measures
from gnnclr.graph import FeatureBank, augmentation_graph
from gnnclr.graph.feature_bank import banks_of
from gnnclr.losses import NTXentLoss
from gnnclr.losses.batch_loss import FeatureLoss
from gnnclr.ops.check import describe
from gnnclr.ops.unit_rows import unit_rows
from gnnclr.vision.methods.method import VisionMethod
from gnnclr.vision.transforms.views import Views


class SimCLR(VisionMethod):
    r"""The method of `"A Simple Framework for Contrastive Learning of Visual Representations"
    <https://arxiv.org/abs/2002.05709>`_: views of an image attract each other, views of all others repel.

    The views of a batch are the nodes of a :class:`~gnnclr.graph.ContrastGraph`. A rewiring changes who attracts and
    repels whom before the loss is taken, for example :class:`~gnnclr.graph.AddKNNPositives`.
    With another :obj:`loss` this is another method: Barlow Twins, VICReg, DHEL, or any of :mod:`gnnclr.losses`.

    Args:
        encoder (torch.nn.Module): Maps images to features, which are kept after training.
        projector (torch.nn.Module): Maps features to the embeddings that the loss sees.
        views (Views): Makes the views of a batch; its ``plain`` makes the input of :meth:`forward`.
        loss (torch.nn.Module, optional): A loss ``loss(z0, z1)`` of views, and ``loss(x, graph)`` of a graph where a
            rewiring is used. (default: ``NTXentLoss(temperature=0.5)``)
        rewire (callable, optional): Maps the graph of a batch to another, a transform of PyG or a
            :class:`~torch_geometric.transforms.Compose` of several. The graph has, besides its own attributes,
            ``sample_id``, the rows of the data set its nodes are views of, and ``features``, the detached features
            that the projector saw. (default: :obj:`None`)
        bank (FeatureBank, optional): Is given the unit embeddings of the first view after every step, those of
            all processes, for the rewiring that reads it. (default: the banks of the parts of :obj:`rewire`)
        chunk_size (int, optional): Views that the encoder takes at once, see :class:`VisionMethod`.
            (default: :obj:`None`, all of a batch)

    Shapes:
        - **input:** images :math:`(B, C, H, W)`, ``uint8`` or floating point in :math:`[0, 1]`
        - **output:** features :math:`(B, D)`

    Example:
        >>> method = SimCLR(SlimResNet(), MLPHead(128, 128, 64), BatchViews(32), NTXentLoss(temperature=0.2))
        >>> loss, logs = method.training_step_loss({"image": torch.rand(256, 3, 32, 32)})
        >>> features = method.eval()(torch.rand(8, 3, 32, 32))
    """

    takes_sizes = True
    #: Makes the loss where none is given.
    default_loss: ClassVar[type[nn.Module]] = NTXentLoss

    def __init__(
        self,
        encoder: nn.Module,
        projector: nn.Module,
        views: Views,
        loss: nn.Module | None = None,
        rewire: Callable[..., Any] | None = None,
        bank: FeatureBank | None = None,
        chunk_size: int | None = None,
    ):
        super().__init__(encoder, views, chunk_size)
        self.projector = projector
        self.loss: nn.Module = self.default_loss() if loss is None else loss
        self.rewire = rewire
        if getattr(views, "views", 2) < 2:
            raise ValueError(f"'views' must make two views or more (got {describe(views.views)})")
        if rewire is not None and isinstance(self.loss, FeatureLoss):
            raise ValueError(
                f"'rewire' must be None with {type(self.loss).__name__}, which has no pairs (got {rewire})"
            )
        if bank is not None and rewire is None:
            raise ValueError("'bank' must come with a 'rewire' that reads it (got rewire=None)")
        self.banks: nn.ModuleList = nn.ModuleList(banks_of(rewire) if bank is None else [bank])

    def training_step_loss(self, batch: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss of a batch.

        Args:
            batch (dict): ``image`` :math:`(B, C, H, W)` and, for a rewiring, ``index`` :math:`(B)`, the rows of the
                data set.

        Returns:
            The loss, and detached scalars to log: ``alignment`` and ``uniformity`` of the embeddings, after
            `"Understanding Contrastive Representation Learning through Alignment and Uniformity on the Hypersphere"
            <https://arxiv.org/abs/2005.10242>`_.
        """
        views = self.views(batch["image"])
        features = self.encode_views(views)
        z = list(self.projector(features).split([len(view) for view in views]))
        loss = self._loss(z, features, batch)
        for bank in self.banks:
            bank.update(unit_rows(z[0].detach().float()), batch.get("index"), gather=True)
        return loss, view_measures(*z[:2])

    def loss_arguments(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Further arguments of the loss, from a batch: none."""
        return {}

    def _loss(self, z: list[Tensor], features: Tensor, batch: dict[str, Tensor]) -> Tensor:
        arguments, to_graph = self.loss_arguments(batch), getattr(self.loss, "graph", None)
        # A loss that gathers the views of all processes builds the graph of them all itself.
        if self.rewire is None and (to_graph is None or self.loss.gather_distributed):
            return self.loss(*z, **arguments)
        graph = augmentation_graph(z, **arguments) if to_graph is None else to_graph(*z, **arguments)
        graph.features = features.detach()
        if "index" in batch:
            graph.sample_id = batch["index"].repeat(len(z))
        return self.loss(graph.x, graph if self.rewire is None else self.rewire(graph))
