"""Files of pretrained weights."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from gnnclr.ops.notice import notice
from gnnclr.ops.optional_package import optional_package
from gnnclr.ops.paths import expand_path
from gnnclr.ops.read_files import read_files

#: How names of files of weights end.
WEIGHT_FILES = (".pt", ".pth", ".bin", ".safetensors")
#: What other programs wrap weights in, and write before their names.
WRAPPERS = ("state_dict", "model")
PREFIX = "module."
#: The most names in a message.
NAMED = 3


def load_weight_file(encoder: nn.Module, path: str | Path, head: str = "") -> None:
    """Loads the weights of an encoder from a file, all of them or none: those of a classifier are passed over, which a
    printed line says, and any other difference is an error.

    The file is one of :func:`torch.save` with tensors and plain values alone (``weights_only=True``), or of
    safetensors, such as ``gnnclr export --format safetensors`` writes. The weights may be within ``state_dict`` or
    ``model``, with ``module.`` before their names. Position embeddings of another number of patches are interpolated.

    Args:
        encoder (torch.nn.Module): The encoder.
        path (str or Path): The file.
        head (str, optional): The name of the layer that the encoder lacks. (default: ``""``, none)

    Raises:
        FileNotFoundError: If there is no file.
        ValueError: If it holds no weights, or those of another network; the message names some.
    """
    path = expand_path(path)
    if not path.is_file():
        raise FileNotFoundError(f"'weights' must be a file of weights (there is no {str(path)!r})")
    state = _state(path)
    own = encoder.state_dict()
    passed = [name for name in state if name not in own and _is_of(name, head)]
    # Counters of batch normalization, which old files lack, change nothing.
    missing = [name for name in own if name not in state and not name.endswith("num_batches_tracked")]
    unknown = [name for name in state if name not in own and name not in passed]
    if missing or unknown:
        found = [f"{what} {_some(names)}" for what, names in (("lacks", missing), ("has besides", unknown)) if names]
        raise ValueError(f"'{path}' must hold the weights of this {type(encoder).__name__} (it {' and '.join(found)})")
    kept = _with_positions(encoder, {name: value for name, value in state.items() if name not in passed})
    for name, value in kept.items():
        if value.shape != own[name].shape:
            raise ValueError(
                f"'{path}' must hold the weights of this {type(encoder).__name__}: {name!r} must have shape "
                f"{list(own[name].shape)} (got {list(value.shape)})"
            )
        if value.is_floating_point() and not bool(value.isfinite().all()):
            raise ValueError(f"'{path}' must hold finite weights (got NaN or infinite entries in {name!r})")
    encoder.load_state_dict(kept, strict=False)
    if passed:
        notice(f"passed over the classifier of '{path}': {_some(passed)}")


def _state(path: Path) -> dict[str, Tensor]:
    """The weights of a file by name, without what is wrapped around them."""
    if path.suffix.lower() == ".safetensors":
        safetensors = optional_package("safetensors.torch", "safetensors", f"'{path.name}'", "gnnclr[export]")
        content: Any = read_files(path, lambda: safetensors.load_file(path), "be a file of safetensors")
    else:
        remedy = "write the state_dict() of a network alone"
        expected = "be a file of weights of torch.save"
        content = read_files(path, lambda: torch.load(path, "cpu", weights_only=True), expected, remedy=remedy)
    for name in WRAPPERS:
        if isinstance(content, dict) and isinstance(content.get(name), dict):
            content = content[name]
    if not isinstance(content, dict) or not content or not all(isinstance(value, Tensor) for value in content.values()):
        kind = f"a dict with {_some(list(content))}" if isinstance(content, dict) else type(content).__name__
        raise ValueError(f"'{path}' must hold tensors by name, a state dict (got {kind})")
    prefixed = all(name.startswith(PREFIX) for name in content)
    return {name[len(PREFIX) :] if prefixed else name: value for name, value in content.items()}


def _is_of(name: str, head: str) -> bool:
    """Whether a weight is one of the head, or of a further classifier of an Inception network."""
    return bool(head) and name.startswith((f"{head}.", "AuxLogits.", "aux1.", "aux2."))


def _with_positions(encoder: nn.Module, state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The weights with as many position embeddings as the encoder has, if it is a vision transformer of ours."""
    positions = "encoder.pos_embedding"
    if positions not in state:
        return state
    from gnnclr.vision.encoders.vit import ViT, resized_positions

    if not isinstance(encoder, ViT) or state[positions].dim() != 3:
        return state
    side = encoder.image_size // encoder.patch_size
    return {**state, positions: resized_positions(state[positions], side, side)}


def _some(names: list[Any]) -> str:
    return ", ".join(map(repr, names[:NAMED])) + (f" and {len(names) - NAMED} more" if len(names) > NAMED else "")
