"""The record of a simulation of an encoder and a predictor."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor


@dataclass
class SiameseTrajectory:
    r"""The weights of :class:`~gnnclr.dynamics.LinearSiamese` over time, in the eigenvectors :math:`\mathbf{v}_j` of
    the correlation :math:`\mathbf{F} = \mathbf{W} \mathbf{X} \mathbf{W}^\top` of the embeddings.

    Args:
        time (Tensor): The time of each record; 0 is the start.
        weights (SiameseWeights): Encoder, predictor and target at each record.
        correlation (Tensor): The eigenvalues :math:`s_j` of :math:`\mathbf{F}`, the largest first.
        predictor (Tensor): The predictor in these directions,
            :math:`p_j = \mathbf{v}_j^\top \mathbf{W}_p \mathbf{v}_j`: its eigenvalues once both are aligned.
        alignment (Tensor): The paper's measure of aligned eigenspaces: the cosine of :math:`\mathbf{v}_j` and
            :math:`\mathbf{W}_p \mathbf{v}_j`, one where :math:`\mathbf{v}_j` is an eigenvector of
            :math:`\mathbf{W}_p` with a positive eigenvalue.
        commutator (Tensor): :math:`\| \mathbf{F} \mathbf{W}_p - \mathbf{W}_p \mathbf{F} \| /
            (\|\mathbf{F}\| \|\mathbf{W}_p\|)`, zero where the eigenspaces are aligned, in the Frobenius norm.
        asymmetry (Tensor): :math:`\| \mathbf{W}_p - \mathbf{W}_p^\top \| / (2 \|\mathbf{W}_p\|)`.
        target (Tensor): The share :math:`\tau = \langle \mathbf{W}_a, \mathbf{W} \rangle / \|\mathbf{W}\|^2` of the
            encoder in its target.

    Shapes:
        - **time:** :math:`(t)`; **correlation**, **predictor** and **alignment:** :math:`(t, *, k)`; **commutator**,
          **asymmetry** and **target:** :math:`(t, *)`, with :math:`*` the copies, if there are any
    """

    time: Tensor
    weights: Any
    correlation: Tensor
    predictor: Tensor
    alignment: Tensor
    commutator: Tensor
    asymmetry: Tensor
    target: Tensor

    @classmethod
    def of(cls, time: Tensor, weights: Any, moment: Tensor) -> "SiameseTrajectory":
        """The record of weights whose first dimension is time.

        Args:
            time (Tensor): The times [t].
            weights (SiameseWeights): Encoders [t, \\*, k, d], predictors [t, \\*, k, k] and targets [t, \\*, k, d].
            moment (Tensor): The second moment of mean views [d, d].
        """
        w, p, a = weights
        f = w @ moment @ w.mT
        values, vectors = torch.linalg.eigh((f + f.mT) / 2)
        values, vectors = values.flip(-1), vectors.flip(-1)
        image = p @ vectors
        own = (vectors * image).sum(dim=-2)
        size = torch.linalg.matrix_norm(p)
        return cls(
            time=time,
            weights=weights,
            correlation=values.clamp(min=0),
            predictor=own,
            alignment=_ratio(own, image.norm(dim=-2)),
            commutator=_ratio(torch.linalg.matrix_norm(f @ p - p @ f), torch.linalg.matrix_norm(f) * size),
            asymmetry=_ratio(torch.linalg.matrix_norm(p - p.mT), 2 * size),
            target=_ratio((a * w).sum(dim=(-2, -1)), w.square().sum(dim=(-2, -1))),
        )

    def alive(self, least: float = 0.05) -> Tensor:
        """The share of directions that did not collapse: whose eigenvalue of the correlation is at least ``least``.

        Args:
            least (float, optional): The smallest eigenvalue that counts. (default: ``0.05``)

        Returns:
            Tensor: A share for each record [t, \\*].
        """
        return (self.correlation >= least).double().mean(dim=-1)

    def __len__(self) -> int:
        return self.time.numel()

    def __repr__(self) -> str:
        shape = "×".join(str(size) for size in self.weights.encoder.shape[1:])
        return f"{type(self).__name__}(encoder {shape}, {len(self)} records up to time {float(self.time[-1]):g})"


def _ratio(a: Tensor, b: Tensor) -> Tensor:
    """The quotient, zero where the divisor is."""
    return torch.where(b > 0, a / b.clamp(min=torch.finfo(b.dtype).tiny), 0)
