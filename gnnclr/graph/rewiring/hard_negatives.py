"""Synthetic negatives: mixtures of the hardest there are."""

import torch
from torch_geometric.transforms import BaseTransform

from gnnclr.graph.bank_sources import append_rows
from gnnclr.graph.candidates import similar_candidates
from gnnclr.graph.contrast_graph import ContrastGraph
from gnnclr.graph.pair_exceptions import add_extra_negatives
from gnnclr.ops.check import check_choice, check_count
from gnnclr.ops.unit_rows import unit_rows

#: The partners that a hard negative is mixed with.
MODES = ("pairs", "anchor")


class MixHardNegatives(BaseTransform):
    r"""Adds synthetic negatives to each anchor, as `"Hard Negative Mixing for Contrastive Learning"
    <https://arxiv.org/abs/2010.01028>`_ (MoCHi) does.

    With :math:`\mathbf{n}_j, \mathbf{n}_k` two of the anchor's hardest negatives, the candidates that are nearest to
    it,

    .. math::
        \mathbf{h} = \frac{\tilde{\mathbf{h}}}{\|\tilde{\mathbf{h}}\|}, \qquad
        \tilde{\mathbf{h}} = \begin{cases}
        \alpha\, \mathbf{n}_j + (1 - \alpha)\, \mathbf{n}_k, \;\; \alpha \sim U(0, 1) & \text{"pairs"} \\
        \alpha\, \mathbf{x}_i + (1 - \alpha)\, \mathbf{n}_j, \;\; \alpha \sim U(0, 1/2) & \text{"anchor"}
        \end{cases}

    Mixtures are constant rows of the graph's bank that are no candidates of any anchor, and extra
    negatives (``graph.extra``) of the anchor that they were made for. MoCHi has both kinds: use the transform twice.
    Random numbers are from torch's global generator.

    Args:
        k (int, optional): The number of hardest negatives that are mixed; MoCHi takes 1,024 of the tens of thousands of
            its queue. (default: ``16``)
        num (int, optional): Synthetic negatives of each anchor. (default: ``16``)
        mode (str, optional): ``"pairs"`` mixes two hard negatives, ``"anchor"`` one with the anchor, which makes harder
            ones. (default: ``"pairs"``)
    """

    def __init__(self, k: int = 16, num: int = 16, mode: str = "pairs"):
        self.k: int = check_count("k", k)
        self.num: int = check_count("num", num)
        self.mode: str = check_choice("mode", mode, MODES)

    def forward(self, data: ContrastGraph) -> ContrastGraph:
        """The graph with synthetic negatives; an anchor with fewer than two candidates (one, with ``"anchor"``) gets
        none."""
        source, target = similar_candidates(data, self.k)
        # Candidates are grouped by anchor: those of one are a range.
        anchor, count = torch.unique_consecutive(target, return_counts=True)
        first = count.cumsum(0) - count
        enough = count > (1 if self.mode == "pairs" else 0)
        anchor, first, count = (x[enough].repeat_interleave(self.num) for x in (anchor, first, count))
        if anchor.numel() == 0:
            return data
        x = unit_rows(data.x.detach())
        nodes = x if data.bank is None else torch.cat([x, unit_rows(data.bank.rows.detach()).to(x)])
        draw = torch.rand(3, anchor.numel(), dtype=torch.float64).to(x.device)  # alike on every device
        one = (draw[0] * count).long()
        share = draw[1].to(x).unsqueeze(1)
        if self.mode == "pairs":
            # Another than the first: one of the rest, counted from it.
            other = (one + 1 + (draw[2] * (count - 1)).long()) % count
            mixed = share * nodes[source[first + one]] + (1 - share) * nodes[source[first + other]]
        else:
            share = share / 2
            mixed = share * x[anchor] + (1 - share) * nodes[source[first + one]]
        row = append_rows(data, unit_rows(mixed))
        return add_extra_negatives(data, torch.stack([row, anchor]))

    def __repr__(self) -> str:
        return f"{type(self).__name__}(k={self.k}, num={self.num}, mode={self.mode!r})"
