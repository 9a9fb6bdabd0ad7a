import pytest
import torch

from gnnclr.eval import ProbeResult, Split, few_labels, linear_probe


def test_each_class_has_its_share_of_both_parts():
    y = torch.cat([torch.zeros(200), torch.ones(30), torch.full((3,), 2.0), torch.full((7,), -1.0)]).long()
    split = Split.stratified(y, train=0.5, val=0.3)
    seen, x = [], torch.rand(240, 2)

    def probe(x, labels, part):
        seen.append(part)
        return ProbeResult(0.5, 0.5)

    torch.manual_seed(3)
    state = torch.get_rng_state()
    assert len(few_labels(x, y, split, 0.1, draws=3, probe=probe)) == 3
    assert torch.equal(state, torch.get_rng_state())
    for part in seen:
        for name, rows in (("train", part.train), ("val", part.val)):
            of_split = getattr(split, name)
            assert bool(torch.isin(rows, of_split).all())
            for label in y[of_split].unique():
                expected = max(1, round(0.1 * int((y[of_split] == label).sum())))
                assert int((y[rows] == label).sum()) == expected
        assert torch.equal(part.test, split.test)
    assert not torch.equal(seen[0].train.sort().values, seen[1].train.sort().values)


def test_all_labels_are_the_probe_itself():
    generator = torch.Generator().manual_seed(0)
    y = torch.arange(90) % 3
    x = torch.nn.functional.one_hot(y).float() + 0.6 * torch.randn(90, 3, generator=generator)
    split = Split.stratified(y, train=0.4, val=0.2)
    (found,) = few_labels(x, y, split, 1.0, draws=1)
    whole = linear_probe(x, y, split)
    assert abs(found.test - whole.test) <= 1 / len(split.test)


def test_errors():
    y = torch.arange(20) % 2
    split = Split.stratified(y, train=0.4, val=0.2)
    for share in (0.0, 1.5):
        with pytest.raises(ValueError, match="'share' must be"):
            few_labels(torch.rand(20, 2), y, split, share)
    with pytest.raises(ValueError, match="'draws' must be a positive integer"):
        few_labels(torch.rand(20, 2), y, split, draws=0)
