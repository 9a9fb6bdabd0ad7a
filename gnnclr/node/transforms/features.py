"""Transforms of node features: rows of length one, tf-idf of words, leading singular directions."""

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch_geometric.data import Data
from torch_geometric.transforms import BaseTransform

from gnnclr.node.datasets.data import check_features, check_parts
from gnnclr.node.sparse.csr import csr_tensor
from gnnclr.node.transforms.fitted import FittedTransform
from gnnclr.ops.check import check_count, check_matrix, check_seed
from gnnclr.ops.unit_rows import unit_rows

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix
    from sklearn.feature_extraction.text import TfidfTransformer


class UnitFeatures(BaseTransform):
    """Brings the dense features of each node to length one, where
    :class:`torch_geometric.transforms.NormalizeFeatures` brings them to sum one."""

    def forward(self, data: Data) -> Data:
        """The graph with unit rows ``x``; rows of zeros stay."""
        x = check_matrix("data.x", check_parts(data, "x").x)
        data.x = unit_rows(x).to(x.dtype)
        return data


class TfidfFeatures(FittedTransform):
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

    def fit(self, data: Data) -> tuple[dict[str, Tensor], Tensor]:
        """The weight of each word, and the weighed features."""
        model, words = self._model(), self._words(data)
        weighed = model.fit_transform(words)
        return {"weight": torch.from_numpy(model.idf_)}, self._like(data.x, weighed)

    def transform(self, data: Data) -> Tensor:
        """The features, weighed by the words of the graph that the transform is fitted to."""
        model, words = self._model(), self._words(data)
        model.idf_ = self.state["weight"].numpy().astype(words.dtype)
        return self._like(data.x, model.transform(words))

    def _model(self) -> "TfidfTransformer":
        from sklearn.feature_extraction.text import TfidfTransformer

        return TfidfTransformer(sublinear_tf=self.sublinear)

    @staticmethod
    def _words(data: Data) -> "csr_matrix":
        words = scipy_features(check_features(data))
        if words.nnz and words.data.min() < 0:
            raise ValueError(f"'data.x' must hold counts of words, none negative (got {words.data.min():.3g})")
        return words

    @staticmethod
    def _like(x: Tensor, words: Any) -> Tensor:
        """Weighed words in the layout and type of features."""
        if x.layout == torch.strided:
            weighed = torch.from_numpy(words.toarray())
        else:
            words = words.tocoo()
            weighed = csr_tensor(*map(torch.from_numpy, (words.row, words.col, words.data)), size=tuple(x.shape))
        return weighed.to(x.device, x.dtype)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(sublinear={self.sublinear})"


class SVDFeatures(FittedTransform):
    r"""Replaces features by their first singular directions, by :func:`sklearn.utils.extmath.randomized_svd`.

    .. math:: \mathbf{X} \approx \mathbf{U} \mathbf{\Sigma} \mathbf{V}^{\top}, \qquad
        \mathbf{X} \leftarrow \mathbf{X} \mathbf{V} \in \mathbb{R}^{n \times K}

    After :class:`~gnnclr.node.TfidfFeatures` it is `latent semantic analysis
    <https://doi.org/10.1002/(SICI)1097-4571(199009)41:6%3C391::AID-ASI1%3E3.0.CO;2-9>`_. The randomized solver only
    multiplies by the sparse matrix: 512 directions of 18,333 nodes with 6,805 words take 4 seconds on a core, where
    :class:`torch_geometric.transforms.SVDFeatureReduction` makes a dense :math:`n \times n` matrix.

    Args:
        num_components (int, optional): The number :math:`K` of directions; all of them where there are fewer.
            (default: ``512``)
        seed (int, optional): Seed of the solver. (default: ``0``)

    Shapes:
        - **input:** a graph with features :math:`(n, F)`, dense or sparse CSR
        - **output:** the graph with dense features :math:`(n, \min(K, n, F))`

    Raises:
        ValueError: If the graph has no features, or some that are not finite.
    """

    def __init__(self, num_components: int = 512, seed: int = 0):
        self.num_components: int = check_count("num_components", num_components)
        self.seed: int = check_seed("seed", seed)

    def fit(self, data: Data) -> tuple[dict[str, Tensor], Tensor]:
        """The directions [K, F], and the features along them."""
        from sklearn.utils.extmath import randomized_svd

        x = check_features(data)
        u, s, v = randomized_svd(scipy_features(x), min(self.num_components, *x.shape), random_state=self.seed)
        # In double precision half of the digits are for nobody, and runs keep them.
        return {"directions": torch.from_numpy(v).float()}, torch.from_numpy(u * s).to(x.device, x.dtype)

    def transform(self, data: Data) -> Tensor:
        """The features along the directions of the graph that the transform is fitted to."""
        x = check_features(data)
        projected = scipy_features(x) @ self.state["directions"].numpy().T
        return torch.from_numpy(projected).to(x.device, x.dtype)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(num_components={self.num_components})"


def scipy_features(x: Tensor) -> "csr_matrix":
    """The entries of features that are not zero, in float32 at least.

    Args:
        x (Tensor): Dense or sparse CSR features [n, F].
    """
    from scipy.sparse import csr_matrix

    x = x.detach().cpu().to(torch.promote_types(x.dtype, torch.float32))
    if x.layout == torch.strided:
        return csr_matrix(x.numpy())
    parts = (x.values(), x.col_indices(), x.crow_indices())
    # A copy: zeros that are stored must not go from the tensor too.
    matrix = csr_matrix(tuple(part.numpy() for part in parts), shape=tuple(x.shape), copy=True)
    matrix.eliminate_zeros()
    return matrix
