"""The run behind an export: its model, examples of its data, its description and the hash of its weights."""

from __future__ import annotations

import hashlib
import math
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from elbowroom import __version__, serialization
from elbowroom.exporting.modules import cycle_conditions
from elbowroom.models.base import GenerativeModel
from elbowroom.models.conditioning import one_hot
from elbowroom.plotting import RunView

#: The largest number of examples whose latents are shown.
MAX_LATENTS = 2000


class ExportSource:
    """A run with what its exports need, loaded lazily.

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
            shape = tuple(self.view.batch.x.shape[1:])
        except ValueError as error:
            return str(error)
        expected = self.model.shape
        return "" if shape == expected else f"the data has examples of {shape}, the model takes {expected}"

    def examples(self, n: int) -> tuple[Tensor, Tensor | None]:
        """Return n examples (n, *shape) with their conditions (n, c), if the model takes any; random without data."""
        if self.missing_data_reason:
            x = self._random_examples(n)
            return x, next(iter(cycle_conditions(self.model, n)), None)
        x, y = self.view.batch.x[:n].float(), self.view.batch.y
        if not self.model.condition_size:
            return x, None
        return x, next(iter(cycle_conditions(self.model, len(x)))) if y is None else self.to_condition(y[:n])

    def _random_examples(self, n: int) -> Tensor:
        """Return uniform noise (n, *shape) in the support of the likelihood."""
        family = self.model.decoder.family
        unit = torch.rand(n, *self.model.shape, generator=torch.Generator().manual_seed(0))
        low, high = family.support
        x = unit * (high - low) + low if math.isfinite(high - low) else unit
        return x.round() if family.levels == 2 else x

    def to_condition(self, y: Tensor) -> Tensor:
        """Return labels as conditions (B, n): one-hot rows of classes, unknown ones as the first; attributes as is."""
        if y.is_floating_point() or y.dim() > 1:
            return y.float()
        return one_hot(y.clamp_min(0), self.model.condition_size)

    def describe_examples(self, n: int) -> str:
        """Describe in words what :meth:`examples` returns."""
        if self.missing_data_reason:
            return f"{n} random examples, since {self.missing_data_reason}"
        return f"{min(n, len(self.view.batch.x))} {self.view.split} examples of {self.view.data.name}"

    @cached_property
    def weights_hash(self) -> str:
        """A hash of the weights' names and values, whatever file they are in (BLAKE2b, 8 bytes, hexadecimal)."""
        digest = hashlib.blake2b(digest_size=8)
        for name, tensor in sorted(serialization.named_tensors(self.model).items()):
            digest.update(name.encode())
            digest.update(tensor.cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
        return digest.hexdigest()

    @property
    def n_parameters(self) -> int:
        """The number of parameters of the model."""
        return sum(p.numel() for p in self.model.parameters())

    def description(self) -> dict[str, Any]:
        """Return what describes the model and its data, ready for JSON."""
        record = self.view.run.record
        rows = self.view.run.metrics()
        family = self.model.decoder.family
        description: dict[str, Any] = {
            "recipe": record["recipe"],
            "arguments": record["arguments"],
            "shape": list(self.model.shape),
            "latent_shape": list(self.model.latent_shape),
            "condition": self.model.condition_size or None,
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
        return description | ({"classes": list(classes)} if classes else {})
