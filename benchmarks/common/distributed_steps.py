"""Losses over the samples of all processes, by name: of the package, and of peers."""

from collections.abc import Callable

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.nn.functional import all_gather
from torch.nn.functional import cross_entropy, normalize

from benchmarks.pages.distributed import LIGHTLY, OPEN_CLIP, OURS, SENT, WHOLE
from gnnclr.losses import CLIPLoss, InfoNCELoss, NTXentLoss, SupConLoss

TEMPERATURE = 0.1
LOSSES = {"nt_xent": NTXentLoss, "info_nce": InfoNCELoss, "clip": CLIPLoss, "sup_con": SupConLoss}
#: The methods of each loss.
METHODS = {
    "nt_xent": [OURS, WHOLE, SENT, LIGHTLY],
    "info_nce": [OURS, WHOLE],
    "clip": [OURS, WHOLE, OPEN_CLIP],
    "sup_con": [OURS, SENT],
}
#: Labels of SupCon.
LABELS = 100

Step = Callable[[Tensor, Tensor], Tensor]


def distributed_step(family: str, name: str) -> Step:
    """A function ``(z0, z1) -> loss``, which gathers where there are several processes."""
    several = dist.is_initialized()
    if name == LIGHTLY:
        from lightly.loss import NTXentLoss as Peer

        return Peer(TEMPERATURE, gather_distributed=several)
    if name == OPEN_CLIP:
        return clip_of_gathered_rows
    options = {"learnable": False} if family == "clip" else {}
    loss = LOSSES[family](TEMPERATURE, gather_distributed=several, **options)
    if name in (WHOLE, SENT):
        loss.pairing = None
    if name == SENT:
        loss.shares = lambda graph: False
    if family == "sup_con":
        return lambda a, b: loss(a, b, labels=torch.arange(len(a)) % LABELS)
    return loss


def clip_of_gathered_rows(a: Tensor, b: Tensor) -> Tensor:
    """CLIP's loss as open_clip computes it with ``local_loss`` and ``gather_with_grad``, written by its formula: own
    rows of each tower against all rows of the other, as matrices, and gradients through the gather."""
    a, b = normalize(a, dim=1), normalize(b, dim=1)
    several = dist.is_initialized()
    all_a, all_b = (torch.cat(all_gather(x)) if several else x for x in (a, b))
    first = dist.get_rank() * len(a) if several else 0
    own = torch.arange(first, first + len(a))
    return (cross_entropy(a @ all_b.t() / TEMPERATURE, own) + cross_entropy(b @ all_a.t() / TEMPERATURE, own)) / 2
