"""Retrieval across modalities: whether what belongs to a query is among its nearest keys."""

from collections.abc import Sequence

import torch
from torch import Tensor

from gnnclr.graph.exact import nearest, tile_rows
from gnnclr.ops.check import check_count, check_index, check_matrix
from gnnclr.ops.unit_rows import unit_rows


@torch.no_grad()
def retrieval_recall(query: Tensor, key: Tensor, pairs: Tensor, k: Sequence[int] = (1, 5)) -> dict[int, float]:
    r"""Recall at :math:`k` by cosine similarity: the share of queries that have one of their own among the :math:`k`
    nearest keys, as in `"Learning Transferable Visual Models From Natural Language Supervision"
    <https://arxiv.org/abs/2103.00020>`_.

    .. math:: \mathrm{R@}k = \frac{1}{|Q|} \sum_{i \in Q} \mathbb{1}\big[ \mathcal{N}_k(i) \cap
        \{ j : (i, j) \in \mathcal{P} \} \neq \emptyset \big]

    A key may belong to several queries, as a caption does to all images that it describes. Queries that nothing
    belongs to are left out. The search is exact, by tiles.

    Args:
        query (Tensor): Embeddings of queries.
        key (Tensor): Embeddings of keys.
        pairs (Tensor): The pairs :math:`\mathcal{P}` of a query and a key that belong together.
        k (sequence of int, optional): Numbers of keys; above that of all keys each is found. (default: ``(1, 5)``)

    Shapes:
        - **query:** :math:`(n, d)`; **key:** :math:`(m, d)`; **pairs:** :math:`(2, e)`

    Returns:
        dict: The recall for each :math:`k`.

    Raises:
        ValueError: If embeddings are not finite, shapes do not fit, or there is no pair.
    """
    check_matrix("query", query, finite=True)
    check_matrix("key", key, cols=query.size(1), finite=True)
    pairs = check_index("pairs", pairs, 2, "e").to(query.device)
    for row, size in zip(pairs, (query.size(0), key.size(0))):
        if pairs.size(1) == 0 or int(row.min()) < 0 or int(row.max()) >= size:
            got = "no pair" if pairs.size(1) == 0 else f"{int(row.min())} to {int(row.max())} among {size} rows"
            raise ValueError(f"'pairs' must be pairs of a query and a key that there are (got {got})")
    ks = [check_count("k", each) for each in k]
    m, owned = key.size(0), torch.unique(pairs[0])
    code, z, bank = pairs[0] * m + pairs[1], unit_rows(query), unit_rows(key)
    first = torch.full((query.size(0),), m, device=query.device)
    for rows in owned.split(tile_rows(m, query.device)):
        index = nearest(z[rows], bank, min(max(ks), m), True).index
        hit = torch.isin(rows.unsqueeze(1) * m + index, code)
        first[rows] = torch.where(hit.any(dim=1), hit.long().argmax(dim=1), m)
    return {each: float((first[owned] < min(each, m)).double().mean()) for each in ks}
