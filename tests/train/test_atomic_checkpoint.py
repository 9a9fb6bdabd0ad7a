import pytest
import torch

from gnnclr.train import AtomicCheckpointIO, RecipeError


def test_round_trip(tmp_path):
    path = tmp_path / "folder" / "last.ckpt"
    io = AtomicCheckpointIO()
    io.save_checkpoint({"x": torch.arange(3), "step": 4}, path)
    loaded = io.load_checkpoint(path)
    assert loaded["step"] == 4 and torch.equal(loaded["x"], torch.arange(3))
    assert [p.name for p in path.parent.iterdir()] == ["last.ckpt"]


def test_a_failed_save_leaves_the_old_checkpoint(tmp_path):
    path = tmp_path / "last.ckpt"
    io = AtomicCheckpointIO()
    io.save_checkpoint({"step": 1}, path)
    with pytest.raises(AttributeError):
        io.save_checkpoint({"step": 2, "bad": lambda: None}, path)
    assert io.load_checkpoint(path) == {"step": 1}


def test_refuses_pickled_objects(tmp_path):
    torch.save({"x": torch.nn.Linear(1, 1)}, tmp_path / "bad.ckpt")
    with pytest.raises(RecipeError, match=r"'.*bad.ckpt' must be an undamaged checkpoint .*GLOBAL torch\.nn\.modules"):
        AtomicCheckpointIO().load_checkpoint(tmp_path / "bad.ckpt")
