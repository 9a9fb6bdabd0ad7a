import os
import signal
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from threading import Barrier

import forked
import pytest

from gnnclr.cli import main
from gnnclr.train import RecipeError, Run, Seeds
from gnnclr.train.run_folder import claim_folder, claim_number

IN_USE = r"is in use by another process \(process \d+ on .*\); wait for it, or give another folder"


def test_numbers_are_taken_by_making_them(tmp_path):
    """Eight that look at the same moment get eight folders."""
    barrier = Barrier(8)

    def take(_):
        with ExitStack() as stack:
            barrier.wait()
            folder = stack.enter_context(claim_number(tmp_path / "runs"))
            (folder / "config.yaml").touch()
            barrier.wait()
            return folder.name

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(take, range(8))) == [str(number) for number in range(1, 9)]
    with claim_number(tmp_path / "runs") as folder:
        assert folder.name == "9"
    assert not folder.exists(), "a folder that nothing was written into gives its number back"


def test_a_folder_is_held_by_one(tmp_path):
    with claim_folder(tmp_path / "a" / "b"):
        with pytest.raises(RecipeError, match=IN_USE), claim_folder(tmp_path / "a" / "b"):
            pass
        (tmp_path / "a" / "b" / "config.yaml").touch()
    with claim_folder(tmp_path / "a" / "b") as folder:
        assert folder.is_dir()
    assert os.listdir(folder) == ["config.yaml"]
    with pytest.raises(KeyError), claim_folder(tmp_path / "c" / "d"):
        raise KeyError
    assert not (tmp_path / "c").exists()


def test_a_killed_process_holds_nothing(tmp_path):
    code = f"""
import os, signal
from gnnclr.train.run_folder import claim_folder
with claim_folder({str(tmp_path)!r}):
    open({str(tmp_path / "metrics.json.12-34.part")!r}, "w")
    open({str(tmp_path / "mine.part")!r}, "w")
    os.kill(os.getpid(), signal.SIGKILL)
"""
    forked.Forked(forked.code, code).finish(-signal.SIGKILL)
    assert (tmp_path / ".lock").exists()
    with claim_folder(tmp_path):
        assert sorted(os.listdir(tmp_path)) == [".lock", "mine.part"]


def test_processes_that_a_killed_one_has_forked_hold_nothing(tmp_path):
    """As those that read photos, which notice after seconds that nobody takes them any more."""
    code = f"""
import multiprocessing, os, signal, time
from gnnclr.train.run_folder import claim_folder
with claim_folder({str(tmp_path)!r}):
    reader = multiprocessing.Process(target=time.sleep, args=(60,))
    reader.start()
    open({str(tmp_path / "reader")!r}, "w").write(str(reader.pid))
    time.sleep(0.1)
    os.kill(os.getpid(), signal.SIGKILL)
"""
    forked.Forked(forked.code, code).finish(-signal.SIGKILL)
    reader = int((tmp_path / "reader").read_text())
    os.kill(reader, 0)  # it is there
    with claim_folder(tmp_path) as folder:
        os.kill(reader, signal.SIGKILL)
        assert folder == tmp_path


def test_what_writes_into_a_folder_in_use_is_refused(small_graph, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = Run(small_graph, tmp_path / "run")
    run.fit()
    before = {name: (run.folder / name).read_bytes() for name in ("config.yaml", "metrics.csv", "metrics.json")}
    for path in (run.folder, tmp_path / "seeds", tmp_path / "runs" / "demo" / "simclr-digits"):
        with claim_folder(path):
            if path == run.folder:
                for call in (run.fit, run.evaluate, lambda: run.fit(run.checkpoint)):
                    with pytest.raises(RecipeError, match=IN_USE):
                        call()
                for arguments in (
                    ["fit", f"--ckpt_path={run.checkpoint}"],
                    ["fit", "--config=grace-sbm", "--out=run"],
                    ["evaluate", "--run=run"],
                ):
                    assert main(arguments) == 2
                    assert "run is in use by another process" in capsys.readouterr().err
            elif path.name == "seeds":
                with pytest.raises(RecipeError, match=IN_USE):
                    Seeds(small_graph, path).evaluate(1)
            else:
                assert main(["demo"]) == 2
                assert "simclr-digits is in use by another process" in capsys.readouterr().err
    assert before == {name: (run.folder / name).read_bytes() for name in before}


def test_a_run_goes_on_into_a_new_folder_alone(small_graph, tmp_path, capsys):
    """A folder that holds another run is not written over."""
    for name in "ab":
        Run(small_graph, tmp_path / name).train()
    last = tmp_path / "a" / "checkpoints" / "last.ckpt"
    assert main(["fit", f"--ckpt_path={last}", f"--out={tmp_path / 'b'}"]) == 2
    assert "b holds a run already; give another --out" in capsys.readouterr().err
