"""A loss that stopped being a number: where it began."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from elbowroom.data import Batch
from elbowroom.training.step import Losses, Step


class DivergedError(ValueError):
    """The loss became NaN or infinite; the message names the term, the step and the layer."""


def check_finite(losses: Losses, step: Step, batch: Batch, step_count: Tensor) -> None:
    """Refuse losses that are no numbers.

    Raises:
        Diverged: naming the term, the step and the layer where the first such value arises.
    """
    if all(math.isfinite(loss.item()) for loss in losses.players.values()):
        return
    values = {name: value.item() for name, value in {**losses.terms, **losses.players}.items()}
    # The sums come last: they are wrong because one of the others is.
    names = sorted(values, key=lambda name: name in ("loss", "elbo", *losses.players))
    term = next(name for name in names if not math.isfinite(values[name]))
    raise DivergedError(
        f"{term} became {values[term]} at step {int(step_count) + 1}, {locate_non_finite(step, batch, step_count)}: "
        "lower --lr, clip the gradients (--clip 1), or look for extreme values in the data"
    )


def locate_non_finite(step: Step, batch: Batch, step_count: Tensor) -> str:
    """Where the first value that is no number comes from: a parameter, a layer's output, or a density."""
    for name, parameter in step.named_parameters():
        if not parameter.isfinite().all():
            return f"where the parameter {name} holds it already"
    seen: list[str] = []

    def watch(name: str) -> Any:
        def look(module: nn.Module, inputs: Any, output: Any) -> None:
            if isinstance(output, Tensor) and not output.isfinite().all():
                seen.append(name)

        return look

    handles = [module.register_forward_hook(watch(name)) for name, module in step.named_modules() if name]
    try:
        with torch.no_grad():
            step(batch, step_count)
    finally:
        for handle in handles:
            handle.remove()
    return f"first in the output of {seen[0]}" if seen else "in a density or a divergence, not in a layer's output"
