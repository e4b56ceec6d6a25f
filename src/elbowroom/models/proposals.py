"""Proposals for the missing values of examples, with importance weights."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor
from torch.distributions import Distribution


@dataclass(frozen=True)
class Proposals:
    r"""Values proposed for examples with missing ones, and how much each counts.

    .. math:: E[f(x_{\mathrm{mis}}) \mid x_{\mathrm{obs}}] \approx \sum_k w_k f(x_k), \quad
        w = \mathrm{softmax}_k \log \tilde w_k

    Attributes:
        values: (K, B, \*shape), of which those at the missing places count.
        log_w: the log importance weights up to a constant of each example, (K, B), nats.
        p: the distributions that the values were drawn from, with batch (K, B), if the weights do not depend on the
            values: expectations are then taken of them, with less noise. ``None`` if they do.
    """

    values: Tensor
    log_w: Tensor
    p: Distribution | None = None

    @property
    def weights(self) -> Tensor:
        """The weights, (K, B), of which those of an example add up to 1."""
        return self.log_w.softmax(0)

    @property
    def effective_sample_size(self) -> Tensor:
        r"""How many proposals of equal weight tell as much, :math:`1 / \sum_k w_k^2`, (B,), from 1 to K.

        >>> import torch
        >>> Proposals(torch.zeros(2, 1, 3), torch.zeros(2, 1)).effective_sample_size
        tensor([2.])
        """
        return 1 / (self.weights**2).sum(0)
