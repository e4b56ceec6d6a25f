"""Lazy view of a run: its model, some examples and their latents, each loaded on first use."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from elbowroom.data import Batch, Data, InMemorySplit, Split, freeze, load_data
from elbowroom.evaluation.evaluate import evaluate
from elbowroom.evaluation.metric import Evaluation
from elbowroom.families import Codebook
from elbowroom.formatting import latent_symbol
from elbowroom.models.base import GenerativeModel
from elbowroom.models.priors import StandardNormal
from elbowroom.models.semi_supervised import SemiSupervised
from elbowroom.plotting.image_grid import is_image
from elbowroom.plotting.style import ColorLabels, color_labels
from elbowroom.runs.run import Run

#: Rows of a table of more values than this are not drawn as lines.
MAX_ROW_VALUES = 256
#: Training examples from which the mean and standard deviation of a table's columns are taken.
STANDARDIZATION_EXAMPLES = 5000
#: Examples encoded at once.
BATCH_SIZE = 500


class RunView:
    """A run with its model, data and latents, each loaded on first use and shared by all figures.

    Args:
        run: the run, or its directory.
        data: the training data, if it was given as a Python object.
        model: the trained model, if no recipe built it, or to save loading it.
        examples: how many to encode, at most; picked at random from the test split, or the validation split where
            there is none, or else the training split.
        seed: of the choice of examples, and of every draw.

    Raises:
        ValueError: on use of an attribute that this model or its data do not have.

    >>> import tempfile, elbowroom as er
    >>> data = er.load_data("digits")
    >>> run = er.fit(*er.recipes.vae(data.shape, latent=3), data, steps=5, out=tempfile.mkdtemp() + "/run")
    >>> view = RunView(run, examples=50)
    >>> view.latents.shape, view.describe_examples(50)
    (torch.Size([50, 3]), '50 of 359 test examples of digits, picked with seed 0')
    """

    def __init__(
        self,
        run: Run | str | Path,
        data: Data | Any = None,
        model: Any = None,
        examples: int = 2000,
        seed: int = 0,
    ) -> None:
        if examples < 1:
            raise ValueError(f"examples, how many to encode, must be at least 1, got {examples}")
        self.run = run if isinstance(run, Run) else Run(run)
        self.max_examples, self.seed = examples, seed
        self.given_data, self.given_model = data, model

    @cached_property
    def model(self) -> GenerativeModel:
        """The trained model."""
        # Building a model draws its initial weights; a view must not change the draws that come after it.
        with torch.random.fork_rng(devices=[]):
            model = self.run.model() if self.given_model is None else self.given_model
        if not isinstance(model, GenerativeModel):
            raise ValueError(f"{type(model).__name__} is a module of your own: what it draws is for you to show")
        return model

    @cached_property
    def data(self) -> Data:
        """The data it was trained on."""
        return self.run.data() if self.given_data is None else load_data(self.given_data)

    @property
    def split(self) -> str:
        """Name of the split whose examples are shown."""
        return next(name for name in ("test", "validation", "train") if name in self.data.splits)

    @cached_property
    def batch(self) -> Batch:
        """Examples of that split, picked at random, with their labels, on the CPU."""
        split = freeze(self.data.splits[self.split], self.seed)
        order = split.random_order(torch.Generator().manual_seed(self.seed))
        n = self.max_examples
        batches = list(_take_batches(split, None if order is None else order[:n], n))
        labels = [batch.y for batch in batches if batch.y is not None]
        return Batch(
            torch.cat([batch.x for batch in batches])[:n].cpu(),
            torch.cat(labels)[:n].cpu() if labels else None,
            torch.cat([batch.index for batch in batches])[:n].cpu(),
        )

    def describe_examples(self, n: int) -> str:
        """Return where n of the examples come from, as text."""
        total = self.data.protocol.get("sizes", {}).get(self.split)
        source = f"{self.split} examples of {self.data.name}"
        if n == total:
            return f"all {n:,} {source}"
        return f"{n:,}{f' of {total:,}' if total else ''} {source}, picked with seed {self.seed}"

    @property
    def labels(self) -> ColorLabels | None:
        """Labels that color the examples; None where there are none."""
        return color_labels(self.batch.y, self.data.classes)

    @cached_property
    def latents(self) -> Tensor:
        """Posterior means of the examples, flattened: (N, D). In a hierarchy, of the uppermost latent."""
        x, y = self.batch.x, self.batch.y
        starts = range(0, len(x), BATCH_SIZE)
        return torch.cat(
            [self._encode(x[i : i + BATCH_SIZE], None if y is None else y[i : i + BATCH_SIZE]) for i in starts]
        )

    def _encode(self, x: Tensor, y: Tensor | None) -> Tensor:
        return self.model.encode(x.to(self.device), None if y is None else y.to(self.device)).flatten(1).cpu()

    @cached_property
    def latent_metrics(self) -> Evaluation:
        """KL per dimension and active units of every latent, over the examples."""
        data = replace(self.data, test=InMemorySplit(self.batch.x, self.batch.y))
        return evaluate(self.model, data, metrics="latent", samples=1, seed=self.seed, batch_size=BATCH_SIZE)

    @cached_property
    def ranked_dimensions(self) -> tuple[list[int], list[float], str]:
        """Latent dimensions, the most informative first; the score of each; the unit of the scores.

        The score is the KL, or the variance of the posterior mean where the KL of single dimensions is undefined.
        """
        kl = [m.value for name, m in self.latent_metrics.items() if name.startswith("kl_per_dimension")][-1]
        if kl is None:
            scores, unit = self.latents.var(0, correction=0).tolist(), "variance over the data"
        else:
            scores, unit = torch.tensor(kl).flatten().tolist(), "KL in nats"
        order = sorted(range(len(scores)), key=lambda dim: -scores[dim])
        return order, [scores[dim] for dim in order], unit

    @cached_property
    def n_latents(self) -> int:
        """Number of latents in the hierarchy; 1 where there is no data to count them by."""
        try:
            return sum(name.startswith("kl_per_dimension") for name in self.latent_metrics)
        except ValueError:
            return 1

    def dimension_name(self, dim: int) -> str:
        """Return the name of a latent dimension; in a hierarchy, one of the uppermost latent."""
        return latent_symbol(dim) if self.n_latents == 1 else f"{latent_symbol(self.n_latents - 1)}[{dim + 1}]"

    @property
    def is_quantized(self) -> bool:
        """Whether latents are entries of a codebook."""
        return isinstance(getattr(getattr(self.model, "encoder", None), "family", None), Codebook)

    def require_continuous(self) -> None:
        """Raise a ValueError if latents are entries of a codebook, which cannot be moved along an axis."""
        if self.is_quantized:
            raise ValueError(
                "the latents are choices from a codebook: they have no axes to move along, and nothing between"
            )

    @cached_property
    def typical_index(self) -> int:
        """Index of the example whose latent is nearest to the mean of all."""
        return int((self.latents - self.latents.mean(0)).norm(dim=1).argmin())

    @property
    def device(self) -> torch.device:
        """Device of the model."""
        return next(self.model.parameters()).device

    @property
    def has_standard_prior(self) -> bool:
        """Whether the prior is the standard normal, which gives latents their unit."""
        return isinstance(getattr(self.model, "prior", None), StandardNormal)

    @property
    def latent_unit(self) -> str:
        """Unit of a latent dimension."""
        return "standard deviations of the prior" if self.has_standard_prior else "units of the latent"

    @cached_property
    def latent_step(self) -> tuple[Tensor, str]:
        """Size of a unit step in each latent dimension, (D,), and the name of that unit."""
        if self.has_standard_prior:
            return torch.ones(self.latents.shape[1]), self.latent_unit
        return self.latents.std(0, correction=0), "standard deviations of the latents"

    @property
    def is_conditional(self) -> bool:
        """Whether the decoder depends on a label."""
        return getattr(self.model, "condition", None) is not None or isinstance(self.model, SemiSupervised)

    def label(self, i: int) -> Tensor | None:
        """Return the label of an example; None if the model is not conditional."""
        return self.batch.y[i] if self.is_conditional and self.batch.y is not None else None

    def describe_label(self, i: int) -> str:
        """Return the label that latents are decoded with, as text; empty where there is none."""
        label = self.label(i)
        if label is None:
            return ""
        classes = self.data.classes
        name = classes[int(label)] if classes and label.dim() == 0 else ", ".join(map(str, label.reshape(-1).tolist()))
        return f"; given the label {name}"

    def samples(self, n: int) -> Tensor:
        """Return means of p(x|z) for n latents from the prior, (n, *shape); the same each time, labels in turn."""
        labels = [self.label(i % len(self.batch.x)) for i in range(n)] if self.is_conditional else []
        condition = [label for label in labels if label is not None]
        with torch.random.fork_rng():
            torch.manual_seed(self.seed)
            return self.model.sample(n, torch.stack(condition).to(self.device) if condition else None).cpu()

    def describe_samples(self, n: int) -> str:
        """Return how n samples were drawn, as text."""
        return f"{n} latents from the prior, seed {self.seed}" + (
            "; given the examples' labels" if self.is_conditional else ""
        )

    def example_name(self, i: int) -> str:
        """Return the name of an example: its split and its index there."""
        return f"{self.split} example {int(self.batch.index[i]):,}"

    @property
    def grayscale_note(self) -> str:
        """Sentence on the grey values of images; empty for color images."""
        return " Grey values run from 0, black, to 1, white." if self.model.shape[0] == 1 else ""

    @property
    def has_images(self) -> bool:
        """Whether examples are images; if not, they are rows of a table.

        Raises:
            ValueError: they are neither.
        """
        shape = self.model.shape
        if not is_image(shape) and math.prod(shape) > MAX_ROW_VALUES:
            size = "x".join(map(str, shape))
            raise ValueError(
                f"examples are {size}: neither images of 1 or 3 channels nor rows of at most {MAX_ROW_VALUES} numbers"
            )
        return is_image(shape)

    @cached_property
    def column_stats(self) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation of each value over the training split: (*shape) each."""
        batches = list(_take_batches(freeze(self.data.train, self.seed), None, STANDARDIZATION_EXAMPLES))
        x = torch.cat([batch.x for batch in batches]).cpu()
        return x.mean(0), x.std(0, correction=0).clamp_min(1e-6)

    def standardize(self, x: Tensor) -> Tensor:
        """Return examples (..., *shape) in standard deviations from the training mean, flattened: (..., D)."""
        mean, std = self.column_stats
        return ((x - mean) / std).flatten(x.dim() - mean.dim())


def _take_batches(split: Split, order: Tensor | None, n: int) -> Iterator[Batch]:
    """Yield batches until there are n examples."""
    count = 0
    for batch in split.batches(min(n, BATCH_SIZE), order):
        yield batch
        count += len(batch.x)
        if count >= n:
            return
