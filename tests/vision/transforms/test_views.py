import pytest
import torch
from torchvision.transforms import v2

from gnnclr.vision import BatchViews, ColorJitter, FusedColorJitter, GaussianBlur, HorizontalFlip, Normalize, Views
from gnnclr.vision.transforms.normalize import CIFAR_MEAN, CIFAR_STD


@pytest.fixture
def images():
    return torch.randint(0, 256, (50, 3, 16, 16), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("views", [1, 2, 3])
def test_shapes(images, views):
    out = BatchViews(12, views=views)(images)
    assert [view.shape for view in out] == [(50, 3, 12, 12)] * views
    assert all(view.dtype == torch.float32 and view.isfinite().all() for view in out)
    assert len({float(view.sum()) for view in out}) == views


@pytest.mark.parametrize("hue", ["hsv", "yiq"])
def test_chunks_do_not_change_the_result(images, hue):
    whole = BatchViews(16, hue=hue, blur_p=0.5, chunk=None)(images, generator())
    for chunk in (1, 7, 50, 1000):
        for a, b in zip(BatchViews(16, hue=hue, blur_p=0.5, chunk=chunk)(images, generator()), whole):
            torch.testing.assert_close(a, b, atol=1e-5, rtol=0)


def test_deterministic_by_seed(images):
    make = BatchViews(16)
    torch.manual_seed(3)
    first = make(images)
    torch.manual_seed(3)
    second = make(images)
    assert all(torch.equal(a, b) for a, b in zip(first, second))
    assert all(torch.equal(a, b) for a, b in zip(make(images, generator(5)), make(images, generator(5))))
    assert not torch.equal(make(images, generator(5))[0], make(images, generator(6))[0])


def test_a_generator_leaves_the_global_one_alone(images):
    before = torch.get_rng_state()
    BatchViews(16, blur_p=0.5)(images, generator())
    assert torch.equal(torch.get_rng_state(), before)


def test_integers_and_floats_agree(images):
    make = BatchViews(16)
    for a, b in zip(make(images, generator()), make(images.float() / 255, generator())):
        torch.testing.assert_close(a, b)
    for a, b in zip(make(images, generator()), make(images.double() / 255, generator())):
        torch.testing.assert_close(a, b)


@pytest.mark.parametrize("hue", ["hsv", "yiq"])
def test_autocast_does_not_round_images(images, hue):
    make = BatchViews(16, hue=hue, blur_p=0.5)
    expected = make(images, generator())
    with torch.autocast("cpu", torch.bfloat16):
        out = make(images, generator())
    assert all(torch.equal(a, b) for a, b in zip(out, expected))


def test_input_is_not_changed(images):
    images = images.float() / 255
    before = images.clone()
    BatchViews(16)(images)
    assert torch.equal(images, before)


def test_mean_image_is_that_of_torchvision():
    # The same image many times: averages over views must agree where all distributions do.
    image = torch.rand(3, 12, 12, generator=generator())
    own = BatchViews(8)(image.expand(1500, 3, 12, 12), generator(1))[0]
    jitter = v2.RandomApply([v2.ColorJitter(0.4, 0.4, 0.4, 0.1)], p=0.8)
    crop = v2.RandomResizedCrop(8, scale=(0.2, 1.0), antialias=True)
    pipeline = v2.Compose(
        [crop, v2.RandomHorizontalFlip(), jitter, v2.RandomGrayscale(0.2), v2.Normalize(CIFAR_MEAN, CIFAR_STD)]
    )
    with torch.random.fork_rng():
        torch.manual_seed(2)
        other = torch.stack([pipeline(image) for _ in range(1500)])
    for moment in (lambda x: x, lambda x: x**2, lambda x: x[:, :1] * x[:, 1:]):
        a, b = moment(own), moment(other)
        error = (a.var(dim=0) / len(a) + b.var(dim=0) / len(b)).sqrt()
        assert ((a.mean(dim=0) - b.mean(dim=0)) / error).abs().max() < 5


def test_one_channel():
    images = torch.rand(10, 1, 8, 8)
    for hue in ("hsv", "yiq"):
        out = BatchViews(8, mean=0.5, std=0.5, hue=hue)(images)
        assert out[0].shape == (10, 1, 8, 8)
        assert out[0].abs().max() <= 1


def test_plain_normalizes_alone(images):
    plain = BatchViews(16, mean=(0.1, 0.2, 0.3), std=0.5).plain(images)
    expected = (images.float() / 255 - torch.tensor([0.1, 0.2, 0.3]).view(3, 1, 1)) / 0.5
    torch.testing.assert_close(plain, expected)


def test_parts():
    def kinds(views):
        return [type(part) for part in views.parts]

    assert ColorJitter in kinds(BatchViews(16)) and GaussianBlur not in kinds(BatchViews(16))
    assert FusedColorJitter in kinds(BatchViews(16, hue="yiq"))
    blur = BatchViews(32, blur_p=0.5).parts[-1]
    assert isinstance(blur, GaussianBlur) and blur.kernel_size == 3 and blur.p == 0.5


def test_own_chain():
    images = torch.rand(6, 3, 4, 4)
    (view,) = Views([HorizontalFlip(1.0)], views=1)(images)
    assert torch.equal(view, images.flip(3))
    (view,) = Views([], views=1, normalize=Normalize(0.0, 2.0))(images)
    assert torch.equal(view, images / 2)


def test_empty_batch():
    assert BatchViews(8)(torch.zeros(0, 3, 16, 16, dtype=torch.uint8))[0].shape == (0, 3, 8, 8)


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"size": 0}, "'size' must be a positive integer"),
        ({"size": 8, "views": 0}, "'views' must be a positive integer"),
        ({"size": 8, "chunk": 0}, "'chunk' must be a positive integer"),
        ({"size": 8, "hue": "rgb"}, "'hue' must be one of 'hsv', 'yiq'"),
        ({"size": 8, "jitter": 0.4}, "'jitter' must be four strengths"),
        ({"size": 8, "std": 0.0}, "'std' must be positive"),
        ({"size": 8, "jitter_p": 1.5}, "'jitter_p' must be a probability"),
    ],
)
def test_errors(kwargs, message):
    with pytest.raises(ValueError, match=message):
        BatchViews(**kwargs)


def test_wrong_images():
    with pytest.raises(ValueError, match="'images' must be a floating point tensor"):
        BatchViews(8)(torch.zeros(4, 3, 8, 8, dtype=torch.int64))
    with pytest.raises(ValueError, match="'mean' must be one number or one for every channel"):
        BatchViews(8)(torch.rand(4, 1, 8, 8))
