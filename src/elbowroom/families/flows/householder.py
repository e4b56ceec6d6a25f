"""Householder flow: reflections, which turn a diagonal normal into one with full covariance."""

from __future__ import annotations

from torch import Tensor

from elbowroom.families.flows.base import Flow, register_flow


def reflect(z: Tensor, v: Tensor) -> Tensor:
    r"""Return :math:`z - 2 v (v \cdot z) / \| v \|^2`, the reflection at the plane through 0 with normal v.

    >>> import torch
    >>> reflect(torch.tensor([1.0, 2.0]), torch.tensor([3.0, 0.0]))
    tensor([-1.,  2.])
    """
    return z - 2 * v * ((v * z).sum(-1, keepdim=True) / (v.square().sum(-1, keepdim=True) + 1e-12))


class HouseholderFlow(Flow):
    r"""Householder flow: a reflection :math:`f(z) = z - 2 v (v \cdot z) / \| v \|^2`, its own inverse.

    Tomczak & Welling 2016, arXiv 1611.09630. It preserves volume; several of them are any rotation, so that the
    posterior is a normal with full covariance. Deviation: every v comes from the encoder, where in the paper each comes
    from the one before by a linear layer.

    Args:
        latent: D, the size of v.
    """

    def __init__(self, latent: int) -> None:
        super().__init__()
        self.size = latent

    def forward(self, z: Tensor, phi: Tensor) -> tuple[Tensor, Tensor]:
        return reflect(z, phi), z.new_zeros(())

    def inverse(self, z: Tensor, phi: Tensor) -> tuple[Tensor, Tensor]:
        return reflect(z, phi), z.new_zeros(())


@register_flow("householder", "Reflections: a normal with full covariance.", layers=10)
def householder(latent: int, context: int, index: int) -> HouseholderFlow:
    """Return a Householder flow."""
    return HouseholderFlow(latent)
