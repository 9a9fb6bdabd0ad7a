"""The uniformity of Wang and Isola: the logarithm stands outside of the mean over pairs."""

import torch
from torch import Tensor

from gnnclr.graph import ContrastGraph
from gnnclr.nn.uniformity import UniformityConv
from gnnclr.nn.update import Update
from gnnclr.ops.check import check_positive
from gnnclr.ops.value_only import value_only


class GaussianUniformityConv(UniformityConv):
    r"""The uniformity of `"Understanding Contrastive Representation Learning through Alignment and Uniformity on the
    Hypersphere" <https://arxiv.org/abs/2005.10242>`_, for each view, and averaged over views.

    .. math::
        E = \operatorname{mean}_v \log \operatorname{mean}_{(i, j) \in \mathcal{P}_v}
        e^{-t \|\mathbf{z}_i - \mathbf{z}_j\|^2}

    On unit rows the exponent is :math:`2t\, \mathbf{z}_i^\top \mathbf{z}_j - 2t`, the logit of
    :class:`~gnnclr.nn.UniformityConv` at temperature :math:`1 / 2t`; anchors of a view are pooled before the logarithm.

    Args:
        t (float, optional): Sharpness :math:`t > 0` of the potential. (default: ``2.0``)
        impl (str, optional): Implementation of the engine, see :class:`gnnclr.ops.PairSoftmax`. (default: ``"auto"``)

    Shapes:
        - **input:** embeddings :math:`(n, d)`, unit rows; graph with a rule, usually ``Negatives(scope="same")``
        - **output:** messages :math:`(n, d)`
    """

    per_anchor = False

    def __init__(self, t: float = 2.0, impl: str = "auto"):
        super().__init__(1 / (2 * check_positive("t", t)), impl)
        self.t = t

    def step(self, z: Tensor, graph: ContrastGraph) -> Update:
        """Energy and message of one round."""
        if graph.extra is not None and graph.extra.scale is not None and len(graph.extra):
            raise ValueError("'graph.extra.scale' must be absent: the potential of a pair has no factor (got one)")
        log_partition = self.log_partition(z, graph)
        mass, lse = log_partition.mass, log_partition.lse
        energies, weight = [], torch.zeros_like(lse)
        for v in range(graph.num_views):
            rows = (graph.view == v) & torch.isfinite(lse)
            if bool(rows.any()):
                pooled = torch.logsumexp(lse[rows], dim=0)
                weight[rows] = (lse[rows] - pooled).exp()
                energies.append(pooled - float(mass[rows].sum().log()) - 2 * self.t)
        energy = torch.stack(energies).mean() if energies else z.new_zeros(())
        if value_only():
            return Update(energy)
        message, _ = log_partition.message(weight / max(len(energies), 1))
        return Update(energy, message * (-2 * self.t))

    def extra_repr(self) -> str:
        """The sharpness."""
        return f"t={self.t:g}"
