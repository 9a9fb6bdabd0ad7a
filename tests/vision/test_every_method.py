"""Every method for images inherits the contract."""

import pytest
from contracts.discovery import check_has_test_class, public
from contracts.vision import VisionMethodContract

from gnnclr.vision import VisionMethod


@pytest.mark.parametrize("kind", public("vision", VisionMethod), ids=lambda kind: kind.__name__)
def test_every_method_has_a_test_class(kind):
    check_has_test_class(kind, "vision", VisionMethodContract, "make")
