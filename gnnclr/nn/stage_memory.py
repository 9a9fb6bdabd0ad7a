"""Targets from more than one stage of training."""

import torch
from torch import Tensor, nn

from gnnclr.graph import FeatureBank
from gnnclr.ops.check import check_count, check_index, check_matrix, check_number


class StageMemory(nn.Module):
    r"""The multi-stage aggregation of `"A Message Passing Perspective on Learning Dynamics of Contrastive Learning"
    <https://arxiv.org/abs/2303.04435>`_: a target is mixed with what the sample's embedding was at an earlier stage of
    training, as jumping knowledge joins the layers of a graph network.

    .. math:: \mathbf{t}_i = \lambda\, \mathbf{z}_i + (1 - \lambda)\, \mathbf{b}_i

    where :math:`\mathbf{b}_i` is the sample's embedding, of any length, when it was written last. Until
    :obj:`warm_up` epochs are done, and for samples not yet written, :math:`\mathbf{t}_i = \mathbf{z}_i`.

    Targets of a batch are read before it is written, so one row a sample is enough: a sample comes once an epoch, and
    it reads a row of an earlier epoch. Samples that an epoch leaves out keep their rows. Writes of all processes
    reach all of them. :meth:`start_epoch` must be called at the start of every epoch.

    Args:
        size (int): The number of samples of the data set.
        dim (int): Width of an embedding.
        mix (float, optional): The share :math:`0 \le \lambda \le 1` of the present embedding. (default: ``0.5``)
        warm_up (int, optional): Epochs, from the first, whose targets are not mixed. (default: ``51``, as in the
            authors' code)
        lag (int, optional): Epochs from one write to the next: every epoch whose number is a multiple of it writes.
            With a lag of one the row that is read is one epoch old; otherwise its age is one to :obj:`lag` epochs.
            (default: ``1``)

    Shapes:
        - **input:** embeddings :math:`(n, D)`, rows of the data set :math:`(n)`
        - **output:** targets :math:`(n, D)`, without gradients
    """

    epoch: Tensor

    def __init__(self, size: int, dim: int, mix: float = 0.5, warm_up: int = 51, lag: int = 1):
        super().__init__()
        self.mix: float = float(check_number("mix", mix, least=0, most=1))
        self.warm_up: int = check_count("warm_up", warm_up, least=0)
        self.lag: int = check_count("lag", lag)
        self.bank: FeatureBank = FeatureBank(size, dim, mode="sample")
        self.register_buffer("epoch", torch.tensor(0))  # the one that goes on: the training says which

    def start_epoch(self, epoch: int) -> None:
        """Says which epoch begins, counted from 0."""
        self.epoch.fill_(epoch)

    @torch.no_grad()
    def forward(self, z: Tensor, index: Tensor) -> Tensor:
        """The targets for the embeddings ``z`` of one view of the samples ``index``."""
        check_matrix("z", z, cols=self.bank.dim)
        index = check_index("index", index, z.size(0))
        if index.numel() and not 0 <= int(index.min()) <= int(index.max()) < self.bank.size:
            limits = f"got values {int(index.min())} to {int(index.max())}"
            raise ValueError(f"'index' must lie between 0 and {self.bank.size - 1} ({limits})")
        z = z.detach()
        if int(self.epoch) < self.warm_up:
            return z
        index = index.to(self.bank.storage.device)
        memory, written = self.bank.storage[index], self.bank.written[index] >= 0
        dtype = torch.promote_types(z.dtype, memory.dtype)
        z = z.to(dtype)
        return torch.where(written.unsqueeze(1), memory.to(dtype).lerp(z, self.mix), z)

    def write(self, z: Tensor, index: Tensor) -> None:
        """Keeps the embeddings ``z`` of the samples ``index``, if this epoch is one that writes. Every process must
        call, with samples of its own."""
        if int(self.epoch) % self.lag == 0:
            self.bank.update(z, index, gather=True)

    def extra_repr(self) -> str:
        """The settings."""
        return f"mix={self.mix:g}, warm_up={self.warm_up}, lag={self.lag}"
