import pytest
import torch
from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import ModelCheckpoint
from torch import nn

from gnnclr.graph import FeatureBank
from gnnclr.train import ContrastiveModule


def test_needs_a_training_step_loss():
    with pytest.raises(ValueError, match=r"'method' must have a training_step_loss\(batch\) \(got Linear\)"):
        ContrastiveModule(nn.Linear(2, 2))


def test_state_dict_holds_the_method():
    method = nn.Linear(2, 2)
    method.training_step_loss = lambda batch: (torch.zeros(()), {})
    assert set(ContrastiveModule(method).state_dict()) == {"method.weight", "method.bias"}


def test_the_method_is_told_of_each_step():
    class Counted(nn.Linear):
        steps = 0

        def training_step_loss(self, batch):
            self.before = self.weight.detach().clone()
            return self(batch).square().mean(), {}

        def after_optimizer_step(self):
            assert not torch.equal(self.weight, self.before)  # the step is done
            self.steps += 1

    method = Counted(2, 2)
    quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False, "accelerator": "cpu"}
    trainer = Trainer(max_epochs=2, enable_model_summary=False, **quiet)
    trainer.fit(ContrastiveModule(method, lambda groups: torch.optim.SGD(groups, 0.1)), torch.ones(3, 4, 2))
    assert method.steps == 6


def test_a_loss_that_is_not_finite_ends_the_training():
    method = nn.Linear(2, 2)
    method.training_step_loss = lambda batch: (method(batch).sum() * float("nan"), {})
    quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False, "accelerator": "cpu"}
    trainer = Trainer(max_epochs=1, enable_model_summary=False, **quiet)
    with pytest.raises(ValueError, match=r"the loss must stay finite \(got nan at step 0\)"):
        trainer.fit(ContrastiveModule(method), torch.ones(3, 4, 2))


class Told(nn.Linear):
    """Keeps the epochs it is told of."""

    def __init__(self):
        super().__init__(2, 2)
        self.epochs = []

    def training_step_loss(self, batch):
        return self(batch).square().mean(), {}

    def start_epoch(self, epoch):
        self.epochs.append(epoch)


def fit(folder, max_epochs, ckpt_path=None):
    method = Told()
    quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False, "accelerator": "cpu"}
    checkpoints = ModelCheckpoint(folder, "{step}", save_top_k=-1, every_n_train_steps=1)
    trainer = Trainer(max_epochs=max_epochs, callbacks=[checkpoints], **quiet)
    module = ContrastiveModule(method, lambda groups: torch.optim.SGD(groups, 0.1))
    trainer.fit(module, torch.utils.data.DataLoader(torch.ones(12, 2), 4), ckpt_path=ckpt_path, weights_only=True)
    return method.epochs


def test_the_method_is_told_of_each_epoch_once(tmp_path):
    assert fit(tmp_path, 3) == [0, 1, 2]
    # Resumed at the end of the first epoch, within the second, and at its end.
    expected = {3: [1, 2], 4: [1, 2], 6: [2]}
    assert {step: fit(tmp_path / "again", 3, tmp_path / f"step={step}.ckpt") for step in expected} == expected


def test_banks_are_not_sent_to_other_processes():
    method = Told()
    method.bank = FeatureBank(8, 2)
    ignored = ContrastiveModule(method)._ddp_params_and_buffers_to_ignore
    assert "method.bank.storage" in ignored and not any("weight" in name for name in ignored)
