"""Gradients by latents inside a model, where the caller may take none."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor


@contextmanager
def differentiation() -> Iterator[bool]:
    """Take gradients inside, in inference mode and without gradients too; yields whether the caller takes them.

    >>> with torch.inference_mode(), differentiation() as is_training:
    ...     z = as_differentiable(torch.ones(2))
    ...     torch.autograd.grad((z**2).sum(), z)[0], is_training
    (tensor([2., 2.]), False)
    """
    is_training = torch.is_grad_enabled()
    with torch.inference_mode(False), torch.enable_grad():
        yield is_training


def as_differentiable(value: Tensor) -> Tensor:
    """Return a tensor to differentiate by: itself where it depends on parameters, else a copy that is a leaf."""
    return value if value.requires_grad else value.detach().clone().requires_grad_()


def as_constant(value: Tensor) -> Tensor:
    """Return a tensor that a graph may hold: a copy of one that was made in inference mode."""
    return value.clone() if value.is_inference() else value
