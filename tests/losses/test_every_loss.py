"""Every loss of the package has a literal reference, and with it the tests of the contract."""

import pytest
from contracts.discovery import check_has_test_class, public
from contracts.loss import LossContract

from gnnclr.losses import GraphLoss


@pytest.mark.parametrize("kind", public("losses", GraphLoss), ids=lambda kind: kind.__name__)
def test_every_loss_has_a_test_class(kind):
    check_has_test_class(kind, "losses", LossContract, "make", "reference")
