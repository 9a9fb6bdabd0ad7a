"""The cut between two overlapping images where they differ least."""

import torch
from torch import Tensor


def minimum_cut(error: Tensor) -> Tensor:
    r"""The path from the first to the last row, one column a row and at most one column aside from row to row, whose
    sum of errors is least: the minimum error boundary cut of `"Image Quilting for Texture Synthesis and Transfer"
    <https://doi.org/10.1145/383259.383296>`_, by dynamic programming over all overlaps at once.

    .. math:: E_{ij} = e_{ij} + \min(E_{i-1,j-1}, E_{i-1,j}, E_{i-1,j+1})

    Of paths that are equally good it is the one that ends leftmost, and goes straight up, or else to the left, where
    it can.

    Args:
        error (torch.Tensor): The errors :math:`e`.

    Shapes:
        - **input:** :math:`(n, L, W)`, for :math:`n` overlaps of :math:`L` rows and :math:`W` columns
        - **output:** the column of the path in each row, ``int64`` :math:`(n, L)`
    """
    total, moves = error[:, 0], []
    edge = error.new_full((len(error), 1), torch.inf)
    for i in range(1, error.size(1)):
        left, right = torch.cat([edge, total[:, :-1]], 1), torch.cat([total[:, 1:], edge], 1)
        beside = torch.minimum(left, right)
        aside = torch.where(left <= right, -1, 1)
        moves.append(torch.where(beside < total, aside, 0))
        total = error[:, i] + torch.minimum(beside, total)
    # torch.argmin does not promise the first of equal minima.
    column = ((total == total.amin(1, keepdim=True)).cumsum(1) == 0).sum(1, keepdim=True)
    path = [column]
    for move in reversed(moves):
        column = column + move.gather(1, column)
        path.append(column)
    return torch.cat(path[::-1], dim=1)
