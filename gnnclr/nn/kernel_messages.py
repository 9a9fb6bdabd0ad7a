"""Messages of a kernel along explicit pairs."""

from torch import Tensor
from torch_geometric.nn import MessagePassing

from gnnclr.ops.kernels import PairKernel


class KernelMessages(MessagePassing):
    r"""Message passing in which a pair sends each end the gradient of the kernel's argument by that end.

    Args:
        kernel (PairKernel): The kernel.

    Shapes:
        - **input:** embeddings :math:`(n, d)`, sources :math:`(n + m, d)`, pairs :math:`(2, e)`, weights :math:`(e)`,
          or :math:`(a, e)` for a kernel of :math:`a` arguments
        - **output:** messages to targets :math:`(n, d)`
    """

    def __init__(self, kernel: PairKernel):
        super().__init__(aggr="sum")
        self.kernel = kernel

    def forward(self, z: Tensor, nodes: Tensor, edge_index: Tensor, weight: Tensor) -> Tensor:
        """Messages from sources to targets."""
        # propagate_type: (x: Tensor, edge_weight: Tensor)
        return self.propagate(edge_index, x=(nodes, z), edge_weight=weight, size=(nodes.size(0), z.size(0)))

    def message(self, x_i: Tensor, x_j: Tensor, edge_weight: Tensor) -> Tensor:
        """The message of one pair to its target."""
        return self.kernel.pull_rows(edge_weight, x_i, x_j)
