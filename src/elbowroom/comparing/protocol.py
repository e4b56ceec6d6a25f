"""Evaluation protocols: runs are comparable if they were evaluated on the same data with the same likelihood."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from string import ascii_uppercase
from typing import Any

from elbowroom.data import DataConfig
from elbowroom.runs.settings import asked_arguments, canonical_json

#: Arguments of the data that change no metric.
IGNORED_DATA_ARGUMENTS = ("seed", "buffer")
#: Arguments that are left out where the sizes of the splits are known, which say more.
SPLIT_SIZE_ARGUMENTS = ("validation", "test")


@dataclass(frozen=True)
class EvaluationProtocol:
    """How the runs of one part of the table were evaluated.

    Attributes:
        letter: the letter it is referred to by; empty where there is only one protocol.
        data: (aspect, value) pairs of the data: name, shape, preprocessing, sizes, arguments.
        likelihood: the likelihood log p(x|z), in words.
    """

    letter: str
    data: tuple[tuple[str, str], ...]
    likelihood: str

    @property
    def summary(self) -> str:
        """Data, shape and likelihood in one line."""
        data = dict(self.data)
        return f"{data['data']}, {data['shape']}; p(x|z): {self.likelihood}"

    def diff(self, other: EvaluationProtocol) -> list[tuple[str, str, str]]:
        """Return the aspects in which it differs from another: (aspect, its own value, the other's)."""
        mine = dict(self.data) | {"likelihood": self.likelihood}
        others = dict(other.data) | {"likelihood": other.likelihood}
        names = [name for name in others | mine if mine.get(name) != others.get(name)]
        return [(name, mine.get(name, "none"), others.get(name, "none")) for name in names]


def describe_data(record: dict[str, Any]) -> dict[str, str]:
    """Return the data of a record as aspect → value, without what depends on the seed alone."""
    data = record["data"]
    aspects = {"data": str(data.get("name")), "shape": "×".join(map(str, record["shape"]))}
    aspects["preprocessing"] = str(data.get("preprocessing"))
    for name, size in (data.get("sizes") or {}).items():
        aspects[f"{name} examples"] = "unknown" if size is None else f"{size:,}"
    ignored = (
        IGNORED_DATA_ARGUMENTS
        if None in (data.get("sizes") or {"": None}).values()
        else (*IGNORED_DATA_ARGUMENTS, *SPLIT_SIZE_ARGUMENTS)
    )
    # An argument that the version which wrote the record did not have yet had the effect of its default.
    defaults = DataConfig().record
    changed = {k: v for k, v in asked_arguments(data).items() if k not in ignored and v != defaults.get(k)}
    return aspects | {name: str(value) for name, value in changed.items()}


def data_versions(records: Sequence[dict[str, Any]]) -> list[str]:
    """Return for each record the fingerprint of its data, or "" where its description and seed have only one.

    Another seed may divide the data in another way, which changes the fingerprint. But two fingerprints under one
    description and one seed mean different values.
    """
    versions: dict[str, list[Any]] = {}
    keys = [canonical_json([describe_data(record), record["data"].get("seed")]) for record in records]
    fingerprints = [record["data"].get("fingerprint") for record in records]
    for key, fingerprint in zip(keys, fingerprints, strict=True):
        versions.setdefault(key, [])
        if fingerprint is not None and fingerprint not in versions[key]:
            versions[key].append(fingerprint)
    return ["" if len(versions[key]) < 2 else str(value) for key, value in zip(keys, fingerprints, strict=True)]


def make_protocols(descriptions: Sequence[tuple[dict[str, str], str]]) -> list[EvaluationProtocol]:
    """Return the protocol of each (data, likelihood): one object for equal ones, with letters if there are several."""
    keys = [(tuple(data.items()), likelihood) for data, likelihood in descriptions]
    order = list(dict.fromkeys(keys))
    protocols = {key: EvaluationProtocol(_letter(i) if len(order) > 1 else "", *key) for i, key in enumerate(order)}
    return [protocols[key] for key in keys]


def _letter(i: int) -> str:
    return ascii_uppercase[i] if i < 26 else f"{ascii_uppercase[i // 26 - 1]}{ascii_uppercase[i % 26]}"
