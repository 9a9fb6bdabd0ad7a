"""Cards of losses: their parts in words."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ObjectiveCard:
    """The parts of an objective, as the command ``gnnclr list losses`` and the table of objectives show them.

    Args:
        formula (str): The formula, in one line of plain text.
        kernel (str): The function of a pair.
        link (str): How pairs are joined: log-sum-exp over an anchor's negatives, mean, ...
        pairs (str): Which pairs repel.
        weights (str): Weights of pairs.
        paper (str): Where it comes from, with an address.
    """

    formula: str
    kernel: str
    link: str
    pairs: str
    weights: str
    paper: str
