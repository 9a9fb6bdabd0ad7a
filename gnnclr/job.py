"""A run, or trials of a search, in a process of its own, as ``--parallel`` starts several: ``python -m gnnclr.job``.

The task is read from the standard input. The process ends with the task, with the process that started it, or when it
is asked to; a run goes on where it was.
"""

import json
import os
import sys
from collections.abc import Callable
from typing import Any

from gnnclr.cli import ignore_library_warnings
from gnnclr.messages import explain_system_error, explain_unexpected
from gnnclr.processes import STOPPED, end_with_parent, take_signals


def do_run(task: dict[str, Any]) -> None:
    """Trains and evaluates a run, from its checkpoint on if there is one."""
    from gnnclr.train import Run, recipe_parser

    run = Run(recipe_parser().parse_string(task["settings"]), task["folder"], task["name"])
    run.fit(run.checkpoint if run.checkpoint.is_file() else None)


def do_trials(task: dict[str, Any]) -> None:
    """Does trials of a search until none is left."""
    from gnnclr.train.search import Search

    Search(**task["search"]).run_trials(task["budget"])


def do_links(task: dict[str, Any]) -> None:
    """Trains the winner of a search without labels, and tests it by edges that were held out."""
    from gnnclr.train import recipe_parser
    from gnnclr.train.search.criterion import LinkAUC
    from gnnclr.train.search.trial_run import TrialRun

    recipe = recipe_parser().parse_string(task["settings"])
    TrialRun(recipe, task["folder"], task["name"], LinkAUC()).link_test()


#: What a task may ask for.
TASKS: dict[str, Callable[[dict[str, Any]], None]] = {"run": do_run, "trials": do_trials, "links": do_links}


def main() -> int:
    """Does the task, and returns the exit status: that of a stop where it was asked to, 2 after an error."""
    take_signals()
    end_with_parent()
    try:
        task = json.load(sys.stdin)
        ignore_library_warnings()
        import torch

        from gnnclr.train import TrainingInterrupted

        torch.set_num_threads(task["threads"])
        try:
            TASKS[task["do"]](task)
        except TrainingInterrupted:
            return STOPPED
    except Exception as error:
        if os.environ.get("GNNCLR_DEBUG"):
            raise
        text = explain_system_error(error) if isinstance(error, OSError) else str(error)
        known = isinstance(error, (OSError, ValueError, ImportError))
        print(f"gnnclr: error: {text if known else explain_unexpected(error)}".replace("\n", " "), file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    status: int = main()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)  # all that is left is to take Python apart
