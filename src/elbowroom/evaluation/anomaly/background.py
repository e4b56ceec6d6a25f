"""A simple density of the normal data, to which a model's is held: what is usual about pixels whatever they show."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from itertools import islice

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from elbowroom.data import Split, still
from elbowroom.evaluation.some import some
from elbowroom.families import Bernoulli, ContinuousBernoulli, DiscretisedLogistic, Family, Gaussian

#: How the background of pictures is fitted.
STEPS, BATCH, RATE = 500, 64, 1e-2
#: Examples that the background of anything else is fitted to, at most.
ALL = 10_000
#: Pictures are fitted in crops of at most this side, so that large ones take no longer.
SIDE = 32


class Context(nn.Module):
    r"""Pixels given those before them in a small window: :math:`\log p_0(x) = \sum_i \log p_0(x_i \mid x_{<i})`.

    It knows how strokes and surfaces go on, and nothing of what they add up to. A masked convolution (van den Oord et
    al. 2016, arXiv 1601.06759), so an exact density.

    Args:
        pixel: the family of one pixel, its channels as one event.
        window: side of the window; of 1, pixels are independent and all of one distribution.
        hidden: units between the window and the pixel's numbers.
    """

    mask: Tensor

    def __init__(self, pixel: Family, window: int = 3, hidden: int = 16) -> None:
        super().__init__()
        if window < 1 or window % 2 == 0:
            raise ValueError(f"a window of {window}: expected an odd side, as 3, or 1 for independent pixels")
        self.pixel = pixel
        # One channel more says where the picture is: beyond its edge there is no ink, but not as there is none inside.
        self.look = nn.Conv2d(pixel.shape[0] + 1, hidden, window, padding=window // 2)
        self.say = nn.Sequential(nn.ReLU(), nn.Conv2d(hidden, hidden, 1), nn.ReLU(), nn.Conv2d(hidden, pixel.size, 1))
        before = torch.zeros(window * window)
        before[: window * window // 2] = 1
        self.register_buffer("mask", before.view(window, window))

    def elements(self, x: Tensor) -> Tensor:
        """The log-density of every pixel, (B, C, H, W) to (B, H, W), nats."""
        inside = torch.cat([x, torch.ones_like(x[:, :1])], 1)
        seen = F.conv2d(inside, self.look.weight * self.mask, self.look.bias, padding=self.look.padding)
        return self.pixel(self.say(seen).movedim(1, -1)).log_prob(x.movedim(1, -1))

    def forward(self, x: Tensor) -> Tensor:
        """log p_0(x), (B,), nats."""
        return self.elements(x).flatten(1).sum(1)


class Constant(nn.Module):
    """Independent elements, each with numbers of its own: the model's family without anything to decode.

    Args:
        family: of the model's p(x|z).
    """

    def __init__(self, family: Family) -> None:
        super().__init__()
        self.family = copy.deepcopy(family).double()
        self.phi = nn.Parameter(torch.zeros(family.size, dtype=torch.float64))

    def forward(self, x: Tensor) -> Tensor:
        """log p_0(x), (B,), nats."""
        return self.family(self.phi.expand(len(x), -1)).log_prob(x.double())


Background = Context | Constant


def fitted(family: Family, normal: Split, window: int = 3, seed: int = 0) -> Background:
    """The background of normal examples by maximum likelihood, on the same values as the model's ``family``.

    Pictures get a :class:`Context`, all else a :class:`Constant`; deterministic from its seed.
    """
    device = next(normal.batches(1)).x.device
    with torch.enable_grad(), torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        pixel = _pixel(family)
        if pixel is None:
            return _of_all(Constant(family).to(device).train(), torch.cat([b.x for b in some(normal, ALL, seed)]))
        return _by_steps(Context(pixel, window).to(device).train(), _rounds(normal, seed))


def _by_steps(context: Context, rounds: Iterator[Tensor]) -> Context:
    optimizer = torch.optim.Adam(context.parameters(), RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=STEPS)
    for x in islice(rounds, STEPS):
        loss = -context(_crop(x)).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return context.eval()


def _of_all(constant: Constant, x: Tensor) -> Constant:
    """By Newton-like steps on all examples at once, which reach values of any size."""
    optimizer = torch.optim.LBFGS(constant.parameters(), max_iter=500, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimizer.zero_grad()
        value = -constant(x).mean()
        value.backward()
        return value

    optimizer.step(loss)
    return constant.eval()


def _pixel(family: Family) -> Family | None:
    """The family of one pixel on the values that the model's takes; none where examples are not pictures."""
    if len(family.shape) != 3:
        return None
    by_values: dict[tuple[int | None, tuple[float, float]], Callable[[int], Family]] = {
        (2, (0.0, 1.0)): Bernoulli,
        (256, (0.0, 1.0)): DiscretisedLogistic,
        (None, (0.0, 1.0)): ContinuousBernoulli,
        (None, Family.support): lambda channels: Gaussian(channels, "optimal"),
    }
    make = by_values.get((family.levels, family.support))
    return None if make is None else make(family.shape[0])


def _rounds(split: Split, seed: int) -> Iterator[Tensor]:
    generator = torch.Generator().manual_seed(seed)
    while True:
        for batch in split.batches(BATCH, still(split, 0).shuffled(generator)):
            yield batch.x


def _crop(x: Tensor) -> Tensor:
    """The same random part of every picture."""
    for dim in (-2, -1):
        if (room := x.shape[dim] - SIDE) > 0:
            x = x.narrow(dim, int(torch.randint(room + 1, ())), SIDE)
    return x
