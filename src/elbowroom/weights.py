"""Tensors in a file: written beside and renamed, read with advice. No pickle."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn


def of(module: nn.Module, prefix: str = "") -> dict[str, Tensor]:
    """Parameters and persistent buffers by name, each once where modules share it (a VampPrior its encoder).

    >>> list(of(nn.Linear(2, 1)))
    ['weight', 'bias']
    """
    seen: set[int] = set()
    found = {}
    for name, tensor in module.state_dict(keep_vars=True).items():
        if id(tensor) not in seen:
            seen.add(id(tensor))
            found[prefix + name] = tensor.detach()
    return found


def save(path: Path, tensors: Mapping[str, Tensor], about: Mapping[str, str] | None = None) -> None:
    """Write all or nothing: a reader sees the old file or the new one."""
    beside = path.with_name(path.name + ".part")
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({name: t.detach().cpu().contiguous() for name, t in tensors.items()}, beside, dict(about or {}))
    os.replace(beside, path)


def read(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The tensors of a file and what was written about them.

    Raises:
        ValueError: the file is missing, cut short or damaged.
    """
    if not path.is_file():
        raise ValueError(f"no weights at {path}: the training was stopped before it saved any; train again")
    try:
        with safe_open(path, "pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise ValueError(f"{path} is cut short or damaged ({error}): copy it again, or train again") from None


@torch.no_grad()
def fill(module: nn.Module, tensors: Mapping[str, Tensor], path: Path, prefix: str = "") -> None:
    """Copy tensors into the module's own, name by name.

    Raises:
        ValueError: names or shapes differ, so these are the weights of something else.
    """
    own = of(module, prefix)
    given = {name: t for name, t in tensors.items() if name.startswith(prefix)}
    for name in [*own, *given]:
        have, want = (tuple(t[name].shape) if name in t else "nothing" for t in (given, own))
        if have != want:
            raise ValueError(
                f"{path} belongs to another model: '{name}' holds {have} where this recipe has {want}; "
                "was recipe.json edited, or the file copied from another run?"
            )
    for name, tensor in own.items():
        tensor.copy_(given[name])
