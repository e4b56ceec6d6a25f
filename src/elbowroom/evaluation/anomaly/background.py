"""Background densities p₀(x) for likelihood-ratio scores: pixels given their neighbours, or independent elements."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from itertools import islice

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from elbowroom.data import Split, freeze
from elbowroom.data.splits.memory import random_batches
from elbowroom.families import Bernoulli, ContinuousBernoulli, DiscretizedLogistic, Family, Gaussian

#: Steps of Adam that fit the background of images.
FIT_STEPS = 500
#: Images per step.
BATCH_SIZE = 64
#: Largest learning rate of these steps.
LEARNING_RATE = 1e-2
#: Examples that the background of other data is fitted to, at most.
MAX_FIT_EXAMPLES = 10_000
#: Images are fitted in crops of at most this side, so that large ones take no longer.
CROP_SIDE_PX = 32


class PixelContextDensity(nn.Module):
    r"""Autoregressive density of pixels in a small window: :math:`\log p_0(x) = \sum_i \log p_0(x_i \mid x_{<i})`.

    It models local strokes and surfaces, and not the image as a whole. A masked convolution (van den Oord et al. 2016,
    arXiv 1601.06759), so an exact density.

    Args:
        pixel_family: the family of one pixel, its channels as one event.
        window: side of the window, odd; with 1, pixels are independent and identically distributed.
        hidden: hidden units.
    """

    mask: Tensor

    def __init__(self, pixel_family: Family, window: int = 3, hidden: int = 16) -> None:
        super().__init__()
        if window < 1 or window % 2 == 0:
            raise ValueError(f"a window of {window}: expected an odd side, as 3, or 1 for independent pixels")
        self.pixel_family = pixel_family
        # One more channel, of ones, tells black pixels from padding beyond the edge.
        self.context_conv = nn.Conv2d(pixel_family.shape[0] + 1, hidden, window, padding=window // 2)
        self.head = nn.Sequential(
            nn.ReLU(), nn.Conv2d(hidden, hidden, 1), nn.ReLU(), nn.Conv2d(hidden, pixel_family.size, 1)
        )
        before = torch.zeros(window * window)
        before[: window * window // 2] = 1
        self.register_buffer("mask", before.view(window, window))

    def pixel_log_prob(self, x: Tensor) -> Tensor:
        """Return the log-density of every pixel, (B, C, H, W) to (B, H, W), nats."""
        with_inside = torch.cat([x, torch.ones_like(x[:, :1])], 1)
        conv = self.context_conv
        context = F.conv2d(with_inside, conv.weight * self.mask, conv.bias, padding=conv.padding)
        log_prob: Tensor = self.pixel_family(self.head(context).movedim(1, -1)).log_prob(x.movedim(1, -1))
        return log_prob

    def forward(self, x: Tensor) -> Tensor:
        """Return log p_0(x), (B,), nats."""
        return self.pixel_log_prob(x).flatten(1).sum(1)


class IndependentDensity(nn.Module):
    """Density of independent elements: the model's family with free parameters instead of a decoder.

    Args:
        family: of the model's p(x|z).
    """

    def __init__(self, family: Family) -> None:
        super().__init__()
        self.family = copy.deepcopy(family).double()
        self.phi = nn.Parameter(torch.zeros(family.size, dtype=torch.float64))

    def forward(self, x: Tensor) -> Tensor:
        """Return log p_0(x), (B,), nats."""
        log_prob: Tensor = self.family(self.phi.expand(len(x), -1)).log_prob(x.double())
        return log_prob


Background = PixelContextDensity | IndependentDensity


def fit_background(family: Family, normal: Split, window: int = 3, seed: int = 0) -> Background:
    """Fit the background of normal examples by maximum likelihood, on the values of the model's ``family``.

    A :class:`PixelContextDensity` for images, else an :class:`IndependentDensity`; deterministic from its seed.
    """
    device = next(normal.batches(1)).x.device
    with torch.enable_grad(), torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        pixel = _pixel_family(family)
        if pixel is None:
            return _fit_by_lbfgs(
                IndependentDensity(family).to(device).train(),
                torch.cat([b.x for b in random_batches(normal, MAX_FIT_EXAMPLES, seed)]),
            )
        return _fit_by_adam(PixelContextDensity(pixel, window).to(device).train(), _cycle_batches(normal, seed))


def make_background(family: Family, window: int = 3) -> Background:
    """Return the background of a family that is not fitted yet, in evaluation mode."""
    pixel = _pixel_family(family)
    return (IndependentDensity(family) if pixel is None else PixelContextDensity(pixel, window)).eval()


def to_vector(fitted: Background) -> Tensor:
    """Return the parameters and buffers of a background as one vector, float64."""
    return torch.cat([values.flatten().double() for values in fitted.state_dict().values()])


def from_vector(family: Family, vector: Tensor, window: int = 3) -> Background:
    """Return the background of a family with the parameters of :func:`to_vector`."""
    made = make_background(family, window).to(vector.device)
    own = made.state_dict()
    parts = torch.split(vector, [values.numel() for values in own.values()])
    made.load_state_dict(
        {name: part.view_as(values).to(values.dtype) for (name, values), part in zip(own.items(), parts, strict=True)}
    )
    return made


def _fit_by_adam(density: PixelContextDensity, batches: Iterator[Tensor]) -> PixelContextDensity:
    optimizer = torch.optim.Adam(density.parameters(), LEARNING_RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=FIT_STEPS)
    for x in islice(batches, FIT_STEPS):
        loss = -density(_random_crop(x)).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return density.eval()


def _fit_by_lbfgs(density: IndependentDensity, x: Tensor) -> IndependentDensity:
    """Fit to all examples at once by L-BFGS, which converges for values of any scale."""
    optimizer = torch.optim.LBFGS(density.parameters(), max_iter=500, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimizer.zero_grad()
        value: Tensor = -density(x).mean()
        value.backward()  # type: ignore[no-untyped-call]
        return value

    optimizer.step(loss)  # type: ignore[no-untyped-call]
    return density.eval()


def _pixel_family(family: Family) -> Family | None:
    """Return a family of one pixel on the values of the model's family; ``None`` if there is none, or no images."""
    if len(family.shape) != 3:
        return None
    by_values: dict[tuple[int | None, tuple[float, float]], Callable[[int], Family]] = {
        (2, (0.0, 1.0)): Bernoulli,
        (256, (0.0, 1.0)): DiscretizedLogistic,
        (None, (0.0, 1.0)): ContinuousBernoulli,
        (None, Family.support): lambda channels: Gaussian(channels, "optimal"),
    }
    make = by_values.get((family.levels, family.support))
    return None if make is None else make(family.shape[0])


def _cycle_batches(split: Split, seed: int) -> Iterator[Tensor]:
    generator = torch.Generator().manual_seed(seed)
    while True:
        for batch in split.batches(BATCH_SIZE, freeze(split, 0).random_order(generator)):
            yield batch.x


def _random_crop(x: Tensor) -> Tensor:
    """Return a random crop, at the same position in every image."""
    for dim in (-2, -1):
        if (room := x.shape[dim] - CROP_SIDE_PX) > 0:
            x = x.narrow(dim, int(torch.randint(room + 1, ())), CROP_SIDE_PX)
    return x
