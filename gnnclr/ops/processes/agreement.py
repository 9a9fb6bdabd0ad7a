"""Agreement of all processes on the tensors that they are about to gather."""

import hashlib
import struct
from collections import Counter
from collections.abc import Callable
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

#: Arguments with rows of their own that one call may gather.
MOST_ARGUMENTS = 16
#: Bytes of the description that goes with them; of a longer one only the hash is compared.
TEXT = 2048
#: The header of a process: whether it has a problem, the hash of its description, and rows of each argument.
NUMBERS = struct.Struct(f"<{2 + MOST_ARGUMENTS}q")


@torch.compiler.disable
def agree(check: Callable[[], dict[str, Any]]) -> tuple[dict[str, Any], dict[str, list[int]]]:
    """Compares the tensors that the processes are about to gather, in one small gather, before the first of them waits
    for rows that do not fit. Every process must call; then all of them return, or all of them raise the same error.

    Args:
        check (callable): Checks this process's own arguments and returns them by name: tensors, whose first dimension
            may differ between processes; lists of tensors of one length; and whatever else must be alike.

    Returns:
        The arguments, and for each name with tensors the number of rows on each process.

    Raises:
        ValueError: If ``check`` raised on a process, if processes were given different things, or if a floating point
            tensor of one has NaN or infinite entries. Names the argument and the rank.
    """
    given, own, problem = {}, None, None
    try:
        given = check()
        message = _describe_all(given)
        rows = [_rows(name, value) for name, value in given.items() if _tensors(value)]
        if len(rows) > MOST_ARGUMENTS:
            raise ValueError(f"'inputs' must be {MOST_ARGUMENTS} or fewer tensors to gather (got {len(rows)})")
    except Exception as error:  # whatever it is, the others must not wait
        own, problem = error, str(error) or type(error).__name__
        message, rows = problem, []
    tensors = [tensor for value in given.values() for tensor in _tensors(value)] if problem is None else []
    table = _exchange(_pack(problem is not None, message, rows), tensors)

    numbers = [NUMBERS.unpack_from(row) for row in table]
    for rank, (failed, *_) in enumerate(numbers):
        if failed:
            raise ValueError(_on_rank(_text(table[rank]), rank)) from (own if rank == dist.get_rank() else None)
    if len({digest for _, digest, *_ in numbers}) > 1:
        raise ValueError(_difference([_text(row) for row in table]))
    if not all(row[-1] for row in table):
        _refuse_nonfinite(given, tensors)
    names = [name for name, value in given.items() if _tensors(value)]
    return given, {name: [number[2 + i] for number in numbers] for i, name in enumerate(names)}


def _tensors(value: Any) -> list[Tensor]:
    values = value if isinstance(value, (list, tuple)) else [value]
    return [tensor for tensor in values if isinstance(tensor, Tensor)]


def _rows(name: str, value: Any) -> int:
    first = _tensors(value)[0]
    if first.dim() == 0:
        raise ValueError(f"'{name}' must have rows (got a tensor without dimensions)")
    return first.size(0)


def _describe_all(given: dict[str, Any]) -> str:
    """One line for each argument, the same on all processes that agree."""
    lines = []
    for name, value in given.items():
        if isinstance(value, (list, tuple)):
            lines += [f"{name}[{i}]: {_describe(part)}" for i, part in enumerate(value)]
        elif value is not None:
            lines.append(f"{name}: {_describe(value)}")
    return "\n".join(lines)


def _describe(value: Any) -> str:
    if isinstance(value, Tensor):
        shape = ", ".join(["n", *map(str, value.shape[1:])])
        # The backward pass of a gather is one more exchange: all take part in it, or none.
        gradient = " with a gradient" if value.requires_grad and torch.is_grad_enabled() else ""
        return f"a {value.device.type} tensor of shape [{shape}] and dtype {value.dtype}{gradient}"
    if isinstance(value, type):
        return value.__name__
    # Other representations hold addresses, which differ.
    plain = isinstance(value, (bool, int, float, str, nn.Module))
    return " ".join(repr(value).split()) if plain else type(value).__name__


