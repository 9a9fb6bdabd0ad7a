"""Training on several processes: the first one starts the others, and all end together."""

# pyright: reportAttributeAccessIssue=false
# Lightning sets attributes of its strategies where a type checker does not look.

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from lightning.fabric.plugins.environments import LightningEnvironment
from lightning.pytorch import Trainer
from lightning.pytorch.strategies.launchers import _SubprocessScriptLauncher

from gnnclr.configs import RecipeError
from gnnclr.processes import STOPPED, end_with_parent
from gnnclr.train.interrupt import ResumableInterrupt, TrainingInterrupted
from gnnclr.train.parallel.start import start_module
from gnnclr.train.watch import ProcessWatch, failure

#: Seconds that processes have to end by themselves, once the training is over.
PATIENCE = 30.0


@contextmanager
def several_processes(trainer: Trainer, interrupt: ResumableInterrupt, task: dict[str, Any]) -> Iterator[None]:
    """Starts the further processes of a training, if it has any and no launcher such as ``torchrun`` has, and sees to
    it that all end together. Costs nothing where there is one.

    Lightning would run the whole command again in each. These train, and do nothing else.

    Args:
        trainer (Trainer): The trainer of this process.
        interrupt (ResumableInterrupt): Its callback that hears of signals.
        task (dict): The input of :mod:`gnnclr.worker`: ``settings``, ``folder``, ``name``, ``ckpt_path``.

    Raises:
        RecipeError: If the strategy starts processes in another way.
        ChildProcessError: If another process of the training failed.
    """
    keep_own_signals(trainer)
    with _back_to_interrupt():
        if trainer.world_size == 1:
            yield
            return
        if trainer.strategy.launcher is not None and not isinstance(
            trainer.strategy.launcher, _SubprocessScriptLauncher
        ):
            raise RecipeError(
                f"'trainer.strategy' must be one that starts processes as commands, such as 'ddp' "
                f"(got {type(trainer.strategy).__name__} with {type(trainer.strategy.launcher).__name__})"
            )
        environment = trainer.strategy.cluster_environment
        if isinstance(environment, LightningEnvironment) and not environment.creates_processes_externally:
            with _environment(trainer), _started(trainer, task) as workers, _watched(interrupt, workers):
                yield
        else:
            if "TORCHELASTIC_RUN_ID" in os.environ:
                end_with_parent()
            with _watched(interrupt, []):
                yield


def leave() -> None:
    """Takes this process out of the group that it has trained with."""
    if dist.is_initialized():
        dist.destroy_process_group()


def keep_own_signals(trainer: Trainer) -> None:
    """Keeps Lightning's answer to a request to terminate from this trainer: it broadcasts within the handler of the
    signal, which never ends unless all processes do so at the same time, and at each step, which a GPU waits for.

    Args:
        trainer (Trainer): The trainer, before it trains.
    """
    connector, loop = trainer._signal_connector, trainer.fit_loop.epoch_loop
    register = connector.register_signal_handlers

    def keep() -> None:
        before = signal.getsignal(signal.SIGTERM)
        register()
        connector._register_signal(signal.SIGTERM, before)

    connector.register_signal_handlers = keep
    loop._broadcast_sigterm_tensor = lambda: None


@contextmanager
def _back_to_interrupt() -> Iterator[None]:
    """Lightning turns Ctrl-C into an exit with status 1, and is deaf to it from then on."""
    before = signal.getsignal(signal.SIGINT)
    try:
        yield
    except SystemExit as error:
        if isinstance(error.__context__, KeyboardInterrupt):
            signal.signal(signal.SIGINT, before)
            raise KeyboardInterrupt from None
        raise


@contextmanager
def _environment(trainer: Trainer) -> Iterator[None]:
    """Says to Lightning and to PyTorch where the processes meet, and takes it all back afterwards."""
    environment, before, threads = trainer.strategy.cluster_environment, dict(os.environ), torch.get_num_threads()
    address, port, node = environment.main_address, environment.main_port, environment.node_rank()
    os.environ |= {
        "MASTER_ADDR": address,
        "MASTER_PORT": str(port),
        "NODE_RANK": str(node),
        "LOCAL_RANK": "0",
        "WORLD_SIZE": str(trainer.world_size),
    }
    try:
        yield
    finally:
        for name in set(os.environ) - set(before):
            del os.environ[name]
        os.environ |= before
        torch.set_num_threads(threads)


@contextmanager
def _started(trainer: Trainer, task: dict[str, Any]) -> Iterator[list[subprocess.Popen[bytes]]]:
    workers: list[subprocess.Popen[bytes]] = []
    try:
        for rank in range(1, trainer.strategy.num_processes):
            workers.append(_start(rank, task))
        yield workers
    except TrainingInterrupted:  # they have agreed, and end by themselves
        raise
    except BaseException:
        for worker in workers:
            worker.kill()
        raise
    finally:
        # Left before the others are waited for: they may wait for this one to leave.
        leave()
        for worker in workers:
            try:
                worker.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                worker.kill()
                worker.wait()


def _start(rank: int, task: dict[str, Any]) -> subprocess.Popen[bytes]:
    return start_module("gnnclr.worker", task, {"LOCAL_RANK": str(rank)})


@contextmanager
def _watched(interrupt: ResumableInterrupt, workers: list[subprocess.Popen[bytes]]) -> Iterator[None]:
    with ProcessWatch(interrupt, workers) as watch:
        try:
            yield
        except RuntimeError as error:  # perhaps of a connection whose other end is gone
            lost = watch.lost()
            if lost is None and "peer" not in str(error):
                raise
            if lost is not None and lost[1] == STOPPED:
                raise KeyboardInterrupt from None
            text = "another process of the run has ended" if lost is None else failure(*lost)
            raise ChildProcessError(text) from error


class FromRankZero:
    """Gives all processes of a training the value that the first one finds, however long that takes it. Made by all at
    the same time, while the processes are joined."""

    def __init__(self) -> None:
        self._group = dist.new_group(backend="gloo", timeout=timedelta(days=30))

    def __call__(self, value: Any) -> Any:
        """Returns the value of the first process; that of the others counts for nothing."""
        objects = [value]
        with _watched(ResumableInterrupt(""), []):  # which waits, and hears of signals
            dist.broadcast_object_list(objects, src=0, group=self._group)
        return objects[0]
