"""Conditioning: labels and attributes as inputs of a network."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class LabelEncoder(nn.Module):
    """Encode class labels (B,) as one-hot rows (B, n); attributes (B, n) are passed through.

    Args:
        n: the number of classes, or of attributes.

    Raises:
        ValueError: a label outside 0 to n − 1, or another number of attributes.

    >>> import torch
    >>> LabelEncoder(3)(torch.tensor([2, 0]))
    tensor([[0., 0., 1.],
            [1., 0., 0.]])
    """

    def __init__(self, n: int) -> None:
        super().__init__()
        if n < 1:
            raise ValueError(f"a condition needs at least 1 class or attribute, got {n}")
        self.n = n

    def forward(self, c: Tensor) -> Tensor:
        if c.is_floating_point():
            if c.shape[-1] != self.n:
                raise ValueError(
                    f"{c.shape[-1]} attributes were given to a model made for {self.n}: make it for as many"
                )
            return c
        # Reading the values would synchronize a GPU.
        if c.device.type == "cpu":
            self._check(c)
        return one_hot(c, self.n)

    def _check(self, c: Tensor) -> None:
        """Check the labels by an operation on tensors, so that it is part of a recorded step."""
        try:
            torch._assert_async(((c >= 0) & (c < self.n)).all(), "labels outside the classes")
        except RuntimeError:
            check_labels(c, self.n)
            raise

    def extra_repr(self) -> str:
        return str(self.n)


def check_labels(c: Tensor, n: int) -> None:
    """Raise a ValueError for labels outside 0 to n − 1."""
    if len(c) and int(c.min()) == -1:
        raise ValueError(
            "some labels are -1, unknown, and this model takes the label of every example: leave --labeled out, or "
            "use m2"
        )
    if len(c) and not (int(c.min()) >= 0 and int(c.max()) < n):
        raise ValueError(
            f"the labels run from {int(c.min())} to {int(c.max())}, and the model was made for 0 to {n - 1}: "
            "make it for as many classes as there are"
        )


def one_hot(c: Tensor, n: int) -> Tensor:
    """Return the one-hot rows (B, n) of classes (B,), without the synchronization with a GPU of torch's own.

    >>> one_hot(torch.tensor([1]), 3)
    tensor([[0., 1., 0.]])
    """
    return (c[:, None] == torch.arange(n, device=c.device)).float()
