"""Comparison of runs: groups of runs that differ in their seed alone, with their metrics as means over seeds."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from elbowroom import errors
from elbowroom.comparing import render
from elbowroom.comparing.columns import (
    COLUMNS,
    MetricColumn,
    SeedMean,
    is_loss_redundant,
    kept_columns,
    seed_mean,
)
from elbowroom.comparing.discover import RunPath, assign_protocols, find_entries, flatten_paths
from elbowroom.comparing.entry import Entry, find_evaluation_split
from elbowroom.comparing.protocol import EvaluationProtocol
from elbowroom.deprecation import renamed_attributes
from elbowroom.display import Displayed
from elbowroom.runs.objective_text import format_objective
from elbowroom.runs.settings import (
    Settings,
    canonical_json,
    find_differing_settings,
    find_distinguishing_settings,
    find_shared_settings,
    format_named_setting,
    setting_label,
)

if TYPE_CHECKING:
    from rich.table import Table


def compare(
    *paths: RunPath | Iterable[RunPath],
    data: Any = None,
    baselines: bool = False,
    log: Callable[[str], None] = print,
    sort: str = "",
    progress: bool | None = None,
) -> Comparison:
    """Compare runs: group those that differ in their seed alone, and average their metrics over seeds.

    A row is a group: the mean over its runs and their standard deviation, with n − 1 in the denominator. Metrics are
    those of the last row of ``metrics.jsonl``, and those that ``evaluate`` has kept of the compared split; the squared
    error is measured now. Failed and unfinished runs do not count.

    Args:
        paths: runs, their directories, or folders with runs below them, such as that of a sweep; or a list of them.
        data: what the runs were trained on, if that was given as a Python object.
        baselines: add PCA, a linear and a deep autoencoder of the same size on the same data; the autoencoders are
            trained as the runs were, unless they exist already.
        log: called with a line for each baseline that is trained.
        sort: the metric by which rows that are comparable are ordered, as ``elbo`` or a kept one, the best first; from
            the smallest where neither is better; with a minus before it the other way round.
        progress: whether the progress of each baseline's training is shown; if not given, as it was for its run.

    Raises:
        ValueError: there is no run at a path, no run that a baseline could be made for, or no such metric.

    >>> import tempfile, elbowroom as er
    >>> folder = tempfile.mkdtemp()
    >>> digits = er.load_data("digits")
    >>> for latent in (2, 5):
    ...     _ = er.fit(*er.recipes.vae(digits.shape, latent=latent), digits, steps=2, out=f"{folder}/{latent}")
    >>> comparison = compare(folder)
    >>> comparison.differing_settings, [group.name for group in comparison.groups]
    (['latent'], ['latent 2', 'latent 5'])
    """
    runs = flatten_paths(paths)
    if not runs:
        raise ValueError("no runs to compare: give runs, their directories, or a folder with runs below it, as 'runs'")
    entries = find_entries(runs, data)
    if baselines:
        from elbowroom.comparing.baselines import add_baselines

        entries = add_baselines(entries, log, progress)
    assign_protocols(entries)
    title = Path(runs[0]).resolve().name if len(runs) == 1 else f"{len(entries)} runs"
    return Comparison(entries, title, sort)


@dataclass(frozen=True, eq=False)
class Group:
    """Runs that differ in their seed alone.

    Attributes:
        protocol: how they were evaluated, which decides what their metrics may be compared with.
        settings: their settings, without the seed.
        differing_values: the values of the settings in which the groups differ, as they are shown.
        name: a short name that no other group has.
        entries: the runs, in order of their seeds.
        metrics: means over the finished runs, by the column's name, where there is a value.
        preliminary_metrics: where no run is finished, means of what they have so far, which do not count.
    """

    protocol: EvaluationProtocol
    settings: Settings
    differing_values: dict[str, str]
    name: str
    entries: tuple[Entry, ...]
    metrics: dict[str, SeedMean]
    preliminary_metrics: dict[str, SeedMean] = field(default_factory=dict)

    @property
    def done_entries(self) -> list[Entry]:
        """The runs whose metrics are final."""
        return [entry for entry in self.entries if entry.is_done]

    @property
    def seed_summary(self) -> str:
        """The seeds of the runs that count, and how many runs are missing."""
        if not self.done_entries:
            return f"none of {len(self.entries)}"
        seeds = ", ".join(str(entry.seed) for entry in self.done_entries if entry.seed is not None)
        missing = len(self.entries) - len(self.done_entries)
        return " ".join(filter(None, (seeds, f"({missing} missing)" if missing else ""))) or "—"

    def match_value(self, aspect: str) -> Any:
        """Return what has to be equal for metrics to be comparable: ``data``, ``likelihood`` or ``objective``."""
        if aspect == "objective":
            return self.settings.get("objective", "")
        return self.protocol.data if aspect == "data" else self.protocol.likelihood

    if not TYPE_CHECKING:
        __getattr__ = renamed_attributes("Group")


class Comparison(Displayed):
    """Several runs in one table.

    Attributes:
        title: the name of what was compared.
        entries: all runs.
        split: the split whose metrics are compared: test, or validation or train where there is none.
        groups: the rows, ordered by protocol, then by their settings.
        differing_settings: the settings in which the groups differ.
        shared_settings: the settings that are the same for all runs that have them.
        protocols: how the runs were evaluated; metrics of different protocols are not comparable.
        sort: the name of the metric by which the rows of a protocol are ordered; empty for the settings.
    """

    def __init__(
        self,
        entries: Sequence[Entry],
        title: str = "",
        sort: str = "",
        columns: Sequence[MetricColumn] = COLUMNS,
    ) -> None:
        self.title, self.entries = title, list(entries)
        self._settings = _resolve_settings(self.entries)
        settings = list(self._settings.values())
        self.differing_settings = find_differing_settings(settings)
        self._distinguishing_settings = find_distinguishing_settings(settings, self.differing_settings)
        self.shared_settings = find_shared_settings(
            [entry.settings for entry in entries if entry.is_measurable], self.differing_settings
        )
        self.protocols = list(dict.fromkeys(entry.protocol for entry in entries))
        self.split = find_evaluation_split(entries)
        self._all_columns = [*columns, *kept_columns([entry for entry in entries if entry.is_done], self.split)]
        self.sort = sort.removeprefix("-")
        self._sort_sign = self._find_sort_sign(sort)
        self.groups = self._group_entries()

    def _group_entries(self) -> list[Group]:
        by_key: dict[str, list[Entry]] = {}
        for entry in self.entries:
            by_key.setdefault(canonical_json([self._group_settings(entry), entry.protocol.letter]), []).append(entry)
        groups = [self._make_group(sorted(group, key=lambda entry: entry.seed or 0)) for group in by_key.values()]
        return sorted(groups, key=self._sort_key)

    def _group_settings(self, entry: Entry) -> Settings:
        """Return the settings of an entry; without a run, those of a run that differs from it in the seed alone."""
        own = {name: self._settings[entry].get(name) for name in self.differing_settings}
        for other in self.entries if not entry.is_measurable else ():
            theirs = {name: other.settings.get(name) for name in self.differing_settings}
            if other.is_measurable and canonical_json(theirs) == canonical_json(own):
                return other.settings
        return self._settings[entry]

    def _make_group(self, entries: list[Entry]) -> Group:
        done = [entry for entry in entries if entry.is_done]
        means = {
            column.name: seed_mean([column.value_of(entry, self.split) for entry in done or entries])
            for column in self._all_columns
        }
        known = {name: mean for name, mean in means.items() if mean is not None}
        settings = self._settings[entries[0]]
        values = {name: format_named_setting(name, settings.get(name)) for name in self.differing_settings}
        name = group_name(values, self._distinguishing_settings)
        metrics, preliminary = (known, {}) if done else ({}, known)
        return Group(entries[0].protocol, settings, values, name, tuple(entries), metrics, preliminary)

    def _find_sort_sign(self, sort: str) -> int:
        """Return 1 to sort from the smallest value, -1 from the largest.

        Raises:
            ValueError: there is no such metric.
        """
        by_name = {column.name: column for column in self._all_columns}
        if sort and self.sort not in by_name:
            raise errors.unknown_name("metric", self.sort, by_name, "; 'elbowroom evaluate' adds others to a run")
        is_largest_first = bool(sort) and (by_name[self.sort].better == "higher") != sort.startswith("-")
        return -1 if is_largest_first else 1

    def _sort_key(self, group: Group) -> tuple[Any, ...]:
        """Return a key that sorts numbers by value, other settings by their first appearance."""
        key: list[Any] = [self.protocols.index(group.protocol)]
        if self.sort:
            mean = group.metrics.get(self.sort)
            key.append(math.inf if mean is None else self._sort_sign * mean.mean)
        for name in self.differing_settings:
            value = group.settings.get(name)
            is_number = isinstance(value, int | float) and not isinstance(value, bool)
            order = [canonical_json(settings.get(name)) for settings in self._settings.values()]
            key.append(value if is_number else -math.inf if value is None else order.index(canonical_json(value)))
        return tuple(key)

    @cached_property
    def columns(self) -> list[MetricColumn]:
        """The metrics that at least one run has; the loss only where no other column has the same values."""
        runs = [entry for entry in self.entries if entry.is_done] or self.entries
        shown = {name for group in self.groups for name in group.metrics | group.preliminary_metrics}
        hidden = {column.name for column in self._all_columns} - shown
        if is_loss_redundant(runs, self.split):
            hidden.add("loss")
        return [column for column in self._all_columns if column.name not in hidden]

    def best_groups(self, column: MetricColumn) -> list[Group]:
        """Return the group with the best mean of each set of two or more comparable groups."""
        comparable: dict[str, list[Group]] = {}
        for group in self.groups:
            if column.better and column.name in group.metrics:
                key = canonical_json([group.match_value(aspect) for aspect in column.match_on])
                comparable.setdefault(key, []).append(group)
        choose = max if column.better == "higher" else min
        return [
            choose(groups, key=lambda group: group.metrics[column.name].mean)
            for groups in comparable.values()
            if len(groups) > 1
        ]

    @property
    def comparability_notes(self) -> list[str]:
        """What is not comparable with what, a sentence each."""
        first, *others = self.protocols
        with_errors = {group.protocol for group in self.groups if "squared_error" in group.metrics}
        notes = []
        for protocol in others:
            differences = "; ".join(
                f"its {name} is {own} (in {first.letter}: {reference})" for name, own, reference in protocol.diff(first)
            )
            is_shared = protocol.data == first.data and {protocol, first} <= with_errors
            shared = " Squared errors can be compared: they are of the same data." if is_shared else ""
            notes.append(f"{protocol.letter} is not comparable with {first.letter}: {differences}.{shared}")
        objectives = list(dict.fromkeys(filter(None, (group.match_value("objective") for group in self.groups))))
        if len(objectives) > 1:
            texts = ", ".join(map(format_objective, objectives))
            notes.append(f"Losses can be compared only under the same objective; here are {texts}.")
        return notes

    @property
    def notes(self) -> list[str]:
        """How metrics were computed that no training wrote down; whether seeds divide the data in different ways."""
        of_entries = (note for entry in self.entries for note in (entry.note, entry.likelihood_note))
        notes = list(dict.fromkeys(filter(None, of_entries)))
        kept = [e for entry in self.entries for e in entry.evaluations if entry.is_done and e.split == self.split]
        if len(samples := {evaluation.protocol["samples"] for evaluation in kept}) > 1:
            counts = " and ".join(map(str, sorted(samples)))
            notes.append(
                f"the runs were evaluated with {counts} samples, which makes bounds differ: evaluate them alike"
            )
        if sum(entry.is_likelihood_unknown for entry in self.entries) > 1:
            notes.append(
                "likelihoods of some runs are unknown, since no recipe made their models: compare their bounds only "
                "if you gave them the same"
            )
        return [*notes, *division_notes(self.groups)]

    @property
    def excluded_entries(self) -> list[Entry]:
        """The runs whose metrics do not count: failed, or not finished."""
        return [entry for entry in self.entries if not entry.is_done]

    def json(self) -> str:
        """Return the comparison as JSON."""
        return render.to_json(self)

    def csv(self) -> str:
        """Return the comparison as CSV: a line for each group, a mean and a standard deviation for each metric."""
        return render.to_csv(self)

    def table(self) -> Table:
        """Return the comparison as a table for a terminal."""
        return render.to_rich_table(self)

    @property
    def footnotes(self) -> list[str]:
        """The notes below the table, and for each excluded run why it does not count."""
        excluded = [
            f"{entry.path} does not count: {entry.state}, {entry.exclusion_reason}" for entry in self.excluded_entries
        ]
        return [*self.notes, *excluded]

    def write(self, out: str | os.PathLike[str]) -> Path:
        """Write the page: table, curves and images in one HTML file that opens from disk.

        Raises:
            ValueError: it cannot be written.
        """
        from elbowroom.comparing.report import write_page

        return write_page(self, out)

    def column_split(self, column: MetricColumn) -> str:
        """Return the name of the split that a column is measured on; empty where it is on none."""
        return self.split if column.split_role == "judged" else column.split_role

    def __repr__(self) -> str:
        return render.to_text(self)

    if not TYPE_CHECKING:
        __getattr__ = renamed_attributes("Comparison")


def _resolve_settings(entries: Sequence[Entry]) -> dict[Entry, Settings]:
    """Return the settings of each entry; of one without a run, only those that the other records have, too."""
    known = {name for entry in entries for name in entry.settings if entry.is_measurable}
    return {
        entry: entry.settings
        if entry.is_measurable
        else {k: v for k, v in entry.settings.items() if v is not None and (k in known or not known)}
        for entry in entries
    }


def group_name(differing_values: dict[str, str], distinguishing: Sequence[str]) -> str:
    """Return the name of a group, made of the settings that distinguish it from others, as they are shown.

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


