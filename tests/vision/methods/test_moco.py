import pytest
import torch
import torch.nn.functional as F
from contracts.vision import VisionMethodContract, queue_after_a_step, views_of_digits
from torch import nn

from gnnclr.graph import FeatureBank
from gnnclr.losses import InfoNCELoss
from gnnclr.vision import MLPHead, SlimResNet, Views
from gnnclr.vision.methods.moco import MoCo, NonSemanticNegatives


class Reverse(nn.Module):
    def forward(self, images):
        return images.flip(3)


def make(seed=0, size=256, **kwargs):
    torch.manual_seed(seed)
    encoder = SlimResNet((8, 16), in_channels=1, stem_stride=1)
    options = {"momentum": 0.9, **kwargs}
    return MoCo(encoder, MLPHead(16, 16, 8), views_of_digits(), FeatureBank(size, 8), **options)


class TestMoCo(VisionMethodContract):
    make = staticmethod(make)


class TestSymmetric(VisionMethodContract):
    @staticmethod
    def make(seed=0):
        return make(seed, symmetric=True, groups=2)


class TestNonSemantic(VisionMethodContract):
    @staticmethod
    def make(seed=0):
        return make(seed, non_semantic=NonSemanticNegatives(Reverse(), alpha=1.5))


def linear(**kwargs):
    """Plain views through linear layers: a query and a key are what the weights make of the image."""
    torch.manual_seed(0)
    encoder, projector = nn.Sequential(nn.Flatten(), nn.Linear(16, 6)), nn.Linear(6, 5)
    method = MoCo(encoder, projector, Views([]), FeatureBank(7, 5), InfoNCELoss(0.3), 0.9, **kwargs)
    for p in method.target.parameters():  # queries and keys differ
        p.data.add_(0.3 * torch.randn_like(p))
    return method


def unit_rows(network, images):
    return F.normalize(network(images).double(), dim=1)


@pytest.mark.parametrize("steps", [0, 1, 3])
@pytest.mark.parametrize("count", [0, 1, 3])
@pytest.mark.parametrize("symmetric", [False, True])
def test_loss_is_the_formula(steps, count, symmetric):
    alpha, tau = 2.0, 0.3
    apart = NonSemanticNegatives(Reverse(), alpha, count) if count else None
    method = linear(symmetric=symmetric, non_semantic=apart)
    for _ in range(steps):
        method.training_step_loss({"image": torch.rand(3, 1, 4, 4)})
    queue = method.queue.features.double()
    assert len(queue) == min(7, steps * 3 * (1 + symmetric))
    images = torch.rand(3, 1, 4, 4)
    loss, logs = method.training_step_loss({"image": images})
    q = unit_rows(nn.Sequential(method.encoder, method.projector), images)
    k, t = unit_rows(method.target, images), unit_rows(method.target, images.flip(3))
    expected = []
    for i in range(3):
        positive = (q[i] @ k[i] / tau).exp()
        rest = sum((q[i] @ u / tau).exp() for u in queue) + count * (alpha * q[i] @ t[i] / tau).exp()
        expected.append(-(positive / (positive + rest)).log())
    torch.testing.assert_close(loss.double(), sum(expected) / 3, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(logs["alignment"].double(), (q - k).square().sum(1).mean(), rtol=1e-5, atol=1e-6)


def test_gradient_is_that_of_the_formula():
    alpha, tau = 2.0, 0.3
    method = linear(non_semantic=NonSemanticNegatives(Reverse(), alpha))
    method.training_step_loss({"image": torch.rand(5, 1, 4, 4)})
    queue, images = method.queue.features.double(), torch.rand(3, 1, 4, 4)
    weights = list(method.encoder.parameters()) + list(method.projector.parameters())
    found = torch.autograd.grad(method.training_step_loss({"image": images})[0], weights)
    q = unit_rows(nn.Sequential(method.encoder, method.projector), images)
    k, t = unit_rows(method.target, images), unit_rows(method.target, images.flip(3))
    positive, hard = (q * k).sum(1, keepdim=True) / tau, alpha * (q * t).sum(1, keepdim=True) / tau
    logits = torch.cat([positive, q @ queue.T / tau, hard], dim=1)
    expected = torch.autograd.grad(F.cross_entropy(logits, torch.zeros(3).long()), weights)
    for a, b in zip(found, expected):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-6)


