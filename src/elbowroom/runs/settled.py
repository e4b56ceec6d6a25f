"""What a record says was asked for: flat settings, and how long the training is to be."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from elbowroom.runs.metrics_log import MetricsRow


def flat_settings(record: dict[str, Any]) -> dict[str, Any]:
    """Flat settings: the recipe's arguments, the training's, the data's."""
    from elbowroom.runs.settings import flatten_record

    data = {name: value for name, value in (record["data"].get("arguments") or {}).items() if value is not None}
    arguments = record["arguments"] or {}
    likelihood = {name: arguments[name] for name in ("likelihood",) if name in arguments}
    own = flatten_record(record) | likelihood | {"seed": record["training"]["seed"], "data": record["data"].get("name")}
    return {f"data_{name}" if name in own else name: value for name, value in data.items() if name != "seed"} | own


def planned_length(record: dict[str, Any], recent_rows: Iterable[MetricsRow]) -> tuple[int | None, int | None]:
    """Epochs and steps that it was asked for, where they are known."""
    training, sizes = record.get("training", {}), record.get("data", {}).get("sizes")
    epochs, steps = training.get("epochs"), training.get("steps")
    size = sizes.get("train") if isinstance(sizes, dict) else None
    per_epoch: float | None = None
    if isinstance(size, int) and size > 0 and training["batch_size"] > 0:
        per_epoch = math.ceil(size / training["batch_size"])
    else:  # a stream: as many as the epochs so far had
        ends = [one for one in recent_rows if one.get("split") not in ("train", None) and one["epoch"] > 0]
        per_epoch = ends[-1]["step"] / ends[-1]["epoch"] if ends else None
    if steps is not None:
        return (math.ceil(steps / per_epoch) if per_epoch else epochs), steps
    return epochs, (round(epochs * per_epoch) if per_epoch and epochs is not None else None)
