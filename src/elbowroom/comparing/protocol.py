"""With what a run may be compared: the data it was judged on, and what it calls a likelihood."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from string import ascii_uppercase
from typing import Any

from elbowroom.data import load_data
from elbowroom.runs.settings import canonical_json

#: Arguments of the data that change no value that is measured.
IGNORED_DATA_ARGUMENTS = ("seed", "buffer")
#: Arguments that the sizes of the splits tell better, where those are known.
SPLIT_SIZE_ARGUMENTS = ("validation", "test")


@dataclass(frozen=True)
class EvaluationProtocol:
    """How the runs of one part of the table were measured.

    Attributes:
        letter: by which it is referred to; empty where there is only one.
        data: what they were measured on, by aspect.
        likelihood: what log p(x|z) is, in words.
    """

    letter: str
    data: tuple[tuple[str, str], ...]
    likelihood: str

    @property
    def summary(self) -> str:
        """In one line."""
        told = dict(self.data)
        name = f"{told['data']}, {told['shape']}"
        return f"{name}; p(x|z): {self.likelihood}"

    def diff(self, other: EvaluationProtocol) -> list[tuple[str, str, str]]:
        """In what it differs from another: the aspect, its own value, the other's."""
        mine = dict(self.data) | {"likelihood": self.likelihood}
        others = dict(other.data) | {"likelihood": other.likelihood}
        names = [name for name in others | mine if mine.get(name) != others.get(name)]
        return [(name, mine.get(name, "none"), others.get(name, "none")) for name in names]


def describe_data(record: dict[str, Any]) -> dict[str, str]:
    """The data of a ``recipe.json``, aspect by aspect, without what the seed alone decides."""
    data = record["data"]
    found = {"data": str(data.get("name")), "shape": "×".join(map(str, record["shape"]))}
    found["preprocessing"] = str(data.get("preprocessing"))
    for name, size in (data.get("sizes") or {}).items():
        found[f"{name} examples"] = "unknown" if size is None else f"{size:,}"
    left_out = (
        IGNORED_DATA_ARGUMENTS
        if None in (data.get("sizes") or {"": None}).values()
        else (*IGNORED_DATA_ARGUMENTS, *SPLIT_SIZE_ARGUMENTS)
    )
    # What a later version can be asked for, and an earlier one did not know, is as it was: its default.
    usual = {name: p.default for name, p in inspect.signature(load_data).parameters.items()}
    asked = {k: v for k, v in (data.get("arguments") or {}).items() if k not in left_out and v != usual.get(k)}
    return found | {name: str(value) for name, value in asked.items()}


def data_versions(records: Sequence[dict[str, Any]]) -> list[str]:
    """For each record, which of several data sets of one description it means; empty where there is one.

    A seed may divide data anew, and so give it another fingerprint. But two fingerprints under one description and
    one seed are of different values.
    """
    seen: dict[str, list[Any]] = {}
    keys = [canonical_json([describe_data(record), record["data"].get("seed")]) for record in records]
    prints = [record["data"].get("fingerprint") for record in records]
    for key, fingerprint in zip(keys, prints, strict=True):
        seen.setdefault(key, [])
        if fingerprint is not None and fingerprint not in seen[key]:
            seen[key].append(fingerprint)
    return ["" if len(seen[key]) < 2 else str(fingerprint) for key, fingerprint in zip(keys, prints, strict=True)]


def make_protocols(descriptions: Sequence[tuple[dict[str, str], str]]) -> list[EvaluationProtocol]:
    """The protocol of each (data, likelihood), equal ones once, with letters where there are several."""
    keys = [(tuple(data.items()), likelihood) for data, likelihood in descriptions]
    order = list(dict.fromkeys(keys))
    made = {key: EvaluationProtocol(_letter(i) if len(order) > 1 else "", *key) for i, key in enumerate(order)}
    return [made[key] for key in keys]


def _letter(i: int) -> str:
    return ascii_uppercase[i] if i < 26 else f"{ascii_uppercase[i // 26 - 1]}{ascii_uppercase[i % 26]}"
