"""From the paths on a command line to the runs that are compared."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from elbowroom.comparing.entry import Entry
from elbowroom.comparing.protocol import data_told, protocols, versions
from elbowroom.data import Data, load_data
from elbowroom.runs.run import Run
from elbowroom.runs.settings import told
from elbowroom.sweeps.grid import Settings, as_json
from elbowroom.sweeps.sweep import FILE, STOPPED, read


def entries(paths: Sequence[str | os.PathLike[str]], data: Any = None) -> list[Entry]:
    """The runs at some paths, each a run's directory or a folder with runs below it; each run once.

    Args:
        paths: the directories.
        data: what the runs were trained on, if that was given as a Python object.

    Raises:
        ValueError: there is no run at a path.
    """
    held: dict[str, Data] = {}
    given = None if data is None else load_data(data)
    found: dict[Path, Entry] = {}
    for path in map(Path, paths):
        for entry in _at(path, given, held):
            found.setdefault(Path(entry.path).resolve(), entry)
    return list(found.values())


def _at(path: Path, given: Data | None, held: dict[str, Data]) -> list[Entry]:
    """The run at a path; or those in a folder, in the order of its sweeps, and then those of no sweep."""
    if Run(path).exists:
        return [_entry(Run(path), read(path.parent)[1].get(path.name, ""), given, held)]
    made: dict[Path, Entry] = {}
    for file in sorted(path.rglob(FILE), key=lambda file: (len(file.parts), file)):
        points, failed = read(file.parent)
        for name, settings in points.items():
            run, why = Run(file.parent / name), failed.get(name, "")
            made[run.path] = _entry(run, why, given, held) if run.exists else _pointless(run, settings, why)
    for record in sorted(path.rglob("recipe.json")):
        if record.parent not in made:
            made[record.parent] = _entry(Run(record.parent), "", given, held)
    if not made:
        raise ValueError(f"no run in {path}: give run directories, or a folder that holds some")
    return list(made.values())


def _pointless(run: Run, settings: Settings, why: str) -> Entry:
    """A point of a sweep that came to no run."""
    others = {name: value for name, value in settings.items() if name not in ("seed", "likelihood", "data")}
    state = "failed" if why else "to train"
    return Entry(run.path.name, others, settings.get("seed"), state, why, path=str(run.path))


def _entry(run: Run, why: str, given: Data | None, held: dict[str, Data]) -> Entry:
    name, path = run.path.resolve().name, str(run.path)
    if run.damaged:
        return Entry(name, {}, None, "damaged", "its recipe.json cannot be read", path=path)
    state = "failed" if why else "unfinished" if run.state in STOPPED else run.state
    load = partial(_shared, run, given, held)
    return Entry(name, told(run.record), run.record["training"]["seed"], state, why, run, load, path=path)


def _shared(run: Run, given: Data | None, held: dict[str, Data]) -> Data:
    """A run's data, loaded once for all runs on the same."""
    then = run.record["data"]
    if given is not None:
        if then.get("fingerprint") not in (None, given.protocol["fingerprint"]):
            raise ValueError(f"{run.path} was trained on other data than was given")
        return given
    key = as_json([then.get(name) for name in ("source", "arguments", "fingerprint")])
    if key not in held:
        held[key] = run.data()
    return held[key]


def judged(found: Sequence[Entry]) -> None:
    """Say of every run with what it may be compared; a point without a run stands with the first."""
    runs = [entry for entry in found if entry.run is not None]
    records = [entry.run.record for entry in runs if entry.run is not None]
    data = [
        data_told(record) | ({"fingerprint": version} if version else {})
        for record, version in zip(records, versions(records), strict=True)
    ]
    told_of = protocols([(about, entry.likelihood) for about, entry in zip(data, runs, strict=True)])
    for entry, protocol in zip(runs, told_of, strict=True):
        entry.protocol = protocol
    for entry in found:
        if entry.run is None and runs:
            entry.protocol = (entry.like or runs[0]).protocol
