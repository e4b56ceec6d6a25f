"""What an export tells of its run: the model, examples of its data where they are found, the protocol, the hash."""

from __future__ import annotations

import hashlib
import math
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from elbowroom import __version__, serialization
from elbowroom.exporting.modules import condition_size, cycle_conditions
from elbowroom.models.base import GenerativeModel
from elbowroom.models.conditioning import one_hot
from elbowroom.plotting import RunView

#: Examples whose codes are shown, at most.
MAX_LATENTS = 2000


class ExportSource:
    """A run as its exports see it.

    Args:
        run: the run, or its directory.
        data: what it was trained on, if that was given as a Python object.
        model: the trained model, if no recipe made it.
    """

    def __init__(self, run: Any, data: Any = None, model: Any = None) -> None:
        self.view = RunView(run, data, model, examples=MAX_LATENTS)

    @cached_property
    def model(self) -> GenerativeModel:
        """The trained model, in evaluation mode, on the CPU."""
        return self.view.model.cpu().eval()

    @cached_property
    def missing_data_reason(self) -> str:
        """Why there are no examples; empty where there are."""
        try:
            found = self.view.batch
        except ValueError as error:
            return str(error)
        have = tuple(found.x.shape[1:])
        return (
            "" if have == self.model.shape else f"the data has examples of {have}, the model takes {self.model.shape}"
        )

    def examples(self, n: int) -> tuple[Tensor, Tensor | None]:
        """Examples with their conditions, as the parts take them: of the data, or random where there is none."""
        size = condition_size(self.model)
        if self.missing_data_reason:
            unit = torch.rand(n, *self.model.shape, generator=torch.Generator().manual_seed(0))
            low, high = self.model.decoder.family.support
            x = unit * (high - low) + low if math.isfinite(high - low) else unit
            return x.round() if self.model.decoder.family.levels == 2 else x, next(
                iter(cycle_conditions(self.model, n)), None
            )
        x, y = self.view.batch.x[:n].float(), self.view.batch.y
        if not size:
            return x, None
        return x, next(iter(cycle_conditions(self.model, len(x)))) if y is None else self.to_condition(y[:n])

    def to_condition(self, y: Tensor) -> Tensor:
        """Labels as numbers (B, n): one-hot rows of classes, attributes as they are; unknown classes as the first."""
        if y.is_floating_point() or y.dim() > 1:
            return y.float()
        return one_hot(y.clamp_min(0), condition_size(self.model))

    def describe_examples(self, n: int) -> str:
        """On what, in words."""
        if self.missing_data_reason:
            return f"{n} random examples, since {self.missing_data_reason}"
        look = self.view
        return f"{min(n, len(look.batch.x))} {look.split} examples of {look.data.name}"

    @cached_property
    def weights_hash(self) -> str:
        """Of the weights: names and values, whatever file they are in."""
        digest = hashlib.blake2b(digest_size=8)
        for name, tensor in sorted(serialization.named_tensors(self.model).items()):
            digest.update(name.encode())
            digest.update(tensor.cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
        return digest.hexdigest()

    @property
    def n_parameters(self) -> int:
        """How many parameters the model has."""
        return sum(p.numel() for p in self.model.parameters())

    def description(self) -> dict[str, Any]:
        """The protocol, ready for JSON."""
        record = self.view.run.record
        rows = self.view.run.metrics()
        family = self.model.decoder.family
        about: dict[str, Any] = {
            "recipe": record["recipe"],
            "arguments": record["arguments"],
            "shape": list(self.model.shape),
            "latent_shape": list(self.model.latent_shape),
            "condition": condition_size(self.model) or None,
            "likelihood": repr(family),
            "support": [v if math.isfinite(v) else None for v in family.support],
            "data": record["data"].get("name"),
            "preprocessing": record["data"].get("preprocessing"),
            "epochs": rows[-1]["epoch"] if rows else 0,
            "parameters": self.n_parameters,
            "weights": f"blake2b {self.weights_hash}",
            "elbowroom": __version__,
        }
        classes = None if self.missing_data_reason else self.view.data.classes
        return about | ({"classes": list(classes)} if classes else {})
