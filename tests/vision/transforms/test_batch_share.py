import pytest
import torch

from gnnclr.vision import (
    BatchViews,
    ColorJitter,
    FusedColorJitter,
    GaussianBlur,
    Grayscale,
    HorizontalFlip,
    MultiCropViews,
    NonSemanticPatches,
    PhotoCrops,
    RandomAffine,
    RandomPhaseTexture,
    RandomResizedCrop,
    Views,
)
from gnnclr.vision.transforms.batch_share import BatchShare

PARTS = [
    RandomResizedCrop(8),
    HorizontalFlip(),
    ColorJitter(),
    FusedColorJitter(),
    Grayscale(0.5),
    GaussianBlur(3),
    RandomAffine(),
    NonSemanticPatches(),
    RandomPhaseTexture(),
]


@pytest.fixture(scope="module")
def images():
    return torch.randint(0, 256, (30, 3, 12, 12), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def of_processes(make, images, processes):
    """The views that several processes make of a batch, joined."""
    shares = []
    for rank, own in enumerate(images.tensor_split(processes)):
        torch.manual_seed(rank)  # is not drawn from
        with BatchShare(5, rank, processes):
            shares.append(make(own))
    return list(map(torch.cat, zip(*shares, strict=True)))


def of_one(make, images):
    torch.manual_seed(5)
    return make(images)


def assert_same(make, images):
    whole = of_one(make, images)
    for processes in (1, 2, 3):
        assert all(map(torch.equal, of_processes(make, images, processes), whole)), processes


@pytest.mark.parametrize("part", PARTS, ids=lambda part: type(part).__name__)
def test_every_part(part, images, one_thread):
    make = Views([part])
    assert_same(make, images)
    assert not torch.equal(*of_one(make, images))


@pytest.mark.parametrize("make", [BatchViews(8, blur_p=0.5, chunk=7), BatchViews(8, views=3, hue="yiq")])
def test_views(make, images, one_thread):
    assert_same(make, images)


def test_crops_of_photos(one_thread):
    """Of one size and of several, which are colored in batches."""
    from PIL import Image

    kinds = [{"count": count, "size": size, "scale": (0.2, 1.0)} for count, size in ((2, 8), (1, 6))]
    for make in (BatchViews(8, blur_p=0.5), MultiCropViews(kinds)):
        crops = PhotoCrops.of_kinds(make.photo_crops)
        photos = [Image.effect_noise((20 + i, 24), 80).convert("RGB") for i in range(6)]
        assert_same(make, torch.stack([crops(photo, 0, i) for i, photo in enumerate(photos)]))


def test_crops_of_odd_sizes(images, one_thread):
    """Products of matrices whose bytes begin anywhere are summed in another order."""
    make = Views([RandomResizedCrop(9)])
    for a, b in zip(of_processes(make, images, 3), of_one(make, images)):
        torch.testing.assert_close(a, b, atol=1e-6, rtol=0)


def test_alike(images, one_thread):
    make = BatchViews(8)

    def both(own):
        views, others = make.alike(own, 255 - own)
        return [*views, *others]

    assert_same(both, images)
    views, same = make.alike(images, images)
    assert all(map(torch.equal, views, same)) and not torch.equal(*views)


def test_torch_is_left_alone(images):
    before = torch.get_rng_state()
    with BatchShare(1, 1, 2) as share:
        first, second = BatchViews(8)(images), BatchViews(8)(images)
        assert BatchShare.current() is share
    assert torch.equal(torch.get_rng_state(), before) and BatchShare.current() is None
    assert not torch.equal(first[0], second[0])  # a step may make views twice
