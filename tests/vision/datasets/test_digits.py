import pytest
import torch

from gnnclr.vision import digits, digits_canvas


def test_digits():
    data = digits()
    assert data.shape == (1, 8, 8) and data.classes == [str(label) for label in range(10)]
    sizes = [len(part.labels) for part in (data.train, data.val, data.test)]
    assert sum(sizes) == 1797 and abs(sizes[2] - 450) < 10 and abs(sizes[1] - 135) < 10
    assert data.train.images.max() == 255
    assert len(data.test.labels.unique()) == 10


def test_parts_are_disjoint():
    data = digits()
    images = torch.cat([data.train.images, data.val.images, data.test.images]).flatten(1)
    assert len(images.unique(dim=0)) == 1797


def test_canvas_holds_the_digits():
    data, plain = digits_canvas(12, seed=3), digits(seed=3)
    assert data.shape == (1, 12, 12)
    assert torch.equal(data.test.labels, plain.test.labels)
    assert torch.equal(data.test.images.sum(dim=(1, 2, 3)), plain.test.images.sum(dim=(1, 2, 3)))
    tops = (data.train.images.sum(dim=(1, 3)) > 0).byte().argmax(dim=1)
    assert len(tops.unique()) >= 5


def test_fixed_by_the_seed():
    assert torch.equal(digits_canvas(seed=1).train.images, digits_canvas(seed=1).train.images)
    assert not torch.equal(digits_canvas(seed=1).train.images, digits_canvas(seed=2).train.images)


def test_canvas_error():
    with pytest.raises(ValueError, match="'size' must be an integer of at least 8"):
        digits_canvas(7)
