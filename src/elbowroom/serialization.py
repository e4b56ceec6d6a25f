"""Atomic writes; tensors in safetensors files, written atomically and read with checks. No pickle."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

#: The entry of a file's metadata that holds several.
_PACKED = "entries"


@contextmanager
def atomic_path(path: Path, is_durable: bool = False) -> Iterator[Path]:
    """Give a temporary path beside ``path``, and move what was written there into its place.

    A reader sees the old file or the new one, whole. After an error the old file stays, and the new one is removed;
    what a killed process left is overwritten. One process may write a path at a time.

    Args:
        path: the file to write, in a folder that exists: writing into a run that was moved away must not make it again.
        is_durable: whether the bytes must be on the disk before the file takes its place, for what has to survive a
            power failure.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp(), "a.txt")
    >>> with atomic_path(path) as temporary:
    ...     _ = temporary.write_text("whole")
    >>> path.read_text(), os.listdir(path.parent)
    ('whole', ['a.txt'])
    """
    temporary = path.with_name(f"{path.name}.part")
    # Nothing is written through a link that lies in this place.
    temporary.unlink(missing_ok=True)
    try:
        yield temporary
        if is_durable:
            flush(temporary)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def flush(path: Path) -> None:
    """Wait until a file is on the disk, so that it survives a power failure; nothing where there is none."""
    if path.exists():
        with path.open("rb") as file:
            os.fsync(file.fileno())


def named_tensors(module: nn.Module, prefix: str = "") -> dict[str, Tensor]:
    """Return parameters and persistent buffers by name, each once where modules share it (a VampPrior its encoder).

    >>> list(named_tensors(nn.Linear(2, 1)))
    ['weight', 'bias']
    """
    seen: set[int] = set()
    tensors = {}
    for name, tensor in module.state_dict(keep_vars=True).items():
        if id(tensor) not in seen:
            seen.add(id(tensor))
            tensors[prefix + name] = tensor.detach()
    return tensors


def save(
    path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str] | None = None, is_durable: bool = False
) -> None:
    """Write a file atomically, as :func:`atomic_path` does."""
    try:
        with atomic_path(path, is_durable) as temporary:
            save_file(
                {name: t.detach().cpu().contiguous() for name, t in tensors.items()}, temporary, _pack(metadata or {})
            )
    except SafetensorError as error:
        # The library gives the error number only in its message, which ends in "(os error N)".
        number = re.search(r"os error (\d+)", str(error))
        code = int(number[1]) if number else errno.EIO
        raise OSError(code, os.strerror(code), str(path)) from None


def _pack(metadata: Mapping[str, str]) -> dict[str, str]:
    """Return metadata as one entry: safetensors writes several in an order that differs from process to process."""
    return dict(metadata) if len(metadata) < 2 else {_PACKED: json.dumps(metadata)}


def _unpack(metadata: Mapping[str, str] | None) -> dict[str, str]:
    entries = dict(metadata or {})
    packed: dict[str, str] = json.loads(entries.pop(_PACKED, "{}"))
    return entries | packed


def save_hashed(folder: Path, stem: str, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> Path:
    """Write ``STEM-HASH.safetensors`` to the disk; the hash in the name shows later whether the content is intact."""
    unnamed = folder / "unnamed.safetensors"
    save(unnamed, tensors, metadata, is_durable=True)
    return unnamed.replace(folder / f"{stem}-{_hash(unnamed)}.safetensors")


def read_hashed(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Read a file of :func:`save_hashed`, after checking the hash in its name.

    Raises:
        ValueError: the content has another hash, or cannot be read.
    """
    if path.stem.rpartition("-")[2] != _hash(path):
        raise ValueError(f"{path} is damaged: its content does not have the hash that its name says")
    return read(path)


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=8)).hexdigest()


def read(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Read the tensors and the metadata of a file.

    Raises:
        ValueError: the file is missing, cut short or damaged.
    """
    if not path.is_file():
        raise ValueError(f"no weights at {path}: the training was stopped before it saved any; train again")
    try:
        with safe_open(path, "pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            return tensors, _unpack(file.metadata())
    except (SafetensorError, OSError, json.JSONDecodeError) as error:
        raise ValueError(f"{path} is cut short or damaged ({error}): copy it again, or train again") from None


def read_metadata(path: Path) -> dict[str, str]:
    """Read the metadata of a file without its tensors.

    Raises:
        ValueError: the file is missing, cut short or damaged.
    """
    try:
        with safe_open(path, "pt") as file:
            return _unpack(file.metadata())
    except (SafetensorError, OSError, json.JSONDecodeError) as error:
        raise ValueError(f"{path} is missing, cut short or damaged ({error}): copy it again, or train again") from None


def require_finite(tensors: Mapping[str, Tensor], path: Path) -> None:
    """Raise a ValueError for a tensor with NaN or infinity: nothing that such weights compute means anything."""
    for name, tensor in tensors.items():
        n = int((~tensor.isfinite()).sum())
        if n:
            raise ValueError(
                f"{path}: {n} of the {tensor.numel()} numbers of '{name}' are NaN or infinite: give a checkpoint from "
                "before its training diverged"
            )


@torch.no_grad()
def load_into(
    module: nn.Module,
    tensors: Mapping[str, Tensor],
    path: Path,
    prefix: str = "",
    advice: str = "was recipe.json edited, or the file copied from another run?",
) -> None:
    """Copy tensors into the module's own, name by name.

    Args:
        module: whose parameters and buffers are overwritten.
        tensors: by name.
        path: of the file, for errors.
        prefix: of the names in the file that are the module's.
        advice: what to look at where they do not fit.

    Raises:
        ValueError: names or shapes differ: the weights are those of another model.
    """
    own = named_tensors(module, prefix)
    stored = {name: t for name, t in tensors.items() if name.startswith(prefix)}
    for name in [*own, *stored]:
        have, expected = (tuple(t[name].shape) if name in t else "nothing" for t in (stored, own))
        if have != expected:
            raise ValueError(
                f"{path} belongs to another model: '{name}' holds {have} where this recipe has {expected}; {advice}"
            )
    for name, tensor in own.items():
        tensor.copy_(stored[name])
