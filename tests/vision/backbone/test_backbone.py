import numpy as np
import pytest
import torch
from photo_files import photo_folder, picture, save
from PIL import Image

from gnnclr.vision import (
    Backbone,
    BatchViews,
    CentralSquare,
    LuminanceChrominance,
    MLPHead,
    RandomResizedCrop,
    SimCLR,
    SlimResNet,
    TwoTowers,
    Views,
    decode_photo,
)


def method(channels=3, size=12):
    torch.manual_seed(0)
    views = BatchViews(size, mean=[0.4] * channels, std=[0.3] * channels)
    return SimCLR(SlimResNet((4, 8), channels), MLPHead(8, 8, 4), views).eval()


def test_all_forms_of_an_image_have_the_same_features(tmp_path):
    photo_folder(tmp_path, 10)
    paths, square, trained = sorted(tmp_path.iterdir()), CentralSquare(12), method()
    backbone = Backbone(trained.features(), square).eval()
    images = [decode_photo(path) for path in paths]
    with torch.no_grad():
        z = backbone(paths)
        assert z.shape == (10, 8)
        assert torch.equal(backbone([str(path) for path in paths]), z) and torch.equal(backbone(images), z)
        batch = torch.stack([square(image) for image in images])
        assert torch.equal(backbone(batch), z) and torch.equal(backbone(batch.float() / 255), z)
        assert torch.equal(z, trained(batch))  # what the method evaluates
        torch.testing.assert_close(backbone(paths[3]), z[3:4])
        pixels = torch.from_numpy(np.array(images[0])).permute(2, 0, 1)
        torch.testing.assert_close(backbone(pixels), z[:1])
        torch.testing.assert_close(backbone(Image.open(paths[6])), z[6:7])  # which is turned upright


def test_a_gray_encoder_takes_color(tmp_path):
    backbone = Backbone(method(1).features(), CentralSquare(12, channels=1)).eval()
    save(tmp_path / "0.png")
    assert backbone([tmp_path / "0.png", Image.fromarray(picture(9, 30))]).shape == (2, 8)
    assert backbone.preprocessing() == {
        "size": 12,
        "share": 0.875,
        "channels": 1,
        "mean": [pytest.approx(0.4)],
        "std": [pytest.approx(0.3)],
    }


def test_two_towers():
    towers = SlimResNet((4, 8), 1), SlimResNet((4, 8), 2)
    modalities = LuminanceChrominance(Views([RandomResizedCrop(12)], views=1))
    both = TwoTowers(towers, (MLPHead(8, 8, 4), MLPHead(8, 8, 4)), modalities).eval()
    images = torch.rand(3, 3, 12, 12)
    torch.testing.assert_close(Backbone(both.features(), CentralSquare(12)).eval()(images), both(images))


def test_it_can_be_trained_on():
    encoder = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3 * 12 * 12, 4))
    backbone = Backbone(SimCLR(encoder, MLPHead(4, 4, 4), BatchViews(12)).features(), CentralSquare(12))
    backbone(torch.rand(4, 3, 20, 12)).sum().backward()
    assert backbone.encoder is encoder
    assert all(parameter.grad is not None for parameter in backbone.encoder.parameters())


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (3, r"'images' must be a path, an image of Pillow, a list of these, or a tensor \[b, c, h, w\] \(got int 3\)"),
        ([], r"'images' must be one image or more \(got none\)"),
        ([torch.rand(3, 4, 4)], "'images' must be a path"),
        (torch.rand(4, 4), "'images' must be uint8 or floating point of shape"),
        (torch.zeros(2, 3, 4, 4, dtype=torch.int64), "'images' must be uint8 or floating point of shape"),
        (torch.rand(2, 5, 4, 4), "'image' must have 3 channels"),
    ],
)
def test_what_is_no_image(images, message):
    with pytest.raises(ValueError, match=message):
        Backbone(method().features(), CentralSquare(12))(images)


def test_files(tmp_path):
    (tmp_path / "0.png").write_text("x")
    backbone = Backbone(method().features(), CentralSquare(12))
    with pytest.raises(ValueError, match=r"0\.png' must be a readable image"):
        backbone(tmp_path / "0.png")
    with pytest.raises(FileNotFoundError):
        backbone(str(tmp_path / "none.png"))
    with pytest.raises(ValueError, match="'images' must be a tensor: the run does not say what is seen of a file"):
        Backbone(method().features())(tmp_path / "0.png")
    assert Backbone(method().features())(torch.rand(2, 3, 20, 20)).shape == (2, 8)
