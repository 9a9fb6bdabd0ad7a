"""The examples run as a reader would run them."""

from pathlib import Path

import forked
import pytest

EXAMPLES = Path(__file__).parent.parent / "examples"


def run(*command: str) -> str:
    return forked.Forked(forked.script, *command).finish()[0]


def run_shortened(name: str, changes: dict[str, str]) -> str:
    """An example that takes no options, where less of something is as good to see whether it runs."""
    text = (EXAMPLES / name).read_text(encoding="utf-8")
    for old, new in changes.items():
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return forked.Forked(forked.code, text).finish()[0]


def test_batch_as_graph():
    out = run(str(EXAMPLES / "batch_as_graph.py"))
    assert "largest difference of message and -gradient: 0.0" in out and "rewired: 512 positive edges" in out


def test_community_negatives():
    few = {"range(30)": "range(5)", "from_masks(data))": "from_masks(data), C=[1])"}
    out = run_shortened("community_negatives.py", few)
    assert "same community weighs 0.2" in out
    accuracy = {line[:20].strip(): float(line[20:].split("%")[0]) for line in out.splitlines() if "of the test" in line}
    assert len(accuracy) == 5 and min(accuracy.values()) > 50


def test_distributed():
    out = forked.several(2, forked.script, str(EXAMPLES / "distributed.py"))
    assert float(out.split("relative gradient error")[1]) < 1e-5


@pytest.mark.slow
def test_gallery_sphere():
    out = run(str(EXAMPLES / "gallery" / "plot_sphere.py"))
    rank = {line.split(" energies")[0].strip(): float(line.split("rank")[1]) for line in out.splitlines()}
    assert rank["alignment alone"] < 1.1 and rank["uniformity alone"] > 2.95 and rank["both"] > 2.8


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


@pytest.mark.slow
def test_gallery_spectrum():
    temperatures = {"(4.0, 2.0, 1.0, 0.7, 0.5, 0.35, 0.25)": "(4.0, 2.0)"}
    out = run_shortened("gallery/plot_spectrum.py", temperatures)
    angle = {
        line.split(":")[0]: float(line.split("angle ")[1].split()[0]) for line in out.splitlines() if "largest" in line
    }
    assert angle["spectral loss, population"] < 1e-6 and angle["spectral loss, pairs"] < 0.01
    assert angle["InfoNCE, temperature 1"] < 0.2


@pytest.mark.slow
@pytest.mark.parametrize("name", ["communities", "neighbors", "plane", "rewiring"])
def test_gallery(name):
    """The build of the docs runs them too, and shows what they draw."""
    assert run(str(EXAMPLES / "gallery" / f"plot_{name}.py"))


def test_every_page_of_the_gallery_is_tested():
    (marked,) = (mark.args[1] for mark in test_gallery.pytestmark if mark.name == "parametrize")
    pages = {path.stem.removeprefix("plot_") for path in (EXAMPLES / "gallery").glob("*.py")}
    assert pages == {*marked, "sphere", "spectrum"}


def losses(path: Path, processes: int = 1) -> list[float]:
    """The loss of each epoch that a loop prints; its program is short enough to be copied."""
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 40
    out = run(str(path)) if processes == 1 else forked.several(processes, forked.script, path)
    return [float(line.split("loss ")[1].split()[0]) for line in out.splitlines() if "epoch" in line]


def test_loop_torch():
    found = losses(EXAMPLES / "loop_torch.py")
    assert len(found) == 5 and found[-1] < found[0] - 0.3


def test_loop_lightning(tmp_path):
    """In bfloat16, which takes long without instructions for it: two epochs are as good."""
    text = (EXAMPLES / "loop_lightning.py").read_text(encoding="utf-8")
    short = tmp_path / "loop_lightning.py"  # Lightning runs the file again in the other process
    short.write_text(text.replace('"max_epochs": 5', '"max_epochs": 2'), encoding="utf-8")
    found = losses(short)
    assert len(found) == 2 and found[-1] < found[0] - 0.1


def test_loop_accelerate(monkeypatch):
    pytest.importorskip("accelerate", reason="needs accelerate, which the extra 'test' installs")
    monkeypatch.setenv("ACCELERATE_USE_CPU", "true")
    found = losses(EXAMPLES / "loop_accelerate.py", processes=2)
    assert len(found) == 5 and found[-1] < found[0] - 0.3


@pytest.mark.slow
def test_tutorial_your_loss():
    out = run(str(EXAMPLES / "tutorials" / "plot_your_loss.py"))
    pixels, features = (float(line.split("gets")[1].split("%")[0]) for line in out.splitlines() if "linear" in line)
    assert features > pixels + 40


@pytest.mark.slow
def test_tutorial_your_photos():
    out = run(str(EXAMPLES / "tutorials" / "plot_your_photos.py"))
    assert "240 photos" in out and "broken.jpg" in out


@pytest.mark.slow
def test_tutorial_your_graph():
    out = run(str(EXAMPLES / "tutorials" / "plot_your_graph.py"))
    linear = {line.split()[0]: float(line.split()[2].strip("%,")) for line in out.splitlines() if " linear " in line}
    assert linear["trained"] > linear["raw"] + 20 and "embeddings (400, " in out


@pytest.mark.slow
def test_tutorial_new_variant():
    lines = run_shortened("tutorials/plot_new_variant.py", {"range(8)": "range(4)"}).splitlines()
    for line in lines[-2:]:
        before, after = (float(part.split()[-1]) for part in line.split("%")[:2])
        assert after > before + 5


def test_every_tutorial_is_tested():
    tested = {name.removeprefix("test_tutorial_") for name in globals() if name.startswith("test_tutorial_")}
    assert tested == {path.stem.removeprefix("plot_") for path in (EXAMPLES / "tutorials").glob("*.py")}


def test_every_example_is_tested():
    tested = {name.removeprefix("test_") + ".py" for name in globals() if name.startswith("test_")}
    assert {path.name for path in EXAMPLES.glob("*.py")} <= tested


def test_batch_to_message(tmp_path):
    figure = tmp_path / "batch.png"
    assert str(figure) in run(str(EXAMPLES / "batch_to_message.py"), "--out", str(figure))
    assert figure.stat().st_size > 50_000
