"""One of the further processes of a training, as the first one starts them: ``python -m gnnclr.worker``.

The task is read from the standard input. The process ends with the training, with the first process, or when it is
asked to.
"""

import json
import os
import sys
import time
import traceback
from contextlib import suppress

from gnnclr.cli import ignore_library_warnings
from gnnclr.processes import end_with_parent, take_signals

#: Seconds in which the first process, if it fails alike, says so for all.
PATIENCE = 2.0


def main() -> int:
    """Trains, and returns the exit status: 0 also where all processes have agreed to stop."""
    take_signals()
    end_with_parent()
    try:
        task = json.load(sys.stdin)
        ignore_library_warnings()
        from gnnclr.train import Run, TrainingInterrupted, recipe_parser
        from gnnclr.train.workers import leave

        run = Run(recipe_parser().parse_string(task["settings"]), task["folder"], task["name"])
        with suppress(TrainingInterrupted):
            run.train(task["ckpt_path"])
        leave()
    except BaseException as error:
        time.sleep(PATIENCE)
        if not isinstance(error, (ValueError, OSError)) or os.environ.get("GNNCLR_DEBUG"):
            traceback.print_exc()
        else:
            print(f"gnnclr: error in process {os.environ.get('LOCAL_RANK')}: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    status: int = main()
    sys.stderr.flush()
    # All that is left is to take Python apart, which the first process would wait for.
    os._exit(status)
