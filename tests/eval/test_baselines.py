import pytest
import torch

from gnnclr.eval import Split, evaluate_features, knn_probe, linear_probe


def test_every_feature_meets_every_probe():
    g = torch.Generator().manual_seed(0)
    y = torch.arange(90) % 3
    good = torch.eye(3)[y] + 0.1 * torch.randn(90, 3, generator=g)
    split = Split.stratified(y, 0.2, 0.2)
    images = torch.rand(90, 1, 2, 2, generator=g)
    results = evaluate_features({"raw": images, "sparse": good.to_sparse_csr(), "late": lambda: good}, y, split)
    assert list(results) == ["raw", "sparse", "late"] and list(results["raw"]) == ["linear", "kNN"]
    assert (
        results["late"]
        == results["sparse"]
        == {
            "linear": linear_probe(good, y, split),
            "kNN": knn_probe(good, y, split),
        }
    )
    assert results["late"]["linear"].test == 1.0 > results["raw"]["linear"].test
    only = evaluate_features({"raw": good}, y, split, probes={"kNN": knn_probe})
    assert list(only["raw"]) == ["kNN"]


@pytest.mark.parametrize("bad", [None, [[1.0]], torch.ones(6), lambda: torch.ones(6)])
def test_features_are_rows(bad):
    y = torch.arange(6) % 2
    with pytest.raises(ValueError, match=r"'features\['raw'\]' must be a tensor of shape \[n, ...\]"):
        evaluate_features({"raw": bad}, y, Split.random(6, 0.4, 0.3))
