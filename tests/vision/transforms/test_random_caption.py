import pytest
import torch

from gnnclr.vision import RandomCaption


def test_one_of_the_captions_of_each_image_is_drawn():
    captions = torch.arange(600 * 4 * 3).view(600, 4, 3)
    torch.manual_seed(0)
    drawn = RandomCaption()(captions)
    which = (captions == drawn.unsqueeze(1)).all(dim=2)
    assert drawn.shape == (600, 3) and bool((which.sum(dim=1) == 1).all())
    assert bool(((which.sum(dim=0) - 150).abs() < 50).all())
    torch.manual_seed(0)
    assert torch.equal(drawn, RandomCaption()(captions))


@pytest.mark.parametrize("shape", [(3, 4), (3, 0, 4)])
def test_wrong_shapes_are_refused(shape):
    with pytest.raises(ValueError, match=r"'captions' must have shape \[B, K, L\]"):
        RandomCaption()(torch.zeros(shape, dtype=torch.long))
