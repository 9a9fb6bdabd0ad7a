"""MoCo, on the graph of queries, keys and a queue."""

import torch
from torch import Tensor, nn

from gnnclr.eval.geometry import view_measures
from gnnclr.graph import ContrastGraph, ExtraNegatives, FeatureBank, Negatives
from gnnclr.losses import InfoNCELoss
from gnnclr.nn.momentum_encoder import MomentumEncoder
from gnnclr.ops.check import check_count, check_positive, describe
from gnnclr.ops.unit_rows import unit_rows
from gnnclr.vision.methods.method import VisionMethod, channels_last
from gnnclr.vision.transforms.views import Views


class NonSemanticNegatives(nn.Module):
    r"""Negatives of `"Robust Contrastive Learning Using Negative Samples with Diminished Semantics"
    <https://arxiv.org/abs/2110.14189>`_: every query repels versions of its own view that have lost their meaning and
    kept the rest, such as shuffled patches.

    Args:
        transform (torch.nn.Module, optional): Maps views to versions without meaning, images to images. (default:
            :obj:`None`, the ``texture`` that batches have of each image, see :class:`~gnnclr.vision.Textures`, cropped,
            mirrored and colored as the query is)
        alpha (float, optional): The factor :math:`\alpha > 0` on their scores; above one, they repel more than other
            negatives of the same similarity. (default: ``2.0``)
        count (int, optional): The number of such negatives for each query. (default: ``1``)

    Shapes:
        - **input:** views :math:`(B, C, H, W)`
        - **output:** images :math:`(m B, C, H, W)`, for :obj:`count` :math:`m`; row :math:`j B + i` is of view
          :math:`i`
    """

    def __init__(self, transform: nn.Module | None = None, alpha: float = 2.0, count: int = 1):
        super().__init__()
        self.transform: nn.Module | None = transform
        self.alpha: float = check_positive("alpha", alpha)
        self.count: int = check_count("count", count)
        if transform is None and count > 1:
            raise ValueError(f"'count' must be 1 without a 'transform': images have one texture each (got {count})")

    @torch.no_grad()
    def forward(self, images: Tensor) -> Tensor:
        """The versions of ``images``, by the transform."""
        assert self.transform is not None
        return torch.cat([self.transform(images) for _ in range(self.count)])

    def extra_repr(self) -> str:
        """The settings."""
        return f"alpha={self.alpha:g}, count={self.count}"