def division_notes(groups: Sequence[Group]) -> list[str]:
    """Return what follows from seeds that divide the data in different ways, within groups and between them."""
    divisions: dict[EvaluationProtocol, list[set[tuple[str, str | None]]]] = {}
    records = {group: [entry.run.record["data"] for entry in group.done_entries if entry.run] for group in groups}
    # Of records from before there were divisions nothing can be said beyond their fingerprint.
    undivided = {one.get("fingerprint") for of_group in records.values() for one in of_group if "division" not in one}
    for group, of_group in records.items():
        fingerprints = {
            (fingerprint, None if fingerprint in undivided else one["division"])
            for one in of_group
            if (fingerprint := one.get("fingerprint"))
        }
        if fingerprints:
            divisions.setdefault(group.protocol, []).append(fingerprints)
    notes = []
    if any(len(fingerprints) > 1 for of_protocol in divisions.values() for fingerprints in of_protocol):
        notes.append("each seed divides the data anew, so the spread over seeds is that of the examples, too")
    if any(fingerprints != of_protocol[0] for of_protocol in divisions.values() for fingerprints in of_protocol):
        notes.append(
            "the rows are of different seeds, each of which trains on other examples or is evaluated on others, so "
            "part of their differences is of the examples: train them with the same seeds"
        )
    return notes
