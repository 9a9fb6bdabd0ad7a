import torch

from gnnclr.dynamics import Trajectory


def trajectory(**kwargs):
    return Trajectory(
        z=torch.zeros(4, 2),
        round=torch.tensor([0, 5, 7]),
        energy=torch.tensor([3.0, 2.0, 1.0]),
        parts={"alignment": torch.tensor([1.0, 0.5, 0.25])},
        measures={"alignment": torch.tensor([2.0, 1.0, 0.5])},
        **kwargs,
    )


def test_columns_of_parts_and_measures_keep_apart():
    table = trajectory().to_dict()
    assert table == {
        "round": [0, 5, 7],
        "energy": [3.0, 2.0, 1.0],
        "energy/alignment": [1.0, 0.5, 0.25],
        "alignment": [2.0, 1.0, 0.5],
    }


def test_length_and_repr():
    assert len(trajectory()) == 3
    assert repr(trajectory()) == "Trajectory(4 points [2], 3 records of 7 rounds)"
    assert repr(trajectory(converged=True)).endswith("7 rounds, converged)")
