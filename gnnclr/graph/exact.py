"""Exact nearest neighbor search from tiles of scores, without an n×n matrix."""

import torch
from torch import Tensor
from torch_geometric.nn.pool.knn import KNNOutput


def tile_rows(columns: int, device: torch.device) -> int:
    """How many rows of scores against ``columns`` candidates are held at once."""
    entries, most = (2**26, 4096) if device.type == "cuda" else (2**22, 1024)
    return max(64, min(most, entries // max(1, columns)))


def nearest(query: Tensor, rows: Tensor, k: int, cosine: bool, mask: Tensor | None = None) -> KNNOutput:
    """The exact ``k`` nearest ``rows`` of each query, among those that ``mask`` (True: skip) leaves, from one tile of
    scores. With ``cosine`` both sides must have unit or zero rows. Missing hits have score -inf and index -1. PyG's
    function of this name finds a single row, by distance.
    """
    with torch.no_grad(), torch.autocast(query.device.type, enabled=False):
        if cosine:
            score = query @ rows.t()
        else:
            score = torch.addmm(rows.square().sum(dim=1), query, rows.t(), beta=-1, alpha=2)
            score = score.sub_(query.square().sum(dim=1, keepdim=True)).clamp_(max=0)
        return highest(score, k, mask)


def highest(score: Tensor, k: int, mask: Tensor | None = None) -> KNNOutput:
    """The ``k`` highest scores of each row of a tile, which is written into, among those that ``mask`` (True: skip)
    leaves. Missing hits have score -inf and index -1."""
    if mask is not None:
        score.masked_fill_(mask, float("-inf"))
    score, index = score.topk(min(k, score.size(1)), dim=1)
    return pad(score, index.masked_fill_(score == float("-inf"), -1), k)


def pad(score: Tensor, index: Tensor, k: int) -> KNNOutput:
    """Fills up to ``k`` columns with score -inf and index -1, or cuts down to them."""
    missing = max(0, k - index.size(1))
    score = torch.nn.functional.pad(score[:, :k], (0, missing), value=float("-inf"))
    return KNNOutput(score, torch.nn.functional.pad(index[:, :k], (0, missing), value=-1))


def drop_hits(out: KNNOutput, mask: Tensor, k: int) -> KNNOutput:
    """Takes the hits where ``mask`` is True out of each row, keeps the order of the rest, and returns ``k`` columns."""
    order = mask.to(torch.uint8).sort(dim=1, stable=True).indices
    score, index = out.score.masked_fill(mask, float("-inf")), out.index.masked_fill(mask, -1)
    return pad(score.gather(1, order), index.gather(1, order), k)
