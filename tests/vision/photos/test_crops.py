import numpy as np
import pytest
import torch
from photo_files import picture
from PIL import Image
from torchvision.transforms import v2

from gnnclr.vision import BatchViews, GaussianBlur, PhotoCrops, RandomResizedCrop, Views
from gnnclr.vision.photos.crops import sample_generator


def test_crops_are_those_of_torchvision():
    crop = RandomResizedCrop(12, scale=(0.1, 1.0))
    for index, (height, width) in enumerate([(40, 60), (90, 20), (33, 33), (12, 12), (1, 1)]):
        pixels = torch.from_numpy(picture(height, width)).permute(2, 0, 1)
        crops = PhotoCrops(crop, 3, seed=5)
        found = crops(Image.fromarray(picture(height, width)), 2, index)
        assert torch.equal(crops(pixels, 2, index), found) and torch.equal(crops(pixels.contiguous(), 2, index), found)
        params = crop.sample((3, 3, height, width), sample_generator(5, 2, index))
        for view in range(3):
            top, left, h, w, flip = (params[name][view].item() for name in ("top", "left", "height", "width", "flip"))
            expected = v2.functional.resized_crop(pixels, top, left, h, w, [12, 12], antialias=True)
            assert torch.equal(found[view], v2.functional.hflip(expected) if flip else expected)
            whole = crop(pixels[None].float() / 255, {name: value[view : view + 1] for name, value in params.items()})
            assert (found[view] - whole[0] * 255).abs().max() <= 2  # what images in memory give


def test_a_sample_is_a_function_of_seed_epoch_and_number():
    photo, crops = Image.fromarray(picture(50, 40)), PhotoCrops(RandomResizedCrop(8), 2, seed=1)
    first = crops(photo, 3, 7)
    torch.manual_seed(9)
    assert torch.equal(crops(photo, 3, 7), first) and not torch.equal(first[0], first[1])
    others = [crops(photo, 4, 7), crops(photo, 3, 8), PhotoCrops(RandomResizedCrop(8), 2, seed=2)(photo, 3, 7)]
    assert not any(torch.equal(other, first) for other in others)


def test_boxes_are_distributed_as_those_of_torchvision():
    crop = RandomResizedCrop(8, scale=(0.2, 1.0), flip=0.5)
    torch.manual_seed(0)
    wanted = np.array(
        [
            v2.RandomResizedCrop.make_params(v2.RandomResizedCrop(8, (0.2, 1.0)), [torch.empty(3, 60, 90)])
            for _ in range(600)
        ],
        dtype=object,
    )
    wanted = np.array([[box["height"], box["width"], box["top"], box["left"]] for box in wanted], dtype=float)
    found = [crop.sample((1, 3, 60, 90), sample_generator(0, 0, i)) for i in range(600)]
    flips = np.mean([one["flip"].item() for one in found])
    found = np.array([[one[name].item() for name in ("height", "width", "top", "left")] for one in found])
    error = 5 * wanted.std(0) / len(wanted) ** 0.5
    assert (np.abs(found.mean(0) - wanted.mean(0)) < error).all() and abs(flips - 0.5) < 0.1
    assert (np.abs(found.std(0) / wanted.std(0) - 1) < 0.15).all()


def test_views_of_crops_leave_the_crop_out():
    views = BatchViews(12, blur_p=0.5, mean=0.4, std=0.3)
    crops = torch.randint(0, 256, (6, 2, 3, 12, 12), dtype=torch.uint8)
    found = views(crops, torch.Generator().manual_seed(3))
    generator, rest = torch.Generator().manual_seed(3), Views(views.parts[1:], 1, views.normalize)
    for view in range(2):
        assert torch.equal(found[view], rest(crops[:, view], generator)[0])
    for wrong in (crops[:, :1], crops[..., :8], crops.float()):
        with pytest.raises(ValueError, match=r"'images' must be uint8 of shape \[b, 2, 3, 12, 12\] as crops"):
            views(wrong)
    with pytest.raises(ValueError, match=r"'images' must be uint8 of shape \[b, c, h, w\]"):
        Views([GaussianBlur(3)])(crops)


def test_large_images_are_made_in_smaller_chunks():
    images = torch.randint(0, 256, (5, 3, 96, 96), dtype=torch.uint8)
    views = [
        BatchViews(80, blur_p=0.5, chunk=chunk)(images, torch.Generator().manual_seed(0)) for chunk in (1, 128, None)
    ]
    for other in views[1:]:
        for a, b in zip(views[0], other):
            torch.testing.assert_close(a, b)
