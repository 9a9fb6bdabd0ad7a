"""The page about photos holds: a small folder is trained on, the run killed, gone on with, loaded and exported."""

import os
import re
import shlex
import signal
from pathlib import Path

import forked
import numpy as np
import pytest
import torch
from photo_files import photo_folder, save

from gnnclr.cli import main
from gnnclr.train import parse_recipe

PAGE = (Path(__file__).parent.parent / "docs" / "your_images.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^    gnnclr (.*)$", PAGE, re.MULTILINE)
#: What makes it quick.
SMALL = [
    "--trainer.accelerator=cpu",
    "--trainer.max_epochs=6",
    "--trainer.log_every_n_steps=2",
    "--checkpoint.every_n_train_steps=5",
    "--data.size=16",
    "--data.batch_size=8",
    "--model.method.views.size=16",
    "--model.method.encoder=gnnclr.vision.SlimResNet",
    "--model.method.encoder.widths=[16,32]",
    "--model.method.projector.in_features=32",
]
RUN = Path("runs", "simclr-folder", "1")


def command(start):
    """The shortest command that begins so: others add an option to it."""
    return shlex.split(min((text for text in COMMANDS if text.startswith(start)), key=len))


@pytest.mark.parametrize("text", [text for text in COMMANDS if text.startswith("fit --config")])
def test_commands_are_recipes(text):
    words = shlex.split(text)
    assert parse_recipe(words[2], words[3:]).data.init_args.root in ("photos", "shards", "photos-{000..012}.tar")


def read(folder):
    return torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)


def start_and_kill():
    """Starts the training of the page with one reading process, and kills it in the middle of an epoch."""
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    words = [*command("fit --config"), *SMALL, "--data.workers=1"]
    victim, last = forked.Forked(forked.gnnclr, *words, environment=environment), RUN / "checkpoints" / "last.ckpt"
    forked.wait_for(lambda: last.exists() and read(RUN)["global_step"] >= 10, victim)
    victim.send_signal(signal.SIGKILL)
    victim.finish(-signal.SIGKILL)
    step = read(RUN)["global_step"]
    assert 10 <= step < 42 and step % 7, "it ended, or stopped between epochs, before it was killed"


def test_the_page_is_done_as_it_says(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GNNCLR_CACHE", str(tmp_path / "cache"))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # sums in another order round otherwise
    names = sorted([*photo_folder(Path("photos"), 62, ("", "2021", "2022/05")), "cat.jpg"])
    save(Path("photos", "cat.jpg"))
    Path("photos", "broken.jpg").write_bytes(b"no image")
    try:
        start_and_kill()
        assert main(command("fit --ckpt_path")) == 0
        whole = [*command("fit --config"), *SMALL, "--data.workers=0", "--out=whole"]
        assert main(whole) == 0
    finally:
        torch.set_num_threads(threads)
    a, b = read(Path("whole")), read(RUN)
    assert a["global_step"] == b["global_step"] == 6 * 7  # 63 photos are 7 batches of 8
    for key, value in a["state_dict"].items():
        assert torch.equal(value, b["state_dict"][key]), key
    assert Path("whole/metrics.csv").read_text() == (RUN / "metrics.csv").read_text()
    assert (RUN / "broken.txt").read_text().startswith("broken.jpg\t")

    capsys.readouterr()
    assert main(command("embed")) == 0
    assert "passed over 1 broken image: 'broken.jpg'" in capsys.readouterr().out
    with np.load("z.npz", allow_pickle=False) as arrays:
        assert sorted(arrays["name"].tolist()) == names and arrays["z"].shape == (63, 32)
        z = dict(zip(arrays["name"].tolist(), torch.from_numpy(arrays["z"])))
    load, runtime, sources = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    found = {}
    exec(load, found)
    assert found["features"].shape == (8, 32)
    with torch.no_grad():
        torch.testing.assert_close(found["backbone"]("photos/cat.jpg")[0], z["cat.jpg"])
    pytest.importorskip("safetensors", reason="needs the extra 'export'")
    assert main(command("export --run runs/simclr-folder/1 --format safetensors")) == 0
    assert main(command("export --run runs/simclr-folder/1 --format torch_export")) == 0
    program = torch.export.load("encoder.pt2").module()
    images = found["backbone"].prepare([Path("photos", name) for name in names[:3]])
    torch.testing.assert_close(program(images), torch.stack([z[name] for name in names[:3]]), rtol=1e-4, atol=1e-4)
    exec(sources.replace("torch.tensor([0]))", "torch.zeros(64, dtype=torch.long))"), found)
    assert len(found["data"].source) == 64
    for package in ("onnx", "onnxscript", "onnxruntime"):
        pytest.importorskip(package, reason="needs the extra 'test'")
    assert main(command("export --run runs/simclr-folder/1 --format onnx")) == 0
    assert "for images [b, 3, 16, 16] in [0, 1]" in capsys.readouterr().out
    exec(runtime, found)
    torch.testing.assert_close(torch.from_numpy(found["features"])[0], z["cat.jpg"], rtol=0, atol=3e-3)
