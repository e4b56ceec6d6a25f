"""What the figures of a run share: its model, some of its data, their codes, each got when first asked for."""

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

#: Examples of more values than this are not drawn as lines.
MAX_ROW_VALUES = 256
#: Training examples from which the location and scale of a table's columns are taken.
STANDARDIZATION_EXAMPLES = 5000


class RunView:
    """A run as its figures see it.

    Args:
        run: the run, or its directory.
        data: what it was trained on, if that was given as a Python object.
        model: the trained model, if no recipe made it, or to save reading it.
        examples: how many to encode, at most; picked at random from the test split, or the validation split where
            there is none, or else the training split.
        seed: of the pick, and of every draw.

    Raises:
        ValueError: when something is asked for that this model or its data have not.

    >>> import tempfile, elbowroom as er
    >>> data = er.load_data("digits")
    >>> run = er.fit(*er.recipes.vae(data.shape, latent=3), data, steps=5, out=tempfile.mkdtemp() + "/run")
    >>> look = RunView(run, examples=50)
    >>> look.codes.shape, look.of(50)
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
        # To make a model draws its first weights, and looking is not to change what is drawn after it.
        with torch.random.fork_rng(devices=[]):
            model = self.run.model() if self.given_model is None else self.given_model
        if not isinstance(model, GenerativeModel):
            raise ValueError(f"{type(model).__name__} is a module of your own: what it draws is for you to show")
        return model

    @cached_property
    def data(self) -> Data:
        """What it was trained on."""
        return self.run.data() if self.given_data is None else load_data(self.given_data)

    @property
    def split(self) -> str:
        """The split whose examples are shown."""
        return next(name for name in ("test", "validation", "train") if name in self.data.splits)

    @cached_property
    def batch(self) -> Batch:
        """Some examples of that split, with their labels, on the CPU."""
        split = freeze(self.data.splits[self.split], self.seed)
        order = split.random_order(torch.Generator().manual_seed(self.seed))
        found = list(_take_batches(split, None if order is None else order[: self.max_examples], self.max_examples))
        ys = [batch.y for batch in found if batch.y is not None]
        parts = [[batch.x for batch in found], ys, [batch.index for batch in found]]
        x, y, index = (torch.cat(part)[: self.max_examples].cpu() if part else None for part in parts)
        assert x is not None
        assert index is not None
        return Batch(x, y, index)

    def describe_examples(self, n: int) -> str:
        """Where n of the examples come from, in words."""
        among = self.data.protocol.get("sizes", {}).get(self.split)
        where = f"{self.split} examples of {self.data.name}"
        if n == among:
            return f"all {n:,} {where}"
        return f"{n:,}{f' of {among:,}' if among else ''} {where}, picked with seed {self.seed}"

    @property
    def labels(self) -> ColorLabels | None:
        """What gives the examples their colours, if anything does."""
        return color_labels(self.batch.y, self.data.classes)

    @cached_property
    def latents(self) -> Tensor:
        """The posterior means of the examples, flattened: (N, D). In a hierarchy, of the uppermost latent."""
        y = self.batch.y
        labels = [None] * math.ceil(len(self.batch.x) / 500) if y is None else y.split(500)
        return torch.cat(
            [
                self.model.encode(x.to(self.device), None if c is None else c.to(self.device)).flatten(1).cpu()
                for x, c in zip(self.batch.x.split(500), labels, strict=True)
            ]
        )

    @cached_property
    def latent_metrics(self) -> Evaluation:
        """KL per dimension and active units of every latent, over the examples."""
        part = replace(self.data, test=InMemorySplit(self.batch.x, self.batch.y))
        return evaluate(self.model, part, metrics="latent", samples=1, seed=self.seed, batch_size=500)

    @cached_property
    def ranked_dimensions(self) -> tuple[list[int], list[float], str]:
        """The dimensions of the code, the most informative first, how much each tells, and the unit of that."""
        told = [m.value for name, m in self.latent_metrics.items() if name.startswith("kl_per_dimension")][-1]
        if told is None:
            tells, unit = self.latents.var(0, correction=0).tolist(), "variance over the data"
        else:
            tells, unit = torch.tensor(told).flatten().tolist(), "KL in nats"
        order = sorted(range(len(tells)), key=lambda dim: -tells[dim])
        return order, [tells[dim] for dim in order], unit

    @cached_property
    def n_latents(self) -> int:
        """How many latents the model has, one above the other; one, where there is no data to see it by."""
        try:
            return sum(name.startswith("kl_per_dimension") for name in self.latent_metrics)
        except ValueError:
            return 1

    def dimension_name(self, dim: int) -> str:
        """The name of a dimension of the code; in a hierarchy, with that of the uppermost latent."""
        return latent_symbol(dim) if self.n_latents == 1 else f"{latent_symbol(self.n_latents - 1)}[{dim + 1}]"

    @property
    def is_quantized(self) -> bool:
        """Whether a code is a choice from a codebook."""
        return isinstance(getattr(getattr(self.model, "encoder", None), "family", None), Codebook)

    def require_continuous(self) -> None:
        """Refuse codes that there is nothing between."""
        if self.is_quantized:
            raise ValueError(
                "the codes are choices from a codebook: they have no axes to move along, and nothing between"
            )

    @cached_property
    def typical_index(self) -> int:
        """The example whose code is nearest to the mean of the codes."""
        return int((self.latents - self.latents.mean(0)).norm(dim=1).argmin())

    @property
    def device(self) -> torch.device:
        """Where the model computes."""
        return next(self.model.parameters()).device

    @property
    def has_standard_prior(self) -> bool:
        """Whether the prior is the standard normal, so that codes have a unit."""
        return isinstance(getattr(self.model, "prior", None), StandardNormal)

    @property
    def latent_unit(self) -> str:
        """The unit of a dimension of the code."""
        return "standard deviations of the prior" if self.has_standard_prior else "units of the code"

    @cached_property
    def latent_step(self) -> tuple[Tensor, str]:
        """A step of one in each dimension of the code, (D,), and its name."""
        if self.has_standard_prior:
            return torch.ones(self.latents.shape[1]), self.latent_unit
        return self.latents.std(0, correction=0), "standard deviations of the codes"

    @property
    def is_conditional(self) -> bool:
        """Whether what the model makes of a code depends on a label."""
        return getattr(self.model, "condition", None) is not None or isinstance(self.model, SemiSupervised)

    def label(self, i: int) -> Tensor | None:
        """The label of an example, if the model is conditional."""
        return self.batch.y[i] if self.is_conditional and self.batch.y is not None else None

    def describe_label(self, i: int) -> str:
        """The label that codes are decoded with, in words; nothing where there is none."""
        label = self.label(i)
        if label is None:
            return ""
        classes = self.data.classes
        name = classes[int(label)] if classes and label.dim() == 0 else ", ".join(map(str, label.reshape(-1).tolist()))
        return f"; given the label {name}"

    def samples(self, n: int) -> Tensor:
        """Means of p(x|z) for n codes from the prior, the same each time, labels in turn: (n, *shape)."""
        labels = [self.label(i % len(self.batch.x)) for i in range(n)] if self.is_conditional else []
        told = [label for label in labels if label is not None]
        with torch.random.fork_rng():
            torch.manual_seed(self.seed)
            return self.model.sample(n, torch.stack(told).to(self.device) if told else None).cpu()

    def describe_samples(self, n: int) -> str:
        """How n samples were drawn, in words."""
        return f"{n} codes from the prior, seed {self.seed}" + (
            "; given the examples' labels" if self.is_conditional else ""
        )

    def example_name(self, i: int) -> str:
        """An example by its place."""
        return f"{self.split} example {int(self.batch.index[i]):,}"

    @property
    def grayscale_note(self) -> str:
        """What the grey of a picture means; nothing, if it has colours."""
        return " Grey values run from 0, black, to 1, white." if self.model.shape[0] == 1 else ""

    @property
    def has_images(self) -> bool:
        """Whether examples are pictures; if not, they are rows of a table.

        Raises:
            ValueError: they are neither.
        """
        shape = self.model.shape
        if not is_image(shape) and math.prod(shape) > MAX_ROW_VALUES:
            form = "x".join(map(str, shape))
            raise ValueError(
                f"examples are {form}: neither pictures of 1 or 3 channels nor rows of at most {MAX_ROW_VALUES} numbers"
            )
        return is_image(shape)

    @cached_property
    def column_stats(self) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation of each number of an example, over the training split: (*shape) each."""
        found = list(_take_batches(freeze(self.data.train, self.seed), None, STANDARDIZATION_EXAMPLES))
        x = torch.cat([batch.x for batch in found]).cpu()
        return x.mean(0), x.std(0, correction=0).clamp_min(1e-6)

    def standardize(self, x: Tensor) -> Tensor:
        """Examples (..., *shape) as rows of standard deviations from the training mean: (..., D)."""
        mean, scale = self.column_stats
        return ((x - mean) / scale).flatten(x.dim() - mean.dim())


def _take_batches(split: Split, order: Tensor | None, n: int) -> Iterator[Batch]:
    """Batches until there are n examples."""
    seen = 0
    for batch in split.batches(min(n, 500), order):
        yield batch
        seen += len(batch.x)
        if seen >= n:
            return