def _pack(failed: bool, text: str, rows: list[int]) -> bytearray:
    data = text.encode()
    digest = int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "little", signed=True)
    padded = [*rows, *[0] * (MOST_ARGUMENTS - len(rows))]
    return bytearray(NUMBERS.pack(failed, digest, *padded) + data[:TEXT].ljust(TEXT, b"\0"))


def _text(row: bytes) -> str:
    return row[NUMBERS.size : -1].rstrip(b"\0").decode(errors="ignore")


def _exchange(header: bytearray, tensors: list[Tensor]) -> list[bytes]:
    """The headers of all processes, each with a last byte that says whether the sums of its tensors are finite."""
    device = _device()
    with torch.no_grad(), torch.autocast(device.type, enabled=False):
        # A sum tells NaN and infinity at a tenth of the cost of looking at each entry, and nothing waits for it here.
        sums = [x.sum(dtype=torch.promote_types(x.dtype, torch.float32)) for x in tensors if x.is_floating_point()]
        total = torch.stack([x.to(device, torch.float32) for x in sums]) if sums else torch.zeros(1, device=device)
        finite = total.isfinite().all().to(torch.uint8).view(1)
        own = torch.cat([torch.frombuffer(header, dtype=torch.uint8).to(device, non_blocking=True), finite])
        parts = [torch.empty_like(own) for _ in range(dist.get_world_size())]
        dist.all_gather(parts, own)
        return [bytes(row) for row in torch.stack(parts).cpu().numpy()]


def _device() -> torch.device:
    """Where the process group can carry the header: told by the group and not by tensors, and so the same on all."""
    kinds = [part.split(":")[0] for part in dist.get_backend_config().split(",")]
    return torch.device("cpu" if "cpu" in kinds else kinds[0])


def _on_rank(message: str, rank: int) -> str:
    """The message of an error with the rank that it is of."""
    return f"{message[:-1]} on rank {rank})" if message.endswith(")") else f"{message} (on rank {rank})"


def _difference(texts: list[str]) -> str:
    """The first argument that is not alike on all processes: its value on most of them, and the ranks with another."""
    lines = [dict(line.split(": ", 1) for line in text.split("\n") if ": " in line) for text in texts]
    for name in dict.fromkeys(name for line in lines for name in line):
        values = [line.get(name, "none") for line in lines]
        if len(set(values)) > 1:
            wanted = Counter(values).most_common(1)[0][0]
            rank = next(rank for rank, value in enumerate(values) if value != wanted)
            like = values.index(wanted)
            return (
                f"'{name}' must be alike on all processes: {wanted}, as on rank {like} (got {values[rank]} on "
                f"rank {rank})"
            )
    return "'inputs' must be alike on all processes (got others on some)"


def _refuse_nonfinite(given: dict[str, Any], tensors: list[Tensor]) -> None:
    """Raises an error that names the first tensor with NaN or infinite entries; all processes call. Sums of large
    entries may overflow, so there may be none."""
    device = _device()
    floating = [
        (f"{name}[{i}]" if isinstance(value, (list, tuple)) else name, tensor)
        for name, value in given.items()
        for i, tensor in enumerate(_tensors(value))
        if tensor.is_floating_point()
    ]
    counts = torch.tensor([int((~tensor.detach().isfinite()).sum()) for _, tensor in floating], device=device)
    parts = [torch.empty_like(counts) for _ in range(dist.get_world_size())]
    dist.all_gather(parts, counts)
    for rank, bad in enumerate(part.tolist() for part in parts):
        for (name, _), count in zip(floating, bad):
            if count:
                raise ValueError(f"'{name}' must be finite (got {count} NaN or infinite entries on rank {rank})")
