"""What the variants share: what a trained one is, the peers' loop, and drawing in blocks."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn

import elbowroom as er

#: Images drawn or measured at once.
BLOCK = 250

Draw = Callable[[int], Tensor]


class Trained(NamedTuple):
    """A trained model: how to draw n images by the name of the density of latents, its size and what it cost."""

    draws: dict[str, Draw]
    parameters: int
    steps: int
    cpu_s: float


#: A function that trains on data for some CPU seconds, with weights, order and noise from a seed.
Variant = Callable[[er.Data, float, int], Trained]


def train_loop(
    model: nn.Module,
    loss_of: Callable[[Tensor, int], Tensor],
    optimizer: torch.optim.Optimizer,
    data: er.Data,
    cpu_s: float,
    batch_size: int = 64,
    decay: float = 1.0,
    flip: bool = False,
) -> tuple[int, float]:
    """Train in a plain loop until the CPU seconds are over; return the steps and the CPU seconds that they took.

    The images are decoded before the clock starts, as elbowroom's are.
    """
    images, step, started = all_images(data), 0, time.process_time()
    while True:
        for index in torch.randperm(len(images)).split(batch_size)[: len(images) // batch_size]:
            if (spent := time.process_time() - started) >= cpu_s and step:
                model.eval()
                return step, spent
            x = images[index]
            if flip:
                x = torch.where(torch.rand(len(x), 1, 1, 1) < 0.5, x.flip(3), x)
            optimizer.zero_grad()
            loss_of(x, step).backward()
            optimizer.step()
            step += 1
        for group in optimizer.param_groups:
            group["lr"] *= decay


def all_images(data: er.Data) -> Tensor:
    return data.train.first(len(data.train)).x


@torch.no_grad()
def sample_blocks(sample: Draw, n: int) -> Tensor:
    """Draw n images in blocks, clamped to [0, 1]."""
    return torch.cat([sample(min(BLOCK, n - i)).clamp(0, 1) for i in range(0, n, BLOCK)])


def count_parameters(model: nn.Module) -> int:
    return sum(p.numel() for p in model.parameters() if p.requires_grad)
