from torch import nn

from gnnclr.node import NodeMethod
from gnnclr.node.methods.step_counter import StepCounter


class Method(NodeMethod):
    def __init__(self, encoder):
        super().__init__(encoder)
        self.updates = 0

    def after_optimizer_step(self):
        self.updates += 1


class Counting(StepCounter, Method):
    pass


def test_steps_are_counted_beside_the_updates_of_the_method():
    method = Counting(nn.Identity())
    assert isinstance(method.encoder, nn.Identity) and int(method.step) == 0
    for _ in range(3):
        method.after_optimizer_step()
    assert int(method.step) == method.updates == 3
    resumed = Counting(encoder=nn.Identity())
    resumed.load_state_dict(method.state_dict())
    assert int(resumed.step) == 3
