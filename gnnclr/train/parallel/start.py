"""A process that does a task: a module of the package, which reads the task from its standard input."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

from gnnclr.train.interrupt import SIGNALS


def start_module(
    module: str, task: dict[str, Any], environment: Mapping[str, str] | None = None, apart: bool = False
) -> subprocess.Popen[bytes]:
    """Starts ``python -m MODULE`` with the paths of this process. Signals that come while Python starts wait until the
    module takes them, as :mod:`gnnclr.worker` does; otherwise they would be a traceback.

    Args:
        module (str): The module.
        task (dict): What it reads as JSON.
        environment (dict, optional): Variables beside those of this process. (default: none)
        apart (bool, optional): Whether what it prints is read here, from its ``stdout``, and Ctrl-C in a terminal does
            not reach it. (default: ``False``)
    """
    path = os.pathsep.join(entry or os.getcwd() for entry in sys.path)
    held = hasattr(signal, "pthread_sigmask") and signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        process = subprocess.Popen(
            [sys.executable, "-m", module],
            env=os.environ | {"PYTHONPATH": path} | dict(environment or {}),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE if apart else None,
            stderr=subprocess.STDOUT if apart else None,
            start_new_session=apart,
        )
    finally:
        if held is not False:
            signal.pthread_sigmask(signal.SIG_SETMASK, held)
    if process.stdin is not None:
        with process.stdin as file:
            file.write(json.dumps(task).encode())
    return process
