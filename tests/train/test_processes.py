"""Runs on two processes, joined by gloo, through the command."""

import json
import os
import shutil
import signal
import time
from contextlib import suppress
from pathlib import Path

import forked
import pytest
import torch

from gnnclr.train import Run, parse_recipe, read_metrics

pytestmark = pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="looks for processes in /proc")

TWO = ["--trainer.accelerator=cpu", "--trainer.devices=2", "--trainer.log_every_n_steps=1"]
#: Random views, batch normalization, batches that are chosen by embeddings, and neighbors that several epochs keep.
DIGITS = [
    "--config=simclr-digits",
    "--data.size=8",
    "--data.batch_size=64",
    "--data.limit=512",
    "--data.selection=gnnclr.graph.batches.SpectralBatches",
    "--data.selection.k=2",
    "--data.neighbors=gnnclr.graph.DataNeighbors",
    "--data.neighbors.every=5",
    "--model.method.rewire=gnnclr.graph.DataNeighborRewiring",
    "--model.method.encoder.widths=[4,8]",
    "--model.method.projector.in_features=8",
    "--model.method.projector.hidden_features=8",
    "--model.method.projector.out_features=8",
    "--trainer.max_epochs=8",
]
STEPS = 32
#: Batches of nodes, which processes share.
NODES = ["--data.loader=gnnclr.node.RandomNodeLoader", "--data.loader.batch_size=40"]
GRAPH = ["--config=grace-sbm", "--data.size=160", *NODES, "--trainer.max_epochs=2"]


class Command(forked.Forked):
    """``gnnclr`` in a process of its own, whose workers are forked unless another program is given."""

    def __init__(self, *arguments, cwd, program=forked.gnnclr_in_forks):
        super().__init__(program, *arguments, cwd=cwd, environment=environment())

    def workers(self):
        return children(self.pid)

    def finish(self, status=0, seconds=100):
        workers = self.workers()
        try:
            return super().finish(status, seconds)
        except AssertionError:
            for pid in filter(alive, workers):
                os.kill(pid, signal.SIGKILL)
            raise

    def wait_for(self, condition):
        forked.wait_for(condition, self, seconds=100)
        assert condition()


