"""Runs side by side: grouped by what they have in common, their figures as means over seeds."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from elbowroom.comparing import render
from elbowroom.comparing.columns import COLUMNS, MetricColumn, is_loss_redundant, seed_mean
from elbowroom.comparing.discover import assign_protocols, find_entries
from elbowroom.comparing.entry import Entry, find_evaluation_split
from elbowroom.runs.settings import (
    Settings,
    canonical_json,
    find_differing_settings,
    find_distinguishing_settings,
    find_shared_settings,
    format_setting,
)

if TYPE_CHECKING:
    from rich.table import Table
from dataclasses import dataclass

from elbowroom.comparing.columns import SeedMean
from elbowroom.comparing.protocol import EvaluationProtocol
from elbowroom.runs.settings import setting_label


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

    def __init__(self, entries: Sequence[Entry], title: str = "") -> None:
        self.title, self.entries = title, list(entries)
        self._settings = _resolve_settings(self.entries)
        self.differing_settings = find_differing_settings(list(self._settings.values()))
        self._distinguishing_settings = find_distinguishing_settings(
            list(self._settings.values()), self.differing_settings
        )
        self.shared_settings = find_shared_settings(
            [entry.settings for entry in entries if entry.is_measurable], self.differing_settings
        )
        self.protocols = list(dict.fromkeys(entry.protocol for entry in entries))
        self.split = find_evaluation_split(entries)
        self.groups = self._group_entries()

    def _group_entries(self) -> list[Group]:
        groups: dict[str, list[Entry]] = {}
        for entry in self.entries:
            groups.setdefault(canonical_json([self._group_settings(entry), entry.protocol.letter]), []).append(entry)
        made = [self._make_group(sorted(group, key=lambda entry: entry.seed or 0)) for group in groups.values()]
        return sorted(made, key=self._sort_key)

    def _group_settings(self, entry: Entry) -> Settings:
        """The settings of an entry; of a point that came to no run, those of a run that differs in the seed alone."""
        mine = {name: self._settings[entry].get(name) for name in self.differing_settings}
        for other in self.entries if not entry.is_measurable else ():
            theirs = {name: other.settings.get(name) for name in self.differing_settings}
            if other.is_measurable and canonical_json(theirs) == canonical_json(mine):
                return other.settings
        return self._settings[entry]

    def _make_group(self, group: list[Entry]) -> Group:
        done = [entry for entry in group if entry.is_done]
        figures = {}
        for column in COLUMNS:
            if (found := seed_mean([column.value_of(entry, self.split) for entry in done])) is not None:
                figures[column.name] = found
        settings = self._settings[group[0]]
        told = {name: format_setting(settings.get(name)) for name in self.differing_settings}
        return Group(
            group[0].protocol, settings, told, group_name(told, self._distinguishing_settings), tuple(group), figures
        )

    def _sort_key(self, group: Group) -> tuple[Any, ...]:
        """Numbers in their order, words in that of their first appearance."""
        place: list[Any] = [self.protocols.index(group.protocol)]
        for name in self.differing_settings:
            value = group.settings.get(name)
            is_number = isinstance(value, int | float) and not isinstance(value, bool)
            seen = [canonical_json(settings.get(name)) for settings in self._settings.values()]
            place.append(value if is_number else -math.inf if value is None else seen.index(canonical_json(value)))
        return tuple(place)

    @cached_property
    def columns(self) -> list[MetricColumn]:
        """Those with a figure of at least one run; the loss only where no other column says the same."""
        runs = [entry for entry in self.entries if entry.is_done]
        empty = {column.name for column in COLUMNS if not any(column.name in group.metrics for group in self.groups)}
        if is_loss_redundant(runs, self.split):
            empty.add("loss")
        return [column for column in COLUMNS if column.name not in empty]

    def best_groups(self, column: MetricColumn) -> list[Group]:
        """The groups with the best mean among those it may be compared with, where there are others."""
        alike: dict[str, list[Group]] = {}
        for group in self.groups:
            if column.better and column.name in group.metrics:
                alike.setdefault(canonical_json([group.match_value(what) for what in column.match_on]), []).append(
                    group
                )
        choose = max if column.better == "higher" else min
        return [choose(g, key=lambda one: one.metrics[column.name].mean) for g in alike.values() if len(g) > 1]

    @property
    def comparability_notes(self) -> list[str]:
        """What is not to be compared with what, a sentence each."""
        first, *others = self.protocols
        found = []
        for protocol in others:
            differs = "; ".join(
                f"its {name} is {mine} (in {first.letter}: {there})" for name, mine, there in protocol.diff(first)
            )
            shared = (
                " Squared errors can be compared: they are of the same data." if protocol.data == first.data else ""
            )
            found.append(f"{protocol.letter} is not comparable with {first.letter}: {differs}.{shared}")
        objectives = list(dict.fromkeys(filter(None, (group.match_value("objective") for group in self.groups))))
        if len(objectives) > 1:
            found.append(f"Losses can be compared only under the same objective; here are {', '.join(objectives)}.")
        return found

    @property
    def notes(self) -> list[str]:
        """How figures came about that no training wrote down."""
        found = list(dict.fromkeys(entry.note for entry in self.entries if entry.note))
        prints = [
            {e.run.record["data"].get("fingerprint") for e in group.done_entries if e.run} for group in self.groups
        ]
        if any(len(of) > 1 for of in prints):
            found.append("each seed divides the data anew, so the spread over seeds is that of the examples, too")
        return found

    @property
    def excluded_entries(self) -> list[Entry]:
        """The runs whose figures do not count: failed, or not finished."""
        return [entry for entry in self.entries if not entry.is_done]

    def json(self) -> str:
        """Everything, as JSON."""
        return render.to_json(self)

    def csv(self) -> str:
        """A line for each group, two columns for each figure: its mean and its standard deviation."""
        return render.to_csv(self)

    def table(self) -> Table:
        """Everything, for people."""
        return render.to_rich_table(self)

    @property
    def footnotes(self) -> list[str]:
        """What a reader of the table must know, a sentence each."""
        out = [
            f"{entry.path} does not count: {entry.state}, {entry.exclusion_reason}" for entry in self.excluded_entries
        ]
        return [*self.notes, *out]

    def write(self, out: str | os.PathLike[str]) -> Path:
        """Write the page: table, curves and pictures in one HTML file that opens from disk.

        Raises:
            ValueError: it cannot be written.
        """
        from elbowroom.comparing.report import write_page

        return write_page(self, out)

    def column_split(self, column: MetricColumn) -> str:
        """Of which split a column is."""
        return self.split if column.split_role == "judged" else column.split_role

    def __repr__(self) -> str:
        return f"<{len(self.entries)} runs in {len(self.groups)} groups: {self.title}>"


def _resolve_settings(entries: Sequence[Entry]) -> dict[Entry, Settings]:
    """What everybody was asked for; of what came to no run, only what the records of the others speak of, too."""
    known = {name for entry in entries for name in entry.settings if entry.is_measurable}
    return {
        entry: entry.settings
        if entry.is_measurable
        else {k: v for k, v in entry.settings.items() if v is not None and (k in known or not known)}
        for entry in entries
    }


def compare(
    *paths: str | os.PathLike[str], data: Any = None, baselines: bool = False, log: Callable[[str], None] = print
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
        log: gets a line for each baseline that is trained.

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
    found = find_entries(paths, data)
    if baselines:
        from elbowroom.comparing.baselines import add_baselines

        found = add_baselines(found, log)
    assign_protocols(found)
    title = Path(paths[0]).resolve().name if len(paths) == 1 else f"{len(found)} runs"
    return Comparison(found, title)


@dataclass(frozen=True, eq=False)
class Group:
    """Runs that differ in their seed alone.

    Attributes:
        protocol: with what their figures may be compared.
        settings: what they were asked for.
        differing_values: those of the settings in which the groups differ, as they are shown.
        name: what sets it apart, in as few words as do.
        entries: the runs, in order of their seeds.
        metrics: by column, over the runs that are done; those there are.
    """

    protocol: EvaluationProtocol
    settings: Settings
    differing_values: dict[str, str]
    name: str
    entries: tuple[Entry, ...]
    metrics: dict[str, SeedMean]

    @property
    def done_entries(self) -> list[Entry]:
        """The runs whose figures are final."""
        return [entry for entry in self.entries if entry.is_done]

    @property
    def seed_summary(self) -> str:
        """The seeds of the runs that count; how many are missing."""
        if not self.done_entries:
            return f"none of {len(self.entries)}"
        told = ", ".join(str(entry.seed) for entry in self.done_entries if entry.seed is not None)
        missing = len(self.entries) - len(self.done_entries)
        return " ".join(filter(None, (told, f"({missing} missing)" if missing else ""))) or "—"

    def match_value(self, aspect: str) -> Any:
        """What has to be equal for figures to be compared: ``data``, ``likelihood`` or ``objective``."""
        if aspect == "objective":
            return self.settings.get("objective", "")
        return self.protocol.data if aspect == "data" else self.protocol.likelihood


def group_name(differing_values: dict[str, str], distinguishing: Sequence[str]) -> str:
    """The name of a group, from the settings that tell it from others, as they are shown.

    >>> group_name({"recipe": "autoencoder", "linear": "yes", "latent": "5"}, ["recipe", "linear", "latent"])
    'autoencoder, linear, latent 5'
    """
    words = []
    for name in distinguishing:
        value = differing_values[name]
        if name == "recipe":
            words.append(value)
        elif value not in ("—", "no"):
            words.append(setting_label(name) if value == "yes" else f"{setting_label(name)} {value}")
    return ", ".join(words) or "all"
