"""Messages of a kernel along explicit pairs."""

from functools import cache

from torch import Tensor
from torch_geometric.nn import MessagePassing

from gnnclr.ops.kernels import PairKernel


class KernelMessages(MessagePassing):
    r"""Message passing in which a pair sends each end the gradient of the kernel's argument by that end.

    Shapes:
        - **input:** a kernel, embeddings :math:`(n, d)`, sources :math:`(n + m, d)`, pairs :math:`(2, e)`, weights
          :math:`(e)`, or :math:`(a, e)` for a kernel of :math:`a` arguments
        - **output:** messages to targets :math:`(n, d)`
    """

    def __init__(self):
        super().__init__(aggr="sum")

    def forward(self, kernel: PairKernel, z: Tensor, nodes: Tensor, edge_index: Tensor, weight: Tensor) -> Tensor:
        """Messages from sources to targets."""
        # propagate_type: (x: Tensor, edge_weight: Tensor, kernel: PairKernel)
        size = (nodes.size(0), z.size(0))
        return self.propagate(edge_index, x=(nodes, z), edge_weight=weight, kernel=kernel, size=size)

    def message(self, x_i: Tensor, x_j: Tensor, edge_weight: Tensor, kernel: PairKernel) -> Tensor:
        """The message of one pair to its target."""
        return kernel.pull_rows(edge_weight, x_i, x_j)


@cache
def kernel_messages() -> KernelMessages:
    """The layer, which holds nothing: one serves all kernels, as PyG takes longer to make one than to send."""
    return KernelMessages()