class Shift(Views):
    """Views that add a random number to each image."""

    def __init__(self):
        super().__init__([])

    def forward(self, images, generator=None):
        return [images + torch.rand(len(images), 1, 1, 1, generator=generator) for _ in range(2)]


@pytest.mark.parametrize("symmetric", [False, True])
def test_textures_of_the_batch_are_seen_as_the_queries_are(symmetric):
    method = linear(symmetric=symmetric, non_semantic=NonSemanticNegatives())
    method.views, seen = Shift(), []
    encode = method._encode
    method._encode = lambda network, images, shuffle=False: seen.append(images) or encode(network, images, shuffle)
    images, textures = torch.rand(3, 1, 4, 4), torch.rand(3, 1, 4, 4)
    method.training_step_loss({"image": images, "texture": textures})
    query, _, apart = seen
    count = 1 + symmetric
    torch.testing.assert_close(query - images.repeat(count, 1, 1, 1), apart - textures.repeat(count, 1, 1, 1))
    assert len(apart) == 3 * count and (query[:3] - images).std() > 0


def test_without_a_transform_batches_need_textures():
    method = linear(non_semantic=NonSemanticNegatives())
    with pytest.raises(ValueError, match=r"'batch' must have a 'texture' of each image, .* \(got 'image'\)"):
        method.training_step_loss({"image": torch.rand(3, 1, 4, 4)})
    with pytest.raises(ValueError, match=r"'count' must be 1 without a 'transform': .* \(got 2\)"):
        NonSemanticNegatives(count=2)


def test_graph():
    method = linear(non_semantic=NonSemanticNegatives(Reverse(), 2.0, 2))
    method.queue.update(torch.eye(5))
    q, k, t = torch.rand(3, 5), torch.rand(3, 5), torch.rand(6, 5)
    graph = method.graph(q, k, t)
    assert graph.validate()
    assert graph.view.tolist() == [0] * 3 + [1] * 3 + [2] * 6
    assert graph.anchor.tolist() == [True] * 3 + [False] * 9
    assert graph.edge_index.tolist() == [[3, 4, 5], [0, 1, 2]]
    assert graph.extra.index.tolist() == [[6, 7, 8, 9, 10, 11], [0, 1, 2, 0, 1, 2]]
    assert graph.extra.scale.tolist() == [2.0] * 6
    assert torch.equal(graph.bank.rows, torch.eye(5))
    assert graph.sample.tolist() == [0, 1, 2, 0, 1, 2, 3, 4, 5, 6, 7, 8]
    assert method.graph(q, k).validate() and method.graph(q, k).extra is None


def test_keys_enter_the_queue_after_the_loss():
    method = linear()
    images, index = torch.rand(4, 1, 4, 4), torch.tensor([3, 1, 8, 6])
    first = method.training_step_loss({"image": images, "index": index})[0]
    assert float(first.detach()) == 0  # nothing to tell the key from
    torch.testing.assert_close(method.queue.features, F.normalize(method.target(images), dim=1))
    assert method.queue.ids.tolist() == index.tolist()
    assert not method.queue.features.requires_grad
    method.training_step_loss({"image": torch.rand(5, 1, 4, 4)})
    assert len(method.queue) == 7 and method.queue.ids.tolist() == [-1, -1, 8, 6, -1, -1, -1]


def test_symmetric_keys_keep_their_numbers():
    method = linear(symmetric=True)
    method.training_step_loss({"image": torch.rand(3, 1, 4, 4), "index": torch.tensor([4, 5, 6])})
    assert method.queue.ids.tolist() == [4, 5, 6] * 2


def test_all_processes_hold_the_keys_of_all(gloo):
    """Also when their batches are of different sizes."""
    method = linear()
    images, index = torch.rand(5, 1, 4, 4), torch.arange(10, 15)
    batches = [{"image": images[rows], "index": index[rows]} for rows in (slice(0, 3), slice(3, 5))]
    expected = F.normalize(method.target(images), dim=1)
    for features, ids in gloo(queue_after_a_step, method, batches):
        torch.testing.assert_close(features, expected)
        assert ids.tolist() == index.tolist()


