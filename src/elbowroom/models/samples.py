"""Samples of a model: a tensor that a notebook shows as images, or as rows of a table."""

from __future__ import annotations

import torch
from torch import Tensor

from elbowroom.display import Displayed


class Samples(Displayed, Tensor):
    """Samples (n, *shape); whatever is computed from them is an ordinary tensor.

    >>> samples = torch.zeros(2, 1, 8, 8).as_subclass(Samples)
    >>> type(samples + 1).__name__, type(samples[0]).__name__, samples.shape
    ('Tensor', 'Tensor', torch.Size([2, 1, 8, 8]))
    """

    # As torch documents it for subclasses that do not propagate.
    __torch_function__ = torch._C._disabled_torch_function_impl  # type: ignore[assignment]