def joining():
    """The variables of this process, but for those that any first training sets."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("KMP_", "PL_"))}


def environment():
    return os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(__file__).parents[2])}


def children(pid):
    found = []
    with suppress(OSError):
        found += map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())
    return found


def is_fresh(pid):
    """Whether a process is a worker that is about to import the package."""
    return b"gnnclr.worker" in Path(f"/proc/{pid}/cmdline").read_bytes()


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def gone(pids, seconds=5):
    deadline = time.monotonic() + seconds
    while any(map(alive, pids)) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not any(map(alive, pids))


def checkpoint(folder):
    return torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)


def assert_same_run(a, b):
    first, second = checkpoint(a), checkpoint(b)
    assert first["global_step"] == second["global_step"] == STEPS
    for key, value in first["state_dict"].items():
        assert torch.equal(value, second["state_dict"][key]), key
    for key, state in first["optimizer_states"][0]["state"].items():
        for name, value in state.items():
            assert torch.equal(value, second["optimizer_states"][0]["state"][key][name]), name
    assert (a / "metrics.csv").read_text() == (b / "metrics.csv").read_text()


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("processes")


@pytest.fixture(scope="module")
def whole(place):
    """A run that nothing stops, and what it printed."""
    out, _ = Command("fit", *DIGITS, *TWO, cwd=place).finish()
    return place / "runs" / "simclr-digits" / "1", out


@pytest.fixture(scope="module")
def stopped(place, whole):
    """Runs of which the main process, or both, are asked to stop: their folders, steps and messages."""
    folders = [place / "one", place / "both"]
    runs = [Command("fit", *DIGITS, *TWO, f"--out={folder}", cwd=place) for folder in folders]
    pids = [[], []]
    deadline = time.monotonic() + 100
    while not all(pids) and time.monotonic() < deadline:
        for number, run in enumerate(runs):
            if not pids[number] and len(read_metrics(folders[number] / "metrics.csv")) >= 6:
                pids[number] = [run.pid, *run.workers()]
                assert not any(map(is_fresh, pids[number])), "a worker was not forked"
                if number == 0:
                    os.kill(run.pid, signal.SIGTERM)
                else:
                    os.kill(pids[number][1], signal.SIGINT)
                    time.sleep(0.05)
                    os.kill(run.pid, signal.SIGINT)
        time.sleep(0.005)
    results = []
    for run, folder, both in zip(runs, folders, pids):
        _, err = run.finish(130, seconds=30)
        assert len(both) == 2 and gone(both)
        results.append((folder, checkpoint(folder)["global_step"], err))
    return results


def test_one_process_evaluates_and_writes(whole, one_thread):
    folder, out = whole
    assert out.count("everything is in") == out.count("| trained") == 1
    assert [path.name for path in folder.parent.iterdir()] == ["1"]
    assert {path.name for path in folder.iterdir()} == {"config.yaml", "metrics.csv", "metrics.json", "checkpoints"}
    assert [path.name for path in (folder / "checkpoints").iterdir()] == ["last.ckpt"]
    assert [row["step"] for row in read_metrics(folder / "metrics.csv")] == list(range(STEPS))
    before = json.loads((folder / "metrics.json").read_text())
    assert before["steps"] == STEPS
    # To the last digit: the weights and the statistics are those of the checkpoint.
    assert Run.open(folder).evaluate()["test"] == before["test"]


def test_all_stop_after_the_same_step(stopped):
    for _, step, err in stopped:
        assert 6 <= step < STEPS
        assert err.count(f"Stopped after step {step}. Go on with") == 1 and "Traceback" not in err


def test_a_stopped_run_resumes_bit_for_bit(whole, stopped, one_thread, monkeypatch):
    """Both were asked, and the command goes on; one was, and Python does, with a worker that is started anew."""
    folder = stopped[1][0]
    Command("fit", f"--ckpt_path={folder / 'checkpoints' / 'last.ckpt'}", cwd=folder.parent).finish()
    assert_same_run(whole[0], folder)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    run = Run.open(stopped[0][0])
    before = joining()
    run.train(run.checkpoint)
    assert_same_run(whole[0], run.folder)
    # What joined the processes is gone: the next training starts its own.
    assert joining() == before and not torch.distributed.is_initialized()


def test_another_number_of_processes_goes_on(stopped, tmp_path):
    """With the global batch of the checkpoint, and with no other."""
    folder, step, _ = stopped[0]
    path = tmp_path / "last.ckpt"
    shutil.copy(folder / "checkpoints" / "last.ckpt", path)
    with pytest.raises(ValueError, match="the global batch must be the 128 samples of the checkpoint"):
        run = Run.open(folder, ["--trainer.devices=1"])
        run.folder = tmp_path / "refused"
        run.train(path)
    run = Run.open(folder, ["--trainer.devices=1", "--data.batch_size=128"])
    run.folder = tmp_path / "one process"
    run.train(path)
    saved = checkpoint(run.folder)
    assert saved["global_step"] == STEPS > step
    assert saved["ImageData"]["batches"]["position"] == 4


def test_weights_of_one_process_on_the_joined_batch(tmp_path, one_thread, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    common = [
        "--data.size=8",
        "--data.limit=512",
        "--trainer.accelerator=cpu",
        "--trainer.max_epochs=5",
        "--model.method.encoder=deterministic.GroupNormNet",
        "--model.method.projector=torch.nn.Linear",
        "--model.method.projector.in_features=8",
        "--model.method.projector.out_features=8",
        "--model.method.views=deterministic.ShiftedViews",
        "--trainer.check_val_every_n_epoch=2",
    ]
    joined = [*common, "--trainer.devices=2", "--data.batch_size=64", f"--out={tmp_path / 'joined'}"]
    command = Command("fit", "--config=simclr-digits", *joined, cwd=tmp_path)
    alone = parse_recipe("simclr-digits", [*common, "--trainer.devices=1", "--data.batch_size=128"])
    run = Run(alone, tmp_path / "alone")
    start = run.build().model.state_dict()
    assert run.train().step == 20
    command.finish()
    one, two = (checkpoint(path) for path in (run.folder, tmp_path / "joined"))
    assert two["global_step"] == 20
    assert any((one["state_dict"][name] - start[name]).abs().max() > 1e-2 for name in start)
    for name, value in one["state_dict"].items():
        torch.testing.assert_close(value, two["state_dict"][name], atol=1e-6, rtol=0)
    held_out = [
        [row["val_loss"] for row in read_metrics(folder / "metrics.csv") if "val_loss" in row]
        for folder in (run.folder, tmp_path / "joined")
    ]
    assert len(held_out[0]) == 2 and held_out[0] == pytest.approx(held_out[1], abs=1e-5)


COMMUNITIES = [
    "--data.loader=gnnclr.node.CommunityLoader",
    "--data.loader.community=gnnclr.graph.communities.EdgeCommunities",
    "--data.loader.community.method=louvain",
    "--data.loader.batch_size=40",
]
ACCUMULATED = ["--trainer.accumulate_grad_batches=2", "--trainer.devices=1"]


def test_batches_of_a_graph_give_the_weights_of_one_process_that_accumulates(tmp_path, one_thread):
    """Random views and all, also after a stop within an epoch."""
    common = ["--data.size=240", *COMMUNITIES, "--trainer.accelerator=cpu", "--trainer.max_epochs=2"]
    common += ["--checkpoint.filename={step}", "--checkpoint.save_top_k=-1", "--checkpoint.every_n_train_steps=4"]
    common += ["--checkpoint.every_n_epochs=null"]
    one = Run(parse_recipe("grace-sbm", [*common, *ACCUMULATED]), tmp_path / "one")
    start = one.build().model.state_dict()
    assert one.train().step == 6
    Command("fit", "--config=grace-sbm", *common, *TWO, "--out=two", cwd=tmp_path).finish()
    states = [checkpoint(tmp_path / name) for name in ("one", "two")]
    within = tmp_path / "two" / "checkpoints" / "step=4.ckpt"
    assert torch.load(within, weights_only=True)["NodeData"]["batches"]["position"] == 1
    (tmp_path / "two" / "checkpoints" / "last.ckpt").unlink()
    Command("fit", f"--ckpt_path={within}", cwd=tmp_path).finish()
    states.append(checkpoint(tmp_path / "two"))
    assert [state["global_step"] for state in states] == [6, 6, 6]
    one, two, resumed = (state["state_dict"] for state in states)
    for name, value in one.items():
        assert (value - start[name]).abs().max() > 1e-3
        torch.testing.assert_close(value, two[name], atol=1e-5, rtol=1e-4)
        assert torch.equal(two[name], resumed[name])


@pytest.mark.parametrize("name", ["grace-sbm", "ccassg-sbm"])
def test_a_whole_graph_is_not_shared(name, tmp_path):
    run = Run(parse_recipe(name, ["--data.size=150", "--trainer.max_epochs=1", *TWO]), tmp_path / name)
    with pytest.raises(ValueError, match=r"'trainer.devices' must be 1 where .*\(got 2\); with .*CommunityLoader"):
        run.train()
    assert not run.folder.exists()


def test_processes_of_a_launcher(place):
    """One folder and one table, and the runs of all seeds."""
    out, _ = Command(2, "evaluate", *GRAPH, *TWO, "--seeds=2", cwd=place, program=forked.launched).finish()
    assert out.count("| trained") == 1
    seeds = place / "runs" / "grace-sbm" / "seeds"
    assert sorted(path.name for path in seeds.iterdir() if path.is_dir()) == ["seed-0", "seed-1"]
    assert json.loads((seeds / "evaluation.json").read_text())["seeds"] == [0, 1]


def test_processes_end_together(place):
    """By a signal before the training, by a second one while a process hangs, and when one is killed."""
    folders = [place / name for name in ("before", "twice", "worker")]
    long = [*GRAPH[:-1], "--trainer.max_epochs=100000", *TWO]
    programs = [forked.gnnclr, forked.gnnclr_in_forks, forked.gnnclr_in_forks]
    runs = [Command("fit", *long, f"--out={path}", cwd=place, program=each) for path, each in zip(folders, programs)]
    before, twice, worker = runs
    before.wait_for(lambda: any(map(is_fresh, before.workers())))
    pids = [[before.pid, *before.workers()]]
    os.kill(before.pid, signal.SIGTERM)
    for run, folder in zip(runs[1:], folders[1:]):
        run.wait_for(lambda folder=folder: len(read_metrics(folder / "metrics.csv")) >= 3)
        pids.append([run.pid, *run.workers()])
    os.kill(pids[1][1], signal.SIGSTOP)
    os.kill(pids[1][0], signal.SIGTERM)
    os.kill(pids[2][1], signal.SIGKILL)
    assert before.finish(130)[1].count("gnnclr: stopped") == 1
    assert "process 1 of the run was killed by signal 9" in worker.finish(2, seconds=15)[1]
    time.sleep(0.3)  # until then it is the same request
    assert alive(pids[1][0])
    os.kill(pids[1][0], signal.SIGTERM)
    assert "Traceback" not in twice.finish(130, seconds=5)[1]
    assert all(map(gone, pids))
