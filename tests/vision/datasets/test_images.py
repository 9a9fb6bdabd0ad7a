import pytest
import torch

from gnnclr.vision import Images, Labeled


def labeled(n=100, classes=4):
    labels = torch.arange(n) % classes
    images = torch.arange(n, dtype=torch.uint8).view(n, 1, 1, 1).expand(n, 1, 2, 2)
    return Labeled(images, labels)


def test_hold_out():
    data = Images.hold_out(labeled(), labeled(8), list("abcd"), val=0.2, seed=1)
    assert data.val.labels.bincount().tolist() == [5] * 4
    assert data.train.labels.bincount().tolist() == [20] * 4
    seen = torch.cat([data.train.images, data.val.images])[:, 0, 0, 0]
    assert torch.equal(seen.sort().values, torch.arange(100, dtype=torch.uint8))
    assert torch.equal(data.val.images[:, 0, 0, 0] % 4, data.val.labels.to(torch.uint8))
    assert len(data.test.labels) == 8


def test_hold_out_is_fixed_by_the_seed():
    def val(seed):
        return Images.hold_out(labeled(), labeled(8), list("abcd"), seed=seed).val.images

    assert torch.equal(val(0), val(0))
    assert not torch.equal(val(0), val(1))


def test_unlabeled_and_shape():
    data = Images.hold_out(labeled(), labeled(8), list("abcd"))
    assert data.unlabeled.shape == (100, 1, 2, 2)
    assert data.shape == (1, 2, 2)
    assert repr(data) == "Images(train=92, val=8, test=8, shape=[1, 2, 2], classes=4)"


def test_extra_images_have_no_labels():
    extra = torch.full((5, 1, 2, 2), 200, dtype=torch.uint8)
    data = Images.hold_out(labeled(), labeled(8), list("abcd"), extra=extra)
    assert data.unlabeled.shape == (105, 1, 2, 2) and torch.equal(data.unlabeled[100:], extra)
    assert repr(data) == "Images(train=92, val=8, test=8, extra=5, shape=[1, 2, 2], classes=4)"
    with pytest.raises(ValueError, match=r"'extra' must be uint8 images of shape \[n, 1, 2, 2\]"):
        Images.hold_out(labeled(), labeled(8), list("abcd"), extra=extra[:, :, :1])


def test_errors():
    good = labeled()
    with pytest.raises(ValueError, match=r"'val' must have uint8 images of shape \[n, c, h, w\]"):
        Images(good, Labeled(torch.rand(4, 1, 2, 2), torch.zeros(4).long()), good, list("abcd"))
    with pytest.raises(ValueError, match=r"'test' must have int64 labels of shape \[100\]"):
        Images(good, good, Labeled(good.images, good.labels[:5]), list("abcd"))
    with pytest.raises(ValueError, match=r"'train' must have labels in \[0, 3\)"):
        Images(good, good, good, list("abc"))
    with pytest.raises(ValueError, match="'val' must be a finite number, above 0, below 1"):
        Images.hold_out(good, good, list("abcd"), val=1.0)
