"""The examples run as a reader would run them."""

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parent.parent / "examples"


def run(*command: str) -> str:
    done = subprocess.run([sys.executable, "-W", "ignore", *command], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_batch_as_graph():
    out = run(str(EXAMPLES / "batch_as_graph.py"))
    assert "largest difference of message and -gradient: 0.0" in out and "rewired: 512 positive edges" in out


def test_community_negatives():
    assert "same community weighs 0.2" in run(str(EXAMPLES / "community_negatives.py"))


def test_distributed():
    out = run("-m", "torch.distributed.run", "--nproc_per_node", "2", str(EXAMPLES / "distributed.py"))
    assert float(out.split("relative gradient error")[1]) < 1e-5


def test_contrastive_dynamics(tmp_path):
    figure, animation = tmp_path / "dynamics.png", tmp_path / "dynamics.gif"
    out = run(
        str(EXAMPLES / "contrastive_dynamics.py"), "--points", "60", "--out", str(figure), "--gif", str(animation)
    )
    rank = {line.split(" after")[0].strip(): float(line.split("effective_rank")[1]) for line in out.splitlines()}
    assert rank["alignment alone"] < 1.1 and rank["uniformity alone"] > 2.95
    assert figure.stat().st_size > 50_000 and animation.stat().st_size > 50_000


def test_predictor_dynamics(tmp_path):
    figure = tmp_path / "predictor.png"
    out = run(str(EXAMPLES / "predictor_dynamics.py"), "--time", "40", "--width", "4", "--out", str(figure))
    alignment = [float(line.split(" to ")[1].split(",")[0]) for line in out.splitlines()]
    assert len(alignment) == 3 and min(alignment) > 0.95 and figure.stat().st_size > 50_000


def test_learned_update(tmp_path):
    figure = tmp_path / "learned.png"
    command = ["--steps", "20", "--rounds", "10", "--largest", "64", "--out", str(figure)]
    out = run(str(EXAMPLES / "learned_update.py"), *command)
    for line in out.splitlines()[1:]:
        learned, plain, start = (float(part.split()[-1]) for part in line.split(","))
        assert learned < plain + 0.1 and learned < start - 0.3
    assert len(out.splitlines()) == 4 and figure.stat().st_size > 50_000


def test_spectral_embedding(tmp_path):
    figure = tmp_path / "spectral.png"
    out = run(str(EXAMPLES / "spectral_embedding.py"), "--steps", "100", "--out", str(figure))
    angle = {
        line.split(":")[0]: float(line.split("angle ")[1].split()[0]) for line in out.splitlines() if "largest" in line
    }
    assert angle["spectral loss, population"] < 1e-6 and angle["spectral loss, pairs"] < 0.01
    assert angle["InfoNCE, temperature 1"] < 0.2 and figure.stat().st_size > 50_000


def losses(*command: str) -> list[float]:
    """The loss of each epoch that a loop prints; its program is short enough to be copied."""
    assert len(Path(command[-1]).read_text(encoding="utf-8").splitlines()) <= 40
    return [float(line.split("loss ")[1].split()[0]) for line in run(*command).splitlines() if "epoch" in line]


def test_loop_torch():
    found = losses(str(EXAMPLES / "loop_torch.py"))
    assert len(found) == 5 and found[-1] < found[0] - 0.3


def test_loop_lightning():
    found = losses(str(EXAMPLES / "loop_lightning.py"))
    assert len(found) == 5 and found[-1] < found[0] - 0.3


def test_loop_accelerate(monkeypatch):
    pytest.importorskip("accelerate", reason="needs accelerate, which the extra 'test' installs")
    monkeypatch.setenv("ACCELERATE_USE_CPU", "true")
    two = ["-m", "torch.distributed.run", "--nproc_per_node", "2", str(EXAMPLES / "loop_accelerate.py")]
    found = losses(*two)
    assert len(found) == 5 and found[-1] < found[0] - 0.3


@pytest.mark.slow
def test_drop_in_loss():
    out = run(str(EXAMPLES / "drop_in_loss.py"))
    pixels, features = (float(line.split("gets")[1].split("%")[0]) for line in out.splitlines() if "linear" in line)
    assert features > pixels + 40


def test_every_example_is_tested():
    tested = {name.removeprefix("test_") + ".py" for name in globals() if name.startswith("test_")}
    assert {path.name for path in EXAMPLES.glob("*.py")} <= tested


def test_new_variant():
    code = (EXAMPLES / "new_variant.py").read_text(encoding="utf-8")
    assert len(code.splitlines()) <= 40
    before, after = (
        float(line.split("kNN")[1].strip(" %")) for line in run(str(EXAMPLES / "new_variant.py")).splitlines()
    )
    assert after > before + 5


def test_batch_to_message(tmp_path):
    figure = tmp_path / "batch.png"
    assert str(figure) in run(str(EXAMPLES / "batch_to_message.py"), "--out", str(figure))
    assert figure.stat().st_size > 50_000
