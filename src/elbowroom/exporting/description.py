"""What an export says of its run: examples as inputs, a description, and the hash of the weights."""

from __future__ import annotations

import hashlib
import math
from typing import Any

import torch
from torch import Tensor

from elbowroom import __version__, serialization
from elbowroom.exporting.modules import cycle_conditions
from elbowroom.models.base import GenerativeModel
from elbowroom.models.conditioning import one_hot
from elbowroom.runs.run_view import RunView


def example_inputs(view: RunView, n: int) -> tuple[Tensor, Tensor | None]:
    """Return n examples (n, *shape) with their conditions (n, c), if the model takes any; random without data."""
    model = view.model
    x, y = (_random_examples(model, n), None) if view.missing_data_reason else (view.batch.x[:n].float(), view.batch.y)
    if y is None or not model.condition_size:
        return x, next(iter(cycle_conditions(model, len(x))), None)
    return x, _to_condition(y[:n], model.condition_size)


def _random_examples(model: GenerativeModel, n: int) -> Tensor:
    """Return uniform noise (n, *shape) in the support of the likelihood."""
    family = model.decoder.family
    unit = torch.rand(n, *model.shape, generator=torch.Generator().manual_seed(0))
    low, high = family.support
    x = unit * (high - low) + low if math.isfinite(high - low) else unit
    return (2 * x).floor() if family.is_count else x.round() if family.levels == 2 else x


def _to_condition(y: Tensor, size: int) -> Tensor:
    """Return labels as conditions (B, n): one-hot rows of classes, unknown ones as the first; attributes as is."""
    return y.float() if y.is_floating_point() or y.dim() > 1 else one_hot(y.clamp_min(0), size)


def describe_inputs(view: RunView, n: int) -> str:
    """Describe in words what :func:`example_inputs` returns."""
    if view.missing_data_reason:
        return f"{n} random examples, since {view.missing_data_reason}"
    return f"{min(n, len(view.batch.x))} {view.split_words} of {view.data.name}"


def weights_hash(model: GenerativeModel) -> str:
    """Return a hash of the weights' names and values, whatever file they are in (BLAKE2b, 8 bytes, hexadecimal)."""
    digest = hashlib.blake2b(digest_size=8)
    for name, tensor in sorted(serialization.named_tensors(model).items()):
        digest.update(name.encode())
        digest.update(tensor.cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def describe_run(view: RunView) -> dict[str, Any]:
    """Return what describes the model and its data, ready for JSON."""
    record, model, family = view.record, view.model, view.model.decoder.family
    description: dict[str, Any] = {
        "recipe": record["recipe"],
        "arguments": record["arguments"],
        "shape": list(model.shape),
        "latent_shape": list(model.latent_shape),
        "condition": model.condition_size or None,
        "likelihood": repr(family),
        "support": [v if math.isfinite(v) else None for v in family.support],
        "data": record["data"].get("name"),
        "preprocessing": record["data"].get("preprocessing"),
        "epochs": view.rows[-1]["epoch"] if view.rows else 0,
        "parameters": sum(p.numel() for p in model.parameters()),
        "weights": f"blake2b {weights_hash(model)}",
        "elbowroom": __version__,
    }
    return description | ({"classes": list(view.classes)} if view.classes else {})
