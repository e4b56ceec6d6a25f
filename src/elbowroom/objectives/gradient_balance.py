"""The weight that balances one loss against another by the norms of their gradients."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from elbowroom import distributed

#: Added to the norm that is divided by.
MIN_NORM = 1e-4
#: The largest weight.
MAX_WEIGHT = 1e4


def balance_gradients(base: Tensor, loss: Tensor, weight: nn.Parameter, examples: int = 1) -> Tensor:
    r"""Return the factor that gives ``loss`` the gradient norm of ``base`` at a layer's weights, a constant.

    .. math:: \frac{\|\nabla_W \text{base}\|}{\|\nabla_W \text{loss}\| + 10^{-4}}, \quad \text{at most } 10^4

    Esser, Rombach & Ommer 2021, arXiv 2012.09841, equation 7, with W the last layer of the decoder and the constants of
    the authors' code. Where several processes train together, the norms are those of the gradients of all their
    examples. The factor is zero where no gradients are computed, as in validation.

    Args:
        base: the loss whose gradient norm is taken over.
        loss: the one that is multiplied with the factor.
        weight: the weights of the layer.
        examples: that this process's losses are means over.

    Raises:
        ValueError: the layer is frozen.

    >>> w = nn.Parameter(torch.tensor([3.0, 4.0]))
    >>> balance_gradients((w**2).sum(), (0.5 * w).sum(), w)
    tensor(14.1401)
    """
    if not (torch.is_grad_enabled() and base.requires_grad and loss.requires_grad):
        return torch.zeros_like(loss)
    if not weight.requires_grad:
        raise ValueError(
            "balance= compares gradients at the decoder's last layer, which is frozen: train it, or leave balance= out"
        )
    base_norm, norm = (_gradient_norm(value, weight, examples) for value in (base, loss))
    return (base_norm / (norm + MIN_NORM)).clamp(0, MAX_WEIGHT)


def _gradient_norm(loss: Tensor, weight: nn.Parameter, examples: int) -> Tensor:
    (gradient,) = torch.autograd.grad(loss, weight, retain_graph=True, allow_unused=True)
    if gradient is None:
        return loss.new_zeros(())
    norm: Tensor = distributed.all_reduce_sum(gradient.detach() * examples).norm()
    return norm / distributed.all_reduce_sum(loss.new_full((), examples))
