import pytest
import torch

from gnnclr.losses import NTXentLoss
from gnnclr.train import Run, parse_recipe
from gnnclr.vision import BatchViews, GrowingViews, MLPHead, SimCLR, SlimResNet

OPTIONS = {"views": 3, "scale": (0.3, 1.0), "blur_p": 0.5, "mean": 0.4, "std": 0.3}


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize(("epoch", "size"), [(None, 8), (0, 8), (2, 8), (3, 12), (6, 12), (7, 16), (100, 16)])
def test_views_are_those_of_the_size_of_the_epoch(epoch, size):
    images = torch.randint(0, 256, (5, 3, 20, 26), dtype=torch.uint8, generator=generator())
    views = GrowingViews([8, 12, 16], [3, 7], **OPTIONS)
    if epoch is not None:
        views.start_epoch(epoch)
    found, expected = views(images, generator(1)), BatchViews(size, **OPTIONS)(images, generator(1))
    assert views.views == len(found) == 3
    assert all(torch.equal(a, b) for a, b in zip(found, expected, strict=True))
    assert torch.equal(views.plain(images), BatchViews(size, **OPTIONS).plain(images))
    assert "sizes=[8, 12, 16], grow_at=[3, 7]" in repr(views)


def test_a_method_tells_its_views_the_epoch():
    method = SimCLR(SlimResNet((4, 8)), MLPHead(8, 8, 4), GrowingViews([8, 12], [1]), NTXentLoss(0.2))
    seen = []
    method.encoder.register_forward_pre_hook(lambda _, args: seen.append(args[0].shape[2]))
    for epoch in (0, 1, 0):
        method.start_epoch(epoch)
        method.training_step_loss({"image": torch.rand(4, 3, 16, 16)})
    assert seen == [8, 12, 8]
    assert method.eval()(torch.rand(4, 3, 16, 16)).shape == (4, 8)


def test_a_run_that_goes_on_has_the_size_of_its_epoch(tmp_path):
    def run(folder, epochs, checkpoint=None):
        views = "gnnclr.vision.GrowingViews"
        arguments = [f"--model.method.views={views}", "--model.method.views.sizes=[6, 8]", "--data.size=8"]
        arguments += ["--model.method.views.grow_at=[1]"]
        arguments += ["--model.method.views.mean=0.1", "--model.method.views.std=0.3", "--data.limit=300"]
        # The same learning rate, however long the run is.
        arguments += [f"--trainer.max_epochs={epochs}", "--model.final_lr=1.0", "--model.warmup_steps=0"]
        training = Run(parse_recipe("simclr-digits", arguments), folder)
        training.train(checkpoint)
        return training

    whole = run(tmp_path / "whole", 2)
    first = run(tmp_path / "part", 1)
    rest = run(tmp_path / "rest", 2, first.checkpoint)
    states = [torch.load(each.checkpoint, weights_only=True)["state_dict"] for each in (whole, rest)]
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])


@pytest.mark.parametrize(
    ("sizes", "grow_at", "message"),
    [
        ([], [], r"'sizes' must be a list of sizes of views \(got"),
        (8, [], "'sizes' must be a list of sizes of views"),
        ([0], [], "'sizes' must be a positive integer"),
        ([8, 12], [], r"'grow_at' must have an epoch for each size but the first.* \(got \[\] for 2 sizes\)"),
        ([8, 12, 16], [3, 3], r"in ascending order \(got \[3, 3\] for 3 sizes\)"),
        ([8, 12], [0], "'grow_at' must be a positive integer"),
        ([8, 12], [1.5], "'grow_at' must be a positive integer"),
    ],
)
def test_what_is_refused(sizes, grow_at, message):
    with pytest.raises(ValueError, match=message):
        GrowingViews(sizes, grow_at)
