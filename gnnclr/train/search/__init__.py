"""A search for settings: what is tried, what trials are compared by, and trials that processes share."""

from gnnclr.train.search.criterion import LinkAUC, ValidationAccuracy, choose_criterion
from gnnclr.train.search.search import Search
from gnnclr.train.search.space import Space

__all__ = ["LinkAUC", "Search", "Space", "ValidationAccuracy", "choose_criterion"]
