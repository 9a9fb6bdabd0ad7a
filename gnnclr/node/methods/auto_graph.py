"""A default for a graph that nobody has seen."""

from typing import Any

import torch
from torch import Tensor
from torch_geometric.data import Data

from gnnclr.graph.weighted_edges import edges_of
from gnnclr.node.choice.criteria import FeatureCriterion
from gnnclr.node.datasets.data import check_node_data
from gnnclr.node.encoders.blocks_mlp import BlocksMLP
from gnnclr.node.methods.decoupled import Decoupled
from gnnclr.node.methods.with_features import beside_features
from gnnclr.node.sparse.propagate import centered_rows
from gnnclr.ops.check import check_choice
from gnnclr.ops.eval_mode import eval_mode

#: What embeddings may be, by the number in ``kept``.
FORMS = ("features", "trained", "both")


class AutoGraph(Decoupled):
    r"""Propagated features, and what contrast learns of them where that is better on the validation nodes.

    The training is that of :class:`~gnnclr.node.Decoupled`. Embeddings are the propagated features
    :math:`\mathbf{H}` of the encoder until :meth:`keep_by` takes the trained ones, or both side by side: where these
    exceed the features by more than one standard error. Features that are propagated well are hard to beat, and
    settings of a training that nobody chose for a graph can do worse.

    .. math:: \mathbf{H}, \qquad \mathbf{Z} = \operatorname{MLP}(\operatorname{normalize}(\operatorname{center}(
        \mathbf{H}))), \qquad \big[\operatorname{standardize}(\mathbf{Z}) / \sqrt{d},\;
        \operatorname{normalize}(\operatorname{center}(\mathbf{H}))\big]

    Args:
        encoder (BlocksMLP): Its propagation, which :func:`~gnnclr.node.choose_propagation` chooses, and its MLP.
        **kwargs (optional): Arguments of :class:`~gnnclr.node.Decoupled`.

    Shapes:
        - **input:** a graph with features :math:`(n, F)` and edges :math:`(2, e)`
        - **output:** embeddings :math:`(n, B F)` of :math:`B` blocks, :math:`(n, d)`, or :math:`(n, d + B F)`
    """

    encoder: BlocksMLP
    kept: Tensor

    def __init__(self, encoder: BlocksMLP, **kwargs: Any):
        if not isinstance(encoder, BlocksMLP):
            raise ValueError(f"'encoder' must be a BlocksMLP (got {type(encoder).__name__})")
        super().__init__(encoder, **kwargs)
        self.register_buffer("kept", torch.tensor(0))

    def forward(self, data: Data) -> Tensor:
        """The embeddings of all nodes, of the form that was chosen."""
        return self.form(check_node_data(data), self.kept_form)

    @property
    def kept_form(self) -> str:
        """The form of the embeddings: ``"features"``, ``"trained"`` or ``"both"``."""
        return FORMS[int(self.kept)]

    def form(self, data: Data, name: str) -> Tensor:
        """The embeddings of all nodes in one of the forms.

        Args:
            data (Data): The graph.
            name (str): ``"features"``, ``"trained"`` or ``"both"``.
        """
        check_choice("name", name, FORMS)
        if name != "trained":
            h = self.encoder.features(data.x, edges_of(data))
            if name == "features":
                return h
        z = self.encode(data)
        return z if name == "trained" else beside_features(z, centered_rows(h))

    @torch.no_grad()
    def keep_by(self, criterion: FeatureCriterion | None) -> str:
        """Chooses the form of the embeddings, and returns it in words.

        Args:
            criterion (FeatureCriterion, optional): What forms are compared by, on a graph. ``None`` keeps the features.
        """
        self.kept.fill_(0)
        if criterion is None:
            return "training not kept: there are no validation labels to tell whether it helps"
        data = check_node_data(criterion.graph)
        with eval_mode(self):
            scores = {name: criterion.score(self.form(data, name).float().cpu()) for name in FORMS}
        best, bar = max(scores, key=scores.get), scores["features"] + criterion.error(scores["features"])
        keep = scores[best] > bar
        if keep:
            self.kept.fill_(FORMS.index(best))
        values = ", ".join(f"{name} {100 * score:.1f}" for name, score in scores.items())
        what = f"training kept ({best})" if keep else "training not kept"
        return f"{what} by {criterion.title}: {values}; more than {100 * bar:.1f} would be one standard error better"