class MoCo(VisionMethod):
    r"""The method of `"Momentum Contrast for Unsupervised Visual Representation Learning"
    <https://arxiv.org/abs/1911.05722>`_ and its second version, `"Improved Baselines with Momentum Contrastive
    Learning" <https://arxiv.org/abs/2003.04297>`_: a query finds the key that a slow copy of the encoder makes of the
    other view, among a queue of earlier keys.

    .. math::
        \mathcal{L} = \operatorname{mean}_i -\log \frac{e^{\mathbf{q}_i^\top \mathbf{k}_i / \tau}}
        {e^{\mathbf{q}_i^\top \mathbf{k}_i / \tau} + \sum_{\mathbf{u} \in \text{queue}} e^{\mathbf{q}_i^\top
        \mathbf{u} / \tau} + \sum_m e^{\alpha\, \mathbf{q}_i^\top \mathbf{t}_{im} / \tau}}

    where the last sum, over the keys :math:`\mathbf{t}_{im}` of non-semantic versions of the query's own view, is there
    with :obj:`non_semantic` only. :meth:`after_optimizer_step` moves the copy, and must be called after each step.

    Until the queue is full the negatives are the keys so far; the first batch has none. The queue should hold fewer
    rows than the data set, or earlier keys of the same image are among the negatives.

    A query and its key come from one batch, the queue from other batches: an encoder with batch normalization can tell
    them by the statistics of their batch. The authors shuffle keys among devices, so that no query shares its
    statistics with its key. :obj:`groups` does the same on each device, without communication: queries are encoded in
    groups, and keys in groups of another, random order.

    Args:
        encoder (torch.nn.Module): Maps images to features, which are kept after training.
        projector (torch.nn.Module): Maps features to the embeddings that the loss sees; two layers in the second
            version.
        views (Views): Makes two views of a batch; its ``plain`` makes the input of :meth:`forward`.
        queue (FeatureBank): Holds the keys, those of all processes; the authors' holds 65,536 rows.
        loss (torch.nn.Module, optional): A loss ``loss(x, graph)``. (default: ``InfoNCELoss(temperature=0.2)``)
        momentum (float, optional): The momentum of the copy. (default: ``0.999``)
        symmetric (bool, optional): If set to :obj:`True`, each view is a query once and a key once, as in the authors'
            recipe for CIFAR-10; the loss is the mean of both. (default: :obj:`False`)
        groups (int, optional): The number of groups in which batches are encoded; they need two images each.
            (default: ``1``)
        non_semantic (NonSemanticNegatives, optional): Makes further negatives of the queries. (default: :obj:`None`)
        chunk_size (int, optional): Views that the encoder takes at once, see :class:`VisionMethod`.
            (default: :obj:`None`, all of a batch)

    Shapes:
        - **input:** images :math:`(B, C, H, W)`, ``uint8`` or floating point in :math:`[0, 1]`
        - **output:** features :math:`(B, D)`

    Example:
        >>> method = MoCo(SlimResNet(), MLPHead(128, 128, 64), BatchViews(32), FeatureBank(4096, 64), momentum=0.99)
        >>> loss, logs = method.training_step_loss({"image": torch.rand(256, 3, 32, 32)})
        >>> loss.backward()  # and a step of the optimizer
        >>> method.after_optimizer_step()
    """

    def __init__(
        self,
        encoder: nn.Module,
        projector: nn.Module,
        views: Views,
        queue: FeatureBank,
        loss: nn.Module | None = None,
        momentum: float = 0.999,
        symmetric: bool = False,
        groups: int = 1,
        non_semantic: NonSemanticNegatives | None = None,
        chunk_size: int | None = None,
    ):
        super().__init__(encoder, views, chunk_size)
        if not isinstance(queue, FeatureBank) or queue.mode != "queue":
            raise ValueError(f"'queue' must be a FeatureBank with mode='queue' (got {describe(queue)})")
        if non_semantic is not None and not isinstance(non_semantic, NonSemanticNegatives):
            raise ValueError(f"'non_semantic' must be NonSemanticNegatives (got {describe(non_semantic)})")
        self.projector: nn.Module = projector
        self.queue: FeatureBank = queue
        self.loss: nn.Module = InfoNCELoss(0.2) if loss is None else loss
        self.symmetric: bool = symmetric
        self.groups: int = check_count("groups", groups)
        self.non_semantic = non_semantic
        # A texture is one of the whole image: both are cropped alike.
        self.takes_crops: bool = non_semantic is None or non_semantic.transform is not None
        self.target: MomentumEncoder = MomentumEncoder(self._online(), momentum)

    def training_step_loss(self, batch: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss of a batch; its keys enter the queue.

        Args:
            batch (dict): ``image`` :math:`(B, C, H, W)` and, to be kept with the keys, ``index`` :math:`(B)`, the rows
                of the data set; ``texture`` :math:`(B, C, H, W)` where textures are the negatives.

        Returns:
            The loss, and detached scalars to log: ``alignment`` of queries and keys and ``uniformity`` of queries,
            after `"Understanding Contrastive Representation Learning through Alignment and Uniformity on the
            Hypersphere" <https://arxiv.org/abs/2005.10242>`_.
        """
        views, textures = self._views(batch)
        if len(views) != 2:
            raise ValueError(f"'views' must make two views, a query and a key (got {len(views)})")
        seen, other = (torch.cat(views), torch.cat(views[::-1])) if self.symmetric else views
        query = self._encode(self._online(), seen)
        with torch.no_grad():
            key, apart = self._encode(self.target.module, other, shuffle=True), None
            if self.non_semantic is not None:
                apart = torch.cat(textures[: 1 + self.symmetric]) if textures else self.non_semantic(seen)
                apart = self._encode(self.target.module, apart)
        if query.size(1) != self.queue.dim:
            raise ValueError(
                f"'queue' must hold rows as wide as embeddings, {query.size(1)} (got dim={self.queue.dim})"
            )
        graph = self.graph(query, key, apart)
        loss = self.loss(graph.x, graph)
        index = batch.get("index")
        if index is not None and self.symmetric:
            index = index.repeat(2)
        self.queue.update(unit_rows(key.float()), index, gather=True)
        return loss, view_measures(query, key)

    def _views(self, batch: dict[str, Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        """The views of a batch, and the same views of its textures, where those are the negatives."""
        if self.non_semantic is None or self.non_semantic.transform is not None:
            return self.views(batch["image"]), []
        if "texture" not in batch:
            raise ValueError(
                "'batch' must have a 'texture' of each image, or 'non_semantic' a 'transform'; give the data "
                f"--data.textures=gnnclr.vision.Textures (got {', '.join(map(repr, batch))})"
            )
        views, textures = self.views.alike(batch["image"], batch["texture"])
        return views, textures

    def graph(self, query: Tensor, key: Tensor, apart: Tensor | None = None) -> ContrastGraph:
        r"""The graph of a batch: queries are anchors, each attracted by its key and repelled by the queue and by its
        non-semantic versions. Keys of other queries do not repel.

        Args:
            query (torch.Tensor): Queries, nodes of view 0 :math:`(n, d)`.
            key (torch.Tensor): Their keys, nodes of view 1 :math:`(n, d)`.
            apart (torch.Tensor, optional): Keys of non-semantic versions, nodes of view 2 :math:`(m n, d)`; row
                :math:`j n + i` is of query :math:`i`. (default: :obj:`None`)
        """
        n, m, device = query.size(0), 0 if apart is None else apart.size(0), query.device
        # A version without meaning is no view of its image: it is a sample of its own.
        index, own = torch.arange(n, device=device), torch.arange(n, n + m, device=device)
        view = torch.cat([torch.full_like(x, k) for k, x in enumerate((index, index, own))])
        extra = None
        if apart is not None:
            scale = torch.full((m,), float(self.non_semantic.alpha), device=device)
            extra = ExtraNegatives(torch.stack([own + n, own % n]), scale)
        return ContrastGraph(
            x=torch.cat([query, key] if apart is None else [query, key, apart]),
            edge_index=torch.stack([index + n, index]),
            sample=torch.cat([index, index, own]),
            view=view,
            anchor=view == 0,
            negatives=Negatives(candidates=()),
            bank=self.queue.features.to(device),
            extra=extra,
            check=False,  # right by construction, and the queue was checked when it was written
        )

    def after_optimizer_step(self) -> None:
        """Moves the copy towards the encoder and its projector."""
        self.target.update(self._online())

    def _online(self) -> nn.Sequential:
        return nn.Sequential(self.encoder, self.projector)

    def _encode(self, network: nn.Sequential, images: Tensor, shuffle: bool = False) -> Tensor:
        """The embeddings of images, in groups, with the keys' order shuffled where asked for."""
        images = channels_last(images)
        if self.groups == 1:
            return self.project(images, network)
        n = len(images)
        if n < 2 * self.groups:
            raise ValueError(f"'groups' must be at most half of the {n} images of a batch (got {self.groups})")
        order = torch.randperm(n, device=images.device) if shuffle else torch.arange(n, device=images.device)
        embeddings = torch.cat([self.project(images[index], network) for index in order.tensor_split(self.groups)])
        return embeddings[order.argsort()]
