"""One seed of several numbers."""

import numpy as np


def mixed_seed(*numbers: int) -> int:
    """A seed for a generator of torch that is a function of numbers, such as the seed of a run, an epoch and a batch:
    each of them changes all of its bits. Zeros at the end change nothing, so count on as many numbers each time.

    Args:
        numbers (int): The numbers, none below zero.
    """
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0] >> 1)
