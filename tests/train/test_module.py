import pytest
import torch
from lightning.pytorch import Trainer
from torch import nn

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
