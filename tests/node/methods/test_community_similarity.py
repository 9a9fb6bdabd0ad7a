import pytest
import torch
import torch.nn.functional as F

from gnnclr.node.methods.community_similarity import community_similarity


def test_similarity():
    torch.manual_seed(0)
    h, centers = F.normalize(torch.randn(5, 3)), torch.randn(4, 3)
    expected = -torch.cdist(h, centers).square() / 0.3**2
    assert torch.allclose(community_similarity(h, centers, 0.3, "rbf"), expected, atol=1e-4)
    assert torch.allclose(community_similarity(h, centers, 0.3), h @ centers.t() / 0.3)
    with pytest.raises(ValueError, match="'similarity' must be one of 'cosine', 'rbf'"):
        community_similarity(h, centers, 0.3, "dot")
