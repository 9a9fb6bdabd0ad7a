import pytest
import torch
import torch_geometric.typing

from gnnclr.node.datasets.sbm import sbm
from gnnclr.node.loader.neighbor_batches import neighbor_batches


def test_without_the_packages_the_error_names_them(monkeypatch):
    monkeypatch.setattr(torch_geometric.typing, "WITH_PYG_LIB", False)
    monkeypatch.setattr(torch_geometric.typing, "WITH_TORCH_SPARSE", False)
    with pytest.raises(ImportError, match="'pyg-lib' or 'torch-sparse'"):
        neighbor_batches(sbm(20, num_features=4))


def test_batches_are_seeds_and_neighbors():
    if not (torch_geometric.typing.WITH_PYG_LIB or torch_geometric.typing.WITH_TORCH_SPARSE):
        pytest.skip("needs pyg-lib or torch-sparse")
    data = sbm(60, num_features=4)
    batches = list(neighbor_batches(data, (3, 2), batch_size=16))
    seeds = torch.cat([batch.n_id[: batch.batch_size] for batch in batches])
    assert seeds.sort().values.equal(torch.arange(60))
    assert all(batch.x.equal(data.x[batch.n_id]) for batch in batches)


def test_errors():
    with pytest.raises(ValueError, match="'batch_size' must be a positive integer"):
        neighbor_batches(sbm(20, num_features=4), batch_size=0)
