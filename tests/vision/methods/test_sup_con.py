import pytest
import torch
from contracts.vision import VisionMethodContract, views_of_digits

from gnnclr.graph import AddKNNPositives
from gnnclr.losses import NTXentLoss, SupConLoss, VICRegLoss
from gnnclr.vision import MLPHead, SlimResNet, TensorLoader, Views, digits
from gnnclr.vision.methods.sup_con import SupCon


class TestSupCon(VisionMethodContract):
    steps = 70

    @staticmethod
    def make(seed=0):
        torch.manual_seed(seed)
        encoder = SlimResNet((8, 16), in_channels=1, stem_stride=1)
        return SupCon(encoder, MLPHead(16, 16, 8), views_of_digits(), SupConLoss(0.2))

    def loader(self):
        return TensorLoader(digits().train.images, digits().train.labels, batch_size=64)


@pytest.fixture
def method():
    torch.manual_seed(0)
    # Views of nothing but the image: what the loss sees is known.
    return SupCon(SlimResNet((4, 8)), MLPHead(8, 8, 4), Views([]), SupConLoss(0.2))


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(0)
    image = torch.randint(256, (10, 3, 8, 8), generator=generator, dtype=torch.uint8)
    return {"image": image, "index": torch.arange(10), "label": torch.arange(10) % 3}


def test_images_of_a_label_are_positives(method, batch):
    loss, logs = method.training_step_loss(batch)
    x = method.projector(method.encoder(torch.cat(method.views(batch["image"]))))
    expected = SupConLoss(0.2)(*x.chunk(2), labels=batch["label"])
    torch.testing.assert_close(loss, expected)
    loss.backward()
    assert all(p.grad is not None for p in method.parameters())
    assert set(logs) == {"alignment", "uniformity"}


def test_other_labels_change_the_loss(method, batch):
    first = method.training_step_loss(batch)[0]
    batch["label"] = torch.arange(10) % 2
    assert not torch.isclose(method.training_step_loss(batch)[0], first)


def test_without_labels(method, batch):
    del batch["label"]
    with pytest.raises(ValueError, match="'batch' must have a 'label': give the data labels=True"):
        method.training_step_loss(batch)


def test_neighbors_join_the_label(method, batch):
    plain = method.training_step_loss(batch)[0]
    method.rewire = AddKNNPositives(2)
    assert not torch.isclose(method.training_step_loss(batch)[0], plain)


def test_the_default_is_supervised():
    method = SupCon(SlimResNet((4, 8)), MLPHead(8, 8, 4), Views([]))
    assert isinstance(method.loss, SupConLoss)


def test_another_loss_uses_the_labels_or_is_refused(method, batch):
    method.loss = NTXentLoss(0.2)
    x = method.projector(method.encoder(torch.cat(method.views(batch["image"]))))
    expected = NTXentLoss(0.2)(*x.chunk(2), labels=batch["label"])
    torch.testing.assert_close(method.training_step_loss(batch)[0], expected)
    method.loss = VICRegLoss()
    with pytest.raises(ValueError, match="'loss' must take labels \\(got VICRegLoss"):
        method.training_step_loss(batch)
