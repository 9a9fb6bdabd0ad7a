"""A run in a process of its own, as ``--parallel`` starts several: ``python -m gnnclr.job``.

The task is read from the standard input. The process ends with the run, with the one that started it, or when it is
asked to; the run goes on where it was.
"""

import json
import os
import sys

from gnnclr.cli import ignore_library_warnings
from gnnclr.messages import explain_system_error, explain_unexpected
from gnnclr.processes import STOPPED, end_with_parent, take_signals


def main() -> int:
    """Does the run, and returns the exit status: that of a stop where it was asked to, 2 after an error."""
    take_signals()
    end_with_parent()
    try:
        task = json.load(sys.stdin)
        ignore_library_warnings()
        import torch

        from gnnclr.train import Run, TrainingInterrupted, recipe_parser

        torch.set_num_threads(task["threads"])
        run = Run(recipe_parser().parse_string(task["settings"]), task["folder"], task["name"])
        try:
            run.fit(run.checkpoint if run.checkpoint.is_file() else None)
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