def test_symmetric_loss_is_the_mean_of_both_ways():
    torch.manual_seed(3)
    one, both = linear(), linear(symmetric=True)
    views = [torch.rand(4, 1, 4, 4), torch.rand(4, 1, 4, 4)]
    for method in (one, both):
        method.queue.update(torch.eye(5))
    losses = []
    for order in (views, views[::-1]):
        query = one.projector(one.encoder(order[0]))
        graph = one.graph(query, one.target(order[1]))
        losses.append(one.loss(graph.x, graph))
    both.views.forward = lambda images: views
    torch.testing.assert_close(both.training_step_loss({"image": views[0]})[0], sum(losses) / 2)


def test_the_copy_follows():
    method = make(momentum=0.75)
    before = [p.clone() for p in method.target.module.parameters()]
    online = [*method.encoder.parameters(), *method.projector.parameters()]
    for p in online:
        p.data.add_(1.0)
    method.after_optimizer_step()
    for p, old, new in zip(method.target.module.parameters(), before, online):
        torch.testing.assert_close(p, 0.75 * old + 0.25 * new.detach())
    assert not any(p.requires_grad for p in method.target.parameters())


class Deviation(nn.Module):
    """Adds the mean of the group that an image is encoded with."""

    def forward(self, x):
        x = x.flatten(1)
        return torch.cat([x, x.mean(0, keepdim=True).expand_as(x)], dim=1)


def test_groups_separate_the_statistics_of_queries_and_keys():
    torch.manual_seed(0)
    method = MoCo(Deviation(), nn.Identity(), Views([]), FeatureBank(16, 8), groups=2)
    seen = []
    method.graph = lambda query, key, apart=None: seen.append((query, key)) or MoCo.graph(method, query, key)
    images = torch.rand(6, 1, 2, 2)
    method.training_step_loss({"image": images})
    (query, key), x = seen[0], images.flatten(1)
    torch.testing.assert_close(query[:, :4], x)
    torch.testing.assert_close(key[:, :4], x)  # in the order of the images again
    expected = torch.cat([x[:3].mean(0).expand(3, 4), x[3:].mean(0).expand(3, 4)])
    torch.testing.assert_close(query[:, 4:], expected)
    assert len(key[:, 4:].unique(dim=0)) == 2
    assert not torch.allclose(key[:, 4:], expected)


def test_groups_of_one_image_are_refused():
    with pytest.raises(ValueError, match=r"'groups' must be at most half of the 7 images of a batch \(got 4\)"):
        make(groups=4).training_step_loss({"image": torch.rand(7, 1, 8, 8)})


@pytest.mark.parametrize(
    ("kwargs", "match"),
    [
        ({"queue": FeatureBank(8, 8, mode="sample")}, "'queue' must be a FeatureBank with mode='queue'"),
        ({"queue": 16384}, "'queue' must be a FeatureBank with mode='queue'"),
        ({"groups": 0}, "'groups' must be a positive integer"),
        ({"momentum": 2.0}, "'momentum' must be a probability"),
        ({"non_semantic": Reverse()}, "'non_semantic' must be NonSemanticNegatives"),
    ],
)
def test_errors(kwargs, match):
    arguments = {"queue": FeatureBank(8, 8), **kwargs}
    with pytest.raises(ValueError, match=match):
        MoCo(nn.Flatten(), nn.Linear(4, 8), views_of_digits(), **arguments)


def test_errors_of_the_parts():
    with pytest.raises(ValueError, match="'alpha' must be a positive number"):
        NonSemanticNegatives(Reverse(), alpha=0.0)
    with pytest.raises(ValueError, match="'count' must be a positive integer"):
        NonSemanticNegatives(Reverse(), count=0)
    method = MoCo(nn.Flatten(), nn.Linear(64, 8), views_of_digits(views=3), FeatureBank(8, 8))
    with pytest.raises(ValueError, match=r"'views' must make two views, a query and a key \(got 3\)"):
        method.training_step_loss({"image": torch.rand(4, 1, 8, 8)})
