import pytest
import torch

from gnnclr.eval import PrototypeTuning


def test_tuned_prototypes_equal_a_loop_over_episodes():
    b, ways, shots, d, epochs, lr = 3, 4, 3, 5, 6, 0.05
    generator = torch.Generator().manual_seed(0)
    support = torch.randn(b, ways, shots, d, generator=generator, dtype=torch.float64)
    query = torch.randn(b, ways * 2, d, generator=generator, dtype=torch.float64)
    scores = PrototypeTuning(epochs, lr).scores(support, query, torch.Generator().manual_seed(7))
    draw = torch.Generator().manual_seed(7)
    orders = [torch.rand(b, ways * shots, generator=draw).argsort(dim=1) for _ in range(epochs)]
    for e in range(b):
        x, y = support[e].flatten(0, 1), torch.arange(ways).repeat_interleave(shots)
        linear = torch.nn.Linear(d, ways, dtype=torch.float64)
        with torch.no_grad():
            linear.weight.copy_(torch.stack([2 * support[e, c].mean(dim=0) for c in range(ways)]))
            linear.bias.copy_(torch.stack([-(support[e, c].mean(dim=0) ** 2).sum() for c in range(ways)]))
        optimizer = torch.optim.Adam(linear.parameters(), lr=lr)
        for order in orders:
            for rows in order[e].split(ways):
                optimizer.zero_grad()
                torch.nn.functional.cross_entropy(linear(x[rows]), y[rows]).backward()
                optimizer.step()
        torch.testing.assert_close(scores[e], linear(query[e]).detach())


@pytest.mark.parametrize("wrong", [{"epochs": 0}, {"lr": 0.0}, {"epochs": 1.5}])
def test_wrong_arguments(wrong):
    with pytest.raises(ValueError, match=f"'{next(iter(wrong))}' must be"):
        PrototypeTuning(**wrong)
