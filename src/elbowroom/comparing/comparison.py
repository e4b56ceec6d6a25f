"""Runs side by side: grouped by what they have in common, their figures as means over seeds."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from elbowroom.comparing import tables
from elbowroom.comparing.columns import COLUMNS, Column, figure, redundant
from elbowroom.comparing.discover import entries, judged
from elbowroom.comparing.entry import Entry, judged_split
from elbowroom.comparing.group import Group, named
from elbowroom.runs.settings import differing, same, shown, telling
from elbowroom.sweeps.grid import Settings, as_json

if TYPE_CHECKING:
    from rich.table import Table


class Comparison:
    """Several runs in one table.

    Attributes:
        title: what was compared.
        entries: every run.
        split: the one whose figures are compared: test, or validation or train where there is none.
        groups: the rows, in order of their settings, one protocol after another.
        differs: the settings in which the groups differ.
        same: those that all have who have them at all.
        protocols: how they were measured; figures of different ones are not to be compared.
    """

    def __init__(self, found: Sequence[Entry], title: str = "") -> None:
        self.title, self.entries = title, list(found)
        self._settings = _settings(self.entries)
        self.differs = differing(list(self._settings.values()))
        self._telling = telling(list(self._settings.values()), self.differs)
        self.same = same([entry.settings for entry in found if entry.measured], self.differs)
        self.protocols = list(dict.fromkeys(entry.protocol for entry in found))
        self.split = judged_split(found)
        self.groups = self._grouped()

    def _grouped(self) -> list[Group]:
        groups: dict[str, list[Entry]] = {}
        for entry in self.entries:
            groups.setdefault(as_json([self._key(entry), entry.protocol.letter]), []).append(entry)
        made = [self._group(sorted(group, key=lambda entry: entry.seed or 0)) for group in groups.values()]
        return sorted(made, key=self._place)

    def _key(self, entry: Entry) -> Settings:
        """The settings of an entry; of a point that came to no run, those of a run that differs in the seed alone."""
        mine = {name: self._settings[entry].get(name) for name in self.differs}
        for other in self.entries if not entry.measured else ():
            theirs = {name: other.settings.get(name) for name in self.differs}
            if other.measured and as_json(theirs) == as_json(mine):
                return other.settings
        return self._settings[entry]

    def _group(self, group: list[Entry]) -> Group:
        done = [entry for entry in group if entry.done]
        figures = {}
        for column in COLUMNS:
            if (found := figure([column.of(entry, self.split) for entry in done])) is not None:
                figures[column.name] = found
        settings = self._settings[group[0]]
        told = {name: shown(settings.get(name)) for name in self.differs}
        return Group(group[0].protocol, settings, told, named(told, self._telling), tuple(group), figures)

    def _place(self, group: Group) -> tuple[Any, ...]:
        """Numbers in their order, words in that of their first appearance."""
        place: list[Any] = [self.protocols.index(group.protocol)]
        for name in self.differs:
            value = group.settings.get(name)
            is_number = isinstance(value, int | float) and not isinstance(value, bool)
            seen = [as_json(settings.get(name)) for settings in self._settings.values()]
            place.append(value if is_number else -math.inf if value is None else seen.index(as_json(value)))
        return tuple(place)

    @cached_property
    def columns(self) -> list[Column]:
        """Those with a figure of at least one run; the loss only where no other column says the same."""
        runs = [entry for entry in self.entries if entry.done]
        empty = {column.name for column in COLUMNS if not any(column.name in group.figures for group in self.groups)}
        if redundant(runs, self.split):
            empty.add("loss")
        return [column for column in COLUMNS if column.name not in empty]

    def best(self, column: Column) -> list[Group]:
        """The groups with the best mean among those it may be compared with, where there are others."""
        alike: dict[str, list[Group]] = {}
        for group in self.groups:
            if column.better and column.name in group.figures:
                alike.setdefault(as_json([group.need(what) for what in column.needs]), []).append(group)
        choose = max if column.better == "higher" else min
        return [choose(g, key=lambda one: one.figures[column.name].mean) for g in alike.values() if len(g) > 1]

    @property
    def apart(self) -> list[str]:
        """What is not to be compared with what, a sentence each."""
        first, *others = self.protocols
        found = []
        for protocol in others:
            differs = "; ".join(
                f"its {name} is {mine} (in {first.letter}: {there})" for name, mine, there in protocol.against(first)
            )
            shared = (
                " Squared errors can be compared: they are of the same data." if protocol.data == first.data else ""
            )
            found.append(f"{protocol.letter} is not comparable with {first.letter}: {differs}.{shared}")
        objectives = list(dict.fromkeys(filter(None, (group.need("objective") for group in self.groups))))
        if len(objectives) > 1:
            found.append(f"Losses can be compared only under the same objective; here are {', '.join(objectives)}.")
        return found

    @property
    def notes(self) -> list[str]:
        """How figures came about that no training wrote down."""
        found = list(dict.fromkeys(entry.note for entry in self.entries if entry.note))
        prints = [{e.run.record["data"].get("fingerprint") for e in group.done if e.run} for group in self.groups]
        if any(len(of) > 1 for of in prints):
            found.append("each seed divides the data anew, so the spread over seeds is that of the examples, too")
        return found

    @property
    def left_out(self) -> list[Entry]:
        """The runs whose figures do not count: failed, or not finished."""
        return [entry for entry in self.entries if not entry.done]

    def json(self) -> str:
        """Everything, as JSON."""
        return tables.as_json(self)

    def csv(self) -> str:
        """A line for each group, two columns for each figure: its mean and its standard deviation."""
        return tables.as_csv(self)

    def table(self) -> Table:
        """Everything, for people."""
        return tables.for_people(self)

    @property
    def said(self) -> list[str]:
        """What a reader of the table must know, a sentence each."""
        out = [f"{entry.path} does not count: {entry.state}, {entry.told}" for entry in self.left_out]
        return [*self.notes, *out]

    def write(self, out: str | os.PathLike[str]) -> Path:
        """Write the page: table, curves and pictures in one HTML file that opens from disk.

        Raises:
            ValueError: it cannot be written.
        """
        from elbowroom.comparing.report import write

        return write(self, out)

    def where(self, column: Column) -> str:
        """Of which split a column is."""
        return self.split if column.where == "judged" else column.where

    def __repr__(self) -> str:
        return f"<{len(self.entries)} runs in {len(self.groups)} groups: {self.title}>"


def _settings(found: Sequence[Entry]) -> dict[Entry, Settings]:
    """What everybody was asked for; of what came to no run, only what the records of the others speak of, too."""
    known = {name for entry in found for name in entry.settings if entry.measured}
    return {
        entry: entry.settings
        if entry.measured
        else {k: v for k, v in entry.settings.items() if v is not None and (k in known or not known)}
        for entry in found
    }


def compare(
    *paths: str | os.PathLike[str], data: Any = None, baselines: bool = False, tell: Callable[[str], None] = print
) -> Comparison:
    """Put runs side by side.

    Runs that differ in their seed alone are one row: the mean over them and its standard deviation (n − 1 below).
    Figures are those of the last row of ``metrics.jsonl``; the squared error is measured. Runs that failed or are not
    finished do not count.

    Args:
        paths: run directories, or folders that hold some, as that of a sweep.
        data: what the runs were trained on, if that was given as a Python object.
        baselines: add PCA, a linear and a deep autoencoder of the same size on the same data; the autoencoders are
            trained as the runs were, where they are not there yet.
        tell: gets a line for each baseline that is trained.

    Raises:
        ValueError: there is no run at a path, or nothing that a baseline could be made for.

    >>> import tempfile, elbowroom as er
    >>> folder = tempfile.mkdtemp()
    >>> digits = er.load_data("digits")
    >>> for latent in (2, 5):
    ...     _ = er.fit(*er.recipes.vae(digits.shape, latent=latent), digits, steps=2, out=f"{folder}/{latent}")
    >>> found = compare(folder)
    >>> found.differs, [group.name for group in found.groups]
    (['latent'], ['latent 2', 'latent 5'])
    """
    found = entries(paths, data)
    if baselines:
        from elbowroom.comparing.baselines import with_baselines

        found = with_baselines(found, tell)
    judged(found)
    title = Path(paths[0]).resolve().name if len(paths) == 1 else f"{len(found)} runs"
    return Comparison(found, title)
