"""The record of a run (``recipe.json``): required fields, their check, and the provenance written into it."""

from __future__ import annotations

import json
import os
import platform
import shlex
import subprocess
import sys
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from elbowroom import __version__
from elbowroom.argument import config_from
from elbowroom.deprecation import upgrade_record
from elbowroom.runs.settings import TrainConfig

Record = dict[str, Any]

#: The settings that version 0.1 wrote; a later one that is missing has its default.
FIRST_SETTINGS = (
    *("epochs", "steps", "batch_size", "lr", "optimizer", "device", "watch", "pass_state"),
    *("accumulate", "checkpoint_every", "on_nan", "precision"),
)
#: The fields that a record must have, nested ones with a dot, and their types.
REQUIRED_FIELDS: dict[str, Any] = {
    "recipe": str | None,
    "arguments": dict | None,
    "shape": list,
    "data": dict,
    "training": dict,
    "training.callbacks": list,
    "training.products": str,
    "training.seed": int,
    **{f"training.{name}": object for name in FIRST_SETTINGS},
}
#: The fields of a record that say where it was trained rather than what was.
PRIVATE_FIELDS = ("command", "machine")


def read_record(file: Path) -> Record:
    """Read a record, check its fields, and bring those of older versions to the names of this one.

    Raises:
        ValueError: the file cannot be read, is no JSON, or is not the record of a run.
    """
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ValueError(f"cannot read {file} ({error.strerror}): mend its permissions") from None
    except ValueError as error:
        raise ValueError(f"{file} is not readable as JSON ({error}): restore it") from None
    return parse_record(content, file)


def parse_record(content: Any, file: Path) -> Record:
    """Check the content of a record, and bring the fields of older versions to the names of this one.

    Args:
        content: what the JSON of the record holds.
        file: where it was read, for errors.

    Raises:
        ValueError: it lacks a field or holds one of another type.
    """
    check_record(content, file)
    return upgrade_record(content | {"training": TrainConfig().record | content["training"]})


def check_record(record: Any, file: Path) -> None:
    """Raise if ``record``, read from ``file``, lacks a field of a run or holds one of another type."""
    if not isinstance(record, dict):
        raise ValueError(f"{file} is damaged: it is no object with the fields of a run; restore it")
    for field, kind in REQUIRED_FIELDS.items():
        *parents, name = field.split(".")
        fields = record[parents[0]] if parents else record
        if name not in fields:
            raise ValueError(f"{file} is damaged: it lacks the field '{field}'; restore it")
        if not isinstance(fields[name], kind):
            raise ValueError(f"{file} is damaged: its field '{field}' is {json.dumps(fields[name])[:40]}; restore it")
    try:
        config_from(TrainConfig, record["training"] | {"seed": 0})  # version 0.1 took any seed
    except ValueError as error:
        raise ValueError(f"{file} is damaged: in its field 'training' {error}; restore it") from None
    if not all(isinstance(n, int) and n > 0 for n in record["shape"]):
        raise ValueError(f"{file} is damaged: its field 'shape' is {record['shape']}, not sizes; restore it")
    if record["recipe"] is not None and record["arguments"] is None:
        raise ValueError(f"{file} is damaged: its field 'arguments' is null; restore it")


def public_record(record: Record) -> Record:
    """Return a record without what it says of the machine: command line, hardware, and the folders of paths.

    >>> public_record({"machine": {"cores": 2}, "data": {"source": "/home/me/faces.zip", "name": "faces"}})
    {'data': {'source': 'faces.zip', 'name': 'faces'}}
    """
    return {name: without_folders(value) for name, value in record.items() if name not in PRIVATE_FIELDS}


def without_folders(value: Any) -> Any:
    """Return JSON with the names of paths in place of the paths."""
    if isinstance(value, dict):
        return {name: without_folders(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [without_folders(item) for item in value]
    return Path(value).name if isinstance(value, str) and _is_path(value) else value


def _is_path(text: str) -> bool:
    return "/" in text.replace(os.sep, "/") and (Path(text).is_absolute() or text[0] == "~" or os.path.exists(text))


def provenance() -> Record:
    """Return the fields of a record that say when, where, how and with which versions a run was started."""
    import numpy
    import torch

    return {
        "command": _command_line(),
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": {
            "elbowroom": __version__,
            "python": platform.python_version(),
            "torch": torch.__version__,
            "numpy": numpy.__version__,
        },
        "machine": {"system": platform.system(), "processor": platform.machine(), "cores": os.cpu_count()},
        "commit": _git_commit(Path(__file__).resolve().parents[1]),
    }


def _command_line() -> str | None:
    """Return the command line of this process, ready to be pasted; None in a program other than elbowroom."""
    program = Path(sys.argv[0])
    is_elbowroom = program.stem == "elbowroom" or program == Path(__file__).parents[1] / "__main__.py"
    return shlex.join(["elbowroom", *sys.argv[1:]]) if is_elbowroom else None


@cache  # what a process has imported stays that of its start, and asking takes as long as a dozen steps of training
def _git_commit(package: Path) -> str | None:
    """Return the commit of a package, if it runs from its own checkout; None inside that of another project."""

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(package), *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=5, check=True).stdout.strip()

    try:
        if Path(git("rev-parse", "--show-toplevel"), "src", "elbowroom").resolve() != package:
            return None
        return git("describe", "--always", "--dirty", "--abbrev=12") or None
    except (OSError, subprocess.SubprocessError):
        return None
