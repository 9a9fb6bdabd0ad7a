"""How similar nodes are to the centers of communities."""

from torch import Tensor

from gnnclr.ops.check import check_choice

SIMILARITIES = ("cosine", "rbf")


def community_similarity(h: Tensor, centers: Tensor, temperature: float, similarity: str = "cosine") -> Tensor:
    r"""The logarithm of the similarity of nodes and centers: :math:`\mathbf{h}^{\top} \mathbf{c} / \tau`, or
    :math:`-\|\mathbf{h} - \mathbf{c}\|^2 / \tau^2` for ``"rbf"``.

    Args:
        h (Tensor): Unit rows [n, d].
        centers (Tensor): Centers [K, d].
        temperature (float): The temperature :math:`\tau`.
        similarity (str, optional): ``"cosine"`` or ``"rbf"``. (default: ``"cosine"``)

    Shapes:
        - **output:** :math:`(n, K)`
    """
    check_choice("similarity", similarity, SIMILARITIES)
    products = h @ centers.t()
    if similarity == "cosine":
        return products / temperature
    squares = h.square().sum(dim=1, keepdim=True) + centers.square().sum(dim=1)
    return (2 * products - squares) / temperature**2
