import re
from types import SimpleNamespace

import pytest
import torch
from torch_geometric.data import Data

from gnnclr.train import Run, StepProgress, StepSeed, parse_recipe, read_metrics
from gnnclr.train.callbacks import samples
from gnnclr.vision import BatchViews
from gnnclr.vision.transforms.batch_share import BatchShare

SMALL = ["--trainer.accelerator=cpu"]


def fit(folder, steps, *overrides, **options):
    run = Run(parse_recipe("grace-sbm", [*SMALL, f"--trainer.max_epochs={steps}", *overrides]), folder, "name")
    run._evaluate = lambda *args: {}
    run.fit(**options)
    return run


def test_log_files_get_lines(tmp_path, capsys):
    fit(tmp_path, 3)
    lines = capsys.readouterr().err.split("\n")
    assert lines[0] == "name: step 0 of 3" and lines[3:] == [""]
    state = r"loss \d+\.\d{3}, [\d,]+ nodes/s"
    assert re.fullmatch(rf"name: step 1 of 3, {state}, 0:00:\d\d left", lines[1])
    assert re.fullmatch(rf"name: step 3 of 3, {state}", lines[2])


def test_what_is_shown_is_the_loss_of_the_step_whatever_is_accumulated(tmp_path, capsys):
    shown = {}
    for count in (1, 2):
        fit(tmp_path / str(count), 1, f"--trainer.accumulate_grad_batches={count}")
        shown[count] = re.findall(r"loss (\d+\.\d{3})", capsys.readouterr().err)[0]
    assert shown[1] == shown[2]


def test_samples_are_images_or_nodes():
    assert samples({"image": torch.zeros(5, 3, 8, 8), "index": torch.arange(5)}) == (5, "images")
    graph = Data(x=torch.zeros(7, 2))
    assert samples(graph) == samples([graph, graph]) == (7, "nodes")


def test_lines_come_every_so_often(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("gnnclr.train.run.StepProgress", lambda name: StepProgress(name, interval=0.0))
    fit(tmp_path, 3)
    steps = re.findall(r"step (\d) of 3", capsys.readouterr().err)
    assert steps == ["0", "1", "2", "3"]


def test_terminals_get_a_bar(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    fit(tmp_path, 3)
    error = capsys.readouterr().err
    assert "3/3" in error and "loss " in error and "nodes/s" in error and "step 0 of 3" not in error


@pytest.mark.parametrize(("steps", "logged"), [(1, [0]), (9, list(range(9))), (10, [9]), (25, [9, 19])])
def test_short_runs_are_logged_step_by_step(steps, logged, tmp_path):
    fit(tmp_path, steps)
    rows = read_metrics(tmp_path / "metrics.csv")
    assert [row["step"] for row in rows] == logged and all("loss" in row for row in rows)


def draw(seed, epoch, batch, rank=0, world=1):
    trainer = SimpleNamespace(current_epoch=epoch, global_rank=rank, world_size=world)
    step = StepSeed(seed)
    step.on_train_batch_start(trainer, None, None, batch)
    step.on_train_batch_end()
    return torch.rand(3)


def test_depends_on_the_step_alone():
    first = draw(0, 2, 5)
    torch.rand(17)
    assert torch.equal(draw(0, 2, 5), first)


def test_every_step_seed_and_rank_differs():
    draws = [draw(0, 0, 0), draw(0, 0, 1), draw(0, 1, 0), draw(1, 0, 0)]
    draws += [draw(0, 0, batch, rank, world=2) for batch in (1, 2) for rank in (0, 1)]
    assert len({tuple(d.tolist()) for d in draws}) == len(draws)


def test_batches_of_processes_are_numbered_as_those_that_one_accumulates():
    for batch, rank in ((0, 0), (0, 1), (3, 1)):
        assert torch.equal(draw(0, 1, batch, rank, world=2), draw(0, 1, 2 * batch + rank))


def test_views_of_a_step_are_drawn_for_all_processes():
    images, views = torch.rand(12, 3, 8, 8), BatchViews(8)
    drawn = []
    for processes in (1, 2):
        step, shares = StepSeed(4), []
        for rank in range(processes):
            trainer = SimpleNamespace(current_epoch=1, global_rank=rank, world_size=processes)
            own = {"image": images.tensor_split(processes)[rank]}
            step.on_train_batch_start(trainer, None, own, 7)
            shares.append([*views(own["image"]), torch.rand(3)])
            (step.on_exception if rank else step.on_train_batch_end)(trainer, None)
            assert BatchShare.current() is None
        drawn.append(list(zip(*shares)))
    assert all(torch.equal(torch.cat(a), torch.cat(b)) for a, b in zip(drawn[0][:2], drawn[1][:2], strict=True))
    others = {tuple(numbers.tolist()) for some in drawn for numbers in some[2]}
    assert len(others) == 3  # what is drawn beside views is of each process
