"""Gradients through the choice of a code: straight through, or turned by the rotation from output to code."""

from __future__ import annotations

from collections.abc import Callable

import torch.nn.functional as F
from torch import Tensor

from elbowroom import errors
from elbowroom.distributions import straight_through

#: Smallest norm that is divided by.
MIN_NORM = 1e-6


def rotate(output: Tensor, codes: Tensor) -> Tensor:
    r"""Return the codes, as a rotated and scaled output: the rotation trick.

    .. math:: c = \frac{\|c\|}{\|e\|} R e, \quad R = I - 2 r r^\top + 2 \hat c \hat e^\top,
        \quad r = \frac{\hat e + \hat c}{\|\hat e + \hat c\|}

    with rotation and scale as constants, so that the gradient at e has the angle to e that the gradient at c has to c,
    and its norm times :math:`\|c\| / \|e\|`. Fifty et al. 2024, arXiv 2410.06424.

    >>> import torch
    >>> e, c = torch.tensor([3.0, 4.0], requires_grad=True), torch.tensor([2.0, 1.5])
    >>> rotate(e, c).detach().round(decimals=4)
    tensor([2.0000, 1.5000])
    """
    e, c = _normalize(output.detach()), _normalize(codes.detach())
    r = _normalize(e + c)
    scale = codes.detach().norm(dim=-1, keepdim=True) / output.detach().norm(dim=-1, keepdim=True).clamp_min(MIN_NORM)
    along_r = (output * r).sum(-1, keepdim=True) * r
    along_e = (output * e).sum(-1, keepdim=True) * c
    rotated: Tensor = scale * (output - 2 * along_r + 2 * along_e)
    return rotated


def _normalize(vectors: Tensor) -> Tensor:
    return F.normalize(vectors, dim=-1, eps=MIN_NORM)


#: From output and codes, (..., D), to the codes with the gradient that the output gets, by name.
GRADIENTS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {"straight-through": straight_through, "rotation": rotate}


def find_gradient(name: str) -> Callable[[Tensor, Tensor], Tensor]:
    """Return the gradient of this name.

    Raises:
        ValueError: there is none.
    """
    if name not in GRADIENTS:
        raise errors.unknown_name("gradient", name, GRADIENTS)
    return GRADIENTS[name]
