"""What every method for images must do."""

import copy
import functools
from contextlib import nullcontext

import pytest
import torch
from devices import needs_cuda
from torch import nn

from gnnclr.vision import BatchViews, TensorLoader, Views, digits
from gnnclr.vision.transforms.batch_share import BatchShare


def views_of_digits(**kwargs):
    return BatchViews(8, **{"mean": 0.5, "std": 0.5, "scale": (0.5, 1.0), **kwargs})


@functools.cache
def unlabeled_digits():
    return digits().unlabeled


def views_of_a_step(method, batch, share):
    """All views that a step makes, in order."""
    method, made = copy.deepcopy(method), []
    for part in method.modules():
        if isinstance(part, Views):
            part.register_forward_hook(lambda part, images, views: made.extend(views))
    with share:
        method.training_step_loss(batch)
    return made


def queue_after_a_step(rank, method, batches):
    """The queue of a method in one of several processes, after a step on a batch of its own."""
    method = copy.deepcopy(method)  # tensors are sent to processes in memory that these share
    method.training_step_loss(batches[rank])
    return method.queue.features, method.queue.ids


class VisionMethodContract:
    """A subclass makes a small method for the 8×8 digits in :meth:`make`, the same for the same seed."""

    #: What one step logs.
    logs = {"alignment", "uniformity"}
    #: Width of the features.
    width = 16
    #: By how much the loss falls in :attr:`steps` steps, from the mean after the first :attr:`settle` ones.
    fall, steps, settle = 0.2, 30, 3
    #: What is said of images that are not finite.
    not_finite = "must be finite"

    @staticmethod
    def make(seed=0):
        raise NotImplementedError

    def images(self):
        return unlabeled_digits().clone()

    def loader(self):
        return TensorLoader(self.images(), batch_size=64)

    def batch(self, n=12):
        images = self.images()[:n]
        return {"image": images, "index": torch.arange(30, 30 + n), "label": torch.arange(n) % 10}

    @staticmethod
    def step(method, optimizer, batch, seed):
        torch.manual_seed(seed)
        loss, logs = method.training_step_loss(batch)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        getattr(method, "after_optimizer_step", lambda: None)()
        return loss.detach(), logs

    @staticmethod
    def optimizer(method):
        return torch.optim.AdamW([p for p in method.parameters() if p.requires_grad], 3e-3)

    def test_logs_are_finite_and_detached(self):
        method = self.make()
        optimizer = self.optimizer(method)
        for seed in range(2):
            loss, logs = self.step(method, optimizer, self.batch(), seed)
        assert loss.dim() == 0 and loss.isfinite()
        assert set(logs) == self.logs
        assert all(value.numel() == 1 and value.isfinite() and not value.requires_grad for value in logs.values())

    def test_everything_that_learns_gets_a_gradient(self):
        method = self.make()
        self.step(method, self.optimizer(method), self.batch(), 0)  # a queue is empty before
        method.zero_grad()
        method.training_step_loss(self.batch())[0].backward()
        for name, p in method.named_parameters():
            assert not p.requires_grad or (p.grad is not None and p.grad.isfinite().all()), name
        assert sum(float(p.grad.abs().sum()) > 0 for p in method.parameters() if p.requires_grad) > 4

    def test_views_of_two_processes_are_those_of_one(self):
        method, batch = self.make(), self.batch()
        whole = views_of_a_step(method, batch, BatchShare(3, 0, 1))
        torch.manual_seed(3)
        assert all(map(torch.equal, views_of_a_step(method, batch, nullcontext()), whole))
        shares = []
        for rank in range(2):
            torch.manual_seed(100 + rank)
            rows = slice(6 * rank, 6 * rank + 6)
            own = {name: value[rows] for name, value in batch.items()}
            shares.append(views_of_a_step(method, own, BatchShare(3, rank, 2)))
        assert len(whole) > 0 and all(map(torch.equal, map(torch.cat, zip(*shares, strict=True)), whole))

    @needs_cuda
    def test_trains_on_cuda(self):
        method = self.make().cuda()
        optimizer, batch = self.optimizer(method), {key: x.cuda() for key, x in self.batch().items()}
        for seed in range(2):
            loss, logs = self.step(method, optimizer, batch, seed)
            assert loss.is_cuda and loss.isfinite() and all(value.isfinite() for value in logs.values())
        assert all(value.is_cuda for value in method.parameters())
        assert method.eval()(batch["image"]).isfinite().all()

    def test_features_are_plain(self):
        method = self.make().eval()
        images = self.batch()["image"]
        features = method(images)
        assert features.shape == (12, self.width)
        assert torch.equal(features, method(images))
        torch.testing.assert_close(features[:3], method(images[:3]))

    def test_learns(self):
        method, losses = self.make(), []
        optimizer = self.optimizer(method)
        loader = self.loader()
        while len(losses) < self.steps:
            for batch in loader:
                loss, logs = self.step(method, optimizer, batch, len(losses))
                losses.append(float(loss))
        start = sum(losses[self.settle : self.settle + 3]) / 3
        assert sum(losses[-3:]) / 3 < start - self.fall
        assert float(logs["uniformity"]) < -0.5  # embeddings do not collapse

    def test_two_steps_are_deterministic(self):
        ends = []
        for _ in range(2):
            method = self.make()
            optimizer = self.optimizer(method)
            losses = [self.step(method, optimizer, self.batch(), seed)[0] for seed in range(2)]
            ends.append((losses, method.state_dict()))
        assert ends[0][0] == ends[1][0]
        assert all(torch.equal(value, ends[1][1][name]) for name, value in ends[0][1].items())

    def test_resumes_exactly(self):
        method, other = self.make(), self.make(seed=5)
        optimizer = self.optimizer(method)
        for seed in range(2):
            self.step(method, optimizer, self.batch(), seed)
        saved = copy.deepcopy((method.state_dict(), optimizer.state_dict()))
        again = self.optimizer(other)
        other.load_state_dict(saved[0])
        again.load_state_dict(saved[1])
        for seed in range(2, 4):
            losses = [
                self.step(each, opt, self.batch(9), seed)[0] for each, opt in ((method, optimizer), (other, again))
            ]
            assert torch.equal(*losses)
        state = other.state_dict()
        assert all(torch.equal(value, state[name]) for name, value in method.state_dict().items())

    def test_a_copy_trains_alone(self):
        method = self.make()
        self.step(method, self.optimizer(method), self.batch(), 0)
        other = copy.deepcopy(method)
        before = {name: value.clone() for name, value in method.state_dict().items()}
        self.step(other, self.optimizer(other), self.batch(), 1)
        assert all(torch.equal(value, before[name]) for name, value in method.state_dict().items())

    def test_the_encoder_takes_chunks(self):
        """Encoders see no more rows at once, and the step is that of all rows where they do not share statistics."""
        found = []
        for size in (None, 5):
            method, rows = self.make(), []
            encoders = getattr(method, "encoders", None) or [method.encoder]
            for part in method.modules():
                if isinstance(part, nn.modules.batchnorm._BatchNorm):
                    part.eval()
                if type(part) in map(type, encoders):  # slow copies, too
                    part.register_forward_pre_hook(lambda part, args, rows=rows: rows.append(len(args[0])))
            method.chunk_size = size
            found.append([*(self.gradient(method, seed) for seed in range(2))])
            found[-1] += [p.grad for p in method.parameters() if p.requires_grad]
            assert max(rows) == 5 or size is None
        for whole, chunked in zip(*found, strict=True):
            torch.testing.assert_close(whole, chunked, rtol=1e-4, atol=1e-4)

    def gradient(self, method, seed):
        torch.manual_seed(seed)
        loss = method.training_step_loss(self.batch())[0]
        loss.backward()
        return loss.detach()

    @pytest.mark.parametrize("n", [5, 7])
    def test_odd_batches(self, n):
        method = self.make()
        optimizer = self.optimizer(method)
        for seed in range(2):
            assert self.step(method, optimizer, self.batch(n), seed)[0].isfinite()

    @pytest.mark.parametrize("value", [float("nan"), float("inf")])
    def test_inputs_that_are_not_finite(self, value):
        batch = self.batch()
        batch["image"] = batch["image"].float() / 255
        batch["image"][3] = value
        with pytest.raises(ValueError, match=self.not_finite):
            self.make().training_step_loss(batch)

    def test_bfloat16(self):
        method = self.make()
        for _ in range(2):
            with torch.autocast("cpu", torch.bfloat16):
                loss, _ = method.training_step_loss(self.batch())
        loss.backward()
        assert loss.dtype == torch.float32
        assert all(p.grad.isfinite().all() for p in method.parameters() if p.requires_grad)
