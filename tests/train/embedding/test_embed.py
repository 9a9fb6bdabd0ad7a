import sys

import numpy as np
import pytest
import torch
from photo_files import photo_folder

import gnnclr
from gnnclr.cli import main
from gnnclr.train import Run
from gnnclr.train.embedding import embed_run, write_arrays


def test_own_data(runs):
    _, method, data, _ = Run.open(runs / "digits").load()
    arrays = embed_run(runs / "digits")
    assert list(arrays) == ["z", "y", "classes", "train", "val", "test"]
    assert np.array_equal(arrays["z"], data.embed(method).numpy()) and np.array_equal(arrays["y"], data.labels.numpy())


def test_a_folder_of_images(runs, tmp_path, capsys):
    names = photo_folder(tmp_path / "photos", 12, ("", "a/b"))
    (tmp_path / "photos" / "x.jpg").write_bytes(b"no image")
    assert (
        main(["embed", f"--run={runs / 'digits'}", f"--images={tmp_path / 'photos'}", f"--output={tmp_path / 'z.npz'}"])
        == 0
    )
    out = capsys.readouterr().out
    assert "passed over 1 broken image: 'x.jpg' (got a file that is no image)" in out
    assert f"12 embeddings of width 8 in {tmp_path / 'z.npz'}: z, name" in out
    with np.load(tmp_path / "z.npz", allow_pickle=False) as arrays:
        z, found = arrays["z"], arrays["name"].tolist()
    assert found == sorted(names, key=lambda name: name.split("/"))
    backbone = gnnclr.load(runs / "digits")
    with torch.no_grad():
        expected = torch.cat([backbone(tmp_path / "photos" / name) for name in found])
    torch.testing.assert_close(torch.from_numpy(z), expected)


def test_a_table(runs, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet", reason="needs pyarrow")
    arrays = embed_run(runs / "graph")
    table = parquet.read_table(write_arrays(arrays, tmp_path / "z.parquet"))
    assert table.column_names == ["y", "part", "z"]
    assert np.array_equal(np.stack(table["z"].to_numpy()), arrays["z"])
    assert np.array_equal(table["y"].to_numpy(), arrays["y"])
    part = np.array(table["part"].to_pylist())
    for name in ("train", "val", "test"):
        assert np.array_equal((part == name).nonzero()[0], np.sort(arrays[name]))


def test_a_table_without_its_package(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(
        ImportError, match=r"'z\.parquet' needs the package pyarrow; install it with: pip install pyarrow"
    ):
        write_arrays({"z": np.zeros((2, 3))}, tmp_path / "z.parquet")
    assert not (tmp_path / "z.parquet").exists()


@pytest.mark.parametrize(
    ("run", "images", "message"),
    [
        ("graph", "broken", "must be a run on images (got one of GRACE, on a graph)"),
        ("digits", "none", "'images' must be a folder or a zip file of photos"),
        ("digits", "broken", "must hold readable images (all 2 are broken: '0.jpg': got a file that is no image)"),
        ("none", "broken", "none is not the folder of a run"),
    ],
)
def test_errors(run, images, message, runs, tmp_path, capsys):
    (tmp_path / "broken").mkdir()
    for i in range(2):
        (tmp_path / "broken" / f"{i}.jpg").write_text("x")
    arguments = ["embed", f"--run={runs / run}", f"--images={tmp_path / images}", f"--output={tmp_path / 'z.npz'}"]
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1 and not (tmp_path / "z.npz").exists()


def test_export(runs, tmp_path, capsys, monkeypatch):
    run = f"--run={runs / 'digits'}"
    assert main(["export", run, "--format=tf", f"--output={tmp_path / 'x'}"]) == 2
    assert "'format' must be one of 'safetensors', 'torch_export', 'onnx' (got 'tf')" in capsys.readouterr().err
    monkeypatch.setitem(sys.modules, "safetensors", None)
    monkeypatch.delitem(sys.modules, "safetensors.torch", raising=False)
    assert main(["export", run, "--format=safetensors", f"--output={tmp_path / 'x'}"]) == 2
    assert "pip install 'gnnclr[export]'" in capsys.readouterr().err
    assert main(["export", f"--run={runs / 'graph'}", "--format=onnx", f"--output={tmp_path / 'x'}"]) == 2
    assert "must be a run on images" in capsys.readouterr().err and not (tmp_path / "x").exists()
    monkeypatch.setattr("gnnclr.vision.backbone.export.FORMATS", {"names": lambda _, file: file.write(b"weights")})
    assert main(["export", run, "--format=names", f"--output={tmp_path / 'x'}"]) == 0
    assert (tmp_path / "x").read_bytes() == b"weights" and f"is in {tmp_path / 'x'}" in capsys.readouterr().out
