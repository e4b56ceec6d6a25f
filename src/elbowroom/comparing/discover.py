"""Discovery of runs: from paths to the entries of a comparison."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from elbowroom.comparing.entry import EXAMPLES_PER_ROW, Entry
from elbowroom.comparing.protocol import data_versions, describe_data, make_protocols
from elbowroom.data import Data
from elbowroom.runs.hub import run_name
from elbowroom.runs.run import Run
from elbowroom.runs.run_view import RunView
from elbowroom.runs.settings import Settings, flatten_record
from elbowroom.runs.shared_data import SharedData
from elbowroom.sweeps.sweep import STOPPED_STATES, SWEEP_FILE, read_sweep

RunPath = str | os.PathLike[str]
"""A run, its directory, or a folder with runs below it."""


def flatten_paths(paths: Iterable[RunPath | Iterable[RunPath]]) -> list[RunPath]:
    """Return runs and paths, given one by one or as lists of them, as one list.

    >>> flatten_paths(["a", ["b", "c"]])
    ['a', 'b', 'c']
    """
    flat: list[RunPath] = []
    for path in paths:
        flat += [path] if isinstance(path, str | os.PathLike) else path
    return flat


def find_entries(
    paths: Sequence[RunPath], data: Any = None, load_data: Callable[[Run], Data] | None = None
) -> list[Entry]:
    """Return the runs at some paths, each run once.

    Args:
        paths: runs, their directories, or folders with runs below them.
        data: what the runs were trained on, if that was given as a Python object.
        load_data: loads the data of a run, if others share it.

    Raises:
        ValueError: there is no run at a path.
    """
    load = load_data or partial(_load_checked, SharedData(source=data))
    entries: dict[Path, Entry] = {}
    for path in paths:
        for entry in _entries_at(Run(path), load):
            entries.setdefault(Path(entry.path).resolve(), entry)
    return list(entries.values())


def _entries_at(run: Run, load: Callable[[Run], Data]) -> list[Entry]:
    """Return the run at a path; or those in a folder, the points of its sweeps first, in their order."""
    path = run.path
    if run.exists:
        return [_run_entry(run, read_sweep(path.parent)[1].get(path.name, ""), load)]
    entries: dict[Path, Entry] = {}
    for file in sorted(path.rglob(SWEEP_FILE), key=lambda file: (len(file.parts), file)):
        points, errors = read_sweep(file.parent)
        for name, settings in points.items():
            run, error = Run(file.parent / name), errors.get(name, "")
            is_there = run.exists
            entries[run.path] = _run_entry(run, error, load) if is_there else _unstarted_entry(run, settings, error)
    for record in sorted(path.rglob("recipe.json")):
        if record.parent not in entries:
            entries[record.parent] = _run_entry(Run(record.parent), "", load)
    if not entries:
        raise ValueError(f"no run in {path}: give run directories, or a folder that holds some")
    return list(entries.values())


def _unstarted_entry(run: Run, settings: Settings, error: str) -> Entry:
    """Return the entry of a sweep's point that has no run."""
    others = {name: value for name, value in settings.items() if name not in ("seed", "likelihood", "data")}
    state = "failed" if error else "to train"
    return Entry(run.path.name, others, settings.get("seed"), state, error, path=str(run.path))


def _run_entry(run: Run, error: str, load: Callable[[Run], Data]) -> Entry:
    name, path = run_name(run.path), str(run.path)
    if run.is_damaged:
        return Entry(name, {}, None, "damaged", "its recipe.json cannot be read", path=path)
    state = "failed" if error else "unfinished" if run.state in STOPPED_STATES else run.state
    view = RunView(run, examples=EXAMPLES_PER_ROW, load=load)
    return Entry(name, flatten_record(run.record), run.record["training"]["seed"], state, error, view, path=path)


def _load_checked(shared: SharedData, run: Run) -> Data:
    """Return the data of a run, which must be what it was trained on."""
    data = shared.load(run)
    if run.record["data"].get("fingerprint") not in (None, data.protocol["fingerprint"]):
        raise ValueError(f"{run.path} was trained on other data than was given")
    return data


def assign_protocols(entries: Sequence[Entry]) -> None:
    """Set the protocol of every entry; one without a run has that of its reference, or of the first run."""
    runs = [entry for entry in entries if entry.run is not None]
    records = [entry.run.record for entry in runs if entry.run is not None]
    data = [
        describe_data(record) | ({"fingerprint": version} if version else {})
        for record, version in zip(records, data_versions(records), strict=True)
    ]
    protocols = make_protocols([(aspects, entry.likelihood) for aspects, entry in zip(data, runs, strict=True)])
    for entry, protocol in zip(runs, protocols, strict=True):
        entry.protocol = protocol
    for entry in entries:
        if entry.run is None and runs:
            entry.protocol = (entry.reference_entry or runs[0]).protocol
