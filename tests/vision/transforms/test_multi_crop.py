import numpy as np
import pytest
import torch
from photo_files import picture
from PIL import Image
from torchvision.transforms import v2

from gnnclr.losses import NTXentLoss
from gnnclr.ops.unit_rows import unit_rows
from gnnclr.vision import BYOL, BatchViews, MLPHead, MultiCropViews, PhotoCrops, SimCLR, SlimResNet, Views
from gnnclr.vision.photos.crops import sample_generator

CROPS = [{"count": 2, "size": 12, "scale": (0.4, 1.0)}, {"count": 3, "size": 8, "scale": [0.05, 0.4]}]


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def test_every_kind_is_that_of_its_own_views():
    images = torch.randint(0, 256, (5, 3, 20, 26), dtype=torch.uint8, generator=generator())
    options = {"blur_p": 0.5, "mean": 0.4, "std": 0.3, "jitter": (0.2, 0.2, 0.2, 0.1)}
    views, drawn = MultiCropViews(CROPS, **options), generator(1)
    assert views.views == 5 and len(views.photo_crops) == 2
    expected = BatchViews(12, 2, (0.4, 1.0), **options)(images, drawn)
    expected += BatchViews(8, 3, (0.05, 0.4), **options)(images, drawn)
    found = views(images, generator(1))
    assert [view.shape for view in found] == [(5, 3, 12, 12)] * 2 + [(5, 3, 8, 8)] * 3
    assert all(torch.equal(a, b) for a, b in zip(found, expected, strict=True))
    assert torch.equal(views.plain(images), BatchViews(12, **options).plain(images))
    assert [view.shape[2] for view in MultiCropViews()(images)] == [32, 32, 16, 16, 16, 16]


def test_crops_of_photos_are_taken_apart():
    photos = [Image.fromarray(picture(40 + i, 60, i)) for i in range(4)]
    views = MultiCropViews(CROPS, blur_p=0.5)
    crops = PhotoCrops.of_kinds(views.photo_crops, seed=5)
    packed = torch.stack([crops(photo, 2, index) for index, photo in enumerate(photos)])
    assert packed.shape == (4, 2 * 3 * 12 * 12 + 3 * 3 * 8 * 8) and packed.dtype == torch.uint8
    large, small, drawn = [], [], generator(3)
    for index, photo in enumerate(photos):
        draws, pixels = sample_generator(5, 2, index), v2.functional.pil_to_tensor(photo)
        for (crop, count), made in zip(views.photo_crops, (large, small)):
            params = crop.sample((count, *pixels.shape), draws)
            boxes = zip(*(params[name].tolist() for name in ("top", "left", "height", "width", "flip")))
            one = [(v2.functional.resized_crop(pixels, *box, [crop.size] * 2), flip) for *box, flip in boxes]
            made.append(torch.stack([v2.functional.hflip(view) if flip else view for view, flip in one]))
    found = views(packed, generator(3))
    for kind, made in zip(views.kinds, (large, small)):
        for v in range(kind.views):
            expected = Views(kind.parts[1:], 1, kind.normalize)(torch.stack(made)[:, v], drawn)[0]
            assert torch.equal(found.pop(0), expected)
    with pytest.raises(ValueError, match=r"'images' must be uint8 of shape \[b, 1440\] as crops"):
        views(packed[:, 1:])


def test_boxes_of_every_kind_are_distributed_as_those_of_torchvision():
    views = MultiCropViews(CROPS)
    torch.manual_seed(0)
    for kind, (crop, _) in zip(CROPS, views.photo_crops):
        peer, image = v2.RandomResizedCrop(kind["size"], tuple(kind["scale"])), [torch.empty(3, 60, 90)]
        wanted = [peer.make_params(image) for _ in range(1500)]
        wanted = np.array([[box[name] for name in ("height", "width", "top", "left")] for box in wanted], float)
        found = crop.sample((1500, 3, 60, 90), generator())
        found = torch.stack([found[name] for name in ("height", "width", "top", "left")], dim=1).double().numpy()
        error = 5 * wanted.std(0) / len(wanted) ** 0.5
        assert (np.abs(found.mean(0) - wanted.mean(0)) < error).all()
        assert (np.abs(found.std(0) / wanted.std(0) - 1) < 0.12).all()
        shares = found[:, 0] * found[:, 1] / (60 * 90)
        low, high = kind["scale"]
        assert low - 0.02 < shares.min() < low + 0.05 and high - 0.15 < shares.max() < high + 0.02


class Counting(SlimResNet):
    """Remembers what it was given."""

    def forward(self, x):
        self.seen = [*getattr(self, "seen", []), tuple(x.shape)]
        return super().forward(x)


@pytest.mark.parametrize("anchors", [None, 2])
def test_the_loss_is_that_of_all_views(anchors):
    torch.manual_seed(0)
    encoder, projector = Counting((8, 16)), MLPHead(16, 8, 4)
    views, loss = MultiCropViews(CROPS), NTXentLoss(0.2, anchor_views=anchors)
    method, images = SimCLR(encoder, projector, views, loss).eval(), torch.rand(6, 3, 24, 24)
    torch.manual_seed(7)
    value, _ = method.training_step_loss({"image": images})
    assert encoder.seen == [(12, 3, 12, 12), (18, 3, 8, 8)]  # one pass for each size
    torch.manual_seed(7)
    z = [unit_rows(projector(encoder(view))).double() for view in views(images)]
    total = terms = 0.0
    for v in range(anchors or 5):
        for i in range(6):
            negatives = torch.cat([other[torch.arange(6) != i] for other in z])
            repelled = (negatives @ z[v][i] / 0.2).exp().sum()
            scores = [(z[w][i] @ z[v][i] / 0.2).exp() for w in range(5) if w != v]
            total, terms = total + sum(-(s / (s + repelled)).log() for s in scores) / len(scores), terms + 1
    torch.testing.assert_close(value.double(), total / terms, rtol=1e-5, atol=1e-6)
    value.backward()


@pytest.mark.parametrize(
    ("crops", "message"),
    [
        ([], r"'crops' must be a list of kinds of views \(got"),
        ("a", "'crops' must be a list of kinds"),
        ([{"count": 2, "size": 8}], r"'crops\[0\]' must have count, size and scale \(got count, size\)"),
        ([*CROPS, 3], r"'crops\[2\]' must have count, size and scale \(got int 3"),
        ([{**CROPS[0], "count": 0}], r"'crops\[0\]\.count' must"),
        ([CROPS[0], {**CROPS[0], "scale": (1, 0)}], r"'crops\[1\]\.scale' must be two ascending numbers"),
        ([{**CROPS[0], "size": 0.5}], r"'crops\[0\]\.size' must"),
    ],
)
def test_what_is_refused(crops, message):
    with pytest.raises(ValueError, match=message):
        MultiCropViews(crops)


def test_methods_of_one_size_say_so():
    with pytest.raises(ValueError, match=r"'views' must have one size for BYOL \(got \[8, 12\]\)"):
        BYOL(SlimResNet((8, 16)), MLPHead(16, 8, 4), MLPHead(4, 8, 4), MultiCropViews(CROPS))
    BYOL(SlimResNet((8, 16)), MLPHead(16, 8, 4), MLPHead(4, 8, 4), MultiCropViews(CROPS[:1]))
