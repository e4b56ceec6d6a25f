"""Reading what anybody's VAE returns: the triple that the classic example made a custom."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from torch import Tensor


class VAEOutput(NamedTuple):
    """The output ``(reconstruction, mu, logvar)`` of a module of one's own.

    Attributes:
        reconstruction: as many numbers as x, (B, *shape).
        mu: mean of q(z|x), (B, ...).
        logvar: log of its variance, like ``mu``.
    """

    reconstruction: Tensor
    mu: Tensor
    logvar: Tensor

    @property
    def kl(self) -> Tensor:
        """KL to the standard normal, for each dimension of each example, (B, L), nats."""
        kl = 0.5 * (self.mu**2 + self.logvar.exp() - 1 - self.logvar)
        return kl.flatten(1)


def parse_vae_output(output: Any, x: Tensor) -> VAEOutput | None:
    """What a module returned for x, if it is the classic's triple.

    >>> import torch
    >>> x = torch.zeros(5, 1, 8, 8)
    >>> parse_vae_output((torch.zeros(5, 64), torch.zeros(5, 2), torch.zeros(5, 2)), x).reconstruction.shape
    torch.Size([5, 1, 8, 8])
    >>> parse_vae_output(torch.zeros(5, 64), x) is None
    True
    """
    if not isinstance(output, tuple | list) or len(output) != 3 or not all(isinstance(t, Tensor) for t in output):
        return None
    reconstruction, mu, logvar = output
    alike = mu.shape == logvar.shape and mu.dim() > 1 and len(mu) == len(x)
    if not alike or reconstruction.numel() != x.numel() or math.prod(mu.shape[1:]) == 0:
        return None
    return VAEOutput(reconstruction.reshape(x.shape), mu, logvar)
