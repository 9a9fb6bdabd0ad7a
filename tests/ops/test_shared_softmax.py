"""What own rows get of both sides of their pairs, beside matrices of all pairs."""

import pytest
import torch
from contracts.loss import relative
from torch.nn.functional import normalize

from gnnclr.ops import KernelSoftmax, PairSum, one_side_tiles, tiles
from gnnclr.ops.kernels import NegativePower, Square
from gnnclr.ops.processes.shared_softmax import SharedSoftmax
from gnnclr.ops.workspace import Workspace

OWN = torch.tensor([0, 3, 4, 17, 18, 19, 40, 58, 60])


@pytest.fixture
def rows():
    """Rows, their groups, and excluded pairs both ways."""
    generator = torch.Generator().manual_seed(0)
    x = normalize(torch.randn(61, 5, generator=generator).double(), dim=1)
    pairs = torch.tensor([[0, 17, 40, 2], [9, 60, 41, 58]])
    return x, torch.randint(0, 20, (61,), generator=generator), torch.cat([pairs, pairs.flip(0)], dim=1)


@pytest.fixture
def weight():
    """A weight for each row, of any sign."""
    return torch.randn(61, generator=torch.Generator().manual_seed(1)).double()


def of_own(pairs, own=OWN):
    """The pairs of own rows, as positions among them."""
    place = torch.full((61,), -1).index_copy_(0, own, torch.arange(len(own)))
    found = torch.stack([place[pairs[0]], pairs[1]])
    return found[:, found[0] >= 0]


def masked(s, group, pairs):
    mask = group[:, None] == group
    mask[pairs[0], pairs[1]] = True
    return s.masked_fill(mask, float("-inf"))


@pytest.mark.parametrize("size", [8, 512])
@pytest.mark.parametrize("kept", [0, 10**6])
@pytest.mark.parametrize("scale", [3.0, 300.0, 3000.0])
def test_equals_matrices(rows, weight, scale, kept, size, monkeypatch):
    for module in (one_side_tiles, tiles):
        monkeypatch.setattr(module, "tile_size", lambda x: size)
        monkeypatch.setattr(module, "kept_entries", lambda x: kept)
        monkeypatch.setattr(module, "MEMORY", Workspace(0))
    x, group, pairs = rows
    s = masked(scale * x @ x.t(), group, pairs)
    lse = torch.logsumexp(s, dim=1)
    softmax = SharedSoftmax(x[OWN], x, scale=scale, exclude=(group[OWN], group), exclude_pairs=of_own(pairs))
    torch.testing.assert_close(softmax.lse, lse[OWN], rtol=1e-12, atol=1e-12)
    assert softmax.count.tolist() == (s > float("-inf")).sum(dim=1)[OWN].tolist()
    p = (s - lse[:, None]).exp() * weight[:, None]
    of_q = weight[OWN], lse[OWN]
    for _ in range(2):  # with what was kept, and anew
        assert relative(softmax.message(of_q, (weight, lse)), ((p + p.t()) @ x)[OWN]) < 1e-11
    nobodys = torch.zeros(61).double(), torch.full((61,), float("inf")).double()
    assert relative(softmax.message(of_q, nobodys), (p @ x)[OWN]) < 1e-11


@pytest.mark.parametrize("scale", [3.0, 3000.0])
def test_rows_that_have_no_keys(weight, scale):
    x = normalize(torch.randn(4, 5, generator=torch.Generator().manual_seed(2)).double(), dim=1)
    group = torch.tensor([0, 0, 0, 0])
    softmax = SharedSoftmax(x[:2], x, scale=scale, exclude=(group[:2], group))
    assert softmax.lse.tolist() == [float("-inf")] * 2
    lse = torch.full((4,), float("-inf")).double()
    assert (softmax.message((weight[:2], lse[:2]), (weight[:4], lse)) == 0).all()
    none = SharedSoftmax(x[:0], x, scale=scale, exclude=(group[:0], group))
    assert none.message((weight[:0], lse[:0]), (weight[:4], lse)).shape == (0, 5)


@pytest.mark.parametrize("log_weight", [False, True])
def test_kernels(rows, weight, log_weight):
    x, group, pairs = rows
    columns = torch.randn(61, 2, generator=torch.Generator().manual_seed(3)).double()
    kernel, options = NegativePower(2.0), {"scale": 4.0}
    weights = {"log_weight": (columns, columns)} if log_weight else {}
    whole = KernelSoftmax(x, x, kernel, exclude=(group, group), exclude_pairs=pairs, **options, **weights)
    to_q, to_k, by_scale = whole.messages(weight)
    total = 0
    for own in (OWN, torch.tensor([i for i in range(61) if i not in OWN.tolist()])):
        weights = {"log_weight": (columns[own], columns)} if log_weight else {}
        options |= {"exclude": (group[own], group), "exclude_pairs": of_own(pairs, own)}
        part = KernelSoftmax(x[own], x, kernel, **options, **weights)
        torch.testing.assert_close(part.lse, whole.lse[own])
        message, by = part.message((weight[own], whole.lse[own]), (weight, whole.lse))
        torch.testing.assert_close(message, (to_q + to_k)[own])
        total += by
    torch.testing.assert_close(total, 2 * by_scale)  # every pair from both sides


@pytest.mark.parametrize("kernel", [Square(), NegativePower(2.0)])
def test_sums(rows, weight, kernel):
    x, group, pairs = rows
    whole = PairSum(x, x, kernel, weight, exclude=(group, group), exclude_pairs=pairs)
    options = {"exclude": (group[OWN], group), "exclude_pairs": of_own(pairs)}
    part = PairSum(x[OWN], x, kernel, weight[OWN], weight_k=weight, **options)
    torch.testing.assert_close(part.value, whole.value[OWN])
    torch.testing.assert_close(part.to_q, (whole.to_q + whole.to_k)[OWN])
    assert part.to_k is None
    with pytest.raises(ValueError, match=r"'weight_k' must have shape \[61\] \(got tensor of shape \[9\]"):
        PairSum(x[OWN], x, kernel, weight[OWN], weight_k=weight[OWN])
