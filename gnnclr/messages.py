"""Messages of the command about errors, in a line or two. Nothing heavy is imported."""

import errno
import os
import tempfile
import traceback

#: The mistake and its remedy, by the number of an error of the system.
REASONS = {
    errno.ENOSPC: "no space is left on its disk; free some, or choose another folder",
    errno.EDQUOT: "no space is left in the user's quota; free some, or choose another folder",
    errno.EFBIG: "it would be larger than a file may be here; choose another folder, or raise the limit",
    errno.EACCES: "permission is denied; change its permissions, or choose another path",
    errno.EPERM: "permission is denied; change its permissions, or choose another path",
    errno.EROFS: "its disk takes no changes; choose another folder",
    errno.EISDIR: "it is a folder where a file is expected; choose another path",
    errno.ENOTDIR: "a part of it is a file where a folder is expected; choose another path",
    errno.EEXIST: "it is a file where a folder is expected; choose another path",
    errno.ENOENT: "it does not exist; check the path",
}


def explain_system_error(error: OSError) -> str:
    """The message of a system error, with the file that it is about and what to do.

    Args:
        error (OSError): The error; one that was raised with a message of its own keeps it.
    """
    if error.errno is None or error.filename is None:
        return str(error)
    reason = REASONS.get(error.errno, error.strerror or type(error).__name__)
    return f"'{error.filename}' cannot be used: {reason}"


def explain_unexpected(error: BaseException) -> str:
    """The message of an error that no check foresaw, and the place of its traceback: in a file of the temporary folder,
    so that a long run need not be repeated to see it.

    Args:
        error (BaseException): The error.
    """
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    reason = f"{type(error).__name__}: {lines[0][:300]}" if lines else type(error).__name__
    if type(error).__name__ in ("OutOfMemoryError", "MemoryError") or "can't allocate memory" in reason:
        reason += " (smaller 'data.batch_size', 'data.size' or 'model.method.batch_size' need less)"
    path = _kept(error)
    where = "" if path is None else f"its traceback is in {path}; "
    return f"{reason}\nThis error is unexpected: {where}GNNCLR_DEBUG=1 prints the traceback."


def _kept(error: BaseException) -> str | None:
    """The file that the traceback was written to."""
    try:
        descriptor, path = tempfile.mkstemp(prefix="gnnclr-", suffix=".log")
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.writelines(traceback.format_exception(error))
    except OSError:
        return None
    return path
