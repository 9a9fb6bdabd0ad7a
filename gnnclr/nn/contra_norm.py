"""The uniformity update as a layer between the layers of an encoder."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from gnnclr.graph.exact import tile_rows
from gnnclr.ops.check import check_count, check_edges, check_positive, describe
from gnnclr.ops.exclusion import Exclusion
from gnnclr.ops.tiles import slices
from gnnclr.ops.unit_rows import unit_rows


class ContraNorm(nn.Module):
    r"""The normalization of `"ContraNorm: A Contrastive Learning Perspective on Oversmoothing and Beyond"
    <https://arxiv.org/abs/2303.06562>`_: a step of the uniformity update, so that the features of tokens or nodes do
    not become one in deep encoders.

    .. math::
        \mathbf{X}' = \mathbf{X} - s \mathbf{P} \mathbf{X} \quad \text{(tokens)}, \qquad
        \mathbf{X}' = (1 + s) \mathbf{X} - s \mathbf{P} \mathbf{X} \quad \text{(nodes of a graph)}, \qquad
        P_{ij} = \operatorname*{softmax}_{j}\; \hat{\mathbf{x}}_i^\top \hat{\mathbf{x}}_j / \tau

    with :math:`\hat{\mathbf{x}} = \mathbf{x} / \|\mathbf{x}\|`. Tokens see all tokens of their set, themselves
    included. Nodes see those that are neither their neighbors nor themselves, as in the authors' code, whose adjacency
    matrices have self-loops; a node that is linked to all others sees itself alone, and keeps its features.

    On unit rows :math:`\mathbf{P} \mathbf{X}` is what :class:`~gnnclr.nn.UniformityConv` sends to anchors from constant
    candidates, times :math:`-n\tau`; with ``dual_norm`` it is the message between nodes, both ways. All is exact, and
    no :math:`n \times n` matrix is kept: tokens go through fused attention, nodes through tiles of rows that are
    computed again in the backward pass.

    Args:
        scale (float, optional): The step :math:`s > 0`; the authors choose from 0.2 to 1, larger for deeper encoders.
            (default: ``0.5``)
        temperature (float, optional): The temperature :math:`\tau > 0`. (default: ``1.0``)
        channels (int, optional): Size of the features, which ``learnable`` and ``layer_norm`` need.
            (default: ``None``)
        learnable (bool, optional): Whether each channel has a learnable scale, starting from ``scale``.
            (default: ``False``)
        layer_norm (bool, optional): Whether :class:`torch.nn.LayerNorm` follows, as in the authors' transformers.
            (default: ``False``)
        dual_norm (bool, optional): Take :math:`\mathbf{P} + \mathbf{P}^\top` in place of :math:`\mathbf{P}`.
            (default: ``False``)
        identity (bool, optional): Whether :math:`s \mathbf{X}` is added. (default: ``None``, for nodes of a graph only)

    Shapes:
        - **input:** tokens :math:`(*, n, d)`; or nodes :math:`(n, d)` and edges :math:`(2, e)` of one graph
        - **output:** as the features
    """

    def __init__(
        self,
        scale: float = 0.5,
        temperature: float = 1.0,
        channels: int | None = None,
        learnable: bool = False,
        layer_norm: bool = False,
        dual_norm: bool = False,
        identity: bool | None = None,
    ):
        super().__init__()
        self.scale: float = check_positive("scale", scale)
        self.temperature: float = check_positive("temperature", temperature)
        if channels is None and (learnable or layer_norm):
            raise ValueError("'channels' must be given for 'learnable' and 'layer_norm' (got None)")
        self.channels: int | None = check_count("channels", channels, optional=True)
        self.dual_norm: bool = dual_norm
        self.identity: bool | None = identity
        self.weight: nn.Parameter | None = nn.Parameter(torch.full((channels,), float(scale))) if learnable else None
        self.norm: nn.LayerNorm | None = nn.LayerNorm(channels, eps=1e-6) if layer_norm else None

    def reset_parameters(self) -> None:
        """Sets the learnable scales to ``scale``, and the layer norm to the identity."""
        if self.weight is not None:
            nn.init.constant_(self.weight, self.scale)
        if self.norm is not None:
            self.norm.reset_parameters()

    def forward(self, x: Tensor, edge_index: Tensor | None = None) -> Tensor:
        """The features of tokens, or of the nodes of a graph, with those that look alike moved apart."""
        wide = "" if self.channels is None else f" with {self.channels} channels"
        if not isinstance(x, Tensor) or not x.is_floating_point() or x.dim() < 2 or x.size(-1) == 0:
            raise ValueError(f"'x' must be a floating point tensor of shape [..., n, d]{wide} (got {describe(x)})")
        if self.channels is not None and x.size(-1) != self.channels:
            raise ValueError(f"'x' must be of shape [..., n, d]{wide} (got {describe(x)})")
        if edge_index is not None:
            edge_index = self._check_edges(x, edge_index)
        scale = self.scale if self.weight is None else self.weight
        identity = edge_index is not None if self.identity is None else self.identity
        if x.numel():
            message = self._messages(x, edge_index)
            x = x + scale * (x - message) if identity else x - scale * message
        return x if self.norm is None else self.norm(x)

    def _messages(self, x: Tensor, edge_index: Tensor | None) -> Tensor:
        """The messages to the features, before the scale."""
        (n, d), unit = x.shape[-2:], unit_rows(x)
        if edge_index is None and not self.dual_norm:
            # Fused attention wants four dimensions: sets, heads, tokens and channels.
            query, value = (t.reshape(-1, 1, n, d) for t in (unit.to(x.dtype), x))
            return F.scaled_dot_product_attention(query, query, value, scale=1 / self.temperature).view(x.shape)
        exclusion = None
        if edge_index is not None:
            node = torch.arange(n, device=x.device)
            exclusion = Exclusion(node, node, edge_index.flip(0))
        value, out, back = x.to(unit.dtype), [], 0
        for rows in slices(n, tile_rows(x.numel() // d, x.device)):
            options = {"use_reentrant": False, "preserve_rng_state": False}
            to_rows, to_all = checkpoint(self._tile, unit, value, rows, exclusion, **options)
            out.append(to_rows)
            back = back + to_all
        return (torch.cat(out, dim=-2) + back).to(x.dtype)

    def _tile(self, unit: Tensor, value: Tensor, rows: slice, exclusion: Exclusion | None) -> tuple[Tensor, Tensor]:
        """The message to some rows, and that from those rows to all (zero, unless both directions are wanted)."""
        score = unit[..., rows, :] @ unit.mT / self.temperature
        if exclusion is not None:
            score = exclusion.mask_(score, rows, slice(0, unit.size(-2)), float("-inf"))
            alone = (score == float("-inf")).all(dim=1).nonzero().view(-1)
            score[alone, alone + rows.start] = 0
        share = torch.softmax(score, dim=-1)
        to_all = share.mT @ value[..., rows, :] if self.dual_norm else value.new_zeros(())
        return share @ value, to_all

    @staticmethod
    def _check_edges(x: Tensor, edge_index: Tensor) -> Tensor:
        if x.dim() != 2:
            raise ValueError(f"'x' must be of shape [n, d] where edges are given (got {describe(x)})")
        return check_edges(edge_index, x.size(0))

    def extra_repr(self) -> str:
        """Scale and temperature, and what differs from the default."""
        parts = [f"scale={self.scale:g}", f"temperature={self.temperature:g}"]
        parts += [name for name, on in (("learnable", self.weight is not None), ("dual_norm", self.dual_norm)) if on]
        return ", ".join(parts if self.identity is None else [*parts, f"identity={self.identity}"])
