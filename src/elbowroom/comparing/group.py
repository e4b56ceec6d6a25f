"""Runs that differ in their seed alone: a row of the table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from elbowroom.comparing.columns import Figure
from elbowroom.comparing.entry import Entry
from elbowroom.comparing.protocol import Protocol
from elbowroom.runs.settings import spoken
from elbowroom.sweeps.grid import Settings


@dataclass(frozen=True, eq=False)
class Group:
    """Runs that differ in their seed alone.

    Attributes:
        protocol: with what their figures may be compared.
        settings: what they were asked for.
        differs: those of the settings in which the groups differ, as they are shown.
        name: what sets it apart, in as few words as do.
        entries: the runs, in order of their seeds.
        figures: by column, over the runs that are done; those there are.
    """

    protocol: Protocol
    settings: Settings
    differs: dict[str, str]
    name: str
    entries: tuple[Entry, ...]
    figures: dict[str, Figure]

    @property
    def done(self) -> list[Entry]:
        """The runs whose figures are final."""
        return [entry for entry in self.entries if entry.done]

    @property
    def seeds(self) -> str:
        """The seeds of the runs that count; how many are missing."""
        if not self.done:
            return f"none of {len(self.entries)}"
        told = ", ".join(str(entry.seed) for entry in self.done if entry.seed is not None)
        missing = len(self.entries) - len(self.done)
        return " ".join(filter(None, (told, f"({missing} missing)" if missing else ""))) or "—"

    def need(self, what: str) -> Any:
        """What has to be equal for figures to be compared: ``data``, ``likelihood`` or ``objective``."""
        if what == "objective":
            return self.settings.get("objective", "")
        return self.protocol.data if what == "data" else self.protocol.likelihood


def named(differs: dict[str, str], telling: Sequence[str]) -> str:
    """The name of a group, from the settings that tell it from others, as they are shown.

    >>> named({"recipe": "autoencoder", "linear": "yes", "latent": "5"}, ["recipe", "linear", "latent"])
    'autoencoder, linear, latent 5'
    """
    words = []
    for name in telling:
        value = differs[name]
        if name == "recipe":
            words.append(value)
        elif value not in ("—", "no"):
            words.append(spoken(name) if value == "yes" else f"{spoken(name)} {value}")
    return ", ".join(words) or "all"
