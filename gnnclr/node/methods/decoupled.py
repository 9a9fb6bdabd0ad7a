"""Contrast of nodes whose features were propagated beforehand."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch_geometric.data import Data
from torch_geometric.utils import mask_feature

from gnnclr.eval.geometry import view_measures
from gnnclr.graph.weighted_edges import Edges, edges_of
from gnnclr.losses import NTXentLoss
from gnnclr.nn.chunks import check_chunk_size, in_chunks
from gnnclr.node.datasets.data import check_node_data
from gnnclr.node.datasets.multiplex import graph_with
from gnnclr.node.encoders.propagated_mlp import PropagatedMLP
from gnnclr.node.methods.method import NodeMethod
from gnnclr.node.methods.step_graph import step_graph
from gnnclr.node.methods.two_view import View
from gnnclr.node.transforms.views import EdgeDrop
from gnnclr.ops.check import check_count, check_probability, check_seed
from gnnclr.ops.memo import TensorMemo


class Decoupled(NodeMethod):
    r"""InfoNCE between views that were propagated once: a step encodes two of :math:`C` cached views of sampled nodes
    by an MLP, and no neighbor of theirs.

    .. math:: \mathbf{H}_c = \operatorname{PPR}_{\alpha, K}\big(\mathbf{X}, \text{view}_c(\mathcal{G})\big), \qquad
        \mathcal{L} = \ell\big(\operatorname{MLP}(\mathbf{H}_a[\mathcal{B}] \odot \mathbf{m}_a),
        \operatorname{MLP}(\mathbf{H}_b[\mathcal{B}] \odot \mathbf{m}_b)\big), \qquad a \ne b

    Propagation is that of `"Predict then Propagate" <https://arxiv.org/abs/1810.05997>`_; :math:`\mathbf{m}` masks
    features, anew each step, without which embeddings are no better than the propagated features. The cost of a step
    does not depend on the size of the graph; the cache holds :math:`C \cdot n \cdot F` numbers.

    Args:
        encoder (PropagatedMLP): Its MLP maps nodes, its propagation makes the cached views.
        projector (torch.nn.Module, optional): Applied to embeddings for the loss only. (default: ``None``, identity)
        view (callable, optional): A random transform of the graph, drawn :math:`C` times.
            (default: edges dropped with probability .5)
        loss (torch.nn.Module, optional): Called as ``loss(z0, z1)``, or with ``rewire`` as ``loss(x, graph)``.
            (default: ``NTXentLoss(temperature=0.5)``)
        copies (int, optional): The number :math:`C` of cached views. (default: ``6``)
        feature_p (float, optional): Probability of masking a propagated feature for all nodes of a step.
            (default: ``0.3``)
        batch_size (int, optional): Nodes a step; all of them where there are fewer. (default: ``1024``)
        seed (int, optional): Seed of the cached views, so that a resumed run has the same. (default: ``0``)
        rewire (callable, optional): A transform of the :class:`~gnnclr.graph.ContrastGraph` of the two views, as for
            :class:`~gnnclr.node.GRACE`; it finds the sampled nodes in ``graph.sample_id``. (default: ``None``)
        chunk_size (int, optional): Nodes that the MLP takes at once; activations of one chunk at a time are in memory,
            and each chunk is encoded again in the backward pass (:func:`~gnnclr.nn.in_chunks`).
            (default: ``None``, all of a step)

    Shapes:
        - **input:** a graph with features :math:`(n, F)` and edges :math:`(2, e)`
        - **output:** embeddings :math:`(n, d)`
    """

    chunk_size: int | None = None

    def __init__(
        self,
        encoder: PropagatedMLP,
        projector: nn.Module | None = None,
        view: View | None = None,
        loss: nn.Module | None = None,
        copies: int = 6,
        feature_p: float = 0.3,
        batch_size: int = 1024,
        seed: int = 0,
        rewire: Callable[..., Any] | None = None,
        chunk_size: int | None = None,
    ):
        if not isinstance(encoder, PropagatedMLP):
            raise ValueError(f"'encoder' must be a PropagatedMLP (got {type(encoder).__name__})")
        super().__init__(encoder)
        self.projector: nn.Module = nn.Identity() if projector is None else projector
        self.view: View = EdgeDrop(0.5) if view is None else view
        self.loss: nn.Module = NTXentLoss(temperature=0.5) if loss is None else loss
        self.feature_p: float = check_probability("feature_p", feature_p)
        self.copies: int = check_count("copies", copies, least=2)
        self.seed: int = check_seed("seed", seed)
        self.batch_size: int = check_count("batch_size", batch_size)
        self.rewire: Callable[..., Any] | None = rewire
        self.chunk_size = check_chunk_size(chunk_size)
        self._cached = TensorMemo(self._propagate)

    def _propagate(self, x: Tensor, edges: Edges) -> list[Tensor]:
        data = graph_with(edges, x=x)
        devices = [] if x.device.type == "cpu" else [x.device]
        with torch.random.fork_rng(devices=devices, device_type="cuda" if devices else "cpu"):
            torch.manual_seed(self.seed)
            views = [self.view(data) for _ in range(self.copies)]
        return [self.encoder.propagate(view.x, edges_of(view)) for view in views]

    def training_step_loss(self, data: Data) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss of two cached views of sampled nodes, and ``alignment`` and ``uniformity`` of the projections."""
        data = check_node_data(data)
        self.say_unused(data, used=True)
        n, device = data.x.size(0), data.x.device
        cached = self._cached(data.x, edges_of(data))
        index = torch.randperm(n, device=device)[: self.batch_size]
        pair = torch.randperm(self.copies)[:2].tolist()
        z0, z1 = (self._encode(cached[i].index_select(0, index)) for i in pair)
        measures = view_measures(z0, z1)
        if self.rewire is None:
            return self.loss(z0, z1), measures
        graph = step_graph([z0, z1], data, self.rewire, index)
        return self.loss(graph.x, graph), measures

    def _encode(self, h: Tensor) -> Tensor:
        return self.projector(in_chunks(self.encoder.mlp, mask_feature(h, self.feature_p)[0], self.chunk_size))
