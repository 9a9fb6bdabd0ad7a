"""KCL: kernels in place of the softmax."""

from gnnclr.graph import Negatives
from gnnclr.losses.batch_loss import PairLoss
from gnnclr.losses.objective_card import ObjectiveCard
from gnnclr.nn import AlignmentConv, PotentialConv, WeightedSum
from gnnclr.ops.check import check_choice, check_number, check_positive
from gnnclr.ops.kernels import Gaussian, InverseMultiquadric, Logarithmic, PairKernel, Riesz

KERNELS = ("gaussian", "log", "imq", "riesz", "gaussian_riesz")


class KCLLoss(PairLoss):
    r"""The kernel contrastive loss of `"Bridging Mini-Batch and Asymptotic Analysis in Contrastive Learning"
    <https://arxiv.org/abs/2405.18045>`_: without a logarithm, so its expectation does not depend on the batch size.

    .. math::
        \mathcal{L} = -2 \operatorname{mean}_i k_A(\mathbf{a}_i, \mathbf{b}_i) + \gamma \Big[
        \operatorname{mean}_{i \neq j} k_U(\mathbf{a}_i, \mathbf{a}_j) +
        \operatorname{mean}_{i \neq j} k_U(\mathbf{b}_i, \mathbf{b}_j) \Big]

    with kernels of the distance :math:`d`:

    ====================  ==================================  ==================================
    ``kernel``            energy :math:`k_U`                  alignment :math:`k_A`
    ====================  ==================================  ==================================
    ``gaussian``          :math:`e^{-t d^2}`                  the same
    ``log``               :math:`-a \log(1 + t d^2)`          :math:`-\log(1 + t d^2)`
    ``imq``               :math:`t / \sqrt{t^2 + d^2}`        the same
    ``riesz``             :math:`d^{-t}`, or                  the same
                          :math:`-d^{|t|}` for :math:`t<0`
    ``gaussian_riesz``    the one of ``riesz``                :math:`e^{-2 d^2}`
    ====================  ==================================  ==================================

    With more views the first mean runs over all pairs of views of a sample, and the bracket becomes twice the mean over
    the pairs within a view.

    Args:
        kernel (str, optional): The kernels. (default: ``"gaussian"``)
        t (float, optional): Their parameter :math:`t`, positive but for Riesz kernels. (default: ``2.0``)
        gamma (float, optional): The weight :math:`\gamma > 0` of the energies. (default: ``16.0``)
        log_factor (float, optional): The factor :math:`a` of the logarithmic energy; the authors' code has one half
            there and one in the alignment. (default: ``0.5``)
        gather_distributed (bool, optional): Contrast with the samples of all processes, see
            :class:`~gnnclr.losses.GraphLoss`. (default: ``False``)
        impl (str, optional): Implementation of the engine, see :class:`gnnclr.ops.PairSum`. (default: ``"auto"``)

    Shapes:
        - **input:** two views :math:`(n, d)` of any length, optional keyword ``labels`` :math:`(n)`; or stacked views
          :math:`(N, d)` and a :class:`~gnnclr.graph.ContrastGraph`
        - **output:** scalar
    """

    card: ObjectiveCard = ObjectiveCard(
        formula="-2 mean_i k(a_i, b_i) + γ [mean_(i≠j) k(a_i, a_j) + mean_(i≠j) k(b_i, b_j)]",
        kernel="Gaussian, log, IMQ, Riesz or Gaussian-Riesz of the distance",
        link="mean",
        pairs="same view, other samples",
        weights="one",
        paper="KCL, https://arxiv.org/abs/2405.18045",
    )
    rule: Negatives = Negatives(scope="same")  # each view repels its own kind

    def __init__(
        self,
        kernel: str = "gaussian",
        t: float = 2.0,
        gamma: float = 16.0,
        log_factor: float = 0.5,
        gather_distributed: bool = False,
        impl: str = "auto",
    ):
        check_choice("kernel", kernel, KERNELS)
        if check_number("t", t) <= 0 and (t == 0 or "riesz" not in kernel):
            raise ValueError(f"'t' must be a positive number, or for a Riesz kernel a negative one (got {t!r})")
        check_positive("gamma", gamma)
        check_positive("log_factor", log_factor)
        align, energy = _kernels(kernel, t, log_factor)
        # The mean over the pairs of both views is half the sum of their two energies.
        conv = WeightedSum((2.0, AlignmentConv(1.0, align)), (2.0 * gamma, PotentialConv(energy, impl)))
        super().__init__(conv, gather_distributed)


def _kernels(name: str, t: float, log_factor: float) -> tuple[PairKernel, PairKernel]:
    """Kernels of alignment and energy."""
    if name == "gaussian":
        return Gaussian(t), Gaussian(t)
    if name == "log":
        return Logarithmic(t), Logarithmic(t, log_factor)
    if name == "imq":
        return InverseMultiquadric(t), InverseMultiquadric(t)
    return (Riesz(t) if name == "riesz" else Gaussian(2.0)), Riesz(t)
