import pytest
import torch
from contracts.vision import VisionMethodContract
from torch import nn
from torch_geometric.transforms import Compose

from gnnclr.graph import AddKNNPositives, FeatureBank
from gnnclr.losses import BarlowTwinsLoss, NTXentLoss
from gnnclr.vision import BatchViews, MLPHead, SimCLR, SlimResNet, TensorLoader, digits


def make(seed=0, views=2, loss=None, **kwargs):
    torch.manual_seed(seed)
    encoder = SlimResNet((8, 16), in_channels=1, stem_stride=1)
    augment = BatchViews(8, views=views, mean=0.5, std=0.5)
    return SimCLR(encoder, MLPHead(16, 16, 8), augment, loss or NTXentLoss(0.5), **kwargs)


class TestSimCLR(VisionMethodContract):
    fall, steps = 0.15, 90
    make = staticmethod(make)


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(0)
    image = torch.randint(0, 256, (12, 1, 8, 8), dtype=torch.uint8, generator=generator)
    return {"image": image, "index": torch.arange(30, 42), "label": torch.zeros(12).long()}


def test_loss_is_that_of_the_views(batch):
    method = make()
    torch.manual_seed(1)
    loss, logs = method.training_step_loss(batch)
    method = make()
    torch.manual_seed(1)
    z0, z1 = method.projector(method.encoder(torch.cat(method.views(batch["image"])))).chunk(2)
    torch.testing.assert_close(loss, NTXentLoss(0.5)(z0, z1))
    assert set(logs) == {"alignment", "uniformity"}
    u0, u1 = nn.functional.normalize(z0, dim=1), nn.functional.normalize(z1, dim=1)
    torch.testing.assert_close(logs["alignment"], (u0 - u1).square().sum(dim=1).mean())
    torch.testing.assert_close(logs["uniformity"], torch.pdist(u0).square().mul(-2).exp().mean().log())
    assert not any(value.requires_grad for value in logs.values())


def test_all_parameters_learn(batch):
    method = make()
    method.training_step_loss(batch)[0].backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in method.parameters())


def test_features_are_plain(batch):
    method = make().eval()
    features = method(batch["image"])
    assert features.shape == (12, 16)
    assert torch.equal(features, method(batch["image"]))
    torch.testing.assert_close(features[:3], method(batch["image"][:3]))
    torch.testing.assert_close(features, method.encoder((batch["image"].float() / 255 - 0.5) / 0.5))


def test_a_rewiring_sees_the_graph(batch):
    seen = []

    def rewire(graph):
        seen.append(graph)
        return graph

    method = make(rewire=rewire)
    torch.manual_seed(1)
    loss, _ = method.training_step_loss(batch)
    assert seen[0].num_nodes == 24
    assert torch.equal(seen[0].sample_id, batch["index"].repeat(2))
    method = make()
    torch.manual_seed(1)
    torch.testing.assert_close(loss, method.training_step_loss(batch)[0])


def test_knn_positives_change_the_loss(batch):
    losses = []
    for rewire in (None, AddKNNPositives(3)):
        method = make(rewire=rewire)
        torch.manual_seed(1)
        losses.append(method.training_step_loss(batch)[0])
        losses[-1].backward()
    assert losses[1].isfinite() and not torch.allclose(losses[0], losses[1])


def test_bank_is_updated_and_saved(batch):
    bank = FeatureBank(64, 8)
    method = make(rewire=AddKNNPositives(3, bank=bank))
    assert list(method.banks) == [bank]
    for step in range(3):
        loss, _ = method.training_step_loss(batch)
        assert loss.isfinite() and len(bank) == 12 * (step + 1)
    assert bank.ids[:12].tolist() == batch["index"].tolist()
    torch.testing.assert_close(bank.features.norm(dim=1), torch.ones(36))

    other = make(seed=5, rewire=AddKNNPositives(3, bank=FeatureBank(64, 8)))
    other.load_state_dict(method.state_dict())
    losses = []
    for each in (method, other):
        torch.manual_seed(2)
        losses.append(each.training_step_loss(batch)[0])
    assert torch.equal(*losses)


def test_bank_without_a_rewiring():
    with pytest.raises(ValueError, match="'bank' must come with a 'rewire' that reads it"):
        make(bank=FeatureBank(8, 8))


def test_more_views(batch):
    assert "alignment" in make(views=3).training_step_loss(batch)[1]


def test_one_view_has_no_positives():
    with pytest.raises(ValueError, match=r"'views' must make two views or more \(got int 1\)"):
        make(views=1)


def test_bfloat16(batch):
    method = make()
    with torch.autocast("cpu", torch.bfloat16):
        loss, _ = method.training_step_loss(batch)
    assert loss.dtype == torch.float32
    loss.backward()
    assert all(p.grad.isfinite().all() for p in method.parameters())


def test_learns():
    data = digits()
    method = make()
    optimizer = torch.optim.AdamW(method.parameters(), 3e-3)
    loader, losses = TensorLoader(data.unlabeled, batch_size=128), []
    for _ in range(4):
        for batch in loader:
            loss, logs = method.training_step_loss(batch)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(float(loss.detach()))
    assert sum(losses[-5:]) / 5 < losses[0] - 0.2
    assert float(logs["uniformity"]) < -1  # embeddings do not collapse


def test_every_bank_of_a_composition_is_updated(batch):
    banks = [FeatureBank(64, 8), FeatureBank(32, 8)]
    method = make(rewire=Compose([AddKNNPositives(2, bank=banks[0]), AddKNNPositives(2, bank=banks[0])]), bank=None)
    assert list(method.banks) == banks[:1]  # one bank in two parts is one bank
    method.training_step_loss(batch)
    assert len(banks[0]) == 12


def test_a_rewiring_sees_features_and_samples(batch):
    seen = []
    method = make(rewire=lambda graph: seen.append(graph) or graph)
    torch.manual_seed(0)
    loss, _ = method.training_step_loss(batch)
    (graph,) = seen
    assert graph.features.shape == (24, method.encoder(batch["image"].float()[:1] / 255).size(1))
    assert not graph.features.requires_grad
    assert graph.sample_id.tolist() == batch["index"].tolist() * 2
    method.rewire = None
    torch.manual_seed(0)
    assert torch.equal(method.training_step_loss(batch)[0], loss)


def test_any_module_can_be_the_loss(batch):
    class Distance(torch.nn.Module):
        def forward(self, z0, z1):
            return (z0 - z1).square().mean()

    loss, _ = make(loss=Distance()).training_step_loss(batch)
    assert loss > 0


def test_losses_without_pairs_refuse_a_rewiring():
    with pytest.raises(ValueError, match="'rewire' must be None with BarlowTwinsLoss, which has no pairs"):
        make(loss=BarlowTwinsLoss(), rewire=AddKNNPositives(2))
