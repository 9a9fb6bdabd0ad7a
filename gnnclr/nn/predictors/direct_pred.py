"""DirectPred: the square root of the correlation."""

import torch
from torch import Tensor

from gnnclr.nn.predictors.spectral import SpectralPredictor, spectral_map
from gnnclr.ops.check import check_choice, check_number


class DirectPred(SpectralPredictor):
    r"""The predictor of `"Understanding Self-Supervised Learning Dynamics without Contrastive Pairs"
    <https://arxiv.org/abs/2102.06810>`_: the square root of the correlation of its inputs, set and not trained.

    .. math:: \mathbf{W} = \mathbf{U} \operatorname{diag}(p_j) \mathbf{U}^{\top}, \qquad
        \mathbf{F} = \mathbf{U} \operatorname{diag}(s_j) \mathbf{U}^{\top}

    with :math:`\hat{s}_j = s_j / \max_k s_k` and

    - ``eps_form="outside"``: :math:`p_j = \max(\sqrt{\hat{s}_j} + \epsilon, 10^{-4})`, as the authors' code does;
    - ``eps_form="inside"``: :math:`p_j = \sqrt{\max(\hat{s}_j + \epsilon, 10^{-4})}`, its other form;
    - ``eps_form="paper"``: :math:`p_j = \sqrt{s_j} + \epsilon \max_k s_k`, eq. 18 of the paper.

    Under a loss of cosines the scale of :math:`\mathbf{W}` is of no effect. There the paper's :math:`\epsilon` is that
    of the code divided by :math:`\sqrt{\max_k s_k}`.

    Args:
        channels (int): Width of the embeddings, and of the predictions.
        decay (float, optional): The factor :math:`\rho` of the average of correlations. (default: ``0.3``)
        eps (float, optional): The number :math:`\epsilon \ge 0` that keeps small eigenvalues alive.
            (default: ``0.01``)
        eps_form (str, optional): Where :math:`\epsilon` enters: ``"outside"``, ``"inside"`` or ``"paper"``.
            (default: ``"outside"``)
        frequency (int, optional): Steps from one setting of :math:`\mathbf{W}` to the next, see
            :class:`~gnnclr.nn.predictors.spectral.SpectralPredictor`. (default: ``1``)
        centered (bool, optional): If set to :obj:`True`, the covariance stands for the correlation.
            (default: :obj:`False`)

    Shapes:
        - **input:** embeddings :math:`(n, D)`
        - **output:** predictions :math:`(n, D)`
    """

    def __init__(
        self,
        channels: int,
        decay: float = 0.3,
        eps: float = 0.01,
        eps_form: str = "outside",
        frequency: int = 1,
        centered: bool = False,
    ):
        super().__init__(channels, decay, frequency, centered)
        self.eps: float = float(check_number("eps", eps, least=0))
        self.eps_form: str = check_choice("eps_form", eps_form, ("outside", "inside", "paper"))

    def filter(self, correlation: Tensor) -> Tensor:
        """The matrix for a correlation [d, d]."""
        return spectral_map(correlation, self._roots)

    def _roots(self, s: Tensor) -> Tensor:
        top = s.max()
        if self.eps_form == "paper":
            return s.sqrt() + self.eps * top
        s = s / top.clamp(min=torch.finfo(s.dtype).tiny)
        if self.eps_form == "inside":
            return (s + self.eps).clamp(min=1e-4).sqrt()
        return (s.sqrt() + self.eps).clamp(min=1e-4)

    def extra_repr(self) -> str:
        """The settings."""
        return f"{super().extra_repr()}, eps={self.eps:g}, eps_form={self.eps_form!r}"
