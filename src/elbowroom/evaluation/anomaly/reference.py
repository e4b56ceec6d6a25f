"""The reference of anomaly scores: model, normal data, background density and normal score distributions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from elbowroom import devices
from elbowroom.data import Batch, Data, freeze, load_coded
from elbowroom.evaluation.anomaly import background, neighbors
from elbowroom.evaluation.anomaly.heatmap import Heatmaps, pixel_nll
from elbowroom.evaluation.compatibility import check_compatible
from elbowroom.evaluation.suites import likelihood
from elbowroom.models.adapter import adapt
from elbowroom.models.base import GenerativeModel, data_record_of
from elbowroom.runs.run import Run
from elbowroom.runs.run_view import RunView

#: Normal examples whose ELBO is the reference for typicality and density of states, at most.
MAX_NORMAL_EXAMPLES = 5_000


@dataclass
class Reference:
    """A model with its normal data; what scores need of the data is computed when it is first used.

    Attributes:
        model: in evaluation mode.
        data: the normal data; without it, scores that compare with normal examples raise an error.
        samples: K, posterior samples per example.
        window: of the background; see :class:`elbowroom.evaluation.anomaly.background.PixelContextDensity`.
        seed: of the noise, and of the fit of the background.
        statistics: of the normal examples, those computed so far; see :meth:`statistic`.
    """

    model: GenerativeModel
    data: Data | None
    samples: int = 20
    window: int = 3
    seed: int = 0
    statistics: dict[str, Tensor] = field(default_factory=dict)

    def estimate_bounds(self, batch: Batch) -> dict[str, Tensor]:
        """Return ELBO, its terms and the importance bound of each example, (B,) each."""
        return likelihood.estimate_bounds(self.model, batch, self.samples, self.seed)

    @property
    def protocol(self) -> Mapping[str, Any] | None:
        """The record of the data that the model was trained on, or else of the normal data; ``None`` without either."""
        return self.model.data_record or (None if self.data is None else self.data.protocol)

    def statistic(self, name: str) -> Tensor:
        """Return a statistic of the normal examples by its name in :data:`STATISTICS`, computed when first used."""
        if name not in self.statistics:
            self.statistics[name] = STATISTICS[name](self)
        return self.statistics[name]

    @property
    def elbos(self) -> Tensor:
        """The ELBO of normal examples, of the validation split where there is one, else of train; (N,), nats."""
        return self.statistic("elbos")

    @property
    def ratios(self) -> Tensor:
        """log p₀(x) − ELBO of the same examples, (N,), nats."""
        return self.statistic("ratios")

    @cached_property
    def background(self) -> background.Background:
        """A simple density of the training examples."""
        family = self.model.decoder.family
        if (stored := self.statistics.get("background")) is not None:
            return background.from_vector(family, stored, self.window)
        return background.fit_background(family, self._normal_data.train.to(self.device), self.window, self.seed)

    @torch.no_grad()
    def heatmaps(self, batch: Batch) -> Heatmaps:
        """Return the contribution of each pixel to reconstruction score and likelihood ratio."""
        nll, reconstruction = pixel_nll(self.model, batch.x, batch.y), self.model.reconstruct(batch.x, batch.y)
        has_pixels = isinstance(self.background, background.PixelContextDensity)
        log_ratio = nll + self.background.pixel_log_prob(batch.x) if has_pixels else None  # type: ignore[operator]
        return Heatmaps(batch.x, reconstruction, nll, log_ratio)

    @property
    def device(self) -> torch.device:
        """The device of the model."""
        return next(self.model.parameters()).device

    def normal_batches(self) -> Iterator[Batch]:
        """Yield normal examples, of the validation split where there is one, else of train; 5,000 at most."""
        normal = freeze(self._normal_data.validation or self._normal_data.train, self.seed)
        return islice(normal.to(self.device).batches(100), MAX_NORMAL_EXAMPLES // 100)

    def train_batches(self) -> Iterator[Batch]:
        """Yield the training examples."""
        return freeze(self._normal_data.train, self.seed).to(self.device).batches(1_000)

    @property
    def _normal_data(self) -> Data:
        if self.data is None:
            raise ValueError("all but elbo, reconstruction and importance_bound compare with normal data: pass normal=")
        return self.data


def _elbos(reference: Reference) -> Tensor:
    return torch.cat([reference.estimate_bounds(batch)["elbo"] for batch in reference.normal_batches()])


def _ratios(reference: Reference) -> Tensor:
    log_p0 = [reference.background(batch.x).double() for batch in reference.normal_batches()]
    return torch.cat(log_p0) - reference.elbos


#: What scores compare with, by name: functions from a reference to numbers of its normal examples.
STATISTICS: dict[str, Callable[[Reference], Tensor]] = {
    "elbos": _elbos,
    "ratios": _ratios,
    "points": lambda reference: neighbors.collect_points(reference.model, reference.train_batches()),
    "background": lambda reference: background.to_vector(reference.background),
}


@contextmanager
def open_reference(
    run: Run | str | Path | nn.Module,
    normal: Data | Any = None,
    samples: int = 20,
    window: int = 3,
    seed: int = 0,
    device: str | None = None,
) -> Iterator[Reference]:
    """Return the reference of a run or model, which is in evaluation mode within the context.

    Raises:
        ValueError: fewer than one sample, or normal data that does not fit the model.
    """
    if samples < 1:
        raise ValueError(f"samples, the posterior samples per example, must be at least 1, got {samples}")
    if isinstance(run, nn.Module):
        data = None if normal is None else load_coded(normal, data_record_of(run))
        model = _adapt(run, data)
    else:
        # Divided as for a training: thresholds are of other examples than the background is fitted to.
        view = RunView(run, None if normal is None else Run(run).data(normal))
        model, data = view.model, view.data
    if data is not None:
        check_compatible(model, data)
    was_training = model.training
    if device is not None or model is not run:
        model.to(devices.resolve(device))
    try:
        yield Reference(model.eval(), data, samples, window, seed)
    finally:
        model.train(was_training)


def _adapt(module: nn.Module, data: Data | None) -> GenerativeModel:
    if data is not None:
        return adapt(module, data.shape)
    if isinstance(module, GenerativeModel):
        return module
    raise ValueError(
        f"{type(module).__name__} is a module of your own, and the shape of its examples not known: pass normal="
    )
