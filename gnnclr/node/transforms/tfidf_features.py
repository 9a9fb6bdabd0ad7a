"""Words weighed by how rare they are."""

import torch
from torch_geometric.data import Data
from torch_geometric.transforms import BaseTransform

from gnnclr.node.datasets.data import check_features
from gnnclr.node.sparse.csr import csr_tensor
from gnnclr.node.transforms.scipy_features import scipy_features


class TfidfFeatures(BaseTransform):
    r"""Weighs bags of words by their inverse document frequency, and brings rows to length one, by
    :class:`sklearn.feature_extraction.text.TfidfTransformer`.

    .. math:: \mathbf{x}_{i} \leftarrow \frac{\mathbf{x}_{i} \odot \mathbf{w}}{\|\mathbf{x}_i \odot \mathbf{w}\|},
        \qquad w_j = 1 + \log \frac{1 + n}{1 + |\{i : \mathbf{x}_{ij} > 0\}|}

    Words that many nodes share say little of any. Source: `"A statistical interpretation of term specificity and its
    application in retrieval" <https://doi.org/10.1108/eb026526>`_. The features of PubMed are weighed already.

    Args:
        sublinear (bool, optional): Whether counts :math:`c` become :math:`1 + \log c` first. (default: ``False``)

    Shapes:
        - **input:** a graph with features :math:`(n, F)`, dense or sparse CSR, of which none is negative
        - **output:** the graph with features :math:`(n, F)` of the same layout; rows of zeros stay

    Raises:
        ValueError: If the graph has no features, or some that are not finite or negative.
    """

    def __init__(self, sublinear: bool = False):
        self.sublinear = sublinear

    def forward(self, data: Data) -> Data:
        """The graph with weighed features ``x``."""
        from sklearn.feature_extraction.text import TfidfTransformer

        x = check_features(data)
        words = scipy_features(x)
        if words.nnz and words.data.min() < 0:
            raise ValueError(f"'data.x' must hold counts of words, none negative (got {words.data.min():.3g})")
        words = TfidfTransformer(sublinear_tf=self.sublinear).fit_transform(words)
        if x.layout == torch.strided:
            weighed = torch.from_numpy(words.toarray())
        else:
            words = words.tocoo()
            weighed = csr_tensor(*map(torch.from_numpy, (words.row, words.col, words.data)), size=tuple(x.shape))
        data.x = weighed.to(x.device, x.dtype)
        return data

    def __repr__(self) -> str:
        return f"{type(self).__name__}(sublinear={self.sublinear})"
