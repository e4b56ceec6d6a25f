"""Runs that differ in their seed alone: a row of the table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from elbowroom.comparing.columns import SeedMean
from elbowroom.comparing.entry import Entry
from elbowroom.comparing.protocol import EvaluationProtocol
from elbowroom.runs.settings import setting_label
from elbowroom.sweeps.grid import Settings


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
