"""Looking at a module without a trace."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn


@contextmanager
def restored(module: nn.Module) -> Iterator[None]:
    """Whatever is done to a module inside, its modes, parameters and buffers, and torch's generators, are as before.

    >>> norm = nn.BatchNorm1d(2)
    >>> with restored(norm):
    ...     _ = norm.eval().train()(torch.randn(5, 2))
    >>> norm.num_batches_tracked.item(), norm.training
    (0, True)
    """
    modes = [(part, part.training) for part in module.modules()]
    parameters = [(p, p.detach().clone()) for p in module.parameters()]
    buffers = [
        (b, b.clone(), part, name) for part in module.modules() for name, b in part._buffers.items() if b is not None
    ]
    with preserve_rng(module_device(module)):
        try:
            yield
        finally:
            for part, training in modes:
                part.training = training
            with torch.no_grad():
                for parameter, then in parameters:
                    parameter.copy_(then)
                for buffer, then, part, name in buffers:
                    part._buffers[name] = buffer.copy_(then)


@contextmanager
def eval_mode(module: nn.Module) -> Iterator[None]:
    """Evaluation mode, no gradients, torch's generators as they were."""
    modes = [(part, part.training) for part in module.modules()]
    module.eval()
    try:
        with preserve_rng(module_device(module)), torch.no_grad():
            torch.manual_seed(0)
            yield
    finally:
        for part, training in modes:
            part.training = training


def module_device(module: nn.Module) -> torch.device:
    """Where a module computes."""
    tensor: Tensor | None = next(iter([*module.parameters(), *module.buffers()]), None)
    return torch.device("cpu") if tensor is None else tensor.device


def preserve_rng(device: torch.device) -> Any:
    """A block that leaves torch's generators as they were, that of a GPU too: a seed sets it beside the CPU's."""
    return torch.random.fork_rng([device] if device.type == "cuda" else [])
